package calls_test

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/test/live"
)

// Named lists of acl.conf, lists of the endpoint's own and type=acl: who is denied
// by an endpoint's is challenged like somebody nobody knows, who is denied by
// type=acl gets 403; a reload brings other lists into force.
func TestAccessLists(t *testing.T) {
	port := live.FreePort(t)
	var phones strings.Builder
	phones.WriteString("[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1\n")
	files := map[string]string{
		"acl.conf":        "[local]\ndeny=0.0.0.0/0.0.0.0\npermit=127.0.0.0/8\n[no-two]\npermit=0.0.0.0/0.0.0.0\ndeny=127.0.0.2\n[no-three]\ndeny=127.0.0.3\n",
		"extensions.conf": "[calls]\nexten => s,1,Answer()\nsame => n,Hangup()\n",
	}
	for name, acl := range map[string]string{
		"own": "deny=0.0.0.0/0\npermit=127.0.0.1\n", "named": "acl=local,no-two,no-three\n", "missing": "acl=nothing\n", "contacts": "contact_deny=0.0.0.0/0\ncontact_permit=127.0.0.1\n",
	} {
		phones.WriteString("[" + name + "]\ntype=endpoint\ncontext=calls\nallow=ulaw\naors=" + name + "\n" + acl + "[" + name + "]\ntype=aor\nmax_contacts=9\n")
	}
	files["pjsip.conf"] = strings.Replace(phones.String(), "bind=127.0.0.1\n", "bind="+netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port).String()+"\n", 1)
	h := openFiles(t, port, files)
	try := func(m sip.Method, name, from, contact string) int {
		t.Helper()
		conn, err := siptest.DialUDPFrom(netip.MustParseAddr(from), h.addr)
		if err != nil {
			t.Fatal(err)
		}
		p := newPeerOn(t, conn, h.addr, name, "")
		uri := "sip:s@" + h.addr.String()
		if m == sip.REGISTER {
			uri = "sip:" + h.addr.String()
		}
		req := sip.NewRequest(m, uri)
		p.stamp(req, "<sip:"+name+"@"+from+">;tag=1", "<sip:"+name+"@"+from+">", p.next(), 1)
		req.Set(sip.HeaderContact, "<sip:"+name+"@"+contact+":5099>")
		req.Set(sip.HeaderExpires, "60")
		body := ""
		if m == sip.INVITE {
			body = p.describe("")
			req.SetBody("application/sdp", body)
		} else {
			req.SetBody("", "")
		}
		p.send(req.String())
		_, res, err := sip.Parse(p.read(patience))
		if err != nil || res == nil {
			t.Fatalf("%s from %s got no answer: %v", m, from, err)
		}
		return res.Status()
	}
	cases := []struct {
		m                   sip.Method
		name, from, contact string
		want                int
	}{
		{sip.INVITE, "own", "127.0.0.1", "127.0.0.1", 200}, {sip.INVITE, "own", "127.0.0.2", "127.0.0.1", 401},
		{sip.INVITE, "named", "127.0.0.1", "127.0.0.1", 200}, {sip.INVITE, "named", "127.0.0.2", "127.0.0.1", 401}, {sip.INVITE, "named", "127.0.0.3", "127.0.0.1", 401},
		{sip.INVITE, "missing", "127.0.0.1", "127.0.0.1", 401}, {sip.INVITE, "contacts", "127.0.0.1", "127.0.0.9", 401}, {sip.INVITE, "nobody", "127.0.0.1", "127.0.0.1", 401},
		{sip.REGISTER, "own", "127.0.0.1", "127.0.0.1", 200}, {sip.REGISTER, "own", "127.0.0.2", "127.0.0.1", 401},
		{sip.REGISTER, "contacts", "127.0.0.1", "127.0.0.9", 401}, {sip.REGISTER, "contacts", "127.0.0.1", "127.0.0.1", 200},
	}
	check := func() {
		t.Helper()
		for _, c := range cases {
			if got := try(c.m, c.name, c.from, c.contact); got != c.want {
				t.Errorf("%s of %s from %s with a Contact at %s gets %d, want %d", c.m, c.name, c.from, c.contact, got, c.want)
			}
		}
	}
	check()
	dir := filepath.Join(h.dir, "asterisk")
	live.Write(t, filepath.Join(dir, "acl.conf"), strings.ReplaceAll(files["acl.conf"], "127.0.0.2", "127.0.0.7"))
	live.Write(t, filepath.Join(dir, "pjsip.conf"), files["pjsip.conf"]+"[list]\ntype=acl\ncontact_deny=127.0.0.66\ndeny=127.0.0.77\n")
	if problems := h.Reload(); config.HasErrors(problems) {
		t.Fatal(problems)
	}
	cases[3].want = 200
	for _, m := range []sip.Method{sip.INVITE, sip.REGISTER} {
		cases = append(cases, struct {
			m                   sip.Method
			name, from, contact string
			want                int
		}{m, "own", "127.0.0.1", "127.0.0.66", 403})
		cases = append(cases, struct {
			m                   sip.Method
			name, from, contact string
			want                int
		}{m, "own", "127.0.0.77", "127.0.0.1", 403})
	}
	check()
}
