package calls_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hometone/hometone/node"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/test/live"
)

// openEverywhere starts a node that listens over every transport on free
// ports, with extensions 8005 and 8006.
func openEverywhere(t *testing.T) *house {
	t.Helper()
	if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
		t.Skip("this machine has no IPv6")
	}
	dir := live.Files(t, map[string]string{
		"asterisk/pjsip.conf":      endpoints(0, "", "8005", "8006"),
		"asterisk/extensions.conf": "[calls]\n" + plain,
		"hometone.yaml": "sip: {listen: [\"tcp://127.0.0.1:0\", \"tls://127.0.0.1:0\", \"ws://127.0.0.1:0/ws\", \"wss://127.0.0.1:0/ws\", \"udp://[::1]:0\", \"tcp://[::1]:0\"]}\n" +
			"console: {listen: \"off\"}\n",
	})
	n := live.Start(t, node.Config{
		File: filepath.Join(dir, "hometone.yaml"), Asterisk: filepath.Join(dir, "asterisk"), Data: filepath.Join(dir, "data"), Drain: -1,
	})
	return &house{Node: n, t: t, dir: dir, addr: n.Addr("udp")}
}

// trust is a TLS client's configuration that knows the node's own authority.
func (h *house) trust() *tls.Config {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.dir, "data", "tls", "ca.pem"))
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(text) {
		h.t.Fatalf("the node's authority: %v", err)
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, ServerName: "127.0.0.1"}
}

// over makes a registered telephone that reaches the node by one of its
// transports, by the name that live.Node.Addr takes.
func (h *house) over(transport, name string) *peer {
	h.t.Helper()
	to := h.Addr(transport)
	var conn siptest.Conn
	var err error
	switch strings.TrimSuffix(transport, "6") {
	case "udp":
		conn, err = siptest.DialUDP(to)
	case "tcp":
		conn, err = siptest.DialTCP(to)
	case "tls":
		conn, err = siptest.DialTLS(to, h.trust())
	case "ws":
		conn, err = siptest.DialWebSocket(h.t.Context(), "ws://"+to.String()+"/ws", nil)
	case "wss":
		conn, err = siptest.DialWebSocket(h.t.Context(), "wss://"+to.String()+"/ws", h.trust())
	}
	if err != nil {
		h.t.Fatalf("%s over %s: %v", name, transport, err)
	}
	p := newPeerOn(h.t, conn, to, name, name)
	p.register()
	return p
}

// A call from each transport to each other, both ways heard, by phones of IPv4
// and IPv6: the callee is reached on the connection it registered over (RFC
// 5626 §5.3, RFC 5923), and hangs up.
func TestTransports(t *testing.T) {
	h := openEverywhere(t)
	transports := []string{"udp", "tcp", "tls", "ws", "wss", "udp6", "tcp6"}
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
			callee.send(answered.request(sip.BYE, "").String())
			callee.response(200, "the callee's BYE is answered")
			out.hungUp("the callee has hung up")
			caller.unregister()
			callee.unregister()
		})
	}
	if list := h.settled(); len(list) != len(transports) {
		t.Errorf("%d records for %d calls", len(list), len(transports))
	}
}

// A phone whose connection is lost is nobody who could be called, and the caller
// is told at once; when it comes back it is called again.
func TestConnectionLost(t *testing.T) {
	h := openEverywhere(t)
	caller, callee := h.registered("8005"), h.over("tcp", "8006")
	_ = callee.conn.Close()
	out := caller.call("8006", caller.describe(""))
	out.refused(503, "the phone's connection is gone")
	again := h.over("tcp", "8006")
	out, in := connect(t, caller, again, "8006")
	hear(t, caller, again)
	out.bye()
	in.hungUp("the end")
}
