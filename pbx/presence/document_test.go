package presence

import (
	"encoding/xml"
	"strings"
	"testing"
)

// TestDialogBody: the documents that tests of Asterisk 22 expect.
func TestDialogBody(t *testing.T) {
	for _, c := range []struct {
		s     ExtensionState
		early bool
		want  string
	}{
		{Idle, false, ` <dialog id="bob">
  <state>terminated</state>
 </dialog>`},
		{ExtensionRinging, false, ` <dialog id="bob" direction="recipient">
  <state>early</state>
 </dialog>`},
		{ExtensionRinging | ExtensionInUse, false, ` <dialog id="bob">
  <state>confirmed</state>
 </dialog>`},
		{ExtensionRinging | ExtensionInUse, true, ` <dialog id="bob" direction="recipient">
  <state>early</state>
 </dialog>`},
		{ExtensionHeld, false, ` <dialog id="bob">
  <state>confirmed</state>
  <local>
   <target uri="sip:bob@h">
    <param pname="+sip.rendering" pvalue="no"></param>
   </target>
  </local>
 </dialog>`},
	} {
		got, err := dialogBody("sip:bob@h", "bob", 7, c.s, c.early)
		want := `<?xml version="1.0" encoding="UTF-8"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="7" state="full" entity="sip:bob@h">
` + c.want + "\n</dialog-info>\n"
		if err != nil || got != want {
			t.Errorf("%v:\n%s\nwant\n%s", c.s, got, want)
		}
	}
}

// TestPresenceBody: notes and basic status as in the tests of Asterisk 22.
func TestPresenceBody(t *testing.T) {
	for _, c := range []struct {
		s           ExtensionState
		note, basic string
		onPhone     bool
	}{
		{Idle, "Ready", "open", false},
		{ExtensionRinging, "Ringing", "open", true},
		{ExtensionInUse, "On the phone", "open", true},
		{ExtensionHeld, "On hold", "open", true},
		{ExtensionBusy, "On the phone", "open", true},
		{ExtensionUnavailable, "Unavailable", "closed", false},
	} {
		got, err := presenceBody("sip:bob@h", "bob", "sip:alice@h", c.s.terms(false), nil)
		person := ` <dm:person></dm:person>`
		if c.onPhone {
			person = ` <dm:person>
  <rpid:activities>
   <rpid:on-the-phone/>
  </rpid:activities>
 </dm:person>`
		}
		want := `<?xml version="1.0" encoding="UTF-8"?>
<presence entity="sip:bob@h" xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid">
 <tuple id="bob">
  <status>
   <basic>` + c.basic + `</basic>
  </status>
  <contact priority="1">sip:alice@h</contact>
 </tuple>
 <note>` + c.note + `</note>
` + person + "\n</presence>\n"
		if err != nil || got != want {
			t.Errorf("%v:\n%s\nwant\n%s", c.s, got, want)
		}
		if list, err := parsePIDF(got); err != nil || len(list) != 1 || list[0].Basic != c.basic || list[0].Contact.URI != "sip:alice@h" {
			t.Errorf("it is not read back: %v %v", list, err)
		}
	}
}

// TestBodiesEscape: what a caller can choose stays text.
func TestBodiesEscape(t *testing.T) {
	evil := `sip:"><x/>&'@h`
	for _, f := range []func() (string, error){
		func() (string, error) { return presenceBody(evil, evil, evil, Idle.terms(false), nil) },
		func() (string, error) { return dialogBody(evil, evil, 0, ExtensionHeld, false) },
	} {
		text, err := f()
		if err != nil || strings.Contains(text, "<x/>") {
			t.Errorf("%v: %s", err, text)
		}
		var v struct {
			Entity string `xml:"entity,attr"`
		}
		if err := xml.Unmarshal([]byte(text), &v); err != nil || v.Entity != evil {
			t.Errorf("entity %q, %v", v.Entity, err)
		}
	}
}

// TestParsePIDF: what may be published.
func TestParsePIDF(t *testing.T) {
	const head = `<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:a@b">`
	for body, ok := range map[string]bool{
		head + `<tuple id="1"><status><basic>open</basic></status></tuple></presence>`: true,
		head + `<tuple id="1"><status/></tuple></presence>`:                            true,
		head + `</presence>`: true,
		head + `<tuple id="1"><status><basic>maybe</basic></status></tuple></presence>`: false,
		head + `<tuple><status><basic>open</basic></status></tuple></presence>`:         false,
		head + `<tuple id="1">`:                                 false,
		`<presence entity="x"/>`:                                false,
		`<!DOCTYPE p [<!ENTITY a "b">]>` + head + `</presence>`: false,
		`<?xml version="1.0" encoding="utf-16"?><presence xmlns="urn:ietf:params:xml:ns:pidf"></presence>`: false,
		strings.Repeat("<a>", 5000): false,
		"":                          false,
	} {
		if _, err := parsePIDF(body); (err == nil) != ok {
			t.Errorf("%.80s: %v", body, err)
		}
	}
}

// TestSummary: RFC 3842 §5.2, written and read.
func TestSummary(t *testing.T) {
	c := Counts{2, 8, 0, 2}
	text := summaryBody("sip:alice@vmail.example.com", c)
	if want := "Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\nVoice-Message: 2/8 (0/2)\r\n"; text != want {
		t.Errorf("%q", text)
	}
	for body, want := range map[string]Counts{
		text:                       c,
		"Messages-Waiting: no\r\n": {},
		"messages-waiting:yes":     {New: 1},
		"Messages-Waiting: yes\r\nVoice-Message: 4/1\r\nFax-Message: 9/9 (0/0)\r\n": {New: 4, Old: 1},
	} {
		if got, err := parseSummary(body); err != nil || got != want {
			t.Errorf("%q: %v %v", body, got, err)
		}
	}
	for _, body := range []string{"", "Voice-Message: 1/1\r\n", "Messages-Waiting: maybe\r\n", "Messages-Waiting: no\r\nVoice-Message: -1/0\r\n",
		"Messages-Waiting: no\r\nVoice-Message: 1\r\n", "Messages-Waiting: no\r\nVoice-Message: 99999999999999999999/0\r\n"} {
		if _, err := parseSummary(body); err == nil {
			t.Errorf("%q is taken", body)
		}
	}
}

// FuzzPublished: no body panics or grows, and what is taken can be written.
func FuzzPublished(f *testing.F) {
	f.Add("Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n")
	f.Add(`<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:a@b"><tuple id="1"><status><basic>open</basic></status><contact>sip:a@b</contact></tuple></presence>`)
	f.Fuzz(func(t *testing.T, body string) {
		if c, err := parseSummary(body); err == nil {
			if again, err := parseSummary(summaryBody("", c)); err != nil || again.New != c.New || again.Old != c.Old {
				t.Errorf("%v written and read is %v (%v)", c, again, err)
			}
		}
		tuples, err := parsePIDF(body)
		if err != nil {
			return
		}
		text, err := presenceBody("sip:a@b", "a", "sip:w@b", Idle.terms(false), tuples)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parsePIDF(text); err != nil || len(again) != min(len(tuples)+1, maxTuples) {
			t.Errorf("%d tuples written, %d read (%v)", len(tuples)+1, len(again), err)
		}
	})
}
