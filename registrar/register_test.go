package registrar

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

const bob = "sip:bob@client.biloxi.example.com"

// RFC 3261 §10.3 step 8: "The response MUST contain Contact header field values
// enumerating all current bindings. Each Contact value MUST feature an
// "expires" parameter … The response SHOULD include a Date header field."
func TestRegisterListsAllBindings(t *testing.T) {
	h := newHouse(t)
	h.expect(h.register("Contact: <"+bob+">"), 200, "a first registration")
	res := h.expect(h.register("Contact: <sip:bob@pc.example.com>;q=0.5;expires=120"), 200, "a second contact")
	if got := contacts(res); got != bob+" sip:bob@pc.example.com" {
		t.Errorf("contacts %s: both are to be listed", got)
	}
	if param(res, 0, "expires") != "3600" || param(res, 1, "expires") != "120" || param(res, 1, "q") != "0.500" {
		t.Errorf("parameters of %s", res)
	}
	if _, ok, err := res.Date(); !ok || err != nil {
		t.Errorf("Date: %v %v", ok, err)
	}
	h.expectEvents("registered "+bob, "registered sip:bob@pc.example.com")
}

// §10.2.3: a REGISTER without Contact changes nothing and asks for the list.
func TestQuery(t *testing.T) {
	h := newHouse(t)
	if got := contacts(h.expect(h.register(), 200, "a query")); got != "" {
		t.Errorf("contacts of nobody: %s", got)
	}
	h.register("Contact: <" + bob + ">")
	if got := contacts(h.expect(h.register(), 200, "a query")); got != bob {
		t.Errorf("contacts %s", got)
	}
}

// §10.2.1.1 and step 6: the expires parameter, else Expires, else the default;
// zero removes; the registrar may shorten.
func TestExpiresForms(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct{ contact, header, want, why string }{
		{"<" + bob + ">", "", "3600", "the default"},
		{"<" + bob + ">", "Expires: 300", "300", "the header field"},
		{"<" + bob + ">;expires=200", "Expires: 300", "200", "the parameter comes first"},
		{"<" + bob + ">;expires=99999999", "", "7200", "shortened to the maximum"},
		{"<" + bob + ">;expires=soon", "", "3600", "§20.10: a malformed value is as 3600"},
		{"<" + bob + ">", "Expires: never", "3600", "a malformed header field counts as absent"},
		{"<" + bob + ">;expires=0", "Expires: 300", "", "zero removes"},
	} {
		lines := []string{"Contact: " + c.contact}
		if c.header != "" {
			lines = append(lines, c.header)
		}
		res := h.expect(h.register(lines...), 200, c.why)
		if got := param(res, 0, "expires"); got != c.want {
			t.Errorf("%v: expires %q, want %q: %s", lines, got, c.want, c.why)
		}
	}
}

// Step 6: "If and only if the requested expiration interval is greater than
// zero AND smaller than one hour AND less than a registrar-configured minimum,
// the registrar MAY reject with 423 … This response MUST contain a Min-Expires
// header field".
func TestIntervalTooBrief(t *testing.T) {
	h := newHouse(t)
	h.policy.MinExpires = 90 * time.Second
	res := h.expect(h.register("Contact: <"+bob+">;expires=89"), 423, "below the minimum")
	if res.Get(sip.HeaderMinExpires) != "90" {
		t.Errorf("Min-Expires %q, want 90", res.Get(sip.HeaderMinExpires))
	}
	if len(h.r.Lookup("bob")) != 0 {
		t.Error("a refused registration left a binding")
	}
	h.expect(h.register("Contact: <"+bob+">;expires=90"), 200, "the minimum itself")
	h.policy.MinExpires = 2 * time.Hour
	h.expect(h.register("Contact: <"+bob+">;expires=3600"), 200, "one hour is never too brief")
}

