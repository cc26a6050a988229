package dialog

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/siptest"
)

// confirmed is a call that the peer made and we answered.
const confirmed = `
	-> INVITE sip:bob@{sut} | sdp | Allow: INVITE, ACK, BYE, UPDATE
	do answer
	<- 200 | sdp
	-> ACK
`

// called is a call that we made and the peer answered.
const called = `
	do invite
	<- INVITE
	-> 200 | sdp | Allow: INVITE, ACK, BYE, UPDATE
	<- ACK
`

const hangUp = `
	do bye
	<- BYE
	-> 200 BYE
`

func (r *rig) changing(p *siptest.Peer) {
	r.answering()
	r.script.Bodies = map[string]string{"held": heldSDP}
	r.do("invite", r.invite(p, nil))
	r.do("reinvite", func() error { return r.session().ReInvite(otherSDP) })
	r.do("bare", func() error { return r.session().ReInvite("") })
	r.do("update", func() error { return r.session().Update(otherSDP) })
	r.do("accept", func() error { return r.session().AnswerOffer(otherSDP) })
	r.do("refuse", func() error { return r.session().RejectOffer(0, "") })
}

// TestReInviteFromPeer: RFC 3261 §14.2.
func TestReInviteFromPeer(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, confirmed+`
			-> INVITE | sdp: held | Contact: <sip:moved@{me}>
			do accept
			<- 200 | sdp: 10002 | Contact
			-> ACK
			-> INVITE | sdp: held
			do refuse
			<- 488            # "If the new session description is not acceptable, the UAS can reject it by returning a 488"
			-> ACK
			do bye
			<- BYE | uri: sip:moved@{me}   # §12.2.2: a target refresh request replaces the remote target
			-> 200
		`, p)
		event[Confirmed](r, "ACK")
		if o := event[Offer](r, "re-INVITE"); o.SDP != heldSDP || o.Method != sip.INVITE {
			t.Errorf("offer %+v", o)
		}
		event[Offer](r, "second re-INVITE")
		s := r.session()
		if s.RemoteSDP() != heldSDP || s.LocalSDP() != otherSDP {
			t.Error("a refused offer must not change the session (§14.1)")
		}
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestBareReInviteFromPeer: a re-INVITE without offer gets ours, and the
// answer comes in the ACK (§14.2, §13.2.1).
func TestBareReInviteFromPeer(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, confirmed+`
			-> INVITE
			do accept
			<- 200 | sdp: 10002
			-> ACK | sdp: held
			pause 10ms
		`+hangUp, p)
		event[Confirmed](r, "ACK")
		if o := event[Offer](r, "re-INVITE"); o.SDP != "" {
			t.Errorf("offer %+v", o)
		}
		if a := event[Answer](r, "ACK"); a.SDP != heldSDP || a.Method != sip.ACK {
			t.Errorf("answer %+v", a)
		}
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestReInvite: RFC 3261 §14.1.
func TestReInvite(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		r.script.Run(t, called+`
			do reinvite
			<- INVITE | sdp: 10002 | CSeq: {n} INVITE | To: *;tag=*
			-> 200 | sdp: held
			<- ACK | CSeq: {n} ACK
			-> again
			<- again | within: 1s      # §13.2.2.4: an ACK for each repeated 2xx
			do reinvite
			<- INVITE
			-> 488
			<- ACK
			do bare
			<- INVITE | nobody
			-> 200 | sdp
			pause 5ms
			do accept
			<- ACK | sdp: 10002        # "the ACK carries the answer"
		`+hangUp, p)
		event[Answered](r, "200")
		if a := event[Answer](r, "200"); a.SDP != heldSDP || a.Status != 200 {
			t.Errorf("answer %+v", a)
		}
		if a := event[Answer](r, "488"); a.Status != 488 {
			t.Errorf("answer %+v", a)
		}
		if a := event[Answer](r, "200 with an offer"); !a.Offer || a.SDP != siptest.StandardSDP {
			t.Errorf("answer %+v", a)
		}
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestGlare: both sides send a re-INVITE; both answer 491 and try again after
// a random time (RFC 3261 §14.1).
func TestGlare(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		r.script.Run(t, called+`
			do reinvite
			<- INVITE | CSeq: {first} INVITE
			-> INVITE | sdp: held
			<- 491 INVITE      # "MUST return a 491 (Request Pending)"
			-> ACK
			-> 491 INVITE
			<- ACK
			-> INVITE | sdp: held
			do accept
			<- 200 INVITE
			-> ACK
			<- INVITE | within: 5s | after: 2s | CSeq: {second} INVITE  # "the owner of the Call-ID ... between 2.1 and 4 seconds"
			-> 200 | sdp
			<- ACK
		`+hangUp, p)
		event[Answered](r, "200")
		event[Offer](r, "the peer's re-INVITE")
		if a := event[Answer](r, "our re-INVITE"); a.Status != 200 {
			t.Errorf("answer %+v", a)
		}
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestGlareWait: "If the UAC is the owner of the Call-ID ... T has a randomly
// chosen value between 2.1 and 4 seconds in units of 10 ms. If not ... between
// 0 and 2 seconds in units of 10 ms" (RFC 3261 §14.1).
func TestGlareWait(t *testing.T) {
	for range 2000 {
		owner, other := glareWait(true), glareWait(false)
		if owner < 2100*time.Millisecond || owner > 4*time.Second || owner%(10*time.Millisecond) != 0 {
			t.Fatalf("the owner waits %v", owner)
		}
		if other < 0 || other > 2*time.Second || other%(10*time.Millisecond) != 0 {
			t.Fatalf("the other side waits %v", other)
		}
	}
}

// TestOverlap: "A UAS that receives a second INVITE before it sends the final
// response to a first INVITE with a lower CSeq sequence number on the same
// dialog MUST return a 500 response to the second INVITE and MUST include a
// Retry-After header field with a randomly chosen value of between 0 and 10
// seconds" (RFC 3261 §14.2).
func TestOverlap(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, confirmed+`
			-> INVITE | sdp: held
			-> INVITE | sdp: held
			<- 500 INVITE | Retry-After: {wait}
			-> UPDATE | sdp: held
			<- 500 UPDATE | Retry-After: *  # RFC 3311 §5.2
			do accept
			<- 200 INVITE
		`, p)
		if w := r.script.Vars["wait"]; len(w) > 2 || len(w) == 2 && w != "10" {
			t.Errorf("Retry-After is %s", w)
		}
	})
}

