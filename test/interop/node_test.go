package interop

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// node is a running `hometone serve`.
type node struct {
	*process
	dir    string
	listen map[string]netip.AddrPort // by protocol, of the loopback interface
}

// startNode runs the example files as they are: they listen on UDP port 5061;
// hometone.yaml adds TCP and TLS, and IPv6 where there is any.
func startNode(t *testing.T) *node {
	t.Helper()
	return startNodeWith(t, exampleFiles(t), "tcp://127.0.0.1:"+freePort(t, "tcp"), "tls://127.0.0.1:"+freePort(t, "tcp"))
}

// exampleFiles is the two-extension Asterisk demo, as it lies beside the test
// material.
func exampleFiles(t *testing.T) string {
	t.Helper()
	return testdata.Path(t, "..", "examples", "asterisk")
}

// startNodeWith runs a directory of Asterisk's files with further listeners.
func startNodeWith(t *testing.T, asterisk string, listen ...string) *node {
	t.Helper()
	if asterisk == exampleFiles(t) {
		testdata.Alone(t, testdata.ExamplePort)
	}
	dir := t.TempDir()
	quoted := make([]string, len(listen))
	for i, l := range listen {
		quoted[i] = fmt.Sprintf("%q", l)
	}
	file := write(t, dir, "hometone.yaml", fmt.Sprintf(
		"node: {name: interop, data: %s}\nsip: {listen: [%s], external: none}\npbx: {asterisk: %s}\nmedia: {ports: 30000-31000, external: none}\nconsole: {listen: \"off\"}\n",
		filepath.Join(dir, "data"), strings.Join(quoted, ", "), asterisk))
	return serve(t, dir, file)
}

// serve runs a configuration file and learns what it listens on.
func serve(t *testing.T, dir, file string) *node {
	t.Helper()
	n := &node{dir: dir, listen: make(map[string]netip.AddrPort)}
	n.process = start(t, dir, binary.Path(t), "serve", "-c", file, "--json")
	n.expect(0, 20*time.Second, `"event":"ready"`)
	for _, line := range strings.Split(n.output(), "\n") {
		var ready struct{ Listen []string }
		if json.Unmarshal([]byte(line), &ready) != nil {
			continue
		}
		for _, l := range ready.Listen {
			proto, text, _ := strings.Cut(l, "://")
			addr, err := netip.ParseAddrPort(strings.TrimSuffix(text, "/"))
			if err != nil {
				t.Fatalf("the node listens on %q: %v", l, err)
			}
			if addr.Addr().Is6() && !addr.Addr().Is4In6() {
				proto += "6"
			}
			if addr.Addr().IsUnspecified() {
				addr = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), addr.Port())
			}
			n.listen[proto] = addr
		}
	}
	return n
}

// server is the node's address over a transport, as host:port.
func (n *node) server(transport string) string {
	n.t.Helper()
	addr, ok := n.listen[transport]
	if !ok {
		n.t.Fatalf("the node does not listen on %s, only %v", transport, n.listen)
	}
	return addr.String()
}

// ca is the certificate of the node's private authority.
func (n *node) ca() string {
	n.t.Helper()
	found, err := filepath.Glob(filepath.Join(n.dir, "data", "tls", "ca*.pem"))
	if err != nil || len(found) == 0 {
		n.t.Fatalf("the node keeps no CA certificate in %s: %v", n.dir, err)
	}
	return found[0]
}

// freePort returns a port that nobody uses at this moment.
func freePort(t *testing.T, network string) string {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return portOf(c.LocalAddr())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return portOf(l.Addr())
}

func portOf(a net.Addr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}