// Step 6: "If the Contact header field value is "*" … and the Expires is not
// zero or there are additional Contact fields: 400."
func TestStar(t *testing.T) {
	h := newHouse(t)
	h.register("Contact: <"+bob+">", "Contact: <sip:bob@pc.example.com>")
	h.expectEvents("registered "+bob, "registered sip:bob@pc.example.com")
	h.expect(h.register("Contact: *"), 400, "no Expires")
	h.expect(h.register("Contact: *", "Expires: 60"), 400, "Expires is not zero")
	h.expect(h.register("Contact: *", "Contact: <"+bob+">", "Expires: 0"), 400, "another Contact besides")
	if n := len(h.r.Lookup("bob")); n != 2 {
		t.Fatalf("%d bindings after refused wildcards, want 2", n)
	}
	res := h.expect(h.register("Contact: *", "Expires: 0"), 200, "a proper wildcard")
	if contacts(res) != "" || len(h.r.Lookup("bob")) != 0 || h.r.Count() != 0 {
		t.Error("bindings are left after the wildcard")
	}
	h.expectEvents("unregistered "+bob, "unregistered sip:bob@pc.example.com")
}

// Step 7: "If [the Call-IDs] are the same … If [the CSeq] is higher than that of
// the existing binding, it MUST update or remove the binding … If not, the
// update MUST be aborted and the request fails."
func TestOrder(t *testing.T) {
	h := newHouse(t)
	h.expect(h.register("Contact: <"+bob+">", "CSeq: 10 REGISTER"), 200, "first")
	h.expect(h.register("Contact: <"+bob+">;expires=60", "CSeq: 9 REGISTER"), 500, "an older CSeq")
	h.expect(h.register("Contact: *", "Expires: 0", "CSeq: 9 REGISTER"), 500, "a wildcard is ordered too")
	if left := h.r.Lookup("bob")[0].Expires; time.Until(left) < 3500*time.Second {
		t.Errorf("an aborted update changed the binding: expires %v", left)
	}
	h.expect(h.register("Contact: <"+bob+">;expires=60", "CSeq: 10 REGISTER"), 200, "the same CSeq in another transaction tells no order")
	if left := h.r.Lookup("bob")[0].Expires; time.Until(left) > 60*time.Second {
		t.Errorf("the same CSeq changed nothing: expires %v", left)
	}
	h.expect(h.register("Contact: <"+bob+">;expires=0", "CSeq: 1 REGISTER", "Call-ID: restarted"), 200, "another Call-ID is not ordered")
	if len(h.r.Lookup("bob")) != 0 {
		t.Error("the binding was not removed")
	}
}

// Step 7: "…all the changes are made or none": the second contact is out of
// order, so the first is not added either.
func TestAtomicUpdate(t *testing.T) {
	h := newHouse(t)
	h.expect(h.register("Contact: <"+bob+">", "CSeq: 10 REGISTER"), 200, "first")
	h.expect(h.register("Contact: <sip:bob@new.example.com>, <"+bob+">", "CSeq: 9 REGISTER"), 500, "one of two is out of order")
	if list := h.r.Lookup("bob"); len(list) != 1 || list[0].Contact != bob {
		t.Errorf("bindings %+v: the update had to be all or nothing", list)
	}
}

// A retransmission that a restarted process sees as new was carried out
// already (§17.2.3: same branch, sent-by and method).
func TestRetransmissionAfterRestart(t *testing.T) {
	h := newHouse(t)
	again := h.request("Contact: <" + bob + ">")
	h.expect(h.send(again), 200, "the first copy")
	h.close()
	h.open(Config{})
	if got := contacts(h.expect(h.send(again), 200, "the same request after a restart")); got != bob {
		t.Errorf("contacts %s", got)
	}
}

