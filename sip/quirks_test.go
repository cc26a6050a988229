package sip

import (
	"slices"
	"strings"
	"testing"
)

func quirk(t *testing.T, name string) (*Request, *Response, *Message) {
	t.Helper()
	if !strings.Contains(name, "/") {
		name += "/r.sip"
	}
	req, res, err := Parse(readFile(t, "22-interop-quirks", name))
	m := message(req, res)
	if err != nil || m == nil {
		t.Fatalf("%s: %v", name, err)
	}
	checkStable(t, name, m)
	return req, res, m
}

// Interop quirks seen in the trackers of other stacks, as far as messages go.
func TestQuirks(t *testing.T) {
	_, _, m := quirk(t, "q01") // a folded challenge
	ch, err := ParseChallenge(m.Get(HeaderWWWAuthenticate))
	if err != nil || ch.Nonce != "abcdefghijklmnopqrstuvwxyz=" || ch.Opaque != "ALU:abcdefghijklmnopqrstuvwxyz__" ||
		ch.Algorithm != "AKAv1-MD5" || !slices.Equal(ch.QOP, []string{"auth"}) {
		t.Errorf("q01: %+v %v", ch, err)
	}

	_, _, m = quirk(t, "q03") // Via and Record-Route interleaved, comma in quotes
	vias, routes := slices.Collect(m.Values(HeaderVia)), slices.Collect(m.Values(HeaderRecordRoute))
	if len(vias) != 3 || len(routes) != 4 || !strings.Contains(routes[2], "54.37.202.229") {
		t.Errorf("q03: %d Via, Record-Route %q", len(vias), routes)
	}
	contacts, _, err := m.Contacts()
	specs, _ := contacts[0].Params.Get("+org.linphone.specs")
	u, _ := contacts[0].ParsedURI()
	if gr, ok := u.GRUU(); err != nil || len(contacts) != 1 || specs != "groupchat,lime" || !ok || !strings.HasPrefix(gr, "urn:uuid:") {
		t.Errorf("q03: %+v %v", contacts, err)
	}

	_, _, m = quirk(t, "q05") // semicolon in the user part
	if c, _, err := m.Contact(); err != nil || !strings.Contains(c.URI, ";") {
		t.Errorf("q05: %+v %v", c, err)
	}

	_, _, m = quirk(t, "q07") // comma in free text
	if n := len(slices.Collect(m.Values(HeaderUserAgent))); n != 1 {
		t.Errorf("q07: %d User-Agent values", n)
	}

	_, _, m = quirk(t, "q13") // two bindings in one line
	contacts, _, err = m.Contacts()
	if err != nil || len(contacts) != 2 {
		t.Fatalf("q13: %+v %v", contacts, err)
	}
	for i, want := range []uint32{111, 258} {
		if sec, ok := contacts[i].Expires(); !ok || sec != want {
			t.Errorf("q13: expires %d", sec)
		}
	}
	if id, ok := contacts[1].RegID(); !ok || id != 2 {
		t.Errorf("q13: reg-id %d", id)
	}
	if urn, _ := contacts[0].Instance(); urn != "d79966b435633699badcf12507380d51d4e97eab" {
		t.Errorf("q13: instance %q", urn)
	}

	_, _, m = quirk(t, "q15")
	if contacts, _, err := m.Contacts(); err != nil || len(contacts) != 1 {
		t.Errorf("q15: %+v %v", contacts, err)
	}

	for name, want := range map[string]bool{"lr-on": true, "lr-true": true, "lrx": false} {
		_, _, m = quirk(t, "q17/"+name+".sip")
		route, _, err := m.Address(HeaderRoute)
		u, _ := route.ParsedURI()
		if err != nil || u.Loose() != want {
			t.Errorf("q17 %s: loose=%v %v", name, u.Loose(), err)
		}
	}

	_, _, m = quirk(t, "q25") // fields behind Content-Length, two Supported lines
	for _, tag := range []string{"path", "gruu", "outbound"} {
		if !m.HasToken(HeaderSupported, tag) {
			t.Errorf("q25: %s is not supported", tag)
		}
	}
	if path, _, err := m.Address(HeaderPath); err != nil || !strings.Contains(path.URI, "received=sip:127.0.0.1:58860%3Btransport%3Dws") {
		t.Errorf("q25: Path %+v %v", path, err)
	}

	req, _, m := quirk(t, "q27") // tel: To; blanks in a user part
	if to, err := m.To(); err != nil || to.URI != "tel:+16189876919" {
		t.Errorf("q27: %+v %v", to, err)
	}
	if e, _ := req.Validate().(*Error); e == nil || e.Status != 400 {
		t.Errorf("q27: blanks in a user part are %v, want 400", e)
	}

	req, _, _ = quirk(t, "q29")
	u, err = req.ParsedURI()
	if context, _ := u.Params.Get("phone-context"); err != nil || u.User != "310080120073501" || context != "ims.mnc008.mcc310.3gppnetwork.org" || u.Host != "" {
		t.Errorf("q29: %+v %v", u, err)
	}

	for _, name := range []string{"q09", "q11", "q19", "q23", "q29", "q31", "q49/invite.sip", "q53/too-small.sip", "q55", "q59/multi.sip", "q61/refer.sip"} {
		req, res, _ := quirk(t, name)
		if req != nil {
			err = req.Validate()
		} else {
			err = res.Validate()
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	if got := judge(readFile(t, "22-interop-quirks", "q53", "too-large.sip"), role{}); got != 400 {
		t.Errorf("q53: %d, want 400", got)
	}
	for _, name := range []string{"empty", "crlf", "crlfcrlf", "nul4", "nul1", "space"} {
		req, res, err := Parse(readFile(t, "22-interop-quirks", "q21", name+".bin"))
		if e, _ := err.(*Error); req != nil || res != nil || e == nil || e.Status != 0 {
			t.Errorf("q21 %s: keep-alives are to be dropped: %v", name, err)
		}
	}
	for name, want := range map[string]int{"multi.sip": 200, "star-nonzero.sip": 400} {
		if got := judge(readFile(t, "22-interop-quirks", "q59", name), role{registrar: true}); got != want {
			t.Errorf("q59 %s: %d, want %d", name, got, want)
		}
	}

	_, _, m = quirk(t, "q61/refer.sip") // Replaces inside Refer-To
	refer, _, _ := m.ReferTo()
	u, _ = refer.ParsedURI()
	for name, value := range u.URIHeaders() {
		d, err := ParseReplaces(value)
		if name != "Replaces" || err != nil || d != (DialogRef{CallID: "12345@192.168.118.3", ToTag: "12345", FromTag: "5FFE-3994"}) {
			t.Errorf("q61: %s %+v %v", name, d, err)
		}
	}
}

// The TCP streams of the quirks, cut in pieces of every size.
func TestQuirkStreams(t *testing.T) {
	for name, want := range map[string][]Method{"q33": {MESSAGE, OPTIONS}, "q35": {OPTIONS}} {
		stream := readFile(t, "22-interop-quirks", name, "tcp-stream.bin")
		for _, piece := range []int{1, 2, 3, 7, 64, 1 << 20} {
			messages, _, err := cut([]byte(stream), piece)
			if err != nil || len(messages) != len(want) {
				t.Fatalf("%s by %d: %d messages, %v", name, piece, len(messages), err)
			}
			for i, text := range messages {
				if req := parseRequest(t, text); req.Method() != want[i] || req.Validate() != nil {
					t.Errorf("%s: message %d is %s", name, i, req.Method())
				}
			}
		}
	}
	_, _, err := cut([]byte(readFile(t, "22-interop-quirks", "q37", "tcp-stream.bin")), 4096)
	if e, _ := err.(*Error); e == nil || e.Status != 513 {
		t.Errorf("q37: a header of 70 kB is %v, want 513", err)
	}
}