// TestUpdate: RFC 3311 both ways, with glare.
func TestUpdate(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		r.script.Run(t, called+`
			do update
			<- UPDATE | sdp: 10002 | Contact
			-> UPDATE | sdp: held
			<- 491 UPDATE     # §5.2: an offer of ours waits
			-> 200 UPDATE | sdp: held
			-> UPDATE | sdp
			do accept
			<- 200 UPDATE | sdp: 10002
			-> UPDATE         # no offer: only a refresh
			<- 200 UPDATE | nobody
			do update
			<- UPDATE
			-> 500 | Retry-After: 3
			<- UPDATE | within: 4s | after: 2900ms  # §5.1: again after Retry-After
			-> 200 | sdp
			pause 5ms
		`, p)
		event[Answered](r, "200")
		event[Answer](r, "200 to UPDATE")
		event[Offer](r, "UPDATE")
		event[Answer](r, "200 to the second UPDATE")
		r.quiet("all is said")
	})
}

// TestUpdateInEarlyDialog: RFC 3311 §5.1 allows it when the first exchange is
// complete.
func TestUpdateInEarlyDialog(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.do("early", func() error { return r.session().Provisional(183, ourSDP) })
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | Supported: 100rel | sdp
			do early
			<- 183 | RSeq: {rseq}
			-> UPDATE | sdp: held
			do accept
			<- 200 UPDATE | sdp: 10002
			-> PRACK | RAck: {rseq} 1 INVITE
			<- 200 PRACK
			do update
			<- UPDATE
			-> 200 | sdp
			-> CANCEL
			<- 200 CANCEL
			<- 487 INVITE
			-> ACK
		`, p)
		event[Offer](r, "UPDATE")
		event[Answer](r, "200")
		r.ended(CauseCancelled, "CANCEL")
		r.empty()
	})
}

// TestUpdateTooEarly: the INVITE's offer has no answer yet: 500 with
// Retry-After to the peer (RFC 3311 §5.2).
func TestUpdateTooEarly(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | sdp
			do ring
			<- 180
			-> UPDATE | sdp: held
			<- 500 UPDATE | Retry-After: *
		`, p)
	})
}

