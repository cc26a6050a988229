package node

import (
	"errors"
	"fmt"

	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/pbx/presence"
)

// customFamily is where the states of Custom: devices are kept, as Asterisk
// keeps them.
const customFamily = "CustomDevstate"

// devices tells the dialplan what devices are doing, and keeps the states of
// Custom: devices. It is a dialplan.States.
type devices struct {
	board *presence.Board
	kept  *database
}

// errBoardFull refuses one more device.
var errBoardFull = errors.New("there is no room for one more device")

// newDevices puts the states that are kept on the board.
func newDevices(board *presence.Board, kept *database) (*devices, error) {
	names, err := kept.Keys(customFamily, maxValues)
	if err != nil {
		return nil, fmt.Errorf("node: custom devices: %w", err)
	}
	for _, key := range names {
		name := key[len(customFamily)+1:]
		value, _, _ := kept.Get(customFamily, name)
		board.Set("Custom:"+name, presence.ParseDeviceState(value))
	}
	return &devices{board, kept}, nil
}

// Device implements dialplan.States.
func (d *devices) Device(name string) dialplan.DeviceState {
	s, _ := dialplan.ParseDeviceState(d.board.State(name).String())
	return s
}

// SetCustom implements dialplan.States.
func (d *devices) SetCustom(name string, s dialplan.DeviceState) error {
	if !d.board.Set("Custom:"+name, presence.ParseDeviceState(s.String())) {
		return errBoardFull
	}
	return d.kept.Put(customFamily, name, s.String())
}

var _ dialplan.States = (*devices)(nil)
