package node

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/console"
)

// startEdge runs a balancer alone in front of a destination.
func startEdge(t *testing.T, destination string) (n *Node, dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, filepath.Join(dir, "hometone.yaml"), edgeYAML(destination, ""))
	n, problems := New(Config{File: filepath.Join(dir, "hometone.yaml"), Drain: -1})
	if n == nil {
		t.Fatal(problems)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }() // ends with the test's Cleanup
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-n.Ready():
	case err := <-ended:
		t.Fatal(err)
	case <-time.After(20 * time.Second):
		t.Fatal("not ready")
	}
	return n, dir
}

func edgeYAML(destination, more string) string {
	return "node: {name: edge, data: ./data}\nconsole: {listen: \"off\"}\nsip: {listen: [\"udp://127.0.0.1:0\"]}\n" +
		fmt.Sprintf("edge: {destinations: [\"sip:%s\"], probe: {off: true}%s}\n", destination, more)
}

// A balancer alone opens nothing that only an exchange needs, and forwards.
func TestBalancerAlone(t *testing.T) {
	pbx, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pbx.Close()
	n, dir := startEdge(t, pbx.LocalAddr().String())
	files, err := os.ReadDir(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		// The console is every node's; its socket may be there by now.
		if f.Name() != "edge.secret" && f.Name() != console.SocketName {
			t.Errorf("a balancer alone made %s", f.Name())
		}
	}
	r := n.rooms
	if r.state != nil || r.records != nil || r.relay != nil || r.exchange != nil || r.dialogs != nil || r.places != nil {
		t.Error("rooms of an exchange are open")
	}
	phone, err := net.Dial("udp", n.Addrs()[0].Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Close()
	fmt.Fprintf(phone, "INVITE sip:100@edge SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKedge\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:100@edge>\r\n"+
		"Call-ID: alone\r\nCSeq: 1 INVITE\r\nContact: <sip:a@%[1]s>\r\nContent-Length: 0\r\n\r\n", phone.LocalAddr())
	buf := make([]byte, 4096)
	_ = pbx.SetReadDeadline(time.Now().Add(10 * time.Second))
	size, _, err := pbx.ReadFrom(buf)
	if err != nil || !strings.HasPrefix(string(buf[:size]), "INVITE sip:100@edge") {
		t.Fatalf("the destination got %q, %v", buf[:size], err)
	}
	if s := n.Status(); s.Transactions != 2 || s.Calls != 0 || s.Legs != 0 {
		t.Errorf("status %+v, want the two transactions of a request under way", s)
	}
}

// A reload names what it cannot change.
func TestReloadOfEdge(t *testing.T) {
	n, dir := startEdge(t, "192.0.2.1")
	file := filepath.Join(dir, "hometone.yaml")
	for more, want := range map[string]string{
		"":                                "",
		", names: [a.example.com]":        "edge.names",
		", path: true":                    "edge.path",
		", hide: [\"udp://127.0.0.1:0\"]": "edge.hide",
		", patience: 5s":                  "edge.patience",
		", recurse: true":                 "edge.recurse",
		", secret: 0123456789abcdef":      "edge.secret",
	} {
		write(t, file, edgeYAML("192.0.2.2", more))
		problems := n.Reload()
		if config.HasErrors(problems) {
			t.Fatal(problems)
		}
		if text := fmt.Sprint(problems); want == "" && len(problems) > 0 || !strings.Contains(text, want) {
			t.Errorf("%s: %s, want a warning of %s", more, text, want)
		}
		if got := n.rooms.edge.Dispatcher.Destinations(); len(got) != 1 || got[0].URI != "sip:192.0.2.2" {
			t.Errorf("%s: the destinations are %v", more, got)
		}
		write(t, file, edgeYAML("192.0.2.1", ""))
		n.Reload()
	}
}

// An algorithm that nobody knows is named with its place and what was meant.
func TestUnknownAlgorithm(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hometone.yaml")
	write(t, file, edgeYAML("192.0.2.1", ", algorithm: wieght"))
	n, problems := New(Config{File: file})
	if text := fmt.Sprint(problems); n != nil || !strings.Contains(text, `hometone.yaml:`) || !strings.Contains(text, `edge.algorithm: "wieght" is not known (did you mean weight?)`) {
		t.Errorf("problems %s, want the place and the word that is meant", text)
	}
}

// While the files of a reload are being read, however long that takes, the node
// answers as before.
func TestReloadHoldsNobody(t *testing.T) {
	n, dir := startEdge(t, "192.0.2.1")
	slow := filepath.Join(dir, "slow.list")
	if err := syscall.Mkfifo(slow, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "hometone.yaml"), edgeYAML("192.0.2.2", ", dispatcher: ./slow.list"))
	reloaded := make(chan []config.Problem, 1)
	go func() { reloaded <- n.Reload() }()         // ends when the list has been written
	pipe, err := os.OpenFile(slow, os.O_WRONLY, 0) // returns when somebody reads
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan int, 1)
	go func() { answered <- len(n.Addrs()) + n.Calls() }() // ends at once, or with the reload
	select {
	case <-answered:
	case <-time.After(20 * time.Second):
		t.Error("the node does not say where it listens while it reads its files")
	}
	fmt.Fprint(pipe, "1 sip:192.0.2.3\n")
	pipe.Close()
	if problems := <-reloaded; config.HasErrors(problems) {
		t.Fatal(problems)
	}
	if got := n.rooms.edge.Dispatcher.Destinations(); len(got) != 2 {
		t.Errorf("%v after the reload, want both destinations", got)
	}
}

// A destination that is the node itself is named before calls go in a circle.
func TestDestinationItself(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "hometone.yaml"), "sip: {listen: [\"udp://0.0.0.0:5070\"]}\nedge: {dispatcher: ./d.list}\n")
	write(t, filepath.Join(dir, "d.list"), "1 sip:192.0.2.1:5070\n1 sip:127.0.0.1:5070\n")
	n, problems := New(Config{File: filepath.Join(dir, "hometone.yaml")})
	if text := fmt.Sprint(problems); n == nil || !strings.Contains(text, "d.list:2") || !strings.Contains(text, "this node itself") {
		t.Errorf("problems %s, want d.list:2", text)
	}
}
