package edge

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/node"
	"github.com/hometone/hometone/test/live"
	"github.com/hometone/hometone/test/load"
)

// runNode starts a node of the files; stop ends it.
func runNode(t *testing.T, files map[string]string) (addr netip.AddrPort, stop func()) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n, problems := node.New(node.Config{File: filepath.Join(dir, "hometone.yaml"), Drain: -1})
	if config.HasErrors(problems) {
		t.Fatal(problems)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }() // ends with stop
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	select {
	case <-n.Ready():
	case <-time.After(20 * time.Second):
		t.Fatal("the node does not become ready")
	}
	return n.Addrs()[0].Addr, stop
}

const yaml = "node: {name: %s, data: ./data}\nconsole: {listen: \"off\"}\n"

// runPBX starts an exchange whose number 8006 rings at callee.
func runPBX(t *testing.T, name string, callee netip.AddrPort, ports string) (netip.AddrPort, func()) {
	return runNode(t, map[string]string{
		"hometone.yaml": fmt.Sprintf(yaml, name) + "pbx: {asterisk: ./asterisk}\nmedia: {ports: " + ports + "}\n",
		"asterisk/pjsip.conf": "[t]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:0\n" +
			"[edge]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=ulaw\n[edge]\ntype=identify\nendpoint=edge\nmatch=127.0.0.1\n" +
			"[8006]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=ulaw\naors=8006\n[8006]\ntype=aor\ncontact=sip:8006@" + callee.String() + "\n",
		"asterisk/extensions.conf": "[calls]\nexten => 8006,1,Dial(PJSIP/8006)\n",
	})
}

// The example stack with Hometone in every place: calls through the edge and
// two exchanges; one exchange goes away in the middle and no later call fails.
func TestTwoExchanges(t *testing.T) {
	g, err := load.NewGenerator(load.Calls{Server: netip.MustParseAddrPort("127.0.0.1:9"), Count: 1, Rate: 1, Extension: "8006", User: "8005"})
	if err != nil {
		t.Fatal(err)
	}
	callee := g.CalleeAddr()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = g.Run(cancelled) // only its address was wanted
	one, stopOne := runPBX(t, "one", callee, "21000-22000")
	two, _ := runPBX(t, "two", callee, "22001-23000")
	edge, _ := runNode(t, map[string]string{
		"hometone.yaml": fmt.Sprintf(yaml, "edge") + "sip: {listen: [\"udp://127.0.0.1:0\"]}\n" +
			"edge: {dispatcher: ./dispatcher.list, algorithm: 9, probe: {interval: 200ms, timeout: 2s}}\n",
		"dispatcher.list": fmt.Sprintf("1 sip:%s 0 1 weight=50\n1 sip:%s 0 1 weight=50\n", one, two),
	})
	run := func(prefix string, count int) {
		t.Helper()
		g, err := load.NewGenerator(load.Calls{Server: edge, Callee: callee, Extension: "8006", User: "8005", Count: count, Rate: 50, Ringing: true, Drain: 15 * time.Second, Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		result, err := g.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if result.Completed != count {
			t.Errorf("%s: %d of %d calls completed, %d failed (%s), %d unfinished", strings.TrimSuffix(prefix, "-"), result.Completed, count, result.Failed, result.FirstError, result.Unfinished)
		}
	}
	run("both-", 100)
	stopOne()
	run("one-left-", 100)
}

// A dispatcher.list is changed under calls, again and again: weights, order,
// destinations that come and go. No call is lost, and what is in force is what
// the list says last.
func TestReloadUnderLoad(t *testing.T) {
	callee := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), live.FreePort(t))
	list := func(weight int, more string) string {
		return fmt.Sprintf("1 sip:%[1]s 0 1 weight=%[2]d;duid=a\n1 sip:%[1]s;n=2 0 1 weight=%[3]d;duid=b\n%[4]s", callee, weight, 100-weight, more)
	}
	dir := live.Files(t, map[string]string{
		"hometone.yaml": fmt.Sprintf(yaml, "edge") + "sip: {listen: [\"udp://127.0.0.1:0\"], external: none}\n" +
			"edge: {dispatcher: ./dispatcher.list, algorithm: 9, probe: {interval: 200ms, timeout: 3s}}\n",
		"dispatcher.list": list(50, ""),
	})
	n := live.Start(t, node.Config{File: filepath.Join(dir, "hometone.yaml"), Drain: -1})
	const count, rate = 500, 100
	ended := make(chan *load.CallResult, 1)
	wait := generator(t, job{Server: n.Addr("udp"), Callee: callee, Count: count, Rate: rate, Prefix: "reload-"})
	go func() { ended <- wait() }() // ends with the generator
	reloads := 0
	for result := (*load.CallResult)(nil); result == nil; {
		weight, more := 10+reloads*7%80, ""
		if reloads%3 == 0 {
			more = fmt.Sprintf("1 sip:%s;n=3 0 9\n2 sip:192.0.2.1 2\n", callee)
		}
		live.Write(t, filepath.Join(dir, "dispatcher.list"), list(weight, more))
		if problems := n.Reload(); config.HasErrors(problems) {
			t.Fatal(problems)
		}
		reloads++
		select {
		case result = <-ended:
			if result.Completed != count {
				t.Errorf("%d of %d calls completed, %d failed (%s), %d unfinished", result.Completed, count, result.Failed, result.FirstError, result.Unfinished)
			}
		case <-time.After(100 * time.Millisecond):
		}
	}
	if reloads < 20 {
		t.Errorf("only %d reloads beside %d calls", reloads, count)
	}
	live.Write(t, filepath.Join(dir, "dispatcher.list"), "1 sip:"+callee.String()+" 0 1 weights=50\n1 sip:[ 0\n")
	if problems := n.Reload(); !config.HasErrors(problems) {
		t.Error("a list with a fault was taken")
	}
	if result := generator(t, job{Server: n.Addr("udp"), Callee: callee, Count: 20, Rate: rate, Prefix: "after-"})(); result.Completed != 20 {
		t.Errorf("after a refused reload %d of 20 calls completed: the last good list stays in force", result.Completed)
	}
}
