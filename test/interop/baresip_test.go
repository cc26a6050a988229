package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// baresip is a running baresip, driven over its control connection (netstrings
// of JSON, module ctrl_tcp). It plays a file and, by module sndfile, records
// what it decodes.
type baresip struct {
	*process
	dir  string
	conn net.Conn

	mu      sync.Mutex
	events  []string      // types of events, guarded by mu
	changed chan struct{} // guarded by mu; closed and replaced with each event
}

// newBaresip registers a baresip at a node.
func newBaresip(t *testing.T, n *node, user, transport string, o options) phone {
	t.Helper()
	path := testdata.Program(t, "baresip")
	dir := t.TempDir()
	control, local := freePort(t, "tcp"), freePort(t, "udp")
	host := "127.0.0.1"
	if strings.HasSuffix(transport, "6") {
		host = "::1"
	}
	sounds := filepath.Join(dir, "heard")
	if err := os.Mkdir(sounds, 0o755); err != nil {
		t.Fatal(err)
	}
	config := strings.Join([]string{
		"poll_method epoll",
		"sip_listen " + net.JoinHostPort(host, local),
		"sip_cafile " + caFile(n, transport),
		"sip_verify_server " + map[bool]string{true: "yes", false: "no"}[transport == "tls"],
		"net_interface " + host,
		"audio_source aufile," + o.plays,
		"audio_player aufile," + o.plays,
		"audio_alert aufile," + o.plays,
		"audio_buffer 20-160",
		"jitter_buffer_delay 1-4",
		"module_path " + modules(t),
		"module g711.so", "module aufile.so", "module sndfile.so",
		"module_tmp uuid.so", "module_tmp account.so",
		"module_app contact.so", "module_app menu.so", "module_app ctrl_tcp.so",
		"module_app presence.so",
		"ctrl_tcp_listen 127.0.0.1:" + control,
		"snd_path " + sounds, "",
	}, "\n")
	write(t, dir, "config", config)
	contacts := "\n"
	if o.watches != "" {
		contacts = fmt.Sprintf("\"%[1]s\" <sip:%[1]s@%[2]s>;presence=p2p\n", o.watches, n.server(transport))
	}
	write(t, dir, "contacts", contacts)
	proto := strings.TrimSuffix(transport, "6")
	account := fmt.Sprintf("<sip:%s@%s;transport=%s>;auth_user=%s;auth_pass=%s;regint=600;ptime=%d;answermode=%s;audio_codecs=%s\n",
		user, n.server(transport), proto, user, user, o.ptimeMillis(), o.answerMode("auto", "manual"), "pcmu,pcma")
	write(t, dir, "accounts", account)

	b := &baresip{dir: dir, changed: make(chan struct{})}
	b.process = start(t, dir, path, "-f", dir, "-v", "-s")
	b.connect("127.0.0.1:" + control)
	b.expect(0, 10*time.Second, "1 binding]")
	return b
}

// modules is where Debian keeps baresip's modules.
func modules(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{"/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules", "/usr/lib/aarch64-linux-gnu/baresip/modules"} {
		if _, err := os.Stat(filepath.Join(dir, "ctrl_tcp.so")); err == nil {
			return dir
		}
	}
	t.Fatal("baresip's modules are not where Debian keeps them")
	return ""
}

// connect opens the control connection and reads events until it closes.
func (b *baresip) connect(addr string) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			b.conn = conn
			break
		}
		select {
		case <-b.ended:
			b.t.Fatal("baresip ended at its start")
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("baresip's control connection: %v", err)
		}
	}
	b.t.Cleanup(func() { b.conn.Close() })
	go b.listen() // ends with the connection
}

// listen notes the types of events.
func (b *baresip) listen() {
	in := bufio.NewReader(b.conn)
	for {
		text, err := in.ReadString(':')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(text, ":"))
		if err != nil || n < 0 || n > 1<<20 {
			return
		}
		body := make([]byte, n+1) // and the comma
		for at := 0; at < len(body); {
			k, err := in.Read(body[at:])
			if err != nil {
				return
			}
			at += k
		}
		var e struct {
			Event bool
			Type  string
		}
		if json.Unmarshal(body[:n], &e) != nil || !e.Event {
			continue
		}
		b.mu.Lock()
		b.events = append(b.events, e.Type)
		close(b.changed)
		b.changed = make(chan struct{})
		b.mu.Unlock()
	}
}

// await waits for an event that may have come already.
func (b *baresip) await(kind string, timeout time.Duration) {
	b.t.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		b.mu.Lock()
		changed, events := b.changed, b.events
		b.mu.Unlock()
		for _, e := range events {
			if e == kind {
				return
			}
		}
		select {
		case <-changed:
		case <-b.ended:
			b.t.Fatalf("baresip ended before %s; events %v", kind, events)
		case <-deadline.C:
			b.t.Fatalf("baresip: no %s within %v; events %v", kind, timeout, events)
		}
	}
}

// command sends a command of baresip's menu.
func (b *baresip) command(command, params string) {
	b.t.Helper()
	text, err := json.Marshal(map[string]string{"command": command, "params": params})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(b.conn, "%d:%s,", len(text), text); err != nil {
		b.t.Fatalf("baresip: %v", err)
	}
}

func (b *baresip) call(user string) { b.command("dial", user) }
func (b *baresip) awaitAnswered()   { b.t.Helper(); b.await("CALL_ESTABLISHED", 10*time.Second) }
func (b *baresip) hangup()          { b.command("hangup", "") }
func (b *baresip) awaitEnded()      { b.t.Helper(); b.await("CALL_CLOSED", 10*time.Second) }

// heard is the recording of what baresip decoded.
func (b *baresip) heard() string {
	b.t.Helper()
	b.end() // the file's head is written at the end
	found, err := filepath.Glob(filepath.Join(b.dir, "heard", "*-dec.wav"))
	if err != nil || len(found) == 0 {
		b.t.Fatalf("baresip recorded nothing: %v", err)
	}
	return found[len(found)-1]
}
