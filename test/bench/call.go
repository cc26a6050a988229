package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/hometone/hometone/test/load"
)

// Figures of Asterisk 22 on this class of machine: Debian does not package it
// any more, so it cannot be measured in the same run.
const (
	asteriskCallMicros   = 3160.0 // CPU per B2BUA call, the lower end of 3,160–4,700
	asteriskPacketMicros = 16.6   // CPU per anchored RTP packet, the lower end of 16.6–20.9
	asteriskIdleKB       = 35.0   // memory per answered idle call, the lower end of 35–50
)

// What the same machine's Kamailio and rtpengine cost when Asterisk's figures were taken.
// Measured again beside Hometone they are a yardstick: figures move with the
// machine, ratios of one run much less.
const (
	kamailioCallMicros    = 134.0 // per proxied call at 1,000/s, the middle of 123–146
	rtpenginePacketMicros = 23.2  // per packet at 20,000/s in userspace
	yardstickRate         = 1000.0
	yardstickCalls        = 200 // with G.711 both ways: 20,000 packets/s
	callsAsked            = 0.1 // of Asterisk
	mediaAsked            = 0.5
)

var callUnits = []string{"CPU µs/call", "failed", "unfinished", "retransmitted", "setup p50 ms", "setup p99 ms", "memory MB"}

// endpoints of the call measurements: the caller is known by its address and
// sends without authentication, as in the peer's measurement; the callee has a
// fixed contact.
func callEndpoints(caller, callee netip.AddrPort) (pjsip, extensions string) {
	pjsip = fmt.Sprintf("[8005]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=ulaw\naors=8005\n[8005]\ntype=aor\nmax_contacts=1\n"+
		"[8005]\ntype=identify\nendpoint=8005\nmatch=127.0.0.1\n"+
		"[8006]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=ulaw\naors=8006\n[8006]\ntype=aor\ncontact=sip:8006@%s\n", callee)
	_ = caller
	return pjsip, "[calls]\nexten => 8006,1,Dial(PJSIP/8006)\n"
}

// calls measures set-up and tear-down through the B2BUA with RTP anchored, in
// turns with Kamailio's proxied call, the yardstick.
func calls(ctx context.Context, s settings) error {
	var rows []row
	for _, rate := range s.rates(200, 500, 1000, 1500) {
		r := row{work: fmt.Sprintf("call at %.0f/s", rate), server: "hometone"}
		yard := row{work: fmt.Sprintf("proxied call at %.0f/s", rate), server: "kamailio fm, children 2"}
		for round := range s.rounds {
			s.progress("calls at %.0f/s, round %d of %d", rate, round+1, s.rounds)
			if err := s.fresh("yardstick", func(dir string) error { return proxyOnce(ctx, s, dir, startKamailioProxy, &yard, rate) }); err != nil {
				return err
			}
			if err := s.fresh("calls", func(dir string) error { return callsOnce(ctx, s, dir, &r, rate) }); err != nil {
				return err
			}
		}
		rows = append(rows, yard, r)
		ours, theirs := r.values["CPU µs/call"], yard.values["CPU µs/call"]
		s.ratio("absolute: "+r.work+" ÷ Asterisk 22's published 3,160 µs", ours, series{asteriskCallMicros}, callsAsked)
		if rate == yardstickRate { // the published figure of Kamailio is of this rate
			s.ratio("yardstick: "+r.work+" ÷ Kamailio's proxied call in this run, of which Asterisk's published call is 23.6",
				ours, theirs, callsAsked*asteriskCallMicros/kamailioCallMicros)
		}
	}
	report(s.out, "Call set up and torn down through the B2BUA, RTP anchored, CDR written; the yardstick beside it", callUnits, rows)
	return nil
}

