package transaction

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
	"github.com/hometone/hometone/sip/transport/transporttest"
)

// callee answers INVITEs: 180 at once, then status after wait.
func callee(w ServerWatcher, wait time.Duration, status int) HandlerFunc {
	return func(_ context.Context, tx *Server, req *sip.Request) {
		if req.Method() != sip.INVITE {
			tx.TakeOver()
			return
		}
		tx.Watch(w)
		tx.TakeOver()
		tx.Respond(sip.NewResponse(req, 180, ""))
		time.AfterFunc(wait, func() { tx.Respond(sip.NewResponse(req, status, "")) })
	}
}

func TestInviteRejected(t *testing.T) {
	w, sw := new(watch), new(serverWatch)
	inBubble(t, Config{Handler: callee(sw, time.Second, 486)}, func(p *pair) {
		p.uac.Request(request(sip.INVITE), p.udp(), w)
		pass(45 * time.Second)
		same(t, "§17.1.1.2: a provisional response stops Timer A; §17.1.1.3: the layer itself sends the ACK to a 486", p.ladder(),
			"0 -> INVITE sip:bob@192.0.2.2", "0 <- 180 Ringing", "1000 <- 486 Busy Here", "1000 -> ACK sip:bob@192.0.2.2")
		if w.String() != "180,486" {
			t.Errorf("the TU sees %q, want 180,486", w)
		}
		if sw.String() != "acked,ended <nil>" {
			t.Errorf("the server TU sees %q, want acked, ended", sw)
		}
		ack := p.net.Sent()[3].Data
		invite := p.net.Sent()[0].Data
		// §17.1.1.3: "The ACK MUST contain a single Via header field, and this MUST be
		// equal to the top Via header field of the original request."
		if line(ack, "Via") != line(invite, "Via") || strings.Count(ack, "Via:") != 1 {
			t.Errorf("ACK has the INVITE's Via: %q against %q", line(ack, "Via"), line(invite, "Via"))
		}
		if line(ack, "To") != line(p.net.Sent()[2].Data, "To") {
			t.Error("§17.1.1.3: the To of the ACK MUST equal the To of the response")
		}
		if line(ack, "CSeq") != "1 ACK" || line(ack, "From") != line(invite, "From") || line(ack, "Call-ID") != "call-1" {
			t.Errorf("ACK: CSeq number, From and Call-ID of the INVITE:\n%s", ack)
		}
		if s, _ := p.uas.Load(); s != 0 {
			t.Errorf("%d server transactions left, want 0", s)
		}
		if _, c := p.uac.Load(); c != 0 {
			t.Errorf("%d client transactions left, want 0", c)
		}
	})
}

