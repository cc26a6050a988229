package pbx

import (
	"reflect"
	"strings"
	"testing"

	"github.com/hometone/hometone/sip/transport"
)

// "The E.164 number … the digits are reversed, dots put between them, and the zone behind"
// (RFC 6116 §3.2); rules apply to the number with its plus.
func TestEnum(t *testing.T) {
	name, aus, err := enumName("+44 (20) 79460148", "")
	if name != "8.4.1.0.6.4.9.7.0.2.4.4.e164.arpa" || aus != "+442079460148" || err != nil {
		t.Errorf("%s %s %v", name, aus, err)
	}
	for _, bad := range []string{"", "abc", "1234567890123456"} {
		if name, _, err := enumName(bad, ""); err == nil {
			t.Errorf("%q is %s", bad, name)
		}
	}
	list := []transport.Pointer{
		{Order: 100, Preference: 20, Flags: "u", Service: "E2U+sip", Regexp: `!^\+44(.*)$!sip:0\1@example.org!`},
		{Order: 100, Preference: 10, Flags: "U", Service: "e2u+SIP", Regexp: `!^.*$!sip:info@example.com!`},
		{Order: 90, Preference: 99, Flags: "u", Service: "E2U+voice:tel+x", Regexp: `#^(.*)$#tel:\1#`},
		{Order: 1, Preference: 1, Flags: "s", Service: "E2U+sip", Replacement: "_sip._udp.example.org."},
		{Order: 2, Preference: 1, Flags: "u", Service: "E2U+sip", Regexp: `!^\+1.*$!sip:no@example.org!`},
		{Order: 3, Preference: 1, Flags: "u", Service: "E2U+sip", Regexp: `!^(!sip:broken!`},
	}
	for method, want := range map[string][]string{
		"sip": {"info@example.com", "02079460148@example.org"}, "voice": {"+442079460148"}, "h323": nil,
		"all": {"tel:+442079460148", "sip:info@example.com", "sip:02079460148@example.org"},
	} {
		if got := enumURIs(list, aus, method); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", method, got, want)
		}
	}
}

// Whatever rule a stranger's zone has, no line ends get into the dialplan, and it takes no time to
// speak of.
func FuzzEnumRewrite(f *testing.F) {
	f.Add(`!^\+44(.*)$!sip:0\1@example.org!i`, "+442079460148")
	f.Fuzz(func(t *testing.T, rule, aus string) {
		if len(aus) > 100 {
			return
		}
		if uri, ok := enumRewrite(rule, aus); ok && strings.ContainsAny(uri, "\r\n") {
			t.Errorf("%q", uri)
		}
	})
}