// Step 7 with §19.1.4: contacts are compared as URIs, not as text.
func TestContactEquality(t *testing.T) {
	h := newHouse(t)
	h.register("Contact: <sip:%62ob@PC.example.com;transport=TCP>")
	res := h.register("Contact: <sip:bob@pc.EXAMPLE.com;transport=tcp>;expires=100")
	if got := contacts(res); strings.Contains(got, " ") {
		t.Errorf("contacts %s: one URI in two spellings is one binding", got)
	}
	res = h.register("Contact: <sip:bob@pc.example.com;transport=udp>")
	if got := contacts(res); strings.Count(got, "sip:") != 2 {
		t.Errorf("contacts %s: another transport is another URI", got)
	}
}

// The oldest gives way by default; Asterisk's refusal only where asked for.
func TestMaxContacts(t *testing.T) {
	h := newHouse(t)
	h.policy.MaxContacts = 2
	for i := 1; i <= 3; i++ {
		h.expect(h.register(fmt.Sprintf("Contact: <sip:bob@pc%d.example.com>", i)), 200, "replace the oldest")
		time.Sleep(2 * time.Millisecond) // "oldest" is told in milliseconds
	}
	h.expectEvents("registered sip:bob@pc1.example.com", "registered sip:bob@pc2.example.com",
		"registered sip:bob@pc3.example.com", "displaced sip:bob@pc1.example.com")
	h.policy.WhenFull = Refuse
	h.expect(h.register("Contact: <sip:bob@pc4.example.com>"), 403, "remove_existing=no")
	h.expect(h.register("Contact: <sip:bob@pc3.example.com>"), 200, "a refresh is not one more")
	h.expect(h.register("Contact: <sip:bob@pc3.example.com>;expires=0, <sip:bob@pc4.example.com>"), 200, "one goes, one comes")
	h.policy.WhenFull = ReplaceOldest
	h.expect(h.register("Contact: <sip:a@x>, <sip:b@x>, <sip:c@x>"), 403, "more in one request than allowed at all")
	h.policy.MaxContacts = 0
	h.expect(h.register("Contact: <sip:bob@pc4.example.com>"), 403, "max_contacts=0, as Asterisk")
}

// ReplaceUnavailable: only a binding whose connection is gone gives way.
func TestRemoveUnavailable(t *testing.T) {
	h := newHouse(t)
	h.policy.MaxContacts, h.policy.WhenFull = 1, ReplaceUnavailable
	h.flow = transport.NewFlow(transport.TCP, server, phone, 7)
	h.expect(h.register("Contact: <sip:bob@192.0.2.201;transport=tcp>"), 200, "over a connection")
	h.expect(h.register("Contact: <sip:bob@pc.example.com>"), 403, "the first is available")
	h.r.FlowClosed(h.flow)
	if b := h.r.Lookup("bob"); !b[0].Lost() {
		t.Error("the connection closed and the binding is not lost")
	}
	h.flow = transport.NewFlow(transport.TCP, server, phone, 8)
	h.expect(h.register("Contact: <sip:bob@pc.example.com>"), 200, "the lost one gives way")
}

// RFC 3327 §5.3: the Path is stored with the binding, in order, and returned to
// a UA that says it understands.
func TestPath(t *testing.T) {
	h := newHouse(t)
	path := []string{"<sip:p2.example.com;lr>", "<sip:p1.example.com;lr;ob>"}
	res := h.expect(h.register("Contact: <"+bob+">", "Supported: path", "Path: "+path[0]+", "+path[1]), 200, "with Path")
	var got []string
	for p := range res.Values(sip.HeaderPath) {
		got = append(got, p)
	}
	b := h.r.Lookup("bob")[0]
	if fmt.Sprint(got) != fmt.Sprint(path) || fmt.Sprint(b.Path) != fmt.Sprint(path) {
		t.Errorf("Path answered %v, stored %v, want %v", got, b.Path, path)
	}
	if _, ok := b.Target(); ok {
		t.Error("a binding with Path is reached through the Path, not at its source")
	}
	res = h.expect(h.register("Contact: <"+bob+">", "Path: "+path[0]), 200, "a UA that does not know of Path")
	if res.Has(sip.HeaderPath) {
		t.Error("Path returned to a UA that did not say it understands")
	}
}

