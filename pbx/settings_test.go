package pbx

import (
	"net/netip"
	"testing"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/sip"
)

// A request is known by the network and port it comes from, by a header field,
// or not at all: the networks and header fields of other endpoints, and other
// ports, do not open the door.
func TestIdentifySection(t *testing.T) {
	doc, problems := config.ParseAsterisk("pjsip.conf", `
[any]
type=endpoint
[port]
type=endpoint
[text]
type=endpoint
[pattern]
type=endpoint
[i1]
type=identify
endpoint=any
match=192.0.2.0/25,2001:db8:1::/48
[i2]
type=identify
endpoint=port
match=192.0.2.128:5061/25,[2001:db8:2::]:5061/48
[i3]
type=identify
endpoint=text
match_header=X-Trunk: blue: sky
[i4]
type=identify
endpoint=pattern
match_header=X-Trunk: /^red-[0-9]+$/
`, config.ReadOptions{Dir: t.TempDir()})
	c, more := pjsip.Compile(doc)
	if problems = append(problems, more...); config.HasErrors(problems) {
		t.Fatal(problems)
	}
	set := &Settings{Endpoints: c}
	for _, x := range []struct{ from, trunk, want string }{
		{"192.0.2.1:5060", "", "any"}, {"[::ffff:192.0.2.1]:9", "", "any"}, {"[2001:db8:1::9]:1", "", "any"},
		{"192.0.2.200:5061", "", "port"}, {"192.0.2.200:5060", "", ""}, {"[2001:db8:2::9]:5061", "", "port"}, {"[2001:db8:2::9]:5062", "", ""},
		{"198.51.100.1:5061", "", ""}, {"198.51.100.1:1", "blue: sky", "text"}, {"198.51.100.1:1", "blue", ""},
		{"198.51.100.1:1", "red-17", "pattern"}, {"198.51.100.1:1", "red-", ""}, {"198.51.100.1:1", "/^red-[0-9]+$/", ""},
	} {
		text := "INVITE sip:1@hometone.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:x@a.example>;tag=1\r\nTo: <sip:1@hometone.example>\r\n" +
			"Call-ID: 1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n"
		if x.trunk != "" {
			text += "X-Trunk: " + x.trunk + "\r\n"
		}
		req, _, err := sip.Parse(text + "\r\n")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if e := set.Identify(req, netip.MustParseAddrPort(x.from)); e != nil {
			got = e.Name
		}
		if got != x.want {
			t.Errorf("from %s, X-Trunk %q: endpoint %q, want %q", x.from, x.trunk, got, x.want)
		}
	}
}
