package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hometone/hometone/test/load"
)

// proxyConfig makes Kamailio what the example stack uses it for, with what the
// example lacks (trap T3): a stateful, record-routing proxy in front of two
// destinations by weight, with the checks that Hometone's edge performs.
const proxyConfig = `#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=2
disable_tcp=yes
auto_aliases=no
listen=udp:%s
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "sanity.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "dispatcher.so"
modparam("dispatcher", "list_file", "dispatcher.list")
modparam("dispatcher", "ds_ping_interval", 1)
modparam("dispatcher", "ds_probing_mode", 1)
request_route {
	if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (!sanity_check("1511", "7")) { exit; }
	if (is_method("OPTIONS") && uri==myself && $rU==$null) { sl_send_reply("200", "OK"); exit; }
	if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
	if (has_totag()) {
		if (loose_route()) { if (!t_relay()) { sl_reply_error(); } exit; }
		if (is_method("ACK")) { exit; }
		sl_send_reply("404", "Not here");
		exit;
	}
	t_check_trans();
	if (is_method("INVITE|SUBSCRIBE")) { record_route(); }
	if (!ds_select_dst("1", "9")) { sl_send_reply("404", "No destination dispatcher"); exit; }
	if (!t_relay()) { sl_reply_error(); }
}
`

var proxyUnits = []string{"CPU µs/call", "failed", "unfinished", "retransmitted", "setup p50 ms", "setup p99 ms", "memory MB", "without files MB"}

// proxied measures a call through the balancer: INVITE, 180, 200, ACK, BYE and
// 200, thirteen datagrams at the server, against Kamailio in the same run.
func proxied(ctx context.Context, s settings) error {
	var rows []row
	for _, rate := range s.rates(500, 1000, 2000) {
		ours := row{work: fmt.Sprintf("proxied call at %.0f/s", rate), server: "hometone"}
		theirs := row{work: ours.work, server: "kamailio fm, children 2"}
		for round := range s.rounds {
			s.progress("proxied calls at %.0f/s, round %d of %d", rate, round+1, s.rounds)
			if err := s.fresh("kamailio", func(dir string) error { return proxyOnce(ctx, s, dir, startKamailioProxy, &theirs, rate) }); err != nil {
				return err
			}
			if err := s.fresh("hometone", func(dir string) error { return proxyOnce(ctx, s, dir, s.startEdge, &ours, rate) }); err != nil {
				return err
			}
		}
		rows = append(rows, theirs, ours)
		s.ratio(ours.work, ours.values["CPU µs/call"], theirs.values["CPU µs/call"], 0.6)
		s.ratio(ours.work+", memory", ours.values["memory MB"], theirs.values["memory MB"], 0.34)
		s.ratio(ours.work+", memory without files", ours.values["without files MB"], theirs.values["without files MB"], 0.34)
		s.ratio(ours.work+", set-up at p99", ours.values["setup p99 ms"], theirs.values["setup p99 ms"], 1)
	}
	report(s.out, "Call through the stateful, record-routing balancer (two destinations, algorithm 9, probed every second)", proxyUnits, rows)
	return nil
}

// starter starts a balancer at addr in front of the callee.
type starter func(ctx context.Context, dir string, addr, callee netip.AddrPort) (*process, error)

func proxyOnce(ctx context.Context, s settings, dir string, begin starter, r *row, rate float64) error {
	addr := s.address(3)
	calls := load.Calls{Server: addr, Extension: "8006", User: "8005", Rate: rate, Ringing: true, Drain: 10 * time.Second}
	warm := calls
	warm.Count, warm.Rate, warm.Prefix = 500, 500, "warm"
	g, err := load.NewGenerator(warm)
	if err != nil {
		return err
	}
	p, err := begin(ctx, dir, addr, g.CalleeAddr())
	if err != nil {
		return err
	}
	defer p.stop()
	calls.Callee = g.CalleeAddr()
	if _, err := g.Run(ctx); err != nil {
		return err
	}
	calls.Count = int(rate * s.seconds)
	if g, err = load.NewGenerator(calls); err != nil {
		return err
	}
	before, err := p.cpu()
	if err != nil {
		return err
	}
	result, err := g.Run(ctx)
	if err != nil {
		return err
	}
	after, err := p.cpu()
	if err != nil {
		return err
	}
	if result.Completed == 0 {
		return fmt.Errorf("bench: %s completed no call; first refusal: %q", p.name, result.FirstError)
	}
	r.add("CPU µs/call", (after-before).Seconds()*1e6/float64(result.Completed))
	r.add("failed", float64(result.Failed))
	r.add("unfinished", float64(result.Unfinished))
	r.add("retransmitted", float64(result.Retransmits))
	r.add("setup p50 ms", result.Setup.Quantile(0.5).Seconds()*1e3)
	r.add("setup p99 ms", result.Setup.Quantile(0.99).Seconds()*1e3)
	r.add("memory MB", float64(p.memory())/1e6)
	r.add("without files MB", float64(p.ownMemory())/1e6)
	return nil
}

// destinations is the example stack's list: two of weight 50. Both are the
// generator's callee, so that the generator's own cost stays what it is.
func destinations(callee netip.AddrPort) string {
	return fmt.Sprintf("1 sip:%[1]s 0 1 weight=50;duid=a\n1 sip:%[1]s;n=2 0 1 weight=50;duid=b\n", callee)
}

func startKamailioProxy(ctx context.Context, dir string, addr, callee netip.AddrPort) (*process, error) {
	if err := os.WriteFile(filepath.Join(dir, "dispatcher.list"), []byte(destinations(callee)), 0o600); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return startKamailio(ctx, dir, proxyConfig, addr)
}

func (s settings) startEdge(ctx context.Context, dir string, addr, callee netip.AddrPort) (*process, error) {
	files := map[string]string{
		filepath.Join(dir, "dispatcher.list"): destinations(callee),
		filepath.Join(dir, "hometone.yaml"): fmt.Sprintf("node: {name: bench, data: %s}\nsip: {listen: [\"udp://%s\"]}\n"+
			"edge: {dispatcher: %s, set: 1, algorithm: 9}\nconsole: {listen: \"off\"}\n", filepath.Join(dir, "data"), addr, filepath.Join(dir, "dispatcher.list")),
	}
	for path, text := range files {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
	}
	argv := append(slices.Clone(s.wrap), s.binary, "serve", "-c", filepath.Join(dir, "hometone.yaml"))
	return start(ctx, dir, "hometone", addr, nil, argv...)
}
