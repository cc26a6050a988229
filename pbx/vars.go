package pbx

import (
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
)

// CallerID implements dialplan.Channel.
func (ch *channel) CallerID() string { return ch.caller.number }

// Variable implements dialplan.Channel: variables that are computed.
func (ch *channel) Variable(name string) (string, bool) {
	switch name {
	case "CHANNEL":
		return ch.name, true
	case "UNIQUEID":
		return ch.uniqueID, true
	case "LINKEDID":
		return ch.cdr.LinkedID, true
	case "HANGUPCAUSE":
		return strconv.Itoa(int(ch.cause)), true
	case "ACCOUNTCODE":
		return ch.cdr.AccountCode, true
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

// ReadFunction implements dialplan.Channel.
func (ch *channel) ReadFunction(name, args string) (string, bool, error) {
	switch name {
	case "CALLERID":
		return ch.readCallerID(args), true, nil
	case "CHANNEL":
		return ch.readChannel(args), true, nil
	case "CDR":
		return ch.readCDR(args), true, nil
	case "REDIRECTING":
		return ch.readRedirecting(args), true, nil
	case "TIMEOUT":
		if strings.EqualFold(args, "absolute") && !ch.limit.IsZero() {
			return strconv.FormatFloat(time.Until(ch.limit).Seconds(), 'f', 3, 64), true, nil
		}
		return "0", true, nil
	}
	return "", false, nil
}

// WriteFunction implements dialplan.Channel.
func (ch *channel) WriteFunction(name, args, value string) (bool, error) {
	switch name {
	case "CALLERID":
		ch.writeCallerID(args, value)
		return true, nil
	case "CHANNEL":
		switch strings.ToLower(args) {
		case "accountcode":
			ch.cdr.AccountCode = value
		case "language":
			ch.lang = value
		case "musicclass":
			ch.musicClass = value
		case "hangupcause":
			if n, err := strconv.Atoi(value); err == nil && n >= 0 && n < 128 {
				ch.cause = Cause(n)
			}
		}
		return true, nil
	case "CDR":
		ch.writeCDRField(args, value)
		return true, nil
	case "REDIRECTING":
		ch.writeRedirecting(args, value)
		return true, nil
	case "TIMEOUT":
		return true, ch.writeTimeout(args, value)
	}
	return false, nil
}

func (ch *channel) readCallerID(what string) string {
	what, _, _ = strings.Cut(strings.ToLower(what), ",")
	switch what {
	case "num", "number", "ani", "ani-num":
		return ch.caller.number
	case "name":
		return ch.caller.display
	case "all":
		return ch.caller.party.String()
	case "dnid", "dnid-num":
		return ch.start.Exten
	case "pres", "num-pres", "name-pres":
		if ch.caller.restricted {
			return "prohib"
		}
		return "allowed_not_screened"
	}
	return ""
}

func (ch *channel) writeCallerID(what, value string) {
	what, _, _ = strings.Cut(strings.ToLower(what), ",")
	switch what {
	case "num", "number":
		ch.caller.number = value
	case "name":
		ch.caller.display = value
	case "pres", "num-pres", "name-pres":
		ch.caller.restricted = restrictedBy(value)
	case "all":
		if a, err := sip.ParseAddress(value); err == nil {
			ch.caller.display, ch.caller.number = a.Display, a.URI
		} else {
			ch.caller.display, ch.caller.number = "", strings.TrimSpace(value)
		}
	}
	ch.cdr.Src, ch.cdr.CallerID = ch.caller.number, ch.caller.party.String()
}

func (ch *channel) readChannel(what string) string {
	what, rest, _ := strings.Cut(strings.ToLower(what), ",")
	switch what {
	case "name":
		return ch.name
	case "uniqueid":
		return ch.uniqueID
	case "linkedid":
		return ch.cdr.LinkedID
	case "language":
		return ch.language()
	case "musicclass":
		return ch.musicClass
	case "accountcode":
		return ch.cdr.AccountCode
	case "state":
		return ch.stateName()
	case "channeltype":
		return "PJSIP"
	case "context":
		return ch.interp.Position().Context
	case "exten":
		return ch.interp.Position().Exten
	case "endpoint":
		return ch.caller.endpoint.Name
	case "hangupsource":
		return ch.hungUp
	case "audioreadformat", "audiowriteformat", "audionativeformat":
		return asteriskName(ch.caller.format())
	case "pjsip":
		return ch.readPJSIP(rest)
	case "rtp":
		return ch.readRTP(rest)
	}
	return ""
}

// readPJSIP is CHANNEL(pjsip,…): the dialog of the caller's side.
func (ch *channel) readPJSIP(what string) string {
	s := ch.caller.session
	switch what {
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
		return ch.caller.flow.Remote().String()
	case "local_addr":
		return ch.caller.flow.Local().String()
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

// readCDR is CDR(field): the record as it stands.
func (ch *channel) readCDR(what string) string {
	what, _, _ = strings.Cut(strings.ToLower(what), ",")
	r := &ch.cdr
	now := time.Now()
	switch what {
	case "src":
		return r.Src
	case "dst":
		return r.Dst
	case "dcontext":
		return r.Context
	case "clid":
		return r.CallerID
	case "channel":
		return r.Channel
	case "dstchannel":
		return r.DstChannel
	case "lastapp":
		return r.LastApp
	case "lastdata":
		return r.LastData
	case "start":
		return stamp(r.Start)
	case "answer":
		return stamp(r.Answer)
	case "end":
		return stamp(r.End)
	case "duration":
		return whole(since(r.Start, now))
	case "billsec":
		return whole(since(r.Answer, now))
	case "disposition":
		return string(ch.disposition())
	case "amaflags":
		return r.AMAFlags
	case "accountcode":
		return r.AccountCode
	case "uniqueid":
		return r.UniqueID
	case "linkedid":
		return r.LinkedID
	case "userfield":
		return r.UserField
	}
	return ""
}

// stamp writes a time as the CDR function does, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateTime)
}

// writeCDRField is Set(CDR(field)=value) for the fields that may be written.
func (ch *channel) writeCDRField(what, value string) {
	switch strings.ToLower(what) {
	case "userfield":
		ch.cdr.UserField = value
	case "accountcode":
		ch.cdr.AccountCode = value
	case "amaflags":
		ch.cdr.AMAFlags = value
	}
}

// writeTimeout is Set(TIMEOUT(absolute)=seconds); 0 takes it away.
func (ch *channel) writeTimeout(what, value string) error {
	if !strings.EqualFold(what, "absolute") {
		return nil // digit and response: nothing waits for them here
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return err
	}
	ch.limit = time.Time{}
	if v > 0 && v < 1e8 {
		ch.limit = time.Now().Add(time.Duration(v * float64(time.Second)))
	}
	return nil
}
