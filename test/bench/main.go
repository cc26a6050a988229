// Command bench measures Hometone side by side with the programs it replaces,
// in one run on one machine, as processor time of the server per unit of work
// (docs/performance.md holds the last figures).
//
//	go run ./test/bench                  all measurements
//	go run ./test/bench -only calls      one of them
//	go run ./test/bench -rounds 1 -seconds 3   a quick look
//
// Both sides get the same requests at the same rates from the generator in
// test/load, in turns: peer, Hometone, peer, Hometone. Each figure is the median
// of the rounds with the least and the greatest. Nothing is sent outside the
// loopback address.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// settings are what the flags say.
type settings struct {
	rounds  int
	seconds float64
	rate    float64 // 0: every rate of a measurement
	dir     string
	binary  string
	wrap    []string // what runs the binary: taskset and its arguments
	port    uint16
	out     io.Writer
}

type measurement struct {
	name, what string
	run        func(context.Context, settings) error
}

// measurements in the order in which they run.
var measurements = []measurement{
	{"parse", "parse an INVITE of 1 kB, against sipgo", parse},
	{"register", "registration with digest, against Kamailio", registrations},
	{"restart", "100,000 registrations: memory, restart", restart},
	{"proxy", "calls through the balancer, against Kamailio", proxied},
	{"floor", "the kernel's part of a call through the balancer", floors},
	{"highest", "highest rate of calls through the balancer, against Kamailio", highest},
	{"overload", "what the balancer does at three times the load it can bear", overload},
	{"calls", "calls set up and torn down through the B2BUA", calls},
	{"idle", "memory of an answered call", idle},
	{"media", "anchored RTP", media},
}

func main() {
	if addresses := os.Getenv(envRelay); addresses != "" {
		fmt.Fprintln(os.Stderr, relay(addresses))
		os.Exit(1)
	}
	s := settings{out: os.Stdout, port: 15060}
	only := flag.String("only", "", "comma-separated measurements instead of all: "+names())
	flag.IntVar(&s.rounds, "rounds", 5, "how often each side is measured")
	flag.Float64Var(&s.seconds, "seconds", 8, "length of one measured load in seconds")
	flag.Float64Var(&s.rate, "rate", 0, "only this rate (units a second) or number of calls")
	flag.StringVar(&s.binary, "hometone", "", "a built hometone instead of building one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s, *only); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func names() string {
	var all []string
	for _, m := range measurements {
		all = append(all, m.name)
	}
	return strings.Join(all, ",")
}

func run(ctx context.Context, s settings, only string) error {
	wanted := strings.Split(only, ",")
	for _, name := range wanted {
		if only != "" && !slices.ContainsFunc(measurements, func(m measurement) bool { return m.name == name }) {
			return fmt.Errorf("bench: no measurement %q; there are %s", name, names())
		}
	}
	dir, err := os.MkdirTemp("", "hometone-bench-")
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	defer os.RemoveAll(dir)
	s.dir = dir
	if s.port, err = freePorts(s.port); err != nil {
		return err
	}
	if s.binary == "" {
		if s.binary, err = build(ctx, dir); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.out, "%s, %d cores, %s\n", runtime.Version(), runtime.NumCPU(), peerVersions(ctx))
	for _, m := range measurements {
		if only != "" && !slices.Contains(wanted, m.name) {
			continue
		}
		if err := m.run(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// freePorts returns the first of some ports in a row that nobody uses, from a
// number on: another run may be under way.
func freePorts(from uint16) (uint16, error) {
	const row, tries = 8, 50
	for first := from; first < from+row*tries; first += row {
		free := true
		for p := first; p < first+row && free; p++ {
			conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(p)})
			if free = err == nil; free {
				conn.Close()
			}
		}
		if free {
			return first, nil
		}
	}
	return 0, fmt.Errorf("bench: no free ports from %d on", from)
}

func peerVersions(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "kamailio", "-v").Output()
	if err != nil {
		return "kamailio is missing: install it with scripts/setup.sh"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(line, "version: ")
}

func (s settings) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

// rates returns the rates to measure: all, or the one the user asked for.
func (s settings) rates(all ...float64) []float64 {
	if s.rate > 0 {
		return []float64{s.rate}
	}
	return all
}

func (s settings) counts(all ...int) []int {
	if s.rate > 0 {
		return []int{int(s.rate)}
	}
	return all
}

// ratio prints ours ÷ theirs beside what is asked for.
func (s settings) ratio(work string, ours, theirs series, asked float64) {
	if theirs.median() == 0 {
		return
	}
	ratio := ours.median() / theirs.median()
	verdict := "reached"
	if ratio > asked {
		verdict = "NOT reached"
	}
	fmt.Fprintf(s.out, "%s: %s ÷ %s = %.2f (asked for: at most %.2f, %s)\n", work, ours, theirs, ratio, asked, verdict)
}
