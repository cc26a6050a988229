package presence

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
)

// The media types of the bodies.
const (
	pidfType    = "application/pidf+xml"
	dialogType  = "application/dialog-info+xml"
	summaryType = "application/simple-message-summary"
)

// terms is how documents express the state of an extension.
type terms struct {
	dialog string // state of RFC 4235 §4.1.4
	open   bool   // basic status of RFC 3863 §4.1.4
	onCall bool   // activity of RFC 4480
	note   string
}

// terms chooses the words that Asterisk chooses. With early, an extension that
// is in a call and rings is "early" (notify_early_inuse_ringing).
func (s ExtensionState) terms(early bool) terms {
	switch s {
	case ExtensionRinging:
		return terms{"early", true, true, "Ringing"}
	case ExtensionRinging | ExtensionInUse:
		if early {
			return terms{"early", true, true, "Ringing"}
		}
		return terms{"confirmed", true, true, "Ringing"}
	case ExtensionInUse, ExtensionBusy:
		return terms{"confirmed", true, true, "On the phone"}
	case ExtensionUnavailable:
		return terms{"terminated", false, false, "Unavailable"}
	case ExtensionHeld, ExtensionHeld | ExtensionInUse:
		return terms{"confirmed", true, true, "On hold"}
	}
	return terms{"terminated", true, false, "Ready"}
}

// pidf is a document of RFC 3863 §4.1 with the person of RFC 4479.
type pidf struct {
	XMLName xml.Name    `xml:"presence"`
	Entity  string      `xml:"entity,attr"`
	NS      string      `xml:"xmlns,attr"`
	DM      string      `xml:"xmlns:dm,attr"`
	RPID    string      `xml:"xmlns:rpid,attr"`
	Tuples  []pidfTuple `xml:"tuple"`
	Note    string      `xml:"note,omitempty"`
	Person  pidfPerson  `xml:"dm:person"`
}

type pidfTuple struct {
	ID      string       `xml:"id,attr"`
	Basic   string       `xml:"status>basic"`
	Contact *pidfContact `xml:"contact,omitempty"`
	Note    string       `xml:"note,omitempty"`
}

type pidfContact struct {
	Priority string `xml:"priority,attr,omitempty"`
	URI      string `xml:",chardata"`
}

type pidfPerson struct {
	Activities *pidfActivities `xml:"rpid:activities,omitempty"`
}

type pidfActivities struct {
	OnPhone *struct{} `xml:"rpid:on-the-phone"`
}

// presenceBody writes the presence of an extension. entity is its URI, contact
// the watcher's, as Asterisk fills it in; published are tuples of its user.
func presenceBody(entity, exten, contact string, t terms, published []pidfTuple) (string, error) {
	doc := pidf{Entity: entity, NS: "urn:ietf:params:xml:ns:pidf", DM: "urn:ietf:params:xml:ns:pidf:data-model",
		RPID: "urn:ietf:params:xml:ns:pidf:rpid", Note: t.note}
	doc.Tuples = append([]pidfTuple{{ID: exten, Basic: basic(t.open), Contact: &pidfContact{Priority: "1", URI: contact}}}, published...)
	if t.onCall {
		doc.Person.Activities = &pidfActivities{OnPhone: &struct{}{}}
	}
	return document(doc)
}

func basic(open bool) string {
	if open {
		return "open"
	}
	return "closed"
}

// dialogInfo is a document of RFC 4235 §4.1.
type dialogInfo struct {
	XMLName xml.Name   `xml:"dialog-info"`
	NS      string     `xml:"xmlns,attr"`
	Version string     `xml:"version,attr"`
	State   string     `xml:"state,attr"`
	Entity  string     `xml:"entity,attr"`
	Dialog  infoDialog `xml:"dialog"`
}

type infoDialog struct {
	ID        string     `xml:"id,attr"`
	Direction string     `xml:"direction,attr,omitempty"`
	State     string     `xml:"state"`
	Local     *infoParty `xml:"local,omitempty"`
}

type infoParty struct {
	Target infoTarget `xml:"target"`
}

type infoTarget struct {
	URI   string    `xml:"uri,attr"`
	Param infoParam `xml:"param"`
}

type infoParam struct {
	Name  string `xml:"pname,attr"`
	Value string `xml:"pvalue,attr"`
}

// dialogBody writes the state of an extension as one dialog, always "full" as
// Asterisk does: a watcher that lost a version needs no new subscription.
func dialogBody(entity, exten string, version uint32, s ExtensionState, early bool) (string, error) {
	t := s.terms(early)
	d := infoDialog{ID: exten, State: t.dialog}
	if t.dialog == "early" {
		d.Direction = "recipient" // it rings because it is called (RFC 4235 §4.1.2)
	}
	if s&ExtensionHeld != 0 { // RFC 4235 §5.2: rendering says that the user does not listen
		d.Local = &infoParty{infoTarget{entity, infoParam{"+sip.rendering", "no"}}}
	}
	return document(dialogInfo{NS: "urn:ietf:params:xml:ns:dialog-info", Version: strconv.FormatUint(uint64(version), 10),
		State: "full", Entity: entity, Dialog: d})
}

