package pbx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/store/records"
)

// readCDR is CDR(field[,options]): the record as it stands. Option u writes
// times as seconds since 1970 and words as Asterisk's numbers, f durations with
// their fraction.
func (ch *channel) readCDR(args string) (string, error) {
	field, options := fieldOf(args)
	raw, now := strings.Contains(options, "u"), time.Now()
	r := &ch.cdr
	switch field {
	case "start":
		return moment(r.Start, raw), nil
	case "answer":
		return moment(r.Answer, raw), nil
	case "end":
		return moment(r.End, raw), nil
	case "duration":
		return lasting(since(r.Start, now), strings.Contains(options, "f")), nil
	case "billsec":
		return lasting(since(r.Answer, now), strings.Contains(options, "f")), nil
	case "disposition":
		if raw {
			return dispositionCode(ch.disposition()), nil
		}
		return string(ch.disposition()), nil
	case "amaflags":
		if raw {
			return strconv.Itoa(slices.Index(amaFlags, r.AMAFlags)), nil
		}
		return r.AMAFlags, nil
	case "sequence":
		_, number, _ := strings.Cut(r.UniqueID, ".")
		return number, nil
	}
	if text := ch.cdrText(field); text != nil {
		return *text, nil
	}
	if v, ok := ch.notes["cdr-"+field]; ok {
		return v, nil
	}
	return "", nil // a field of one's own that was not set
}

// cdrText is a field of the record that is text; nil if there is none.
func (ch *channel) cdrText(field string) *string {
	r := &ch.cdr
	switch field {
	case "src":
		return &r.Src
	case "dst":
		return &r.Dst
	case "dcontext":
		return &r.Context
	case "clid":
		return &r.CallerID
	case "channel":
		return &r.Channel
	case "dstchannel":
		return &r.DstChannel
	case "lastapp":
		return &r.LastApp
	case "lastdata":
		return &r.LastData
	case "accountcode":
		return &r.AccountCode
	case "uniqueid":
		return &r.UniqueID
	case "linkedid":
		return &r.LinkedID
	case "userfield":
		return &r.UserField
	}
	return nil
}

// amaFlags are the words of CDR(amaflags) at their numbers.
var amaFlags = []string{"DEFAULT", "OMIT", "BILLING", "DOCUMENTATION"}

// dispositionCode is Asterisk's number of a disposition.
func dispositionCode(d records.Disposition) string {
	switch d {
	case records.Failed:
		return "2"
	case records.Busy:
		return "4"
	case records.Answered:
		return "8"
	case records.Congestion:
		return "16"
	}
	return "0"
}

// moment writes a time as the CDR function does, "" for none.
func moment(t time.Time, raw bool) string {
	switch {
	case t.IsZero():
		return ""
	case raw:
		return fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000)
	}
	return t.Format(time.DateTime)
}

// lasting writes a duration in seconds.
func lasting(d time.Duration, fraction bool) string {
	if fraction {
		return strconv.FormatFloat(d.Seconds(), 'f', 6, 64)
	}
	return whole(d)
}

// ownFields are the fields of the record that the exchange fills in itself.
var ownFields = []string{"src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer", "end",
	"duration", "billsec", "disposition", "uniqueid", "linkedid", "sequence"}

// writeCDRField is Set(CDR(field)=value): account code, flags and user field; a
// field of one's own lasts as long as the call.
func (ch *channel) writeCDRField(args, value string) error {
	field, _ := fieldOf(args)
	switch {
	case slices.Contains(ownFields, field):
		return fmt.Errorf("CDR(%s) cannot be set", field)
	case len(value) > maxUserField:
		return fmt.Errorf("CDR(%s): more than %d bytes", field, maxUserField)
	case field == "amaflags":
		return ch.setAMAFlags(value)
	}
	if text := ch.cdrText(field); text != nil {
		*text = value
		return nil
	}
	return ch.noteField(field, value)
}

// maxUserField bounds what is written into a record, in bytes.
const maxUserField = 4096

// setAMAFlags takes a word or its number.
func (ch *channel) setAMAFlags(value string) error {
	value = strings.ToUpper(strings.TrimSpace(value))
	if n, err := strconv.Atoi(value); err == nil && n >= 0 && n < len(amaFlags) {
		value = amaFlags[n]
	}
	if !slices.Contains(amaFlags, value) {
		return fmt.Errorf("CDR(amaflags): %q is not one of %s", clip(value), strings.Join(amaFlags, ", "))
	}
	ch.cdr.AMAFlags = value
	return nil
}

// writeCDRProperty is Set(CDR_PROP(property)=value): disable keeps no record of
// the call, party_a is always the caller here.
func (ch *channel) writeCDRProperty(args, value string) error {
	switch field, _ := fieldOf(args); field {
	case "disable":
		ch.unrecorded = value != "" && value != "0"
	case "party_a":
	default:
		return fmt.Errorf("CDR_PROP(%s) is not known", clip(field))
	}
	return nil
}

// noteField keeps a field of one's own.
func (ch *channel) noteField(field, value string) error {
	if len(ch.notes) >= maxNotes || len(field) > maxNote {
		return fmt.Errorf("CDR(%s): too many fields", clip(field))
	}
	ch.note("cdr-"+field, value)
	return nil
}
