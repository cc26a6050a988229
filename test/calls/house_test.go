package calls_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/node"
	"github.com/hometone/hometone/store/records"
)

// endpoints writes pjsip.conf for extensions whose password is their name;
// extra is added to each endpoint.
func endpoints(port uint16, extra string, names ...string) string {
	var b strings.Builder
	b.WriteString("[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:" + strconv.Itoa(int(port)) + "\n")
	for _, n := range names {
		b.WriteString("\n[" + n + "]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=ulaw\nauth=" + n + "\naors=" + n + "\n" + extra)
		b.WriteString("\n[" + n + "]\ntype=auth\nauth_type=userpass\nusername=" + n + "\npassword=" + n + "\n")
		b.WriteString("\n[" + n + "]\ntype=aor\nmax_contacts=3\n")
	}
	return b.String()
}

// house is one running node and what it leaves behind.
type house struct {
	t    *testing.T
	dir  string
	addr netip.AddrPort
	node *node.Node
	log  *lockedBuffer
	stop func()
}

// lockedBuffer is a log for a failed test.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// freePort finds a UDP port that nobody uses.
func freePort(t testing.TB) uint16 {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

// open starts a node with three extensions, 8005 to 8007, and a dialplan for
// the context calls.
func open(t *testing.T, extra, plan string) *house {
	t.Helper()
	port := freePort(t)
	return openFiles(t, port, map[string]string{
		"pjsip.conf":      endpoints(port, extra, "8005", "8006", "8007"),
		"extensions.conf": "[calls]\n" + plan,
	})
}

func openFiles(t *testing.T, port uint16, files map[string]string) *house {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		writeFile(t, filepath.Join(dir, "asterisk", name), text)
	}
	return run(t, dir, filepath.Join(dir, "asterisk"), port)
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, dir, asterisk string, port uint16) *house {
	t.Helper()
	h := &house{t: t, dir: dir, addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), log: &lockedBuffer{}}
	n, problems := node.New(node.Config{
		Asterisk: asterisk, Data: filepath.Join(dir, "data"), Drain: -1,
		Logger: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if n == nil || config.HasErrors(problems) {
		t.Fatalf("the configuration is refused: %v", problems)
	}
	h.node = n
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }() // ends when stop is called
	var once sync.Once
	h.stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("the node ended with %v", err)
				}
			case <-time.After(20 * time.Second):
				t.Error("the node does not end")
			}
		})
	}
	t.Cleanup(func() {
		h.stop()
		if t.Failed() {
			t.Logf("log of the node:\n%s", h.log)
		}
	})
	select {
	case <-n.Ready():
	case err := <-ended:
		ended <- err
		t.Fatalf("the node does not start: %v", err)
	case <-time.After(20 * time.Second):
		t.Fatal("the node is not ready")
	}
	return h
}

// peer makes a telephone whose password is its name.
func (h *house) peer(name string) *peer { return newPeer(h.t, h.addr, name, name) }

// registered makes a telephone that is registered.
func (h *house) registered(name string) *peer {
	p := h.peer(name)
	p.register()
	return p
}

// cdr is what a test looks at in a record.
type cdr struct {
	src, dst, disposition, channel, dstChannel, source, field string
	cause                                                     int
	duration, billsec                                         float64
}

// settled waits until the node has no call left and returns the records.
func (h *house) settled() []cdr {
	h.t.Helper()
	deadline := time.Now().Add(patience)
	for h.node.Calls() > 0 {
		if time.Now().After(deadline) {
			h.t.Fatalf("%d calls are left", h.node.Calls())
		}
		time.Sleep(2 * time.Millisecond)
	}
	return h.readRecords()
}

// readRecords reads all records, oldest first.
func (h *house) readRecords() []cdr {
	h.t.Helper()
	ctx := context.Background()
	s, err := records.Open(ctx, records.Config{DSN: "sqlite:" + filepath.Join(h.dir, "data", "records.db")})
	if err != nil {
		h.t.Fatal(err)
	}
	defer s.Close()
	found, err := s.Find(ctx, records.Query{})
	if err != nil {
		h.t.Fatal(err)
	}
	out := make([]cdr, 0, len(found))
	for _, r := range found {
		out = append(out, cdr{
			src: r.Src, dst: r.Dst, disposition: string(r.Disposition), channel: r.Channel, dstChannel: r.DstChannel,
			source: r.HangupSource, field: r.UserField, cause: r.HangupCause,
			duration: r.Duration.Seconds(), billsec: r.BillSec.Seconds(),
		})
	}
	return out
}