// document writes XML with its declaration.
func document(v any) (string, error) {
	text, err := xml.MarshalIndent(v, "", " ")
	// The same to a reader of XML, but some telephones look for the short form.
	short := strings.ReplaceAll(string(text), "></rpid:on-the-phone>", "/>")
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + short + "\n", err
}

// Counts are the messages of a mailbox (RFC 3842 §3.5).
type Counts struct {
	New, Old             int
	NewUrgent, OldUrgent int
}

func (c Counts) plus(d Counts) Counts {
	return Counts{c.New + d.New, c.Old + d.Old, c.NewUrgent + d.NewUrgent, c.OldUrgent + d.OldUrgent}
}

// summaryBody writes RFC 3842 §3.5. account may be empty.
func summaryBody(account string, c Counts) string {
	waiting := "no"
	if c.New > 0 {
		waiting = "yes"
	}
	if account != "" {
		account = "Message-Account: " + account + "\r\n"
	}
	n := strconv.Itoa
	return "Messages-Waiting: " + waiting + "\r\n" + account +
		"Voice-Message: " + n(c.New) + "/" + n(c.Old) + " (" + n(c.NewUrgent) + "/" + n(c.OldUrgent) + ")\r\n"
}

// errDocument says that a published body is not what its type promises.
var errDocument = errors.New("presence: malformed document")

// published is what is read from a PIDF document: the tuples, without what
// other namespaces add to them.
type published struct {
	XMLName xml.Name `xml:"urn:ietf:params:xml:ns:pidf presence"`
	Entity  string   `xml:"entity,attr"`
	Tuples  []struct {
		ID      string `xml:"id,attr"`
		Basic   string `xml:"status>basic"`
		Contact string `xml:"contact"`
		Note    string `xml:"note"`
	} `xml:"tuple"`
}

// maxTuples bounds what is taken from one document.
const maxTuples = 8

// parsePIDF reads a published document. DTDs are refused: a document from
// outside has no use for entities.
func parsePIDF(body string) ([]pidfTuple, error) {
	d := xml.NewDecoder(strings.NewReader(body))
	d.CharsetReader = func(label string, r io.Reader) (io.Reader, error) {
		if strings.EqualFold(label, "utf-8") || strings.EqualFold(label, "us-ascii") {
			return r, nil
		}
		return nil, errDocument
	}
	var doc published
	if err := d.Decode(&doc); err != nil || strings.Contains(body, "<!DOCTYPE") {
		return nil, errDocument
	}
	var list []pidfTuple
	for _, t := range doc.Tuples {
		if len(list) == maxTuples {
			break
		}
		b := strings.TrimSpace(t.Basic)
		if t.ID == "" || b != "" && b != "open" && b != "closed" {
			return nil, errDocument
		}
		tuple := pidfTuple{ID: t.ID, Basic: b, Note: t.Note}
		if c := strings.TrimSpace(t.Contact); c != "" {
			tuple.Contact = &pidfContact{URI: c}
		}
		list = append(list, tuple)
	}
	return list, nil
}

// parseSummary reads the counts of voice messages (RFC 3842 §5.2).
func parseSummary(body string) (Counts, error) {
	var c Counts
	status := false
	for line := range strings.Lines(body) {
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case ok && strings.EqualFold(name, "Messages-Waiting"):
			if status = strings.EqualFold(value, "yes") || strings.EqualFold(value, "no"); !status {
				return c, errDocument
			}
			if strings.EqualFold(value, "yes") && c.New == 0 {
				c.New = 1 // a body may tell no numbers
			}
		case ok && strings.EqualFold(name, "Voice-Message"):
			v, err := parseCounts(value)
			if err != nil {
				return c, err
			}
			c = v
		}
	}
	if !status {
		return c, errDocument
	}
	return c, nil
}

// parseCounts reads "new/old (urgent-new/urgent-old)"; the second half is
// optional.
func parseCounts(s string) (c Counts, err error) {
	plain, urgent, has := strings.Cut(s, "(")
	if c.New, c.Old, err = parsePair(plain); err != nil || !has {
		return c, err
	}
	c.NewUrgent, c.OldUrgent, err = parsePair(strings.TrimSuffix(strings.TrimSpace(urgent), ")"))
	return c, err
}

func parsePair(s string) (a, b int, err error) {
	x, y, ok := strings.Cut(s, "/")
	m, e1 := strconv.ParseUint(strings.TrimSpace(x), 10, 31)
	n, e2 := strconv.ParseUint(strings.TrimSpace(y), 10, 31)
	if !ok || e1 != nil || e2 != nil {
		return 0, 0, errDocument
	}
	return int(m), int(n), nil
}
