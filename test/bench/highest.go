package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hometone/hometone/test/load"
)

// What a rate has to be like to count as sustained, and the steps of the search.
const (
	sustainedRepeats = 0.001 // of the calls, at most
	sustainedSetup   = 200 * time.Millisecond
	firstRate        = 2000.0
	rateStep         = 1.25
	mostRate         = 40_000.0
	refinements      = 2
)

var highestUnits = []string{"calls/s", "setup p99 ms", "cores used", "calls/s a core"}

// highest looks for the highest rate that each balancer sustains, and for the one
// that a relay without any work sustains, which is where the generator ends.
func highest(ctx context.Context, s settings) error {
	all := [...]struct {
		row
		begin starter
	}{
		{row{work: "proxied calls", server: "kamailio fm, children 2"}, startKamailioProxy},
		{row{work: "proxied calls", server: "hometone"}, s.startEdge},
		{row{work: "relayed calls", server: "recvfrom, sendto in C"}, startRelayC},
	}
	for round := range s.rounds {
		for i := range all {
			s.progress("highest rate of %s, round %d of %d", all[i].server, round+1, s.rounds)
			if err := s.search(ctx, all[i].begin, &all[i].row); errors.Is(err, errNoCompiler) {
				s.progress("left out: %v", err)
			} else if err != nil {
				return err
			}
		}
	}
	var rows []row
	for i := range all {
		rows = append(rows, all[i].row)
	}
	report(s.out, "Highest rate without a failed call, at most 0.1 % repeated messages and set-up below 200 ms at p99; the generator on the same cores", highestUnits, rows)
	if limit, ours := all[2].values["calls/s"].median(), all[1].values["calls/s"].median(); limit > 0 && ours > 0.8*limit {
		fmt.Fprintf(s.out, "the generator is the limit: a relay without work sustains %.0f/s\n", limit)
	}
	return nil
}

// search raises the rate until it is not sustained, twice, and then looks between.
func (s settings) search(ctx context.Context, begin starter, r *row) error {
	good, bad := rateResult{}, mostRate
	try := func(rate float64) (bool, error) {
		for range 2 { // something else may have wanted the machine
			var result rateResult
			err := s.fresh("highest", func(dir string) (err error) { result, err = s.sustain(ctx, dir, begin, rate); return err })
			if err != nil {
				return false, err
			}
			if result.sustained {
				good = result
				return true, nil
			}
		}
		bad = rate
		return false, nil
	}
	for rate := s.rates(firstRate)[0]; rate < bad; rate *= rateStep {
		if _, err := try(rate); err != nil {
			return err
		}
	}
	for range refinements {
		if good.rate > 0 && bad < mostRate {
			if _, err := try((good.rate + bad) / 2); err != nil {
				return err
			}
		}
	}
	r.add("calls/s", good.rate)
	r.add("setup p99 ms", good.setup.Seconds()*1e3)
	r.add("cores used", good.cores)
	r.add("calls/s a core", good.perCore)
	return nil
}

// rateResult is what a rate has shown.
type rateResult struct {
	rate           float64
	sustained      bool
	setup          time.Duration // p99
	cores, perCore float64       // of the server alone
}

// sustain makes calls at a rate for as long as a measurement lasts.
func (s settings) sustain(ctx context.Context, dir string, begin starter, rate float64) (rateResult, error) {
	addr := s.address(3)
	calls := load.Calls{Server: addr, Extension: "8006", User: "8005", Rate: rate, Ringing: true, Drain: 5 * time.Second, Count: int(rate * s.seconds)}
	g, err := load.NewGenerator(calls)
	if err != nil {
		return rateResult{}, err
	}
	p, err := begin(ctx, dir, addr, g.CalleeAddr())
	if err != nil {
		return rateResult{}, err
	}
	defer p.stop()
	before, err := p.cpu()
	if err != nil {
		return rateResult{}, err
	}
	result, err := g.Run(ctx)
	if err != nil {
		return rateResult{}, err
	}
	after, err := p.cpu()
	if err != nil {
		return rateResult{}, err
	}
	out := rateResult{rate: rate, setup: result.Setup.Quantile(0.99)}
	calm := result.Elapsed.Seconds() < 1.1*s.seconds // or the generator itself was late
	out.sustained = calm && result.Failed+result.Unfinished == 0 && out.setup < sustainedSetup &&
		float64(result.Retransmits) <= sustainedRepeats*float64(calls.Count)
	if used := (after - before).Seconds(); used > 0 && result.Completed > 0 {
		out.cores = used / result.Elapsed.Seconds()
		out.perCore = float64(result.Completed) / used
	}
	return out, nil
}
