package dialplan

import (
	"errors"
	"fmt"
	"strings"
)

// DeviceState is what a device is doing, as DEVICE_STATE() names it.
type DeviceState uint8

// The states of devices.
const (
	Invalid     DeviceState = iota // there is no such device
	Unknown                        // it is there, but its state is not known
	NotInUse                       // free
	InUse                          // in a call
	DeviceBusy                     // would refuse a call
	Unavailable                    // not reachable
	DeviceRings                    // rings
	RingInUse                      // in a call, and rings
	OnHold                         // in a call that is held
)

// deviceStateNames are those of DEVICE_STATE().
var deviceStateNames = [...]string{"INVALID", "UNKNOWN", "NOT_INUSE", "INUSE", "BUSY", "UNAVAILABLE", "RINGING", "RINGINUSE", "ONHOLD"}

// String returns the name that DEVICE_STATE() returns.
func (s DeviceState) String() string {
	if int(s) >= len(deviceStateNames) {
		return "UNKNOWN"
	}
	return deviceStateNames[s]
}

// ParseDeviceState reads a name in any case.
func ParseDeviceState(name string) (DeviceState, bool) {
	for i, n := range deviceStateNames {
		if strings.EqualFold(strings.TrimSpace(name), n) {
			return DeviceState(i), true
		}
	}
	return Unknown, false
}

// Aggregate returns what several devices are doing together: the strongest of
// their states, and RingInUse if one rings while another is in use.
func Aggregate(states ...DeviceState) DeviceState {
	strength := [...]int{Invalid: 0, Unknown: 1, Unavailable: 2, NotInUse: 3, OnHold: 4, DeviceRings: 5, InUse: 6, DeviceBusy: 7, RingInUse: 8}
	result, rings, used := Invalid, false, false
	for _, s := range states {
		switch s {
		case DeviceRings:
			rings = true
		case InUse, OnHold, DeviceBusy:
			used = true
		}
		if strength[s] > strength[result] {
			result = s
		}
	}
	if rings && used {
		return RingInUse
	}
	return result
}

// ExtensionState is what EXTENSION_STATE() calls the state of a hint whose
// devices together are in a state.
func (s DeviceState) ExtensionState() string {
	switch s {
	case Unknown:
		return NotInUse.String()
	case Invalid:
		return Unavailable.String()
	default:
		return s.String()
	}
}

// States tells what devices are doing. It is shared by all channels of a node
// and must be safe for concurrent use.
type States interface {
	// Device returns the state of PJSIP/NAME, Local/…, Custom:NAME ….
	Device(device string) DeviceState
	// SetCustom sets the state of a Custom: device, durably.
	SetCustom(name string, s DeviceState) error
}

// errNoStates says that a node does not watch devices.
var errNoStates = errors.New("this node does not watch devices")

func stateFunctions() Functions {
	return Functions{
		"DEVICE_STATE":    {Read: readDeviceState, Write: writeDeviceState, Doc: "What a device is doing; sets that of a Custom: device."},
		"EXTENSION_STATE": {Read: extensionState, Doc: "What the devices of a hint are doing."},
		"HINT":            {Read: readHint, Doc: "The devices or the name of a hint."},
	}
}

func readDeviceState(e *Env, args string) (string, error) {
	if e.states == nil {
		return "", errNoStates
	}
	return e.states.Device(strings.TrimSpace(args)).String(), nil
}

// writeDeviceState is DEVICE_STATE(Custom:NAME)=STATE.
func writeDeviceState(e *Env, args, value string) error {
	if e.states == nil {
		return errNoStates
	}
	kind, name, ok := strings.Cut(strings.TrimSpace(args), ":")
	if !ok || !strings.EqualFold(kind, "Custom") || name == "" {
		return fmt.Errorf("only DEVICE_STATE(Custom:NAME) can be set, not %q", clip(args))
	}
	s, known := ParseDeviceState(value)
	if !known {
		return fmt.Errorf("%q is not a state; it is one of %s", clip(value), strings.Join(deviceStateNames[:], ", "))
	}
	return e.states.SetCustom(name, s)
}

// hintOf finds the hint of EXTEN[@CONTEXT].
func (e *Env) hintOf(place string) (exten, contextName, devices string, found bool) {
	exten, contextName, _ = strings.Cut(place, "@")
	if contextName = strings.TrimSpace(contextName); contextName == "" {
		contextName = e.pos.Context
	}
	exten = strings.TrimSpace(exten)
	devices, found = e.plan().Hint(contextName, exten, e.now())
	return exten, contextName, devices, found
}

// extensionState is EXTENSION_STATE(EXTEN[@CONTEXT]).
func extensionState(e *Env, args string) (string, error) {
	if e.states == nil {
		return "", errNoStates
	}
	_, _, devices, found := e.hintOf(args)
	if !found {
		return "UNKNOWN", nil
	}
	return HintState(devices, e.states).ExtensionState(), nil
}

// HintState returns what the devices of a hint, joined by &, are doing
// together. What stands after a comma concerns presence, not devices.
func HintState(devices string, states States) DeviceState {
	devices, _, _ = strings.Cut(devices, ",")
	var list []DeviceState
	for device := range strings.SplitSeq(devices, "&") {
		if device = strings.TrimSpace(device); device != "" {
			list = append(list, states.Device(device))
		}
	}
	return Aggregate(list...)
}

// readHint is HINT(EXTEN[@CONTEXT][,n]): the devices, or with n the name.
func readHint(e *Env, args string) (string, error) {
	place, options, _ := strings.Cut(args, ",")
	exten, contextName, devices, _ := e.hintOf(place)
	if strings.Contains(options, "n") {
		return e.plan().HintName(contextName, exten, e.now()), nil
	}
	return devices, nil
}
