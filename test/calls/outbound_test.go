package calls_test

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/test/live"
)

// at is a port of this host.
func at(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
}

// replyTo answers a request outside of a dialog, with names and values of
// further header fields.
func (p *peer) replyTo(req *sip.Request, status int, headers ...string) {
	res := sip.NewResponse(req, status, "")
	res.Set(sip.HeaderTo, req.Get(sip.HeaderTo)+";tag="+p.next())
	for i := 0; i+1 < len(headers); i += 2 {
		res.AddName(headers[i], headers[i+1])
	}
	res.SetBody("", "")
	p.send(res.String())
}

// Outbound registration (RFC 3261 §10.2, §22): a challenge is answered, the
// interval the server grants is kept, and a section that a reload takes away
// is registered no longer.
func TestOutboundRegistration(t *testing.T) {
	port := live.FreePort(t)
	server := newPeer(t, at(port), "trunk", "")
	files := map[string]string{
		"pjsip.conf": endpoints(port, "", "8005") + "\n[out]\ntype=registration\nserver_uri=sip:127.0.0.1:" + strconv.Itoa(int(server.addr().Port())) +
			"\nclient_uri=sip:alice@trunk.example\noutbound_auth=out\ncontact_user=100\nexpiration=3600\n" +
			"\n[out]\ntype=auth\nauth_type=userpass\nusername=alice\npassword=secret\n",
		"extensions.conf": "[calls]\n" + plain,
	}
	h := openFiles(t, port, files)
	first := server.request(sip.REGISTER, "the node registers")
	server.replyTo(first, 401, "WWW-Authenticate", `Digest realm="trunk.example", nonce="n1", algorithm=MD5, qop="auth"`)
	second := server.request(sip.REGISTER, "the challenge is answered")
	if a := second.Get(sip.HeaderAuthorization); !strings.Contains(a, `username="alice"`) || !strings.Contains(a, `realm="trunk.example"`) {
		t.Errorf("Authorization is %q", a)
	}
	if first.CallID() != second.CallID() {
		t.Error("§10.2: all registrations of a UA have the same Call-ID")
	}
	if c := second.Get(sip.HeaderContact); !strings.Contains(c, "<sip:100@127.0.0.1:"+strconv.Itoa(int(port))) {
		t.Errorf("Contact is %q, want contact_user at our address", c)
	}
	server.replyTo(second, 200, "Contact", second.Get(sip.HeaderContact)+";expires=2")
	third := server.request(sip.REGISTER, "the registration is refreshed before the two seconds are over")
	server.replyTo(third, 200, "Contact", third.Get(sip.HeaderContact)+";expires=3600")
	files["pjsip.conf"] = endpoints(port, "", "8005")
	live.Write(t, h.dir+"/asterisk/pjsip.conf", files["pjsip.conf"])
	h.Reload()
	last := server.request(sip.REGISTER, "the section is gone")
	if e := last.Get(sip.HeaderExpires); e != "0" {
		t.Errorf("Expires is %q, want 0 (§10.2.2)", e)
	}
	server.replyTo(last, 200)
}

// qualify_frequency: a contact that does not answer OPTIONS is not dialled.
func TestQualify(t *testing.T) {
	port := live.FreePort(t)
	phone := newPeer(t, at(port), "fixed", "")
	h := openFiles(t, port, map[string]string{
		"pjsip.conf": endpoints(port, "", "8005") + "\n[fixed]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=ulaw\naors=fixed\n\n[fixed]\ntype=aor\ncontact=sip:fixed@127.0.0.1:" +
			strconv.Itoa(int(phone.addr().Port())) + "\nqualify_frequency=1\nqualify_timeout=0.3\n",
		"extensions.conf": "[calls]\nexten => fixed,1,Dial(PJSIP/fixed)\n",
	})
	phone.request(sip.OPTIONS, "the contact is probed, and does not answer")
	if !eventually(func() bool { return strings.Contains(h.Log.String(), "reachable=false") }) {
		t.Fatal("the contact is not found to be down")
	}
	caller := h.registered("8005")
	out := caller.call("fixed", caller.describe(""))
	out.refused(503, "nobody is there to be called")
	again := phone.request(sip.OPTIONS, "the contact is probed again, and answers; it was not called in between")
	phone.replyTo(again, 200)
	if !eventually(func() bool { return strings.Contains(h.Log.String(), "reachable=true") }) {
		t.Fatal("the contact is not found to be up")
	}
	out = caller.call("fixed", caller.describe(""))
	in := phone.incoming()
	in.refuse(486)
	out.refused(486, "the phone was called")
}
