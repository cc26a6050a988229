package sip

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func mustURI(t testing.TB, s string) URI {
	t.Helper()
	u, err := ParseURI(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return u
}

func TestParseURI(t *testing.T) {
	for _, c := range []struct {
		text string
		want URI
	}{
		{"sip:alice@atlanta.com", URI{Scheme: "sip", User: "alice", Host: "atlanta.com"}},
		{"sip:alice:secretword@atlanta.com;transport=tcp", URI{Scheme: "sip", User: "alice", Password: "secretword", Host: "atlanta.com", Params: ";transport=tcp"}},
		{"sips:alice@atlanta.com?subject=project%20x&priority=urgent", URI{Scheme: "sips", User: "alice", Host: "atlanta.com", Headers: "subject=project%20x&priority=urgent"}},
		{"sip:+1-212-555-1212:1234@gateway.com;user=phone", URI{Scheme: "sip", User: "+1-212-555-1212", Password: "1234", Host: "gateway.com", Params: ";user=phone"}},
		{"sips:1212@gateway.com", URI{Scheme: "sips", User: "1212", Host: "gateway.com"}},
		{"sip:alice@192.0.2.4:5070", URI{Scheme: "sip", User: "alice", Host: "192.0.2.4", Port: 5070}},
		{"sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com", URI{Scheme: "sip", Host: "atlanta.com", Params: ";method=REGISTER", Headers: "to=alice%40atlanta.com"}},
		{"sip:alice;day=tuesday@atlanta.com", URI{Scheme: "sip", User: "alice;day=tuesday", Host: "atlanta.com"}},
		{"sip:[2001:db8::10]:5070", URI{Scheme: "sip", Host: "[2001:db8::10]", Port: 5070}},
		{"SIP:*97#@pbx_1.example", URI{Scheme: "SIP", User: "*97#", Host: "pbx_1.example"}},
		{"tel:+1-201-555-0123", URI{Scheme: "tel", User: "+1-201-555-0123"}},
		{"tel:7042;phone-context=example.com", URI{Scheme: "tel", User: "7042", Params: ";phone-context=example.com"}},
		{"urn:service:sos", URI{Scheme: "urn", Opaque: "service:sos"}},
		{"mailto:a@b", URI{Scheme: "mailto", Opaque: "a@b"}},
	} {
		got, err := ParseURI(c.text)
		if err != nil || got != c.want {
			t.Errorf("%q: %+v %v", c.text, got, err)
		}
		if s := got.String(); s != c.text {
			t.Errorf("%q is written %q", c.text, s)
		}
	}
}

func TestParseURIFaults(t *testing.T) {
	for _, s := range []string{
		"", "alice", ":", "sip:", "sip:@host", "sip:alice@", "sip:a b@host", "sip:a@ho st", "sip:a@host:0",
		"sip:a@host:65536", "sip:a@host:5o60", "sip:a@[::1", "sip:a@[::g]", "sip:a@2001:db8::1", "sip:a@b@c",
		"sip:a%4@b", "sip:a@b;x=%zz", "sip:a@b;=x", "sip:a@b?=x", "<sip:a@b>", "1sip:a@b", "tel:", "tel:+", "tel:xyz",
		"tel:+12;x=<", "urn:", "urn:a b", "sip:a@b" + strings.Repeat(";p", MaxURIParams+1),
		"sip:a\x00@b", "sip:a@b\r\nX: y",
	} {
		if u, err := ParseURI(s); err == nil {
			t.Errorf("%.60q is accepted as %+v", s, u)
		}
	}
}

// The examples of RFC 3261 §19.1.4 and more.
func TestURIEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
		{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", true},
		{"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com", "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
		{"sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
		{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
		{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
		{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
		{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
		{"sip:a@b", "sips:a@b", false},
		{"sip:a@b;maddr=c", "sip:a@b", false},
		{"sip:a@b", "sip:a@b;user=phone", false},
		{"sip:a%3Bx@b", "sip:a;x@b", false}, // ";" is reserved
		{"sip:[2001:db8::1]", "sip:[2001:DB8:0:0::1]", true},
		{"tel:+1-201-555-0123", "tel:+12015550123", true},
		{"tel:+12015550123;ext=1", "tel:+12015550123", false},
		{"tel:7042;phone-context=Example.com;a=b", "tel:7-042;A=b;phone-context=example.com", true},
		{"urn:service:sos", "URN:service:sos", true},
	} {
		a, b := mustURI(t, c.a), mustURI(t, c.b)
		if a.Equal(b) != c.want || b.Equal(a) != c.want {
			t.Errorf("%s and %s: want equal=%v", c.a, c.b, c.want)
		}
		if !a.Equal(a) {
			t.Errorf("%s is not equal to itself", c.a)
		}
	}
}

func TestAOR(t *testing.T) {
	for text, want := range map[string]string{
		"sip:Alice@AtLanTa.CoM:5070;transport=tcp?x=y": "sip:Alice@atlanta.com",
		"SIPS:%61lice:pw@atlanta.com":                  "sips:alice@atlanta.com",
		"sip:atlanta.com":                              "sip:atlanta.com",
		"sip:a%20b@c":                                  "sip:a%20b@c",
		"tel:+1-201-555-0123;x=y":                      "tel:+12015550123",
	} {
		if got := mustURI(t, text).AOR(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestEscape(t *testing.T) {
	for _, s := range []string{"alice", "a b", "ünïcode", "50%", "a@b:c", "\x00", "#1"} {
		for _, e := range []string{EscapeUser(s), EscapeParam(s), EscapeHeader(s)} {
			if Unescape(e) != s {
				t.Errorf("%q becomes %q becomes %q", s, e, Unescape(e))
			}
		}
		if u, err := ParseURI("sip:" + EscapeUser(s) + "@h;p=" + EscapeParam(s) + "?h=" + EscapeHeader(s)); err != nil || u.Username() != s {
			t.Errorf("%q: %+v %v", s, u, err)
		}
	}
	if got := Unescape("a%4"); got != "a%4" {
		t.Errorf("half an escape becomes %q", got)
	}
}

func TestHostAddr(t *testing.T) {
	for host, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "[2001:db8::1]": "2001:db8::1", "2001:db8::1": "2001:db8::1",
		"[fe80::1%25eth0]": "", "example.com": "", "": "", "[]": "", "[1.2.3.4": "",
	} {
		a, ok := HostAddr(host)
		if ok != (want != "") || ok && a.String() != want {
			t.Errorf("%q: %v %v", host, a, ok)
		}
	}
	if s := FormatHost(netip.MustParseAddr("::ffff:192.0.2.1")); s != "192.0.2.1" {
		t.Error(s)
	}
	if s := FormatHost(netip.MustParseAddr("fe80::1%eth0")); s != "[fe80::1]" {
		t.Error(s)
	}
}

func TestPush(t *testing.T) {
	u := mustURI(t, "sip:a@b;pn-provider=apns;pn-param=DEAD.com.example;pn-prid=00fc13adff78512;ob;gr=urn:x;lr")
	p, ok := u.Push()
	if !ok || p != (Push{Provider: "apns", Param: "DEAD.com.example", PRID: "00fc13adff78512"}) {
		t.Errorf("%+v %v", p, ok)
	}
	if gr, ok := u.GRUU(); gr != "urn:x" || !ok || !u.Outbound() || !u.Loose() {
		t.Error(gr, ok)
	}
}

func TestParams(t *testing.T) {
	p := Params(` ; a = b;c ;D="x;y\"z" ;;e=`)
	for name, want := range map[string]string{"a": "b", "C": "", "d": `x;y"z`, "e": ""} {
		if got, ok := p.Get(name); !ok || got != want {
			t.Errorf("%s: %q %v", name, got, ok)
		}
	}
	if p.Has("b") || p.Len() != 4 {
		t.Errorf("%d parameters", p.Len())
	}
	if got := p.With("a", "new").With("f", "g h").Without("c"); got != `;a=new;D="x;y\"z";e=;f="g h"` {
		t.Errorf("%s", got)
	}
	if got := Params("").With("lr", ""); got != ";lr" {
		t.Errorf("%s", got)
	}
	if got := Params(";lr;x").Without("LR"); got != ";x" {
		t.Errorf("%s", got)
	}
	var names []string
	for n := range p.All() {
		names = append(names, n)
	}
	if !slices.Equal(names, []string{"a", "c", "D", "e"}) {
		t.Errorf("%q", names)
	}
}

func TestAddress(t *testing.T) {
	for _, c := range []struct {
		text string
		want Address
	}{
		{`"A. G. Bell" <sip:agb@bell-telephone.com> ;tag=a48s`, Address{"A. G. Bell", "sip:agb@bell-telephone.com", ";tag=a48s"}},
		{`sip:+12125551212@server.phone2net.com;tag=887s`, Address{"", "sip:+12125551212@server.phone2net.com", ";tag=887s"}},
		{`Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8`, Address{"Anonymous", "sip:c8oqz84zk7z@privacy.org", ";tag=hyh8"}},
		{`"a \"b\" \\" <sip:a@b;x=y>`, Address{`a "b" \`, "sip:a@b;x=y", ""}},
		{`<sip:a@b?x=y,z>`, Address{"", "sip:a@b?x=y,z", ""}},
		{`Жанна <sip:a@b>`, Address{"Жанна", "sip:a@b", ""}},
		{`"quoted"<sip:a@b>`, Address{"quoted", "sip:a@b", ""}},
		{`<tel:+1234>;tag=1`, Address{"", "tel:+1234", ";tag=1"}},
		{`sip:8005;phone-context=x@a.example:5060;tag=1`, Address{"", "sip:8005;phone-context=x@a.example:5060", ";tag=1"}},
	} {
		got, err := ParseAddress(c.text)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v %v", c.text, got, err)
		}
		if again, err := ParseAddress(got.String()); err != nil || again != got {
			t.Errorf("%s is written %s: %v", c.text, got, err)
		}
	}
	for _, s := range []string{"", `"a`, `"a"`, `"a" sip:b`, "<", "<>", "<sip:a", "a, b <sip:c>", "sip:a?x=y", "<sip:a> x", `a\ <sip:b>`} {
		if a, err := ParseAddress(s); err == nil {
			t.Errorf("%q is accepted as %+v", s, a)
		}
	}
}

func TestVia(t *testing.T) {
	for _, c := range []struct {
		text, out string
		want      Via
	}{
		{"SIP/2.0/UDP erlang.bell-telephone.com:5060;branch=z9hG4bK87asdks7", "",
			Via{Transport: "UDP", Host: "erlang.bell-telephone.com", Port: 5060, Params: ";branch=z9hG4bK87asdks7"}},
		{"SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1",
			"SIP/2.0/UDP first.example.com:4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1",
			Via{Transport: "UDP", Host: "first.example.com", Port: 4000, Params: ";ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1"}},
		{"SIP/2.0/TLS [2001:db8::9:1] : 5061", "SIP/2.0/TLS [2001:db8::9:1]:5061", Via{Transport: "TLS", Host: "[2001:db8::9:1]", Port: 5061}},
		{"SIP/7.0/WSS h", "", Via{Protocol: "SIP/7.0", Transport: "WSS", Host: "h"}},
	} {
		got, err := ParseVia(c.text)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v %v", c.text, got, err)
		}
		if c.out == "" {
			c.out = c.text
		}
		if got.String() != c.out {
			t.Errorf("%s is written %s", c.text, got)
		}
	}
	for _, s := range []string{"", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP ;x", "SIP/2.0/ h", "SIP/2.0/UDP a b", "SIP/2.0/UDP a:x", "SIP/2.0/UDP a:99999"} {
		if v, err := ParseVia(s); err == nil {
			t.Errorf("%q is accepted as %+v", s, v)
		}
	}
	v, _ := ParseVia("SIP/2.0/UDP h;received=[2001:db8::1];rport=5070;branch=Z9HG4BKabc")
	addr, ok := v.Received()
	port, has := v.RPort()
	if !ok || addr.String() != "2001:db8::1" || port != 5070 || !has || !v.RFC3261() {
		t.Errorf("%v %v %d %v %v", addr, ok, port, has, v.RFC3261())
	}
	if _, has := (Via{Params: ";rport"}).RPort(); !has {
		t.Error("RFC 3581 §3: an rport without value asks for one")
	}
}