// RFC 3608 §6.3: the Service-Route of the AOR comes with the 200.
func TestServiceRoute(t *testing.T) {
	h := newHouse(t)
	h.policy.ServiceRoute = []string{"<sip:edge.example.com;lr>"}
	if got := h.register("Contact: <" + bob + ">").Get(sip.HeaderServiceRoute); got != h.policy.ServiceRoute[0] {
		t.Errorf("Service-Route %q", got)
	}
}

// §10.3: "A registrar MUST ignore the Record-Route header field if it is included in a
// REGISTER request", and no answer to one has it.
func TestRecordRouteIsIgnored(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		status int
		lines  []string
	}{
		{200, []string{"Contact: <sip:bob@192.0.2.2>"}},
		{423, []string{"Contact: <sip:bob@192.0.2.2>;expires=1"}},
		{200, nil},
	} {
		res := h.expect(h.register(append(c.lines, "Record-Route: <sip:proxy.example.com;lr>")...), c.status, "with Record-Route")
		if res.Has(sip.HeaderRecordRoute) {
			t.Errorf("the %d carries Record-Route:\n%s", c.status, res)
		}
	}
	for _, b := range h.r.Lookup("bob") {
		if len(b.Path) != 0 {
			t.Errorf("Record-Route was taken for a Path: %v", b.Path)
		}
	}
}

// RFC 3261 §8.2.2.3: 420 with Unsupported for what is required and unknown.
func TestRequire(t *testing.T) {
	h := newHouse(t)
	h.expect(h.register("Contact: <"+bob+">", "Require: path, gruu, outbound"), 200, "all of them are ours")
	res := h.expect(h.register("Contact: <"+bob+">", "Require: path, telepathy"), 420, "an extension nobody has")
	if got := res.Get(sip.HeaderUnsupported); got != "telepathy" {
		t.Errorf("Unsupported %q", got)
	}
}

// Steps 4 and 5: who is known may register his own AOR only, and cannot tell
// another's from none.
func TestAnotherAOR(t *testing.T) {
	h := newHouse(t)
	known := h.expect(h.register("To: <sip:alice@biloxi.example.com>", "Contact: <"+bob+">"), 403, "somebody else's")
	unknown := h.expect(h.register("To: <sip:nobody@biloxi.example.com>", "Contact: <"+bob+">"), 403, "nobody's")
	if known.Reason() != unknown.Reason() {
		t.Errorf("%q and %q tell which AORs exist", known.Reason(), unknown.Reason())
	}
	h.expect(h.register("To: <tel:+15551234>", "Contact: <"+bob+">"), 400, "RFC 4475 §3.3.6: an AOR is a SIP URI")
	h.expect(h.register("To: <sip:b%6Fb@another.example.net>", "Contact: <"+bob+">"), 200, "the user part is the AOR; escapes do not matter")
}

func TestDomains(t *testing.T) {
	h := newHouse(t)
	h.r.cfg.Domains = func(host string) bool { return host == "biloxi.example.com" }
	h.expect(h.register("To: <sip:bob@Biloxi.Example.com>", "Contact: <"+bob+">"), 200, "hosts compare without case")
	h.expect(h.register("To: <sip:bob@another.example.net>", "Contact: <"+bob+">"), 404, "§10.3 step 5: not a domain of ours")
}

