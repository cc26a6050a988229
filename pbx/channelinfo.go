package pbx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hometone/hometone/sip/transport"
)

// readChannel is CHANNEL(item).
func (ch *channel) readChannel(what string) (string, error) {
	what, rest, _ := strings.Cut(what, ",")
	switch what = strings.ToLower(strings.TrimSpace(what)); what {
	case "pjsip":
		return ch.readPJSIP(strings.ToLower(rest)), nil
	case "rtp":
		return ch.readRTP(strings.ToLower(rest)), nil
	case "rtcp":
		return ch.readRTCP(strings.ToLower(rest)), nil
	}
	if value, ok := ch.readPlace(what); ok {
		return value, nil
	}
	if value, ok := ch.readKind(what); ok {
		return value, nil
	}
	if value, ok := ch.notes["channel-"+what]; ok || slices.Contains(channelNotes, what) {
		return value, nil
	}
	return "", fmt.Errorf("CHANNEL(%s) is not known", clip(what))
}

// channelNotes are the items of CHANNEL() that are kept as they are set and
// have no effect.
var channelNotes = []string{
	"callgroup", "pickupgroup", "namedcallgroup", "namedpickupgroup", "parkinglot", "peeraccount", "rxgain", "txgain", "userfield",
	"caller_url", "tenantid", "trace", "dtmf_features", "max_forwards", "transfercapability", "after_bridge_goto", "dtmf_detector",
}

// readKind are the items of CHANNEL() that say what the channel is.
func (ch *channel) readKind(what string) (string, bool) {
	switch what {
	case "name":
		return ch.name, true
	case "uniqueid":
		return ch.cdr.UniqueID, true
	case "linkedid":
		return ch.cdr.LinkedID, true
	case "language":
		return ch.language(), true
	case "musicclass":
		return ch.musicClass, true
	case "accountcode":
		return ch.cdr.AccountCode, true
	case "amaflags":
		return ch.cdr.AMAFlags, true
	case "state":
		return ch.stateName(), true
	case "channeltype":
		if ch.caller.inside {
			return "Local", true
		}
		return "PJSIP", true
	case "endpoint":
		return ch.caller.endpoint.Name, true
	case "tonezone":
		return ch.zone(), true
	case "tenantid":
		if id, ok := ch.notes["channel-tenantid"]; ok {
			return id, true
		}
		return ch.caller.endpoint.TenantID, true
	case "hangupsource":
		return ch.hungUp, true
	case "checkhangup":
		return oneIf(ch.gone()), true
	case "audioreadformat", "audiowriteformat", "audionativeformat":
		return asteriskName(ch.caller.format()), true
	case "secure_bridge_signaling", "secure_bridge_media":
		return "0", true
	case "videonativeformat":
		return "", true
	}
	return "", false
}

// readPlace are the items of CHANNEL() that say where the channel is.
func (ch *channel) readPlace(what string) (string, bool) {
	at := ch.interp.Position()
	switch what {
	case "context":
		return at.Context, true
	case "exten":
		return at.Exten, true
	case "priority":
		return strconv.Itoa(at.Priority), true
	case "appname":
		return ch.cdr.LastApp, true
	case "appdata":
		return ch.cdr.LastData, true
	}
	return "", false
}

// oneIf writes a truth as the dialplan does.
func oneIf(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// zone is the country of the channel's tones.
func (ch *channel) zone() string {
	if z := ch.notes["channel-tonezone"]; z != "" {
		return z
	}
	return ch.caller.endpoint.ToneZone
}

// writeChannel is Set(CHANNEL(item)=value).
func (ch *channel) writeChannel(what, value string) error {
	what = strings.ToLower(strings.TrimSpace(what))
	switch what {
	case "accountcode":
		ch.cdr.AccountCode = value
	case "amaflags":
		return ch.setAMAFlags(value)
	case "language":
		ch.lang = value
	case "musicclass":
		ch.musicClass = value
	case "hangupcause":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 127 {
			return fmt.Errorf("CHANNEL(hangupcause): %q is no cause", clip(value))
		}
		ch.cause = Cause(n)
	case "hangupsource":
		ch.hungUp = value
	case "hangup_handler_push":
		return ch.pushHangupHandler(value)
	case "hangup_handler_pop":
		ch.popHangupHandler()
		if value != "" {
			return ch.pushHangupHandler(value)
		}
	case "hangup_handler_wipe":
		ch.lastActs = nil
		if value != "" {
			return ch.pushHangupHandler(value)
		}
	case "tonezone":
		ch.note("channel-tonezone", value)
	default:
		if !slices.Contains(channelNotes, what) {
			return fmt.Errorf("CHANNEL(%s) cannot be set", clip(what))
		}
		ch.note("channel-"+what, value)
	}
	return nil
}

// note keeps a value that only the dialplan looks at. The names are the
// exchange's own, so there are few of them.
func (ch *channel) note(name, value string) {
	if ch.notes == nil {
		ch.notes = map[string]string{}
	}
	ch.notes[name] = value
}

// readPJSIP is CHANNEL(pjsip,…): the dialog of the caller's side.
func (ch *channel) readPJSIP(what string) string {
	s := ch.caller.session
	if s == nil {
		return ""
	}
	switch what, _, _ = strings.Cut(what, ","); what {
	case "call-id":
		return ch.caller.callID
	case "local_uri":
		return s.LocalURI()
	case "remote_uri":
		return s.RemoteURI()
	case "target_uri":
		return s.Target()
	case "local_tag":
		return s.ID().LocalTag
	case "remote_tag":
		return s.ID().RemoteTag
	case "remote_addr":
		return ch.caller.flow().Remote().String()
	case "local_addr":
		return ch.caller.flow().Local().String()
	}
	return ""
}

// readRTP is CHANNEL(rtp,…): the addresses of the caller's stream.
func (ch *channel) readRTP(what string) string {
	if ch.caller.rtp == nil {
		return ""
	}
	switch what, _, _ = strings.Cut(what, ","); what {
	case "src":
		return ch.caller.rtp.Addr().String()
	case "dest":
		return ch.caller.talk.Agreed.Remote.String()
	case "hold":
		if ch.caller.talk.Agreed.Held {
			return "1"
		}
		return "0"
	}
	return ""
}

// readRTCP is CHANNEL(rtcp,…): how good the caller's stream is.
func (ch *channel) readRTCP(what string) string {
	if ch.caller.rtp == nil {
		return ""
	}
	s := ch.caller.rtp.Stats()
	switch what, _, _ = strings.Cut(what, ","); what {
	case "rxcount":
		return strconv.FormatUint(s.Received, 10)
	case "txcount":
		return strconv.FormatUint(s.Sent, 10)
	case "rxploss":
		return strconv.FormatInt(s.Lost, 10)
	case "rxjitter":
		return strconv.FormatFloat(s.Jitter.Seconds(), 'f', 6, 64)
	case "all":
		return fmt.Sprintf("rxjitter=%.6f;lp=%d;rxcount=%d;txcount=%d;", s.Jitter.Seconds(), s.Lost, s.Received, s.Sent)
	}
	return ""
}

// clip shortens what a message quotes.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// flow is where the caller's INVITE came over; not valid for an end of a Local
// channel.
func (l *leg) flow() transport.Flow {
	if l.session == nil {
		return transport.Flow{}
	}
	return l.session.Peer().Flow
}
