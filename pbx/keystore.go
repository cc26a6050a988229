package pbx

import (
	"errors"
	"fmt"
	"strings"
)

// keyStore is a variable that keys are added to (StoreDTMF).
type keyStore struct {
	direction string // RX: those that the channel's telephone sends; TX: those sent to it
	variable  string
	left      int // how many more; negative: no limit
}

// maxStores bounds the variables of one channel that take keys.
const maxStores = 8

// StoreKeys implements Switchboard.
func (ch *channel) StoreKeys(direction, variable string, most int) error {
	if direction == "" {
		ch.stores = nil
		return nil
	}
	if variable == "" {
		return errors.New("write RX or TX, and the name of a variable")
	}
	if len(ch.stores) >= maxStores {
		return fmt.Errorf("more than %d variables take keys", maxStores)
	}
	if most <= 0 {
		most = -1
	}
	ch.stores = append(ch.stores, keyStore{direction, variable, most})
	ch.caller.startSink()
	return nil
}

// storeKey adds a key that a leg has sent, in the direction that it has for the channel:
// what the other side sends is passed on to the channel's telephone.
func (ch *channel) storeKey(from *leg, r rune) {
	if len(ch.stores) == 0 {
		return
	}
	if from == ch.caller {
		ch.keepKey("RX", r)
	} else if from.peer == ch.caller {
		ch.keepKey("TX", r)
	}
}

// keepKey adds a key to the variables of a direction.
func (ch *channel) keepKey(direction string, r rune) {
	for i := range ch.stores {
		s := &ch.stores[i]
		if s.direction != direction || s.left == 0 {
			continue
		}
		s.left--
		if err := ch.Set(s.variable, ch.Get(strings.TrimLeft(s.variable, "_"))+string(r)); err != nil {
			ch.log().Warn("StoreDTMF", "variable", s.variable, "error", err)
			s.left = 0
		}
	}
}
