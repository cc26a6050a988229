package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/hometone/hometone/test/load"
)

// How the balancer is held to a part of one core, and how its peak is looked for.
const (
	share        = 0.2 // so little that the generator can offer three times what it can do
	sharePeriod  = 20 * time.Millisecond
	overloadFrom = 800.0 // calls a second that it can do for certain
	overloadStep = 1.25
	overloadMost = 8 // steps
)

// overload finds how many calls a second the balancer can do when its own processor
// is the limit, and what is left of that when three times as many are offered.
func overload(ctx context.Context, s settings) error {
	r := row{work: "goodput with a fifth of a core", server: "hometone"}
	for round := range s.rounds {
		s.progress("overload, round %d of %d", round+1, s.rounds)
		if err := s.fresh("hometone", func(dir string) error { return s.overloadOnce(ctx, dir, &r) }); err != nil {
			return err
		}
	}
	report(s.out, "Overload of the balancer: calls completed a second", []string{"peak/s", "offered/s", "completed/s", "setup p99 s", "of the peak"}, []row{r})
	return nil
}

func (s settings) overloadOnce(ctx context.Context, dir string, r *row) error {
	addr := s.address(3)
	calls := load.Calls{Server: addr, Extension: "8006", User: "8005", Ringing: true, Drain: 2 * time.Second}
	var p *process
	// What completes late, in the seconds that the generator waits for it, took these
	// seconds too.
	try := func(name string, rate, seconds float64) (*load.CallResult, float64, error) {
		calls.Prefix, calls.Rate, calls.Count = name, rate, int(rate*seconds)
		g, err := load.NewGenerator(calls)
		if err != nil {
			return nil, 0, err
		}
		if calls.Callee = g.CalleeAddr(); p == nil {
			confined := s
			confined.wrap = []string{"taskset", "-c", "0"}
			if p, err = confined.startEdge(ctx, dir, addr, calls.Callee); err != nil {
				return nil, 0, err
			}
			go p.throttle(ctx, share) // ends with ctx
		}
		result, err := g.Run(ctx)
		if err != nil {
			return nil, 0, err
		}
		return result, float64(result.Completed) / result.Elapsed.Seconds(), nil
	}
	ctx, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		if p != nil {
			p.stop()
		}
	}()
	peak := 0.0
	for step, rate := 0, overloadFrom; step < overloadMost; step, rate = step+1, rate*overloadStep {
		result, done, err := try(fmt.Sprintf("peak%d-", step), rate, s.seconds)
		if err != nil {
			return err
		}
		s.progress("%.0f of %.0f calls a second", done, rate)
		if peak = max(peak, done); result.Setup.Quantile(0.99) > time.Second {
			break
		}
	}
	result, done, err := try("over-", 3*peak, 2*s.seconds)
	if err != nil {
		return err
	}
	r.add("peak/s", peak)
	r.add("offered/s", 3*peak)
	r.add("completed/s", done)
	r.add("setup p99 s", result.Setup.Quantile(0.99).Seconds())
	r.add("of the peak", done/peak)
	return nil
}

// throttle lets a server run for a part of the time only, until ctx ends.
func (p *process) throttle(ctx context.Context, share float64) {
	on := time.Duration(share * float64(sharePeriod))
	defer func() { _ = syscall.Kill(p.cmd.Process.Pid, syscall.SIGCONT) }() // it is there until stop
	for ctx.Err() == nil {
		_ = syscall.Kill(p.cmd.Process.Pid, syscall.SIGCONT)
		time.Sleep(on)
		_ = syscall.Kill(p.cmd.Process.Pid, syscall.SIGSTOP)
		time.Sleep(sharePeriod - on)
	}
}
