package dialog

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hometone/hometone/sip"
)

func interval(d time.Duration) func(*Config) {
	return func(c *Config) { c.SessionExpires = d }
}

// TestRefreshByUpdate: we are the refresher and send UPDATE "at half the
// session interval" if the peer takes it (RFC 4028 §7.4).
func TestRefreshByUpdate(t *testing.T) {
	memory(t, interval(600*time.Second), func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		r.script.Run(t, `
			do invite
			<- INVITE | Supported: timer | Session-Expires: 600 | -Min-SE
			-> 200 | sdp | Allow: INVITE, ACK, BYE, UPDATE | Require: timer | Session-Expires: 600;refresher=uac
			<- ACK
			<- UPDATE | within: 301s | after: 299s | Session-Expires: 600;refresher=uac | Supported: timer | nobody
			-> 200 | Require: timer | Session-Expires: 600;refresher=uac
			<- UPDATE | within: 301s | after: 299s
			-> 481
			<- BYE       # §12.2.1.2 of RFC 3261
			-> 481
		`, p)
		event[Answered](r, "200")
		r.ended(CauseGone, "481")
		r.empty()
	})
}

// TestRefreshByReInvite: without UPDATE a re-INVITE with our description as it
// was (RFC 4028 §7.4). 422 raises the interval (§7.3).
func TestRefreshByReInvite(t *testing.T) {
	memory(t, interval(100*time.Second), func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		r.script.Run(t, `
			do invite
			<- INVITE | Session-Expires: 100 | CSeq: {n} INVITE
			-> 422 | Min-SE: 200
			<- ACK
			<- INVITE | Session-Expires: 200 | Min-SE: 200   # §7.3: "the UAC ... MUST have a Min-SE ... equal to the largest it has seen"
			-> 200 | sdp | Allow: INVITE, ACK, BYE | Session-Expires: 200;refresher=uac
			<- ACK
			<- INVITE | within: 101s | after: 99s | sdp: 10000 | Session-Expires: 200;refresher=uac
			-> 200 | sdp | Session-Expires: 200;refresher=uac
			<- ACK
			do bye
			<- BYE
			-> 200
		`, p)
		event[Answered](r, "200")
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestPeerRefreshes: the peer is the refresher; when it stops we send BYE
// "min(32, a third of the interval)" before the end (RFC 4028 §10).
func TestPeerRefreshes(t *testing.T) {
	memory(t, interval(300*time.Second), func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | sdp | Supported: timer | Session-Expires: 200;refresher=uac
			do answer
			<- 200 | Session-Expires: 200;refresher=uac | Require: timer  # §9
			-> ACK
			pause 100s
			-> UPDATE | Supported: timer | Session-Expires: 200;refresher=uac
			<- 200 UPDATE | Session-Expires: 200;refresher=uac
			<- BYE | within: 169s | after: 167s | Reason: SIP;cause=408*
			-> 200
		`, p)
		event[Confirmed](r, "ACK")
		r.ended(CauseExpired, "nobody refreshed")
		r.empty()
	})
}

// TestIntervalTooSmall: 422 with Min-SE (RFC 4028 §6, §9); only for a peer that
// knows session timers.
func TestIntervalTooSmall(t *testing.T) {
	memory(t, func(c *Config) { c.MinSE = 300 * time.Second }, func(t *testing.T, r *rig) {
		r.answering()
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | sdp | Supported: timer | Session-Expires: 120
			<- 422 | Min-SE: 300
			-> ACK
			-> INVITE sip:bob@{sut} | new | sdp | Supported: timer | Session-Expires: 400 | Min-SE: 300
			do answer
			<- 200 | Session-Expires: 400;refresher=uac
			-> ACK
			-> BYE
			<- 200
		`, r.net.Dial("alice"))
		event[Confirmed](r, "ACK")
		r.ended(CauseBye, "BYE")
		r.empty()
	})
}

