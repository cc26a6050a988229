package registrar

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
	"github.com/hometone/hometone/sip/transport"
	"github.com/hometone/hometone/store/state"
)

// residents tells the test binary that it is the child that is measured.
const residents = "HOMETONE_RESIDENTS"

const crowdSize = 100_000

// TestHundredThousand measures what 100,000 registrations cost in memory, all
// included (binding, store, caches, garbage), freshly made and refreshed, and
// how long a restarted process takes until it knows them all.
func TestHundredThousand(t *testing.T) {
	if dir := os.Getenv(residents); dir != "" {
		reside(dir)
		return
	}
	testdata.Long(t)
	dir := t.TempDir()
	first := runResident(t, dir)
	again := runResident(t, dir)
	t.Logf("first run: %v", first)
	t.Logf("restart:   %v", again)
	if per := (first["settled"] - first["empty"]) * 1024 / crowdSize; per > 2048 {
		t.Errorf("%d bytes a registration, want 2,048 at most", per)
	}
	if again["load_ms"] > 2000 || again["known"] != crowdSize {
		t.Errorf("%d registrations back after %d ms, want %d within 2,000", again["known"], again["load_ms"], crowdSize)
	}
}

func runResident(t *testing.T, dir string) map[string]int {
	t.Helper()
	child := testdata.StartChild(t, "TestHundredThousand", residents, dir)
	got := map[string]int{}
	for child.Lines.Scan() {
		if name, value, ok := strings.Cut(child.Lines.Text(), " = "); ok {
			got[name], _ = strconv.Atoi(value)
		}
	}
	child.Wait() // it kills itself, so that nothing is put in order first
	return got
}

// rss is the process's resident memory in KiB.
func rss() int {
	data, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	n, _ := strconv.Atoi(strings.Fields(rest)[0])
	return n
}

func report(name string, value int) { fmt.Fprintf(os.Stdout, "%s = %d\n", name, value) }

func reside(dir string) {
	start := time.Now()
	ctx := context.Background()
	store, err := state.Open(ctx, state.Config{Dir: dir})
	if err != nil {
		panic(err)
	}
	bucket, err := store.Journal(ctx, state.BucketConfig{Name: "bindings"})
	if err != nil {
		panic(err)
	}
	r, err := New(Config{Store: bucket, Auth: auth.New(auth.Config{Realm: "x"}), Directory: open{}})
	if err != nil {
		panic(err)
	}
	if err := r.Load(ctx); err != nil {
		panic(err)
	}
	report("load_ms", int(time.Since(start).Milliseconds()))
	report("known", r.Count())
	report("loaded", rss())
	if r.Count() == 0 {
		report("empty", rss())
		populate(r, 1)
		report("made", rss())
		populate(r, 2)
		report("refreshed", rss())
	}
	time.Sleep(15 * time.Second) // the store drops its caches after 10 s
	runtime.GC()                 // a running node's next cycle
	time.Sleep(10 * time.Second) // the runtime gives memory back slowly
	report("settled", rss())
	defer runtime.KeepAlive(r)
	p, _ := os.FindProcess(os.Getpid())
	_ = p.Kill()
	time.Sleep(time.Minute)
}

// populate registers everybody, with what a phone of today sends.
func populate(r *Registrar, cseq int) {
	flow := transport.NewFlow(transport.UDP, server, netip.MustParseAddrPort("203.0.113.7:49152"), 0)
	room := make(chan struct{}, 2000)
	var all sync.WaitGroup
	for n := range crowdSize {
		req, _, err := sip.Parse(fmt.Sprintf("REGISTER sip:biloxi.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK%d.%d;rport\r\n"+
			"Max-Forwards: 70\r\nFrom: <sip:%07d@biloxi.example.com>;tag=%d\r\nTo: <sip:%07d@biloxi.example.com>\r\n"+
			"Call-ID: 2d8bf1c4-9a3e-4d0a-8f44-%012d\r\nCSeq: %d REGISTER\r\nUser-Agent: Linphone/5.2.0 (belle-sip/5.3.0)\r\n"+
			"Contact: <sip:%07d@192.168.1.20:5060;transport=udp>;+sip.instance=\"<urn:uuid:5f0c1d6e-7f0e-4b1b-9f53-%012d>\"\r\n"+
			"Expires: 3600\r\nContent-Length: 0\r\n\r\n", n, cseq, n, n, n, n, cseq, n, n))
		if err != nil {
			panic(err)
		}
		room <- struct{}{}
		all.Add(1)
		r.serve(req, flow, func(res *sip.Response, _ bool) {
			if res.Status() != 200 {
				panic(res.Status())
			}
			<-room
			all.Done()
		})
	}
	all.Wait()
}

// TestCostOfRegistration measures the CPU time of the whole process (sockets,
// transactions, digest, store) for one registration: two requests, 401 and
// 200, the second durable.
func TestCostOfRegistration(t *testing.T) {
	testdata.Long(t)
	dir := t.TempDir()
	child, addr := startChild(t, dir)
	for _, rate := range []int{200, 1000, 2000, 4000} {
		l := &load{t: t, to: addr, answered: map[int]registration{}}
		l.run(200, 200*time.Millisecond)
		l.answered = map[int]registration{}
		before, start := cpu(child.PID()), time.Now()
		l.run(rate, 4*time.Second)
		n := len(l.answered)
		t.Logf("%d/s: %.1f µs of CPU a registration (%d in %v)", rate, float64((cpu(child.PID())-before).Microseconds())/float64(n), n, time.Since(start).Round(time.Millisecond))
	}
}

// cpu is the user and system time of a process.
func cpu(pid int) time.Duration {
	var total time.Duration
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, task.Name()))
		ns, _ := strconv.ParseInt(strings.Fields(string(data) + " 0")[0], 10, 64)
		total += time.Duration(ns)
	}
	return total
}