func TestLimits(t *testing.T) {
	h := newHouse(t)
	long := strings.Repeat("x", 600)
	many := "Contact: <sip:0@x>" + strings.Repeat(", <sip:1@x>", maxContacts)
	for _, c := range [][]string{
		{many}, {"Contact: <sip:" + long + "@x>"}, {"Contact: <sip:x@x>;p=" + long},
		{"Contact: <sip:x@x>;+sip.instance=\"<urn:" + long + ">\""}, {"Contact: <sip:x@x>", "Path: <sip:" + long + ">"},
		{"Contact: <sip:x@x>", "Path: " + strings.Repeat("<sip:p>, ", maxPath) + "<sip:p>"},
	} {
		h.expect(h.register(c...), 400, "a limit on what is stored")
	}
	h.expect(h.register("Contact: <sip:x@x>", "Call-ID: "+long, "User-Agent: "+long), 200, "long but harmless")
	b := h.r.Lookup("bob")[0]
	if len(b.CallID) > maxCallID || len(b.UserAgent) > maxAgent {
		t.Errorf("stored Call-ID of %d and User-Agent of %d bytes", len(b.CallID), len(b.UserAgent))
	}
	h.expect(h.register("Contact: <sip:x@x>", "Call-ID: "+long, "CSeq: 1 REGISTER"), 500, "a hashed Call-ID is still ordered")
}

func TestLookupOrder(t *testing.T) {
	h := newHouse(t)
	for i, q := range []string{"0.2", "1.0", "0.25", "1"} {
		h.register(fmt.Sprintf("Contact: <sip:bob@pc%d>;q=%s", i, q))
		time.Sleep(2 * time.Millisecond)
	}
	var got []string
	for _, b := range h.r.Lookup("bob") {
		got = append(got, b.Contact[8:]+"/"+strconv.Itoa(int(b.Q)))
	}
	if s := strings.Join(got, " "); s != "pc3/1000 pc1/1000 pc2/250 pc0/200" {
		t.Errorf("order %s: highest q first, then the latest", s)
	}
	if h.r.Lookup("nobody") != nil {
		t.Error("nobody has bindings")
	}
}

// RFC 3581: a UA that asks for symmetric routing, or is behind a NAT, is
// reached where it sent from.
func TestTarget(t *testing.T) {
	h := newHouse(t)
	h.policy.MaxContacts = 1
	for _, c := range []struct {
		lines []string
		want  bool
		why   string
	}{
		{[]string{"Contact: <sip:bob@192.168.1.5:5070>"}, true, "rport was asked for"},
		{[]string{"Contact: <sip:bob@192.168.1.5:5070>", "Via: SIP/2.0/UDP 192.168.1.5:5070;branch=z9hG4bKx;received=192.0.2.201"}, true, "the Via names another address: a NAT"},
		{[]string{"Contact: <sip:bob@client.example.com>", "Via: SIP/2.0/UDP 192.0.2.201;branch=z9hG4bKx"}, false, "neither: the Contact is taken at its word"},
		{[]string{"Contact: <sip:bob@192.0.2.201>", "Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKp", "Via: SIP/2.0/UDP 192.0.2.201;branch=z9hG4bKx;rport"}, false, "a proxy is between"},
		{[]string{"Contact: <mailto:bob@example.com>"}, false, "not SIP"},
	} {
		h.expect(h.register(append(c.lines, "Call-ID: "+c.why)...), 200, c.why)
		b := h.r.Lookup("bob")[0]
		target, ok := b.Target()
		if ok != c.want || ok && target.Addr != phone {
			t.Errorf("%v: target %v %v, want %v: %s", c.lines, target, ok, c.want, c.why)
		}
	}
}

// ignore_uri_user_options: what follows a semicolon in the user part is no part
// of the name; without it sip:bob;x=y is somebody else than sip:bob (RFC 3261
// §19.1.4), and nobody can register for another one that way.
func TestUserOptions(t *testing.T) {
	h := newHouse(t)
	lines := []string{"To: <sip:bob;phone-context=national@biloxi.example.com>", "Contact: <sip:bob;phone-context=national@192.0.2.201>"}
	h.expect(h.register(lines...), 403, "the option is part of the name")
	h.dropOptions = true
	res := h.expect(h.register(lines...), 200, "the option is not part of the name")
	if got := contacts(res); got != "sip:bob;phone-context=national@192.0.2.201" {
		t.Errorf("contacts %s", got)
	}
	h.expect(h.register("To: <sip:alice;bob@biloxi.example.com>"), 403, "another name")
}
