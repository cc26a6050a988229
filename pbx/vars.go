package pbx

import (
	"strconv"
)

// CallerID implements dialplan.Channel.
func (ch *channel) CallerID() string { return ch.caller.number }

// Variable implements dialplan.Channel: variables that are computed.
func (ch *channel) Variable(name string) (string, bool) {
	switch name {
	case "CHANNEL":
		return ch.name, true
	case "UNIQUEID":
		return ch.cdr.UniqueID, true
	case "LINKEDID":
		return ch.cdr.LinkedID, true
	case "HANGUPCAUSE":
		return strconv.Itoa(int(ch.cause)), true
	case "ACCOUNTCODE":
		return ch.cdr.AccountCode, true
	case "CALLINGPRES":
		return strconv.Itoa(ch.caller.party.presentation().code), true
	case "CHANNEL_STATE":
		return ch.stateName(), true
	}
	return "", false
}

// stateName is the state of the caller's side in Asterisk's words.
func (ch *channel) stateName() string {
	switch ch.caller.state {
	case legUp:
		return "Up"
	case legGone:
		return "Down"
	}
	return "Ring"
}