// TestLateOffer: our INVITE has no offer, the 2xx has, and the ACK carries the
// answer (RFC 3261 §13.2.1).
func TestLateOffer(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		r.do("invite", r.invite(p, func(c *InviteConfig) { c.SDP = "" }))
		r.script.Run(t, `
			do invite
			<- INVITE | nobody
			-> 200 | sdp
			silence 100ms
			-> again
			silence 100ms
			do accept
			<- ACK | sdp: 10002
		`+hangUp, p)
		if a := event[Answered](r, "200"); !a.Offer || a.SDP != siptest.StandardSDP {
			t.Errorf("answered %+v", a)
		}
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestLateOfferFromPeer: the INVITE has no offer: ours is in the 2xx, the
// answer in the ACK.
func TestLateOfferFromPeer(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, `
			-> INVITE sip:bob@{sut}
			do answer
			<- 200 | sdp: 10000
			-> ACK | sdp
			pause 5ms
		`+hangUp, p)
		if c := event[Confirmed](r, "ACK"); c.SDP != siptest.StandardSDP || c.Session.RemoteSDP() != c.SDP {
			t.Errorf("confirmed %+v", c)
		}
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestNoAnswerInAck: an offer in our 2xx "MUST" be answered in the ACK (§13.2.1).
func TestNoAnswerInAck(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, `
			-> INVITE sip:bob@{sut}
			do answer
			<- 200 | sdp: 10000
			-> ACK
			<- BYE
			-> 200
		`, p)
		r.ended(CauseNoAnswer, "the ACK had no answer")
		r.empty()
	})
}

// TestByeWaitsForAck: "The callee's UA MUST NOT send a BYE on a confirmed
// dialog until it has received an ACK for its 2xx response or until the server
// transaction times out" (§15).
func TestByeWaitsForAck(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | sdp
			do answer
			<- 200
			do bye
			silence 400ms
			-> ACK
			<- BYE
			-> 200
		`, p)
		r.ended(CauseLocalBye, "we hung up")
		r.empty()
	})
}

// TestNoAck: "If the server retransmits the 2xx response for 64*T1 seconds
// without receiving an ACK, the dialog is confirmed, but the session SHOULD be
// terminated ... with a BYE" (§13.3.1.4).
func TestNoAck(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | sdp
			do answer
			<- 200
			<- BYE | within: 33s | after: 31s
			-> 200
		`, p)
		r.ended(CauseNoAck, "no ACK came")
		r.empty()
	})
}

// TestByesCross: both sides send BYE; both get 200.
func TestByesCross(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, confirmed+`
			do bye
			<- BYE
			-> BYE
			<- 200 BYE
			-> 200 BYE
		`, p)
		event[Confirmed](r, "ACK")
		r.ended(CauseLocalBye, "ours was first")
		r.empty()
	})
}

// TestByeEndsReInvite: "the UAS ... MUST still respond to any pending requests
// received for that dialog. It is RECOMMENDED that a 487 be generated" (§15.1.2).
func TestByeEndsReInvite(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, confirmed+`
			-> INVITE | sdp: held
			-> BYE
			<- 200 BYE
			<- 487 INVITE
			-> ACK
		`, p)
		event[Confirmed](r, "ACK")
		event[Offer](r, "re-INVITE")
		r.ended(CauseBye, "BYE")
		r.empty()
	})
}

// TestReInviteTimesOut: no response to a request in the dialog ends it
// (§12.2.1.2): BYE.
func TestReInviteTimesOut(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		r.script.Run(t, called+`
			do reinvite
			<- INVITE
			<- BYE | within: 40s
			-> 200 BYE
		`, p)
		event[Answered](r, "200")
		if a := event[Answer](r, "nobody answered"); a.Status != 408 {
			t.Errorf("answer %+v", a)
		}
		r.ended(CauseTimeout, "the peer is gone")
		r.empty()
	})
}

// TestGone: 481 to a request in the dialog ends it (§12.2.1.2, RFC 5057 §5.1);
// 488 does not.
func TestGone(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		var got []int
		r.do("info", func() error {
			return r.session().Send(sip.INFO, "text/plain", "x", func(res *sip.Response, err error) { got = append(got, res.Status()) })
		})
		r.script.Run(t, called+`
			do info
			<- INFO | body: x
			-> 403
			do info
			<- INFO
			-> 481
			<- BYE
			-> 481 BYE
		`, p)
		synctest.Wait()
		event[Answered](r, "200")
		if e := r.ended(CauseGone, "481"); e.Status != 481 {
			t.Errorf("ended %+v", e)
		}
		if len(got) != 2 || got[0] != 403 || got[1] != 481 {
			t.Errorf("replies %v", got)
		}
		r.empty()
	})
}
