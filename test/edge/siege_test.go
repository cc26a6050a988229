package edge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/node"
	"github.com/hometone/hometone/test/live"
	"github.com/hometone/hometone/test/load"
)

func TestMain(m *testing.M) {
	load.Serve()
	os.Exit(m.Run())
}

// job is a run of good calls.
type job struct {
	Server, Callee netip.AddrPort
	Count, Rate    int
	Prefix         string
}

// generator starts the calls in a process of their own, so that its memory is
// not the edge's; wait returns what became of them.
func generator(t *testing.T, j job) (wait func() *load.CallResult) {
	t.Helper()
	end, err := load.Calls{
		Server: j.Server, Callee: j.Callee, Caller: netip.MustParseAddrPort("127.7.7.7:0"), Extension: "8006", User: "8005", Count: j.Count, Rate: float64(j.Rate), Prefix: j.Prefix,
		Ringing: true, Strict: true, Drain: 40 * time.Second,
	}.Apart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return func() *load.CallResult {
		t.Helper()
		result, err := end()
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
}

// footprint is what must stay flat.
type footprint struct {
	Goroutines int
	HeapMB     float64
}

func measure() footprint {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), float64(m.HeapAlloc) / 1e6}
}

// attack is what scanners do until ctx ends.
type attack struct {
	t      *testing.T
	target netip.AddrPort
	dir    string
	sent   int64 // owned by corpus

	// The following are owned by sipvicious.
	bans    int
	slowest time.Duration // from a program's start to its ban
}

// loopback is a source of 127/8 that nobody else uses.
func loopback() netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(10 + rand.IntN(200)), byte(rand.IntN(250)), byte(1 + rand.IntN(250))})
}

// corpus throws every message at the edge, each pass from another address, now and
// then over a connection that ends in the middle.
func (a *attack) corpus(ctx context.Context, messages [][]byte, rate int) {
	begin := time.Now()
	for ctx.Err() == nil {
		source := loopback()
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: source.AsSlice()}, net.UDPAddrFromAddrPort(a.target))
		if err != nil {
			a.t.Error(err)
			return
		}
		for i := 0; i < 20 && ctx.Err() == nil; i++ { // then this source is banned
			m := messages[int(a.sent)%len(messages)]
			_, _ = conn.Write(m) // an ICMP error of the one before is no error of ours
			if a.sent%50 == 0 {
				a.stream(source, m)
			}
			a.sent++
			time.Sleep(time.Until(begin.Add(time.Duration(a.sent) * time.Second / time.Duration(rate))))
		}
		conn.Close()
	}
}

func (a *attack) stream(source netip.Addr, m []byte) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: source.AsSlice()}, Timeout: time.Second}
	conn, err := d.Dial("tcp", a.target.String())
	if err != nil {
		return // the limit of connections
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write(m[:len(m)*3/4])
}

// A scanner is a program of sipvicious. They send from 127.0.0.1, whatever they
// are told, so they take turns: what bans the one must not silence the next.
type scanner struct {
	program string
	args    []string
	banned  bool // it must be
}

// sipvicious runs the programs in turn until ctx ends.
func (a *attack) sipvicious(ctx context.Context, log *live.Log, ban time.Duration, scanners []scanner) {
	for i := 0; ctx.Err() == nil; i++ {
		s := scanners[i%len(scanners)]
		mark, began := len(log.String()), time.Now()
		once, cancel := context.WithTimeout(ctx, scanTime)
		// Not at 5060, where the edge's answers to the corpus arrive.
		cmd := exec.CommandContext(once, s.program, append([]string{"-P", strconv.Itoa(int(live.FreePort(a.t)))}, s.args...)...)
		cmd.Dir, cmd.Env = a.dir, append(os.Environ(), "HOME="+a.dir)
		found := make(chan struct{})
		go func() { // ends with the program
			_ = cmd.Run() // it is killed in the end, or finds nothing
			close(found)
		}()
		for over := false; !over; {
			select {
			case <-found:
				over = true
			case <-time.After(100 * time.Millisecond):
				if s.banned && !bannedAt(log.String()[mark:]).IsZero() {
					cancel() // it would go on into the silence
				}
			}
		}
		whole := once.Err() == context.DeadlineExceeded && ctx.Err() == nil || !s.banned
		cancel()
		at := bannedAt(log.String()[mark:])
		switch {
		case s.banned && at.IsZero() && whole:
			a.t.Errorf("%s went on for %v and was not banned", filepath.Base(s.program), time.Since(began))
		case s.banned && !at.IsZero():
			a.bans++
			a.slowest = max(a.slowest, at.Sub(began))
		}
		select {
		case <-ctx.Done():
		case <-time.After(ban): // until the ban is over
		}
	}
}

