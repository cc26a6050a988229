package registrar

import (
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

const urn = "urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF"

func flowContact(uri, regID string) string {
	return "Contact: <" + uri + `>;reg-id=` + regID + `;+sip.instance="<` + urn + `>"`
}

// RFC 5626 §6: a binding is told by instance and reg-id, not by its URI; "the
// registrar MUST include the "outbound" option-tag in a Require header field".
func TestOutboundFlows(t *testing.T) {
	h := newHouse(t)
	h.r.cfg.FlowTimer = 2 * time.Minute
	h.flow = transport.NewFlow(transport.TCP, server, phone, 1)
	res := h.expect(h.register(flowContact("sip:bob@192.0.2.2;transport=tcp", "1"), "Supported: path, outbound"), 200, "first flow")
	if !res.HasToken(sip.HeaderRequire, "outbound") || res.Get(sip.HeaderFlowTimer) != "120" {
		t.Errorf("answer without Require: outbound and Flow-Timer:\n%s", res)
	}
	if param(res, 0, "reg-id") != "1" || param(res, 0, "+sip.instance") != "<"+urn+">" {
		t.Errorf("reg-id and instance are to be listed:\n%s", res)
	}
	h.flow = transport.NewFlow(transport.TCP, server, phone, 2)
	h.expect(h.register(flowContact("sip:bob@192.0.2.2;transport=tcp", "2"), "Supported: path, outbound"), 200, "second flow, same URI")
	if n := len(h.r.Lookup("bob")); n != 2 {
		t.Fatalf("%d bindings, want one for each reg-id", n)
	}
	res = h.expect(h.register(flowContact("sip:bob@198.51.100.77;transport=tcp", "1"), "Supported: path, outbound", "Call-ID: reborn"), 200, "the device moved")
	if n := len(h.r.Lookup("bob")); n != 2 || !strings.Contains(contacts(res), "198.51.100.77") {
		t.Fatalf("%d bindings, %s: the same instance and reg-id is the same binding", n, contacts(res))
	}
	if list := h.r.Devices("bob"); len(list) != 1 {
		t.Errorf("%d devices: a request goes to one flow of an instance at a time (§5.3)", len(list))
	}
}

// §6: reg-id counts only with Supported: outbound and an instance.
func TestOutboundIgnored(t *testing.T) {
	h := newHouse(t)
	res := h.expect(h.register(flowContact("sip:bob@192.0.2.2", "1")), 200, "no Supported: outbound")
	if res.HasToken(sip.HeaderRequire, "outbound") || h.r.Lookup("bob")[0].RegID != 0 {
		t.Error("reg-id was taken from a UA that does not support outbound")
	}
	h.expect(h.register("Contact: <sip:bob@192.0.2.3>;reg-id=1", "Supported: outbound"), 200, "no instance")
	h.expect(h.register(flowContact("sip:bob@192.0.2.2", "0"), "Supported: outbound"), 400, "reg-id starts at 1")
	h.expect(h.register(flowContact("sip:a@x", "1"), flowContact("sip:b@x", "2"), "Supported: outbound"), 400, "one flow in one request")
}

// §6: a REGISTER that came through a first hop without outbound support is
// answered 439.
func TestFirstHopLacksOutbound(t *testing.T) {
	h := newHouse(t)
	vias := []string{"Via: SIP/2.0/UDP edge.example.com;branch=z9hG4bKe", "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKu"}
	lines := append(vias, flowContact("sip:bob@192.0.2.2", "1"), "Supported: path, outbound")
	h.expect(h.register(append(lines, "Path: <sip:edge.example.com;lr>")...), 439, "Path without ob")
	h.expect(h.register(append(lines, "Path: <sip:inner.example.com;lr;ob>, <sip:edge.example.com;lr>")...), 439, "only a later hop keeps flows")
	h.expect(h.register(append(lines, "Path: <sip:token@edge.example.com;lr;ob>")...), 200, "Path with ob")
	h.expect(h.register(append(lines, "Path: <sip:inner.example.com;lr>, <sip:token@edge.example.com;lr;ob>")...), 200, "the first hop keeps flows, the one after it need not")
}

// A connection that closes takes its bindings out of reach, and a restart all
// of them; a new REGISTER brings them back.
func TestLostFlow(t *testing.T) {
	h := newHouse(t)
	contact := flowContact("sip:bob@192.0.2.2;transport=tcp", "1")
	h.flow = transport.NewFlow(transport.TLS, server, phone, 5)
	h.register(contact, "Supported: outbound")
	if target, ok := h.r.Lookup("bob")[0].Target(); !ok || target.Flow != h.flow {
		t.Fatalf("target %v %v: the flow itself is to be used (RFC 5626 §5.3)", target, ok)
	}
	h.r.FlowClosed(h.flow)
	if b := h.r.Lookup("bob")[0]; !b.Lost() || h.r.Reachable("bob") {
		t.Error("the flow closed and the binding is not lost")
	}
	h.flow = transport.NewFlow(transport.TLS, server, phone, 6)
	h.register(contact, "Supported: outbound")
	if b := h.r.Lookup("bob")[0]; b.Lost() || !h.r.Reachable("bob") {
		t.Error("registered again and still lost")
	}
	h.close()
	h.open(Config{})
	if list := h.r.Lookup("bob"); len(list) != 1 || !list[0].Lost() || h.r.Reachable("bob") {
		t.Errorf("after a restart: %+v; connections do not survive", list)
	}
	if len(h.r.flows.aors) != 0 {
		t.Errorf("flow index after restart: %v", h.r.flows.aors)
	}
}

// The index of connections forgets what no binding uses.
func TestFlowIndexForgets(t *testing.T) {
	h := newHouse(t)
	h.flow = transport.NewFlow(transport.TCP, server, phone, 1)
	h.register("Contact: <" + bob + ">")
	h.register("Contact: <" + bob + ">;expires=0")
	if len(h.r.flows.aors) != 0 {
		t.Errorf("left in the index: %v", h.r.flows.aors)
	}
}

// RFC 5627 §5.3: "the registrar … returns pub-gruu and temp-gruu … for each
// contact with an instance, if the REGISTER had Supported: gruu"; a temporary
// GRUU differs for every REGISTER, and all stay valid until the Call-ID
// changes (§4.2).
func TestGRUU(t *testing.T) {
	h := newHouse(t)
	contact := "Contact: <sip:bob@192.0.2.2>;+sip.instance=\"<" + urn + ">\""
	res := h.expect(h.register(contact, "Supported: gruu"), 200, "with an instance")
	public, first := param(res, 0, "pub-gruu"), param(res, 0, "temp-gruu")
	if public != "sip:bob@biloxi.example.com;gr="+urn {
		t.Errorf("pub-gruu %s", public)
	}
	second := param(h.register(contact, "Supported: gruu"), 0, "temp-gruu")
	if first == second || !strings.HasSuffix(first, "@biloxi.example.com;gr") {
		t.Errorf("temporary GRUUs %s and %s must differ", first, second)
	}
	reaches := func(gruu string, want int, why string) {
		t.Helper()
		u, err := sip.ParseURI(gruu)
		if err != nil {
			t.Fatal(err)
		}
		list, ok := h.r.LookupGRUU(u, u.Username())
		if !ok || len(list) != want {
			t.Errorf("%s: %d bindings, %v; want %d: %s", gruu, len(list), ok, want, why)
		}
	}
	reaches(public, 1, "the public GRUU")
	reaches(first, 1, "older temporary GRUUs stay valid")
	reaches(second, 1, "the latest")
	h.close()
	h.open(Config{})
	reaches(first, 1, "the key is in the store")
	h.expect(h.register("Contact: <"+public+">"), 403, "§5.1: a GRUU cannot be registered as its own contact")
	h.expect(h.register("Contact: <"+first+">"), 403, "nor a temporary one")
	h.register(contact, "Supported: gruu", "Call-ID: reborn")
	reaches(first, 0, "another Call-ID ends them")
	reaches(public, 1, "but not the public one")
	forged := strings.Replace(second, "tgruu.", "tgruu.A", 1)
	if u, err := sip.ParseURI(forged); err == nil {
		if _, ok := h.r.LookupGRUU(u, ""); ok {
			t.Error("a forged temporary GRUU was taken")
		}
	}
	if res := h.register(contact); param(res, 0, "pub-gruu") != "" {
		t.Error("GRUUs for a UA that did not ask")
	}
}