func line(msg, name string) string {
	for l := range strings.SplitSeq(msg, "\r\n") {
		if n, v, ok := strings.Cut(l, ":"); ok && strings.EqualFold(n, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func TestFinalResponseIsRetransmittedUntilACK(t *testing.T) {
	w, sw := new(watch), new(serverWatch)
	inBubble(t, Config{Handler: callee(sw, 0, 486)}, func(p *pair) {
		p.net.SetFilter(func(q transporttest.Packet) int {
			if strings.HasPrefix(q.Data, "ACK") {
				return 0
			}
			return 1
		})
		p.uac.Request(request(sip.INVITE), p.udp(), w)
		pass(40 * time.Second)
		var finals []string
		for _, l := range p.ladder() {
			if strings.HasSuffix(l, "486 Busy Here") {
				finals = append(finals, strings.Fields(l)[0])
			}
		}
		if got := strings.Join(finals, " "); got != "0 500 1500 3500 7500 11500 15500 19500 23500 27500 31500" {
			t.Errorf("§17.2.1: Timer G doubles up to T2 until Timer H; sent at %s", got)
		}
		if w.String() != "180,486" {
			t.Errorf("retransmitted responses are answered by the layer, not shown to the TU: %q", w)
		}
		if sw.String() != "ended "+ErrNoACK.Error() {
			t.Errorf("Timer H: the TU is told that no ACK came: %q", sw)
		}
	})
}

func Test2xxIsRetransmittedUntilItsACK(t *testing.T) {
	w, sw := new(watch), new(serverWatch)
	inBubble(t, Config{Handler: callee(sw, 0, 200)}, func(p *pair) {
		p.uac.Request(request(sip.INVITE), p.udp(), w)
		pass(5 * time.Second)
		same(t, "§13.3.1.4: \"The 2xx response is passed to the transport with an interval that starts at T1 seconds and doubles for each retransmission until it reaches T2 seconds\"",
			p.ladder(), "0 -> INVITE sip:bob@192.0.2.2", "0 <- 180 Ringing", "0 <- 200 OK", "500 <- 200 OK", "1500 <- 200 OK", "3500 <- 200 OK")
		if w.String() != "180,200,200,200,200" {
			t.Errorf("RFC 6026 §7.2: every 2xx goes to the TU: %q", w)
		}
		ack := request(sip.ACK)
		ack.Set(sip.HeaderTo, w.res[1].Get(sip.HeaderTo))
		for range 2 {
			if err := p.uac.Send(ack, p.callee.Target(transport.UDP)); err != nil {
				t.Fatal(err)
			}
		}
		if ack.Has(sip.HeaderVia) {
			t.Error("Send leaves its Via in the request")
		}
		pass(60 * time.Second)
		if sw.String() != "acked,ended <nil>" {
			t.Errorf("the ACK ends the retransmissions and is told once: %q", sw)
		}
		sent := p.net.Sent()
		if line(sent[6].Data, "Via") != line(sent[7].Data, "Via") {
			t.Error("the same ACK sent twice has the same branch")
		}
		if len(sent) != 8 {
			t.Errorf("%d packets, want 8: nothing after the ACK", len(sent))
		}
	})
}

func Test2xxWithoutACK(t *testing.T) {
	sw := new(serverWatch)
	inBubble(t, Config{Handler: callee(sw, 0, 200)}, func(p *pair) {
		p.uac.Request(request(sip.INVITE), p.udp(), new(watch))
		pass(33 * time.Second)
		if sw.String() != "ended "+ErrNoACK.Error() {
			t.Errorf("§13.3.1.4: \"If the server retransmits the 2xx response for 64*T1 seconds without receiving an ACK\": %q", sw)
		}
	})
}

func TestForwarded2xxIsNotRetransmitted(t *testing.T) {
	sw := new(serverWatch)
	strays := 0
	h := func(_ context.Context, tx *Server, req *sip.Request) {
		if tx.Stateless() {
			strays++
			if err := tx.Respond(sip.NewResponse(req, 200, "")); !errors.Is(err, ErrStateless) {
				t.Errorf("Respond to an ACK: %v, want ErrStateless", err)
			}
			return
		}
		tx.Watch(sw)
		for range 2 {
			if err := tx.Forward(sip.NewResponse(req, 200, "")); err != nil {
				t.Error(err)
			}
		}
		if err := tx.Forward(sip.NewResponse(req, 486, "")); !errors.Is(err, ErrAnswered) {
			t.Errorf("a 486 after a 200: %v, want ErrAnswered", err)
		}
	}
	inBubble(t, Config{Handler: HandlerFunc(h)}, func(p *pair) {
		w := new(watch)
		p.uac.Request(request(sip.INVITE), p.udp(), w)
		pass(time.Second)
		ack := request(sip.ACK)
		ack.Set(sip.HeaderTo, w.res[0].Get(sip.HeaderTo))
		p.uac.Send(ack, p.callee.Target(transport.UDP))
		pass(60 * time.Second)
		same(t, "RFC 6026 §7.1: each 2xx of the TU is passed on, none is repeated by the transaction", p.ladder(),
			"0 -> INVITE sip:bob@192.0.2.2", "0 <- 200 OK", "0 <- 200 OK", "1000 -> ACK sip:bob@192.0.2.2")
		if strays != 1 || sw.String() != "ended <nil>" {
			t.Errorf("the ACK comes through the door (%d times), the transaction ends well (%q)", strays, sw)
		}
	})
}

func TestRetransmittedRequestsAreAbsorbed(t *testing.T) {
	served := 0
	h := func(_ context.Context, tx *Server, req *sip.Request) {
		served++
		tx.TakeOver()
		time.AfterFunc(100*time.Millisecond, func() { tx.Respond(sip.NewResponse(req, 200, "")) })
	}
	inBubble(t, Config{Handler: HandlerFunc(h)}, func(p *pair) {
		p.net.SetFilter(func(transporttest.Packet) int { return 2 })
		w := new(watch)
		p.uac.Request(request(sip.OPTIONS), p.udp(), w)
		pass(40 * time.Second)
		if served != 1 || w.String() != "200" {
			t.Errorf("doubled packets: served %d times, TU sees %q; want once each", served, w)
		}
	})
}

func TestTryingAfter200ms(t *testing.T) {
	for _, c := range []struct {
		trying time.Duration
		want   string
	}{{0, "200 <- 100 Trying"}, {-1, "0 <- 100 Trying"}} {
		inBubble(t, Config{Timers: Timers{Trying: c.trying}}, func(p *pair) {
			w := new(watch)
			p.uac.Request(request(sip.INVITE), p.udp(), w)
			pass(3 * time.Second)
			same(t, "§17.2.1: \"MUST generate a 100 (Trying) response unless it knows that the TU will generate a provisional or final response within 200 ms\"",
				p.ladder(), "0 -> INVITE sip:bob@192.0.2.2", c.want)
			if to := line(p.net.Sent()[1].Data, "To"); strings.Contains(to, "tag") {
				t.Errorf("To of the 100 is %q, want no tag", to)
			}
		})
	}
}

func TestNonInviteTryingIsLate(t *testing.T) {
	inBubble(t, Config{}, func(p *pair) {
		w := new(watch)
		p.uac.Request(request(sip.OPTIONS), p.udp(), w)
		pass(33 * time.Second)
		for i, l := range p.ladder() {
			if strings.Contains(l, "<-") {
				if l != "3500 <- 100 Trying" {
					t.Errorf("RFC 4320 §4.1: first response is %q, want a 100 when Timer E reaches T2, at 3.5 s", l)
				}
				break
			} else if i > 10 {
				t.Fatal("no 100 at all")
			}
		}
		if w.String() != "100,100,100,100,100,100,100,100,"+ErrTimeout.Error() && !strings.HasSuffix(w.String(), ErrTimeout.Error()) {
			t.Errorf("Timer F ends it: %q", w)
		}
	})
}

func TestNo408ToNonInvite(t *testing.T) {
	inBubble(t, Config{Handler: answer(408)}, func(p *pair) {
		p.uac.Request(request(sip.OPTIONS), p.udp(), new(watch))
		pass(400 * time.Millisecond)
		same(t, "RFC 4320 §4.2: \"MUST NOT send a response with a status-code of 408 to a non-INVITE request\"", p.ladder(), "0 -> OPTIONS sip:bob@192.0.2.2")
	})
}

func TestForgottenRequestGets500(t *testing.T) {
	inBubble(t, Config{Handler: HandlerFunc(func(context.Context, *Server, *sip.Request) {})}, func(p *pair) {
		w := new(watch)
		p.uac.Request(request(sip.OPTIONS), p.udp(), w)
		pass(time.Second)
		if w.String() != "500" || !strings.Contains(p.log.String(), "bug: no handler answered") {
			t.Errorf("a request nobody answers gets 500 and a log line: %q, log %q", w, p.log.String())
		}
	})
}

func TestCancel(t *testing.T) {
	sw := new(serverWatch)
	var tx *Server
	h := func(_ context.Context, s *Server, req *sip.Request) {
		tx = s
		s.Watch(sw)
		s.TakeOver()
		time.AfterFunc(700*time.Millisecond, func() { s.Respond(sip.NewResponse(req, 180, "")) })
		time.AfterFunc(2*time.Second, func() { s.Respond(sip.NewResponse(req, 487, "")) })
	}
	inBubble(t, Config{Handler: HandlerFunc(h), Timers: Timers{Trying: time.Hour}}, func(p *pair) {
		w := new(watch)
		c := p.uac.Request(request(sip.INVITE), p.udp(), w)
		c.Cancel(Field{sip.HeaderReason, "SIP;cause=200"})
		c.Cancel()
		pass(45 * time.Second)
		same(t, "§9.1: \"If no provisional response has been received, the CANCEL request MUST NOT be sent; rather, the client MUST wait\"", p.ladder(),
			"0 -> INVITE sip:bob@192.0.2.2", "500 -> INVITE sip:bob@192.0.2.2", "700 <- 180 Ringing", "700 -> CANCEL sip:bob@192.0.2.2",
			"700 <- 200 OK", "2000 <- 487 Request Terminated", "2000 -> ACK sip:bob@192.0.2.2")
		sent := p.net.Sent()
		invite, cancel, ok, final := sent[0].Data, sent[3].Data, sent[4].Data, sent[5].Data
		for _, name := range []string{"Via", "From", "To", "Call-ID"} {
			if line(invite, name) != line(cancel, name) {
				t.Errorf("§9.1: %s of the CANCEL %q is that of the INVITE %q", name, line(cancel, name), line(invite, name))
			}
		}
		if line(cancel, "CSeq") != "1 CANCEL" || line(cancel, "Reason") != "SIP;cause=200" {
			t.Errorf("CANCEL:\n%s", cancel)
		}
		if line(ok, "To") != line(final, "To") {
			t.Error("§9.2: the To tag of the response to the CANCEL and of the original SHOULD be the same")
		}
		if w.String() != "180,487" || sw.String() != "cancelled,acked,ended <nil>" {
			t.Errorf("client TU %q, server TU %q", w, sw)
		}
		if tx.Request() != nil {
			t.Error("an ended transaction keeps its request")
		}
	})
}

func TestCancelWithoutAnswerTimesOut(t *testing.T) {
	silent := func(_ context.Context, tx *Server, _ *sip.Request) {
		tx.Watch(new(serverWatch))
		tx.TakeOver()
	}
	inBubble(t, Config{Handler: HandlerFunc(silent)}, func(p *pair) {
		w := new(watch)
		c := p.uac.Request(request(sip.INVITE), p.udp(), w)
		pass(time.Second)
		c.Cancel()
		pass(time.Second)
		p.net.SetFilter(func(transporttest.Packet) int { return 0 })
		pass(29 * time.Second)
		if w.String() != "100" {
			t.Errorf("before 64*T1 the INVITE waits: %q", w)
		}
		pass(3 * time.Second)
		if w.String() != "100,"+ErrTimeout.Error() {
			t.Errorf("§9.1: 64*T1 after the CANCEL it is over: %q", w)
		}
	})
}

func TestCancelOfNothing(t *testing.T) {
	inBubble(t, Config{}, func(p *pair) {
		w := new(watch)
		p.uac.Request(request(sip.CANCEL), p.udp(), w)
		pass(time.Second)
		if w.String() != "481" {
			t.Errorf("§9.2: a CANCEL that matches no transaction gets 481: %q", w)
		}
	})
}

func TestCancelWithoutWatcherGets487(t *testing.T) {
	inBubble(t, Config{}, func(p *pair) {
		w := new(watch)
		c := p.uac.Request(request(sip.INVITE), p.udp(), w)
		pass(time.Second)
		c.Cancel()
		pass(time.Second)
		if w.String() != "100,487" {
			t.Errorf("nobody watches: the layer answers 487: %q", w)
		}
	})
}

func TestMergedRequest(t *testing.T) {
	inBubble(t, Config{Handler: answer(200), RejectMerged: true}, func(p *pair) {
		one, two := new(watch), new(watch)
		p.uac.Request(request(sip.OPTIONS), p.udp(), one)
		pass(time.Millisecond)
		p.uac.Request(request(sip.OPTIONS), p.udp(), two)
		pass(time.Second)
		if one.String() != "200" || two.String() != "482" {
			t.Errorf("§8.2.2.2: the same From tag, Call-ID and CSeq by another way gets 482: %q and %q", one, two)
		}
	})
}

func TestFailover(t *testing.T) {
	h := func(_ context.Context, tx *Server, req *sip.Request) { tx.Respond(sip.NewResponse(req, 503, "")) }
	for _, m := range []sip.Method{sip.INVITE, sip.OPTIONS} {
		inBubble(t, Config{Handler: HandlerFunc(h)}, func(p *pair) {
			second := p.net.Node("192.0.2.3:5060")
			third := mustNew(t, Config{Transport: second, Handler: answer(200)})
			ctx, cancel := context.WithCancel(p.t.Context())
			done := make(chan struct{})
			go func() { third.Run(ctx); close(done) }()
			w := new(watch)
			p.uac.Request(request(m), []transport.Target{p.callee.Target(transport.UDP), second.Target(transport.UDP)}, w)
			pass(100 * time.Millisecond)
			if w.String() != "200" {
				t.Errorf("%s: RFC 3263 §4.3: a 503 leads to the next target: %q", m, w)
			}
			var branches []string
			for _, s := range p.net.Sent() {
				if strings.HasPrefix(s.Data, string(m)) {
					branches = append(branches, line(s.Data, "Via"))
				}
			}
			if len(branches) != 2 || branches[0] == branches[1] {
				t.Errorf("%s: a new transaction with a new branch: %q", m, branches)
			}
			cancel()
			<-done
		})
	}
}

func TestFailoverAfterTimeoutAndTransportError(t *testing.T) {
	inBubble(t, Config{Handler: answer(200)}, func(p *pair) {
		dead := p.net.Node("192.0.2.9:5060")
		w := new(watch)
		p.uac.Request(request(sip.OPTIONS), []transport.Target{dead.Target(transport.UDP), p.callee.Target(transport.UDP)}, w)
		pass(33 * time.Second)
		if w.String() != "200" {
			t.Errorf("RFC 3263 §4.3: a timeout leads to the next target: %q", w)
		}
		p.caller.SetFail(func(q transporttest.Packet) error {
			if q.To == dead.Addr {
				return errors.New("unreachable")
			}
			return nil
		})
		w = new(watch)
		p.uac.Request(request(sip.MESSAGE), []transport.Target{dead.Target(transport.UDP), p.callee.Target(transport.UDP)}, w)
		pass(time.Second)
		if w.String() != "200" {
			t.Errorf("a transport error leads to the next target at once: %q", w)
		}
		w = new(watch)
		p.uac.Request(request(sip.INFO), []transport.Target{dead.Target(transport.UDP)}, w)
		pass(time.Second)
		if !strings.HasPrefix(w.String(), ErrTransport.Error()) {
			t.Errorf("§17.1.4: the TU is told of the transport error: %q", w)
		}
		w = new(watch)
		p.uac.Request(request(sip.INFO), nil, w)
		pass(time.Second)
		if w.String() != ErrNoTarget.Error() {
			t.Errorf("no target: %q", w)
		}
	})
}

func TestLargeRequestGoesOverTCP(t *testing.T) {
	inBubble(t, Config{Handler: answer(200)}, func(p *pair) {
		big := request(sip.MESSAGE)
		big.SetBody("text/plain", strings.Repeat("x", 1300))
		w := new(watch)
		p.uac.Request(big, p.udp(), w)
		pass(time.Second)
		first := p.net.Sent()[0]
		if first.Proto != transport.TCP || !strings.HasPrefix(line(first.Data, "Via"), "SIP/2.0/TCP") {
			t.Errorf("§18.1.1: \"larger than 1300 bytes ... MUST be sent using an RFC 2914 congestion controlled transport protocol\": sent over %s with Via %q", first.Proto, line(first.Data, "Via"))
		}
		p.caller.SetFail(func(q transporttest.Packet) error {
			if q.Proto == transport.TCP {
				return errors.New("connection refused")
			}
			return nil
		})
		big = request(sip.INFO)
		big.SetBody("text/plain", strings.Repeat("x", 1300))
		w = new(watch)
		p.uac.Request(big, p.udp(), w)
		pass(time.Second)
		if w.String() != "200" {
			t.Errorf("§18.1.1: \"If ... the connection is rejected, the element SHOULD retry the request, using UDP\": %q", w)
		}
	})
}

func TestOverloadGets503(t *testing.T) {
	inBubble(t, Config{Limits: Limits{Server: 1}}, func(p *pair) {
		p.uac.Request(request(sip.OPTIONS), p.udp(), new(watch))
		pass(100 * time.Millisecond)
		w := new(watch)
		p.uac.Request(request(sip.MESSAGE), p.udp(), w)
		pass(100 * time.Millisecond)
		if w.String() != "503" || w.res[0].Get(sip.HeaderRetryAfter) != "5" {
			t.Errorf("beyond the limit: %q, want 503 with Retry-After: 5", w)
		}
	})
	inBubble(t, Config{Limits: Limits{Client: 1}}, func(p *pair) {
		p.uac.Request(request(sip.OPTIONS), p.udp(), new(watch))
		pass(100 * time.Millisecond)
		w := new(watch)
		p.uac.Request(request(sip.MESSAGE), p.udp(), w)
		pass(100 * time.Millisecond)
		if w.String() != ErrOverload.Error() {
			t.Errorf("beyond the client limit: %q", w)
		}
	})
}

func TestDrain(t *testing.T) {
	h := func(_ context.Context, tx *Server, req *sip.Request) {
		tx.TakeOver()
		time.AfterFunc(time.Second, func() { tx.Respond(sip.NewResponse(req, 200, "")) })
	}
	inBubble(t, Config{Handler: HandlerFunc(h)}, func(p *pair) {
		one, two, three := new(watch), new(watch), new(watch)
		p.uac.Request(request(sip.OPTIONS), p.udp(), one)
		pass(100 * time.Millisecond)
		done := make(chan time.Duration, 1)
		go func() { began := time.Now(); p.uas.Drain(p.t.Context()); done <- time.Since(began) }()
		pass(100 * time.Millisecond)
		p.uac.Request(request(sip.MESSAGE), p.udp(), two)
		bye := request(sip.BYE)
		bye.SetToTag("b")
		p.uac.Request(bye, p.udp(), three)
		if took := <-done; took < 32*time.Second || took > 36*time.Second {
			t.Errorf("Drain waits for the running transactions: %v", took)
		}
		if one.String() != "200" || two.String() != "503" || three.String() != "200" {
			t.Errorf("running %q, new %q (want 503), inside a dialog %q", one, two, three)
		}
	})
}

// TestOldClients: §17.2.3, the rules for requests without the magic cookie.
func TestOldClients(t *testing.T) {
	served := 0
	h := func(_ context.Context, tx *Server, req *sip.Request) {
		served++
		tx.Respond(sip.NewResponse(req, 486, ""))
	}
	inBubble(t, Config{Handler: HandlerFunc(h)}, func(p *pair) {
		old := p.net.Node("192.0.2.7:5060")
		req := request(sip.INVITE)
		req.Prepend(sip.HeaderVia, "SIP/2.0/UDP 192.0.2.7")
		f, _ := old.Find(p.callee.Target(transport.UDP))
		old.Send(f, req.Bytes())
		old.Send(f, req.Bytes())
		answer, _ := old.Receive(p.t.Context())
		pass(100 * time.Millisecond)
		if served != 1 {
			t.Errorf("a copy of an INVITE without cookie is a retransmission: served %d times", served)
		}
		ack := request(sip.ACK)
		ack.Prepend(sip.HeaderVia, "SIP/2.0/UDP 192.0.2.7")
		ack.Set(sip.HeaderTo, line(answer.Data, "To"))
		old.Send(f, ack.Bytes())
		pass(10 * time.Second)
		n := 0
		for _, s := range p.net.Sent() {
			if s.From == p.callee.Addr {
				n++
			}
		}
		if n != 2 {
			t.Errorf("the ACK ends the retransmissions: %d responses, want 2", n)
		}
		req.Set(sip.HeaderCSeq, "2 INVITE")
		old.Send(f, req.Bytes())
		pass(10 * time.Millisecond)
		if served != 2 {
			t.Errorf("another CSeq is another transaction: served %d times", served)
		}
	})
}
