package edge

import (
	"strings"
	"testing"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/sip"
)

// What a call needs is read from the number that is dialled; what cannot be read
// is named with its place.
func TestUses(t *testing.T) {
	uses, problems := readUses([]string{"any", "pstn=0*", "pstn=+*", "conf=8[0-4]?", "bad=[", "=5"}, &config.Node{})
	if len(problems) != 2 || !strings.Contains(problems[0].String(), "bad=[") || !strings.Contains(problems[1].String(), "=5") {
		t.Errorf("the faults are %v, want those of bad=[ and =5", problems)
	}
	s := Settings{Resources: uses}
	for number, want := range map[string]string{
		"0301234": "any pstn", "+49301234": "any pstn", "%2B4930": "any pstn", "801": "any conf", "851": "any", "": "any",
	} {
		uri := "sip:" + number + "@example.org"
		if number == "" {
			uri = "sip:example.org"
		}
		if got := strings.Join(s.uses(sip.NewRequest(sip.INVITE, uri)), " "); got != want {
			t.Errorf("%q uses %q, want %q", number, got, want)
		}
	}
	for name, want := range map[string]bool{
		"_sip._udp.example.org": true, "_SIP._TCP.example.org.": true, "_sips._tcp.example.org": true,
		"_sip._sctp.example.org": false, "example.org": false, "_sip._udp.": false,
	} {
		if _, _, ok := serviceName(name); ok != want {
			t.Errorf("%q is an SRV name of SIP: %v, want %v", name, ok, want)
		}
	}
}
