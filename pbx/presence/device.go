package presence

import "strings"

// DeviceState is what a device is doing, as Asterisk distinguishes it.
type DeviceState uint8

// The states of a device.
const (
	Unknown     DeviceState = iota // it exists, but nobody knows
	NotInUse                       // idle and reachable
	InUse                          // in a call, or calling
	Busy                           // in as many calls as it takes
	Invalid                        // there is no such device
	Unavailable                    // not registered
	Ringing                        // being called
	RingInUse                      // in a call and being called
	OnHold                         // its call is on hold
)

var deviceNames = [...]string{"UNKNOWN", "NOT_INUSE", "INUSE", "BUSY", "INVALID", "UNAVAILABLE", "RINGING", "RINGINUSE", "ONHOLD"}

// String returns the name that the dialplan function DEVICE_STATE uses.
func (s DeviceState) String() string {
	if int(s) < len(deviceNames) {
		return deviceNames[s]
	}
	return deviceNames[Unknown]
}

// ParseDeviceState reads such a name in any case; anything else is Unknown.
func ParseDeviceState(name string) DeviceState {
	for i, s := range deviceNames {
		if strings.EqualFold(s, name) {
			return DeviceState(i)
		}
	}
	return Unknown
}

// weight orders states: of several, the heaviest is the state of all.
func (s DeviceState) weight() int {
	switch s {
	case Unknown:
		return 1
	case Unavailable:
		return 2
	case NotInUse:
		return 3
	case OnHold:
		return 4
	case Ringing:
		return 5
	case InUse:
		return 6
	case Busy:
		return 7
	case RingInUse:
		return 8
	}
	return 0
}

// aggregate is the state of several devices or channels together. The zero
// value is not ready: start with newAggregate.
type aggregate struct {
	state          DeviceState
	ringing, inUse bool
}

func newAggregate() aggregate { return aggregate{state: Invalid} }

// add takes one more. Ringing here and a call there is RingInUse.
func (a *aggregate) add(s DeviceState) {
	switch s {
	case Ringing:
		a.ringing = true
	case InUse, OnHold, Busy:
		a.inUse = true
	}
	if a.ringing && a.inUse {
		a.state = RingInUse
	} else if s.weight() > a.state.weight() {
		a.state = s
	}
}

// ChannelState is what one channel of a device is doing.
type ChannelState uint8

// The states of a channel.
const (
	ChannelDown    ChannelState = iota // gone
	ChannelCalling                     // it called and nobody has answered yet
	ChannelRinging                     // it is being called
	ChannelUp                          // answered
	ChannelHeld                        // answered, and its user put the call on hold
	ChannelBusy                        // it hears the busy tone

	channelStates = iota // how many there are
)

// device returns the state of a device with one channel like this.
func (s ChannelState) device() DeviceState {
	switch s {
	case ChannelRinging:
		return Ringing
	case ChannelHeld:
		return OnHold
	case ChannelBusy:
		return Busy
	case ChannelCalling, ChannelUp:
		return InUse
	}
	return NotInUse
}

// ExtensionState is the state of an extension with a hint: a set of bits.
type ExtensionState uint8

// The bits; Idle has none.
const (
	Idle                 ExtensionState = 0
	ExtensionInUse       ExtensionState = 1
	ExtensionBusy        ExtensionState = 2
	ExtensionUnavailable ExtensionState = 4
	ExtensionRinging     ExtensionState = 8
	ExtensionHeld        ExtensionState = 16
)

// String returns the name that the dialplan function EXTENSION_STATE uses.
func (s ExtensionState) String() string {
	switch s {
	case Idle:
		return "NOT_INUSE"
	case ExtensionInUse:
		return "INUSE"
	case ExtensionBusy:
		return "BUSY"
	case ExtensionUnavailable:
		return "UNAVAILABLE"
	case ExtensionRinging:
		return "RINGING"
	case ExtensionInUse | ExtensionRinging:
		return "RINGINUSE"
	case ExtensionHeld:
		return "HOLDINUSE"
	case ExtensionHeld | ExtensionInUse:
		return "HOLDINUSE"
	}
	return "UNKNOWN"
}

// extension returns the state of an extension whose devices are together in
// this state.
func (s DeviceState) extension() ExtensionState {
	switch s {
	case InUse:
		return ExtensionInUse
	case Busy:
		return ExtensionBusy
	case Invalid, Unavailable:
		return ExtensionUnavailable
	case Ringing:
		return ExtensionRinging
	case RingInUse:
		return ExtensionInUse | ExtensionRinging
	case OnHold:
		return ExtensionHeld
	}
	return Idle
}

// hintDevices splits the devices of a hint: "PJSIP/100&PJSIP/101". What stands
// behind a comma is a provider of presence texts, which is not followed.
func hintDevices(hint string) []string {
	hint, _, _ = strings.Cut(hint, ",")
	var list []string
	for d := range strings.SplitSeq(hint, "&") {
		if d = strings.TrimSpace(d); d != "" {
			list = append(list, d)
		}
	}
	return list
}
