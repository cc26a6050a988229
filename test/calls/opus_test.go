package calls_test

import (
	"strings"
	"testing"
)

// What `hometone check` advises for narrow lines (trap T9): with opus allowed as well,
// two phones that have it speak it with each other, and one that has it still speaks
// ulaw with one that has not, and with the node.
func TestOpusAsWell(t *testing.T) {
	h := open(t, "allow=opus\n", plain+"exten => 600,1,Answer()\nsame => n,Echo()\n")
	caller, callee := h.registered("8005"), h.registered("8006")
	for _, c := range []struct {
		caller, callee, number string
		payload                byte
	}{
		{"107 0 101", "107 0 101", "8006", 107},
		{"107 101", "107 101", "8006", 107},
		{"107 0 101", "0 101", "8006", 0},
		{"0 101", "107 0 101", "8006", 0},
		{"107 0 101", "", "600", 0},
	} {
		t.Run(c.caller+" calls "+c.number+" with "+c.callee, func(t *testing.T) {
			caller.codecs, caller.t, callee.t = c.caller, t, t
			out := caller.call(c.number, caller.describe(""))
			if c.callee == "" {
				out.answered("the node answers")
			} else {
				in := callee.incoming()
				// A phone answers with what it has of the offer, in the offer's order.
				callee.codecs = ""
				for pt := range strings.FieldsSeq(mediaLine(in.invite.Body())) {
					if strings.Contains(" "+c.callee+" ", " "+pt+" ") {
						callee.codecs += pt + " "
					}
				}
				callee.codecs = strings.TrimSpace(callee.codecs)
				in.answer()
				defer in.hungUp("the caller has hung up")
				out.answered("the callee has answered")
			}
			defer out.bye()
			caller.ear.reset()
			if !eventually(func() bool {
				caller.ear.speak(440, c.payload, 1)
				if c.callee != "" {
					callee.ear.speak(770, c.payload, 1)
				}
				return caller.ear.types()[c.payload] >= 5
			}) {
				t.Errorf("the caller hears payload types %v, want %d", caller.ear.types(), c.payload)
			}
			if c.callee != "" && !eventually(func() bool { caller.ear.speak(440, c.payload, 1); return callee.ear.types()[c.payload] >= 5 }) {
				t.Errorf("the callee hears payload types %v, want %d", callee.ear.types(), c.payload)
			}
		})
	}
}

// mediaLine are the payload types of a description's sound.
func mediaLine(body string) string {
	_, rest, _ := strings.Cut(body, "m=audio ")
	line, _, _ := strings.Cut(rest, "\r\n")
	_, types, _ := strings.Cut(line, "RTP/AVP ")
	return types
}
