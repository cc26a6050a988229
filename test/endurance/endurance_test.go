// Package endurance_test lets a whole node carry calls for a long time, one in
// ten with an ending that textbooks forget, and then looks for what was left
// behind: goroutines, sockets, memory, call detail records too few or too many.
package endurance_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to count the call detail records behind the node's back

	"github.com/hometone/hometone/node"
	"github.com/hometone/hometone/test/live"
	"github.com/hometone/hometone/test/load"
)

const (
	// envDuration sets how long the calls go on, for instance 1h.
	envDuration = "HOMETONE_ENDURANCE"

	rate     = 100 // calls a second
	warmUp   = 50  // calls before the first measurement
	oddEvery = 10
	hold     = 200 * time.Millisecond
	// settle is what the last transactions and lost ACKs need: 64*T1 and the
	// RTP time-out of vanished callers, with room.
	settle = 45 * time.Second
	// linger is what is left to wait for when the generator has seen its last
	// call end: a vanished caller's time-out and the BYE nobody answers are later.
	linger = 15 * time.Second
)

func TestMain(m *testing.M) {
	load.Serve()
	os.Exit(m.Run())
}

// sample is what must stay flat.
type sample struct {
	Goroutines, Sockets int
	HeapMB, RSSMB       float64
}

func take(t *testing.T) sample {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	sockets := 0
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && len(target) > 6 && target[:6] == "socket" {
			sockets++
		}
	}
	return sample{runtime.NumGoroutine(), sockets, float64(m.HeapAlloc) / 1e6, residentMB(t)}
}

func residentMB(t *testing.T) float64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var total, resident int
	if _, err := fmt.Sscan(string(text), &total, &resident); err != nil {
		t.Fatal(err)
	}
	return float64(resident*os.Getpagesize()) / 1e6
}

func TestEndurance(t *testing.T) {
	length := 10 * time.Second
	if text := os.Getenv(envDuration); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", envDuration, err)
		}
	}
	server, callee := addresses()
	dir, stop := startNode(t, server, callee)

	first := runGenerator(t, server, callee, warmUp) // pools, caches and connections exist afterwards
	before := take(t)
	t.Logf("after the warm-up: %+v", before)
	count := int(length.Seconds() * rate)
	watch := time.AfterFunc(length/2+settle/2, func() { t.Logf("half way: %+v", take(t)) })
	defer watch.Stop()
	result := runGenerator(t, server, callee, count)
	after := take(t)
	t.Logf("in the end: %+v", after)
	t.Logf("calls: %d completed, %d cancelled, %d failed (%d of them refused for lack of room), %d unfinished, %d retransmissions",
		result.Completed, result.Cancelled, result.Failed, result.Refused, result.Unfinished, result.Retransmits)

	if result.Failed > 0 || result.Unfinished > 0 {
		t.Errorf("%d calls failed (first: %s), %d did not finish; want none", result.Failed, result.FirstError, result.Unfinished)
	}
	if after.Goroutines > before.Goroutines+5 {
		t.Errorf("%d goroutines, before it were %d: something does not end", after.Goroutines, before.Goroutines)
	}
	if after.Sockets > before.Sockets {
		t.Errorf("%d sockets, before it were %d: ports are not given back", after.Sockets, before.Sockets)
	}
	if after.HeapMB > before.HeapMB+10 {
		t.Errorf("%.1f MB of heap, before it were %.1f: memory is kept", after.HeapMB, before.HeapMB)
	}
	stop()
	// As with Asterisk a call that is refused for lack of room has no record, since there
	// was no channel (docs/adr/0116).
	refused := first.Refused + result.Refused
	want := warmUp + count - refused
	if got := countCDRs(t, dir); got != want {
		t.Errorf("%d call detail records for %d calls, %d of them refused with 503; want exactly one for each of the others", got, warmUp+count, refused)
	}
}

// addresses gives each run loopback addresses of its own, so that a long run
// does not hinder the short one of somebody else's tests.
func addresses() (server, callee netip.AddrPort) {
	pid := os.Getpid()
	host := func(last byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1 + byte(pid>>8)%250, byte(pid), last}), 5060)
	}
	return host(1), host(2)
}

// startNode runs the node under test in this process.
func startNode(t *testing.T, server, callee netip.AddrPort) (dir string, stop func()) {
	t.Helper()
	dir = live.Files(t, map[string]string{
		"asterisk/pjsip.conf": fmt.Sprintf(`[udp]
type=transport
protocol=udp
bind=%s
[phone](!)
type=endpoint
context=calls
disallow=all
allow=ulaw
rtp_timeout=10
[8005](phone)
aors=8005
[8005]
type=aor
max_contacts=1
[8005]
type=identify
endpoint=8005
match=127.0.0.0/8
[8006](phone)
aors=8006
[8006]
type=aor
contact=sip:8006@%s
`, server, callee),
		"asterisk/extensions.conf": "[calls]\nexten => 8006,1,Dial(PJSIP/8006)\n",
		"hometone.yaml":            "node: {name: endurance}\nmedia: {ports: 20000-40000}\n",
	})
	n := live.Start(t, node.Config{
		File: filepath.Join(dir, "hometone.yaml"), Asterisk: filepath.Join(dir, "asterisk"), Data: filepath.Join(dir, "data"),
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	return dir, n.Stop
}

// runGenerator makes the calls in a process of their own and waits for their
// last traces to go.
func runGenerator(t *testing.T, server, callee netip.AddrPort, count int) *load.CallResult {
	t.Helper()
	wait, err := load.Calls{
		Server: server, Callee: callee, Extension: "8006", User: "8005", Count: count, Rate: rate,
		Hold: hold, Ringing: true, OddEvery: oddEvery, Drain: settle,
	}.Apart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	result, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(linger)
	return result
}

func countCDRs(t *testing.T, dir string) int {
	t.Helper()
	file := filepath.Join(dir, "data", "records.db")
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var count int
	if err := db.QueryRow("SELECT count(*) FROM cdr").Scan(&count); err != nil {
		t.Fatal(err)
	}
	return count
}