func callsOnce(ctx context.Context, s settings, dir string, r *row, rate float64) error {
	calls := load.Calls{Extension: "8006", User: "8005", Rate: rate, Ringing: true, Drain: 10 * time.Second}
	warm := calls
	warm.Count, warm.Rate, warm.Prefix = 500, 500, "warm" // as in proxyOnce
	g, p, err := callServer(ctx, s, dir, warm)
	if err != nil {
		return err
	}
	defer p.stop()
	calls.Server, calls.Callee, calls.Count = p.addr, g.CalleeAddr(), int(rate*s.seconds)
	if _, err := g.Run(ctx); err != nil {
		return err
	}
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
		return fmt.Errorf("bench: no call completed; first refusal: %q", result.FirstError)
	}
	r.add("CPU µs/call", (after-before).Seconds()*1e6/float64(result.Completed))
	r.add("failed", float64(result.Failed))
	r.add("unfinished", float64(result.Unfinished))
	r.add("retransmitted", float64(result.Retransmits))
	r.add("setup p50 ms", result.Setup.Quantile(0.5).Seconds()*1e3)
	r.add("setup p99 ms", result.Setup.Quantile(0.99).Seconds()*1e3)
	r.add("memory MB", float64(p.memory())/1e6)
	return nil
}

func callServer(ctx context.Context, s settings, dir string, c load.Calls) (*load.Generator, *process, error) {
	c.Server = s.address(2)
	g, err := load.NewGenerator(c)
	if err != nil {
		return nil, nil, err
	}
	pjsip, extensions := callEndpoints(g.CallerAddr(), g.CalleeAddr())
	p, err := startHometone(ctx, s.binary, dir, pjsip, extensions, s.address(2))
	return g, p, err
}

// idleCalls are how many calls are held: the second number shows what a further
// call costs, without what a node touches for its first ones.
var idleCalls = [...]int{2000, 4000}

// idle measures the memory of answered calls on which nothing happens, ten
// seconds after the last was answered.
func idle(ctx context.Context, s settings) error {
	const rate = 400
	var rows [len(idleCalls)]row
	further := row{work: fmt.Sprintf("each of the second %d", idleCalls[1]-idleCalls[0]), server: "hometone"}
	for i, count := range idleCalls {
		rows[i] = row{work: fmt.Sprintf("%d answered idle calls", count), server: "hometone"}
	}
	for round := range s.rounds {
		s.progress("idle calls, round %d of %d", round+1, s.rounds)
		var total [len(idleCalls)]float64 // bytes
		for i, count := range idleCalls {
			err := s.fresh("idle", func(dir string) (err error) {
				total[i], err = idleOnce(ctx, s, dir, count, rate)
				return err
			})
			if err != nil {
				return err
			}
			rows[i].add("kB/call", total[i]/1e3/float64(count))
		}
		further.add("kB/call", (total[1]-total[0])/1e3/float64(idleCalls[1]-idleCalls[0]))
	}
	report(s.out, "Memory of answered calls (all the node's memory grown since its start, per call)", []string{"kB/call"}, append(rows[:], further))
	s.ratio("idle call against Asterisk 22's published 35 kB", rows[0].values["kB/call"], series{asteriskIdleKB}, 20/asteriskIdleKB)
	s.ratio("a further idle call against the same", further.values["kB/call"], series{asteriskIdleKB}, 20/asteriskIdleKB)
	return nil
}

// idleOnce returns by how many bytes a node grows with count idle calls.
func idleOnce(ctx context.Context, s settings, dir string, count int, rate float64) (float64, error) {
	setUp := time.Duration(float64(count) / rate * float64(time.Second))
	const settle = 10 * time.Second
	g, p, err := callServer(ctx, s, dir, load.Calls{
		Extension: "8006", User: "8005", Count: count, Rate: rate, Ringing: true, Hold: setUp + 2*settle, Drain: 10 * time.Second,
	})
	if err != nil {
		return 0, err
	}
	defer p.stop()
	before := p.memory()
	measured := make(chan uint64, 1)
	go func() { // ends by itself before the calls do
		time.Sleep(setUp + settle)
		measured <- p.memory()
	}()
	result, err := g.Run(ctx)
	if err != nil {
		return 0, err
	}
	if result.Completed != count {
		return 0, fmt.Errorf("bench: %d of %d calls completed; first refusal: %q", result.Completed, count, result.FirstError)
	}
	return float64(int64(<-measured) - int64(before)), nil
}

var mediaUnits = []string{"CPU µs/packet", "packets/s", "sent", "lost", "not ours"}

