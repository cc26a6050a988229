package relay

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hometone/hometone/rtp"
)

// load is what the sender process is asked to do: both peers of each call
// send G.711 at 20 ms for a time, and count what comes. It answers first with the
// ports of its sockets, then, after it was told the legs, with a result.
type load struct {
	Calls    int
	Packets  int // per peer
	Interval time.Duration
}

// result is what it answers.
type result struct {
	Sent, Received int
	Out            int // packets with a wrong sequence
}

const loadEnv = "HOMETONE_RELAY_LOAD"

// senderMain is the sender process: a process of its own so that its time is not the relay's.
func senderMain() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	var l load
	if err := in.Decode(&l); err != nil {
		panic(err)
	}
	var ports []uint16
	var fds []int
	for range 2 * l.Calls {
		fd, err := bindSocket(netip.AddrPortFrom(loopback, 0), 0)
		if err != nil {
			panic(err)
		}
		at, err := unix.Getsockname(fd)
		if err != nil {
			panic(err)
		}
		fds, ports = append(fds, fd), append(ports, uint16(at.(*unix.SockaddrInet4).Port))
	}
	_ = out.Encode(ports)
	var legs []netip.AddrPort
	if err := in.Decode(&legs); err != nil {
		panic(err)
	}
	var r result
	packet := make([]byte, 172)
	buf := make([]byte, 2048)
	last := make([]int, len(fds))
	drain := func(i int) {
		for {
			n, _, err := unix.Recvfrom(fds[i], buf, unix.MSG_DONTWAIT)
			if err != nil {
				return
			}
			if h, ok := rtp.Parse(buf[:n]); ok && !rtp.IsRTCP(buf[:n]) {
				if last[i] != 0 && uint16(last[i]) != h.Sequence {
					r.Out++
				}
				last[i] = int(h.Sequence+1) | 1<<16
				r.Received++
			}
		}
	}
	start := time.Now()
	for n := range l.Packets {
		for i := range fds {
			// The legs are spread over the packet time, as calls are.
			due := start.Add(time.Duration(n)*l.Interval + l.Interval*time.Duration(i)/time.Duration(len(fds)))
			if wait := time.Until(due); wait > 50*time.Microsecond {
				time.Sleep(wait)
			}
			h := rtp.Header{Sequence: uint16(n), Timestamp: uint32(n) * 160, SSRC: uint32(i + 1)}
			rtp.AppendHeader(packet[:0], h)
			to := rawOf(legs[i], loopback)
			if send(fds[i], packet, &to) {
				r.Sent++
			}
			drain(i)
		}
	}
	time.Sleep(100 * time.Millisecond)
	for i := range fds {
		drain(i)
	}
	_ = out.Encode(r)
}

// runLoad sets up calls in r and lets a sender process use them. cpu is what
// this process spent meanwhile.
func runLoad(tb testing.TB, r *Relay, calls, packets int) (res result, cpu time.Duration) {
	tb.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), loadEnv+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	ask, answers := json.NewEncoder(stdin), json.NewDecoder(stdout)
	_ = ask.Encode(load{Calls: calls, Packets: packets, Interval: 20 * time.Millisecond})
	var ports []uint16
	if err := answers.Decode(&ports); err != nil {
		tb.Fatal("sender:", err)
	}
	var legs []netip.AddrPort
	for i := range calls {
		var pair [2]*Leg
		for k := range pair {
			pair[k] = open(tb, r, nil)
			pair[k].Set(both(netip.AddrPortFrom(loopback, ports[2*i+k]), pcmu))
			legs = append(legs, pair[k].Addr())
			defer pair[k].Close()
		}
		if err := r.Join(pair[0], pair[1]); err != nil {
			tb.Fatal(err)
		}
	}
	_ = ask.Encode(legs)
	before := cpuTime()
	if err := answers.Decode(&res); err != nil {
		tb.Fatal(err)
	}
	cpu = cpuTime() - before
	if err := cmd.Wait(); err != nil {
		tb.Fatal(err)
	}
	return res, cpu
}

func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkForward prints the relay's own time per packet at several rates.
func BenchmarkForward(b *testing.B) {
	for _, calls := range []int{10, 100, 400, 1000} {
		b.Run(fmt.Sprintf("calls=%d", calls), func(b *testing.B) {
			r := running(b, Config{PortMin: 20000, PortMax: 32000})
			for b.Loop() {
				res, cpu := runLoad(b, r, calls, 100)
				b.ReportMetric(float64(cpu.Microseconds())/float64(res.Received), "cpu-µs/packet")
				b.ReportMetric(float64(res.Sent-res.Received), "lost")
				b.ReportMetric(float64(res.Out), "out-of-order")
			}
		})
	}
}
