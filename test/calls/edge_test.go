package calls_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hometone/hometone/node"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/test/live"
)

// openEdge starts a balancer that is the registrar of 8005 and 8006 over every
// transport, in front of two exchanges that reach both through it.
func openEdge(t *testing.T) *house {
	t.Helper()
	port := live.FreePort(t)
	var destinations []string
	for i := range 2 {
		own := live.FreePort(t)
		accounts := fmt.Sprintf("[t]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:%d\n", own)
		for _, user := range []string{"8005", "8006"} { // which the exchange challenges: its answer has to come to the same one
			accounts += fmt.Sprintf("[%[1]s]\ntype=endpoint\ncontext=calls\nallow=!all,ulaw\nauth=%[1]s\naors=%[1]s\n"+
				"[%[1]s]\ntype=auth\nauth_type=userpass\nusername=%[1]s\npassword=%[1]s\n[%[1]s]\ntype=aor\ncontact=sip:%[1]s@127.0.0.1:%[2]d\n", user, port)
		}
		dir := live.Files(t, map[string]string{
			"asterisk/pjsip.conf":      accounts,
			"asterisk/extensions.conf": "[calls]\nexten => _800X,1,Dial(PJSIP/${EXTEN})\n",
			"hometone.yaml":            fmt.Sprintf("node: {name: exchange%d, data: ./data}\nmedia: {ports: %d-%d, external: none}\nconsole: {listen: \"off\"}\n", i, 33000+400*i, 33300+400*i),
		})
		live.Start(t, node.Config{File: filepath.Join(dir, "hometone.yaml"), Asterisk: filepath.Join(dir, "asterisk"), Data: filepath.Join(dir, "data"), Drain: -1})
		destinations = append(destinations, fmt.Sprintf("%q", fmt.Sprintf("sip:127.0.0.1:%d", own)))
	}
	dir := live.Files(t, map[string]string{
		"asterisk/pjsip.conf":      endpoints(0, "", "8005", "8006"),
		"asterisk/extensions.conf": "[calls]\n" + plain,
		"hometone.yaml": fmt.Sprintf("node: {name: edge}\nsip: {listen: [\"udp://127.0.0.1:%d\", \"tcp://127.0.0.1:0\", \"tls://127.0.0.1:0\", \"ws://127.0.0.1:0/ws\", \"wss://127.0.0.1:0/ws\"], external: none}\n"+
			"console: {listen: \"off\"}\nedge: {destinations: [%s]}\n", port, strings.Join(destinations, ", ")),
	})
	n := live.Start(t, node.Config{
		File: filepath.Join(dir, "hometone.yaml"), Asterisk: filepath.Join(dir, "asterisk"), Data: filepath.Join(dir, "data"), Drain: -1,
	})
	h := &house{Node: n, t: t, dir: dir}
	for _, a := range n.Addrs() { // the file's own transport is another one
		if a.Proto == "udp" && a.Addr.Port() == port {
			h.addr = a.Addr
		}
	}
	return h
}

// Phones register at the edge over each transport, a browser's too, and call each
// other through the exchanges: both ends are reached on the connection they
// registered over, whoever hangs up.
func TestTransportsThroughEdge(t *testing.T) {
	h := openEdge(t)
	transports := []string{"udp", "wss", "tcp", "ws", "tls"}
	for i, from := range transports {
		to := transports[(i+1)%len(transports)]
		t.Run(from+" calls "+to, func(t *testing.T) {
			in := &house{Node: h.Node, t: t, dir: h.dir, addr: h.addr}
			caller, callee := in.over(from, "8005"), in.over(to, "8006")
			out, answered := connect(t, caller, callee, "8006")
			if via := answered.invite.Get(sip.HeaderVia); !strings.HasPrefix(via, "SIP/2.0/"+callee.conn.Proto()+" ") {
				t.Errorf("the callee's INVITE came over %q, want %s", via, callee.conn.Proto())
			}
			hear(t, caller, callee)
			if i%2 == 0 {
				out.bye()
				answered.hungUp("the caller has hung up")
			} else {
				callee.send(answered.request(sip.BYE, "").String())
				callee.response(200, "the callee's BYE is answered")
				out.hungUp("the callee has hung up")
			}
			caller.unregister()
			callee.unregister()
		})
	}
}