// media measures anchored RTP: calls with G.711 both ways, in turns with the
// same streams through rtpengine, the yardstick.
func media(ctx context.Context, s settings) error {
	var rows []row
	for _, count := range s.counts(100, yardstickCalls, 500, 1000) {
		r := row{work: fmt.Sprintf("%d calls, G.711 both ways", count), server: "hometone"}
		yard := row{work: r.work, server: "rtpengine, userspace"}
		for round := range s.rounds {
			s.progress("%d calls with media, round %d of %d", count, round+1, s.rounds)
			err := s.fresh("yardstick", func(dir string) error { return rtpengineOnce(ctx, s, dir, &yard, count) })
			if errors.Is(err, errNoRTPEngine) {
				s.progress("no yardstick: %v", err)
			} else if err != nil {
				return err
			}
			if err := s.fresh("media", func(dir string) error { return mediaOnce(ctx, s, dir, &r, count) }); err != nil {
				return err
			}
		}
		rows = append(rows, yard, r)
		ours, theirs := r.values["CPU µs/packet"], yard.values["CPU µs/packet"]
		s.ratio("absolute: "+r.work+" ÷ Asterisk 22's published 16.6 µs a packet", ours, series{asteriskPacketMicros}, mediaAsked)
		if count == yardstickCalls { // the published figure of rtpengine is of this rate
			s.ratio("yardstick: "+r.work+" ÷ rtpengine's packet in this run, of which Asterisk's published one is 0.72",
				ours, theirs, mediaAsked*asteriskPacketMicros/rtpenginePacketMicros)
		}
	}
	report(s.out, "Anchored RTP in the PBX (20 ms packets, each way); the yardstick beside it", mediaUnits, rows)
	return nil
}

// mediaPair are the two ends of all calls' sound.
func mediaPair() (callers, callees *load.RTP, err error) {
	if callers, err = load.NewRTP('A'); err != nil {
		return nil, nil, err
	}
	callees, err = load.NewRTP('B')
	return callers, callees, err
}

// mediaSample is what a server had used and its load had sent at one moment.
type mediaSample struct {
	cpu  time.Duration
	sent uint64
}

func takeMedia(p *process, callers, callees *load.RTP) mediaSample {
	cpu, _ := p.cpu()
	return mediaSample{cpu, callers.Result().Sent + callees.Result().Sent}
}

// addMedia adds what lies between two samples; the load has ended.
func (r *row) addMedia(first, last mediaSample, talk time.Duration, callers, callees *load.RTP) {
	packets := float64(last.sent - first.sent)
	a, b := callers.Result(), callees.Result()
	r.add("CPU µs/packet", (last.cpu-first.cpu).Seconds()*1e6/packets)
	r.add("packets/s", packets/talk.Seconds())
	r.add("sent", float64(a.Sent+b.Sent))
	r.add("lost", float64(a.Lost+b.Lost))
	r.add("not ours", float64(a.Wrong+b.Wrong))
}

func mediaOnce(ctx context.Context, s settings, dir string, r *row, count int) error {
	callers, callees, err := mediaPair()
	if err != nil {
		return err
	}
	const rate = 250
	setUp := time.Duration(count) * time.Second / rate
	talk := time.Duration(s.seconds * float64(time.Second))
	g, p, err := callServer(ctx, s, dir, load.Calls{
		Extension: "8006", User: "8005", Count: count, Rate: rate, Ringing: true, Hold: setUp + talk + 4*time.Second, Drain: 10 * time.Second,
		CallerMedia: callers.Addr(), CalleeMedia: callees.Addr(), CallerSends: callers.Add, CalleeSends: callees.Add,
	})
	if err != nil {
		return err
	}
	defer p.stop()
	sendFor := setUp + talk + 2*time.Second
	go callers.Run(ctx, sendFor, 'B') // both end after sendFor
	go callees.Run(ctx, sendFor, 'A')
	samples := make(chan [2]mediaSample, 1)
	go func() { // ends by itself while the calls last
		time.Sleep(setUp + time.Second)
		first := takeMedia(p, callers, callees)
		time.Sleep(talk)
		samples <- [2]mediaSample{first, takeMedia(p, callers, callees)}
	}()
	result, err := g.Run(ctx)
	if err != nil {
		return err
	}
	if result.Completed != count {
		return fmt.Errorf("bench: %d of %d calls completed; first refusal: %q", result.Completed, count, result.FirstError)
	}
	pair := <-samples
	r.addMedia(pair[0], pair[1], talk, callers, callees)
	return nil
}
