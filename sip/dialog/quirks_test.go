package dialog

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/sip"
)

// lineOf turns a response of the quirks collection into a script line: status
// and the fields that matter for dialogs, with our transaction's Via and From.
func lineOf(t *testing.T, elem ...string) string {
	t.Helper()
	raw, err := os.ReadFile(testdata.Path(t, append([]string{"22-interop-quirks"}, elem...)...))
	if err != nil {
		t.Fatal(err)
	}
	var start string
	var fields []string
	head, body, _ := strings.Cut(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n\n")
	seen := map[string]bool{}
	for i, l := range strings.Split(head, "\n") {
		name, value, _ := strings.Cut(l, ": ")
		switch {
		case i == 0:
			start = strings.Fields(l)[1]
		case name == "Record-Route" || name == "Contact":
			plus := ""
			if seen[name] {
				plus = "+"
			}
			seen[name] = true
			fields = append(fields, plus+name+": "+strings.ReplaceAll(value, "127.0.0.1:5099", "{me}"))
		case name == "To" && strings.Contains(value, "tag="):
			_, tag, _ := strings.Cut(value, "tag=")
			fields = append(fields, "To: {to};tag="+tag)
		}
	}
	if strings.Contains(body, "v=0") {
		fields = append(fields, "sdp")
	}
	return fmt.Sprintf("-> %s INVITE | %s\n", start, strings.Join(fields, " | "))
}

// TestQuirks plays what other implementations are known to send, and what is
// asked of a good one.
func TestQuirks(t *testing.T) {
	const open = "do invite\n<- INVITE | To: {to}\n"
	for _, c := range []struct{ id, why, script string }{
		{"q19", "two Record-Routes with r2=on: Request-URI is the Contact, routes are reversed",
			open + lineOf(t, "q19", "r.sip") + "pause 40s\ndo route"},
		{"q39", "183 from one fork, 200 from another: ACK for the 200, the first dialog ends without BYE",
			open + lineOf(t, "q39", "1-183-uas1.txt") + lineOf(t, "q39", "2-200-uas2.txt") + "<- ACK | To: *;tag=uas2\nsilence 40s\ndo one"},
		{"q41", "two 200 of one INVITE: both are acknowledged, one is ended",
			open + lineOf(t, "q41", "1.txt") + "<- ACK\n" + lineOf(t, "q41", "2.txt") + "<- ACK\n<- BYE\n-> 200 BYE\nsilence 40s\ndo one"},
		{"q43", "180 after 183, 183 without description: all are reported as they are",
			open + lineOf(t, "q43", "1.txt") + lineOf(t, "q43", "2.txt") + lineOf(t, "q43", "3.txt")},
		{"q45", "a second INVITE before the answer: 500 with Retry-After",
			"-> INVITE sip:us@{sut} | sdp\ndo ring\n<- 180\n-> INVITE | sdp | CSeq: 9 INVITE\n<- 500 | Retry-After: *\n"},
		{"q47", "CANCEL crosses the 200: 200 to CANCEL, the dialog stands, BYE without ACK gets 200",
			"-> INVITE sip:us@{sut} | sdp\ndo answer\n<- 200 INVITE\n-> CANCEL\n<- 200 CANCEL\n-> BYE\n<- 200 BYE\n"},
		{"q49", "an INVITE without offer and with Min-SE 1800: the 200 carries an offer, the ACK the answer",
			"-> INVITE sip:us@{sut} | Supported: timer,resource-priority,replaces | Min-SE: 1800\ndo answer\n<- 200 | sdp | Session-Expires: 1800;refresher=uac\n-> ACK | sdp\npause 1ms\ndo one\n"},
		{"q51", "hold of a call with one leg completes, UPDATE gets a final response",
			"-> INVITE sip:us@{sut} | sdp\ndo answer\n<- 200 INVITE\n-> ACK\n-> INVITE | sdp: held\ndo accept\n<- 200 INVITE | sdp\n-> ACK\n-> UPDATE | sdp: held\ndo accept\n<- 200 UPDATE | sdp\n"},
		{"q05", "a semicolon in the user part of a Contact is kept in our requests",
			"-> INVITE sip:us@{sut} | sdp | Contact: <sip:+15551234;phone-context=x@{me}>\ndo answer\n<- 200 INVITE\n-> ACK\ndo bye\n<- BYE | uri: sip:+15551234;phone-context=x@{me}\n-> 200\n"},
	} {
		t.Run(c.id, func(t *testing.T) {
			memory(t, nil, func(t *testing.T, r *rig) {
				p := r.net.Dial("peer")
				r.changing(p)
				r.do("one", func() error {
					if r.layer.Len() != 1 {
						return fmt.Errorf("%d dialogs, want 1: %s", r.layer.Len(), c.why)
					}
					return nil
				})
				r.do("route", func() error { return r.doubleRoute() })
				r.script.Run(t, c.script, p)
			})
		})
	}
}

// doubleRoute checks the route set of q19.
func (r *rig) doubleRoute() error {
	d := &event[Answered](r, "200").Session.Dialog
	d.strand.mu.Lock()
	req, next := d.newRequest(sip.BYE, 99), d.hop()
	d.strand.mu.Unlock()
	first, _ := req.First(sip.HeaderRoute)
	if req.URI() != "sip:15163987718@10.231.144.35:5070;transport=udp" || !strings.Contains(first, "192.76.120.10") ||
		!strings.Contains(next.uri, "192.76.120.10") || len(d.RouteSet()) != 2 {
		return fmt.Errorf("request to %s, first route %s, next hop %s", req.URI(), first, next.uri)
	}
	return nil
}