// scanTime is how long a scanner goes on: banning takes seconds.
const scanTime = 20 * time.Second

var banned = regexp.MustCompile(`time=(\S+) \S+ msg="edge: source banned" node=edge peer=127\.0\.0\.1 `)

func bannedAt(log string) time.Time {
	m := banned.FindStringSubmatch(log)
	if m == nil {
		return time.Time{}
	}
	at, _ := time.Parse(time.RFC3339, m[1])
	return at
}

// Scanners and thousands of malformed messages for as long as it takes, under good
// calls: none of those is lost, scanners are banned within seconds, memory stays.
func TestSiege(t *testing.T) {
	length, rate := 20*time.Second, 100
	if os.Getenv(testdata.EnvLong) != "" {
		length, rate = 10*time.Minute, 500
	}
	svmap, svwar, svcrack := testdata.Program(t, "svmap"), testdata.Program(t, "svwar"), testdata.Program(t, "svcrack")
	messages := testdata.Hostile(t)
	if len(messages) < 4000 {
		t.Fatalf("%d hostile messages, want the thousands that there are", len(messages))
	}
	callee := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), live.FreePort(t))
	dir := live.Files(t, map[string]string{
		"hometone.yaml": fmt.Sprintf(yaml, "edge") + "sip: {listen: [\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\"], external: none}\n" +
			"edge: {dispatcher: ./dispatcher.list, algorithm: 9, probe: {interval: 1s, timeout: 3s}, shield: {ban: 1s}}\n",
		"dispatcher.list": fmt.Sprintf("1 sip:%s 0 1 weight=100\n", callee),
	})
	n := live.Start(t, node.Config{File: filepath.Join(dir, "hometone.yaml"), Drain: -1})
	good := func(prefix string, count int) func() *load.CallResult {
		return generator(t, job{Server: n.Addr("udp"), Callee: callee, Count: count, Rate: rate, Prefix: prefix})
	}
	good("warm-up-", rate)()
	before := measure()

	ctx, stop := context.WithTimeout(t.Context(), length)
	defer stop()
	a := &attack{t: t, target: n.Addr("udp"), dir: t.TempDir()}
	uri := fmt.Sprintf("udp://%s", a.target)
	var all sync.WaitGroup
	all.Go(func() { a.corpus(ctx, messages, 1000) })
	all.Go(func() {
		a.sipvicious(ctx, n.Log, time.Second, []scanner{
			{svwar, []string{"-m", "INVITE", "--force", "-e", "100-9999", uri}, true},
			{svcrack, []string{"-u", "8005", "-r", "1-99999", uri}, true},
			{svmap, []string{uri}, false},
		})
	})
	wait := good("siege-", int(length.Seconds())*rate)
	watch := time.AfterFunc(length/2, func() { t.Logf("half way: %+v", measure()) })
	defer watch.Stop()
	result := wait()
	stop()
	all.Wait()
	after := measure()

	t.Logf("%d hostile messages beside %d calls: %d completed, %d retransmissions; %+v, before it was %+v", a.sent, int(length.Seconds())*rate, result.Completed, result.Retransmits, after, before)
	if want := int(length.Seconds()) * rate; result.Completed != want {
		t.Errorf("%d of %d good calls completed, %d failed (%s), %d unfinished; want all", result.Completed, want, result.Failed, result.FirstError, result.Unfinished)
	}
	t.Logf("scanners were banned %d times, at the latest %v after their program was started", a.bans, a.slowest.Round(time.Millisecond))
	if a.bans < 2 {
		t.Errorf("scanners were banned %d times, want svwar and svcrack at least", a.bans)
	}
	if after.Goroutines > before.Goroutines+10 {
		t.Errorf("%d goroutines, before it were %d", after.Goroutines, before.Goroutines)
	}
	// What is remembered on purpose is bounded: 100,000 sources at some 150 bytes,
	// and the transactions of the last 32 s.
	if grown := after.HeapMB - before.HeapMB; grown > 60 {
		t.Errorf("the heap has grown by %.1f MB", grown)
	}
}