// TestPeerWithoutTimer: the callee refreshes for both (RFC 4028 table 2).
func TestPeerWithoutTimer(t *testing.T) {
	memory(t, interval(400*time.Second), func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, confirmed+`
			<- UPDATE | within: 201s | after: 199s
			-> 405                          # a peer that lied about UPDATE
			<- INVITE | sdp: 10000
			-> 200 | sdp
			<- ACK
			-> BYE
			<- 200
		`, p)
		event[Confirmed](r, "ACK")
		r.ended(CauseBye, "BYE")
		r.empty()
	})
}

// TestTimerOff: no session timer, no header.
func TestTimerOff(t *testing.T) {
	memory(t, interval(-1), func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | sdp | Supported: timer | Session-Expires: 200
			do answer
			<- 200 | -Session-Expires | -Require
			-> ACK
			-> INVITE | Require: timer | sdp
			<- 420 | Unsupported: timer
			-> ACK
			silence 2000s
		`, p)
	})
}

// TestSessionTimerTable2 is table 2 of RFC 4028: who refreshes.
func TestSessionTimerTable2(t *testing.T) {
	for _, c := range []struct {
		supported bool
		asked     string
		want      string
	}{
		{false, "", "uas"}, {true, "", "uac"}, {true, "uac", "uac"}, {true, "uas", "uas"},
	} {
		req := sip.NewRequest(sip.INVITE, "sip:x@y")
		if c.supported {
			req.Add(sip.HeaderSupported, "timer")
		}
		if c.asked != "" {
			req.Add(sip.HeaderSessionExpires, "1800;refresher="+c.asked)
		}
		res := sip.NewResponse(req, 200, "")
		tm := newSessionTimer(time.Hour, 0)
		tm.accept(req, res)
		se, _, _ := res.SessionExpires()
		if se.Refresher != c.want || tm.refresh != (c.want == "uas") {
			t.Errorf("supported %v, asked %q: refresher %q, want %q", c.supported, c.asked, se.Refresher, c.want)
		}
		if got := res.HasToken(sip.HeaderRequire, "timer"); got != (c.want == "uac") {
			t.Errorf("supported %v, asked %q: Require timer is %v", c.supported, c.asked, got)
		}
		if c.asked != "" && se.Interval > 1800 {
			t.Errorf("the UAS MUST NOT increase the interval (RFC 4028 §9), got %d", se.Interval)
		}
	}
}

// TestSnapshot: a session goes on under another layer with the same
// identifiers, sequence numbers and deadlines.
func TestSnapshot(t *testing.T) {
	memory(t, interval(300*time.Second), func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.do("move", func() error {
			st, err := r.session().Snapshot()
			if err != nil {
				return err
			}
			d := &r.session().Dialog
			d.strand.enter()
			d.session.sched.clear(&r.layer.clock)
			d.session = nil
			d.unlist()
			d.strand.leave()
			s, err := r.layer.Restore(st, r, nil)
			if err != nil {
				return err
			}
			again, err := s.Snapshot()
			if err != nil || again.CallID != st.CallID || again.LocalSeq != st.LocalSeq || !again.Expiry.Equal(st.Expiry) {
				t.Errorf("snapshot of the restored session differs: %+v, %v", again, err)
			}
			r.use(s)
			return nil
		})
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | sdp | Record-Route: <sip:{me};lr> | Allow: INVITE, UPDATE
			do answer
			<- 200
			-> ACK
			pause 20s
			do move
			<- UPDATE | within: 131s | after: 129s | Route: <sip:{me};lr>
			-> 501
			<- INVITE | sdp: 10000
			-> 200 | sdp
			<- ACK
			-> INVITE | sdp: held
			do accept
			<- 200
			-> ACK
			do bye
			<- BYE
			-> 200
		`, p)
		event[Confirmed](r, "ACK")
		event[Offer](r, "re-INVITE")
		r.ended(CauseLocalBye, "BYE")
		synctest.Wait()
		r.empty()
	})
}
