package dialog

import (
	"testing"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/siptest"
)

// TestReliableAsCallee: RFC 3262 §3.
func TestReliableAsCallee(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		r.answering()
		r.do("early", func() error { return r.session().Provisional(183, ourSDP) })
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | Supported: 100rel | sdp
			do ring
			do early
			<- 180 | Require: 100rel | RSeq: {rseq}  # "MUST include a Require header field containing 100rel and MUST include an RSeq"
			silence 400ms              # "MUST NOT send a second reliable provisional response until the first is acknowledged"
			<- again | within: 2s      # "retransmitted with exponential backoff, starting at T1"
			-> PRACK | RAck: 77 1 INVITE
			<- 481 PRACK               # "If a PRACK request does not match any unacknowledged reliable provisional response, the UAS MUST respond with 481"
			-> PRACK | RAck: {rseq} 1 INVITE
			<- 200 PRACK               # "If the PRACK does match ... it MUST be responded to with a 2xx"
			<- 183 | RSeq: {second} | sdp: 10000
			do answer
			silence 300ms              # §5: no final response until the description has been acknowledged
			-> PRACK | RAck: {second} 1 INVITE
			<- 200 PRACK
			<- 200 INVITE | nobody     # the exchange is complete, so the 2xx holds no second answer
			-> ACK
			do bye
			<- BYE
			-> 200
		`, r.net.Dial("alice"))
		event[Confirmed](r, "ACK")
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestHungUpBeforePrack: a session that was answered and hung up while its 2xx
// waited for a PRACK is still answered first.
func TestHungUpBeforePrack(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		r.answering()
		r.do("early", func() error { return r.session().Provisional(183, ourSDP) })
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | Supported: 100rel | sdp
			do early
			<- 183 | sdp: 10000 | RSeq: {rseq}
			do answer
			do bye
			silence 300ms
			-> PRACK | RAck: {rseq} 1 INVITE
			<- 200 PRACK
			<- 200 INVITE
			silence 300ms              # RFC 3261 §15: no BYE before the ACK
			-> ACK
			<- BYE
			-> 200
		`, r.net.Dial("alice"))
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestLatePrack: after a final response the UAS "MUST be prepared to process
// PRACK requests for those outstanding responses" (RFC 3262 §3), whether the
// ACK or the PRACK comes first.
func TestLatePrack(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		r.answering()
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | Supported: 100rel | sdp
			do ring
			<- 180 | RSeq: {rseq}      # no description: the 2xx need not wait for the PRACK
			do answer
			<- 200 INVITE
			-> ACK
			-> PRACK | RAck: 77 1 INVITE
			<- 481 PRACK               # it acknowledges nothing
			-> PRACK | RAck: {rseq} 1 INVITE
			<- 200 PRACK
			-> PRACK | RAck: {rseq} 1 INVITE
			<- 481 PRACK               # it has been acknowledged
			do bye
			<- BYE
			-> 200
		`, r.net.Dial("alice"))
		event[Confirmed](r, "ACK")
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestReliableSequence: "Each subsequent RSeq MUST be exactly one greater".
func TestReliableSequence(t *testing.T) {
	s := reliableSender{}
	first := s.next()
	if first < 1 || first > 1<<31-1 {
		t.Errorf("first RSeq %d is not between 1 and 2^31-1 (RFC 3262 §3)", first)
	}
	if n := s.next(); n != first+1 {
		t.Errorf("second RSeq %d, want %d", n, first+1)
	}
}

// TestNoPrack: "If a reliable provisional response is retransmitted for 64*T1
// seconds without reception of a corresponding PRACK, the UAS SHOULD reject
// the original request with a 5xx response" (RFC 3262 §3).
func TestNoPrack(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		r.answering()
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | Require: 100rel | sdp
			do ring
			<- 180 | Require: 100rel
			<- 5xx INVITE | within: 33s | after: 31s
			-> ACK
		`, r.net.Dial("alice"))
		r.ended(CauseNoPrack, "nobody acknowledged the 180")
		r.empty()
	})
}

// TestReliableOffer: an INVITE without offer gets one in the reliable 183, and
// "the answer MUST be in the PRACK" (RFC 3262 §5).
func TestReliableOffer(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		r.answering()
		r.do("early", func() error { return r.session().Provisional(183, ourSDP) })
		r.do("answer", func() error { return r.session().Answer("") })
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | Supported: 100rel
			do early
			<- 183 | sdp: 10000 | RSeq: {rseq}
			-> PRACK | RAck: {rseq} 1 INVITE | sdp
			<- 200 PRACK
			do answer
			<- 200 INVITE | nobody
			-> ACK
			-> BYE
			<- 200
		`, r.net.Dial("alice"))
		if a := event[Answer](r, "the PRACK"); a.Method != sip.PRACK || a.SDP != siptest.StandardSDP {
			t.Errorf("answer %+v", a)
		}
		event[Confirmed](r, "ACK")
		r.ended(CauseBye, "BYE")
		r.empty()
	})
}

// TestOfferInPrack: an offer in a PRACK is answered in its 2xx (RFC 3262 §5).
func TestOfferInPrack(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		r.answering()
		r.do("early", func() error { return r.session().Provisional(183, ourSDP) })
		r.do("accept", func() error { return r.session().AnswerOffer(otherSDP) })
		r.do("answer", func() error { return r.session().Answer("") })
		r.script.Bodies = map[string]string{"held": heldSDP}
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | Supported: 100rel | sdp
			do early
			<- 183 | sdp: 10000 | RSeq: {rseq}
			-> PRACK | RAck: {rseq} 1 INVITE | sdp: held
			do accept
			<- 200 PRACK | sdp: 10002
			do answer
			<- 200 INVITE
			-> ACK
			-> BYE
			<- 200
		`, r.net.Dial("alice"))
		if o := event[Offer](r, "the PRACK"); o.SDP != heldSDP {
			t.Errorf("offer %q", o.SDP)
		}
		event[Confirmed](r, "ACK")
		r.ended(CauseBye, "BYE")
		r.empty()
	})
}

// TestReliableRequiredByUs: a peer without 100rel gets 421 (RFC 3261 §21.4.16).
func TestReliableRequiredByUs(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		r.options.Reliable = ReliableRequired
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | sdp
			<- 421 | Require: 100rel
			-> ACK
		`, r.net.Dial("alice"))
		r.empty()
	})
}

// TestReliableOff: a Require that we do not follow gets 420 with Unsupported
// (RFC 3261 §8.2.2.3, RFC 3262 §3).
func TestReliableOff(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		r.options.Reliable = ReliableOff
		r.answering()
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | Require: 100rel | sdp
			<- 420 | Unsupported: 100rel
			-> ACK
			-> INVITE sip:bob@{sut} | new | Supported: 100rel | sdp
			do ring
			<- 180 | -RSeq | -Require
			-> CANCEL
			<- 200 CANCEL
			<- 487
			-> ACK
		`, r.net.Dial("alice"))
		r.ended(CauseCancelled, "CANCEL")
		r.empty()
	})
}

// TestReliableAsCaller: RFC 3262 §4.
func TestReliableAsCaller(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.do("invite", r.invite(p, nil))
		r.answering()
		r.script.Run(t, `
			do invite
			<- INVITE | CSeq: {n} INVITE
			-> 180 | Require: 100rel | RSeq: 900
			<- PRACK | RAck: 900 {n} INVITE | From: *;tag=* | To: *;tag=* # "MUST create a PRACK request within the dialog"
			-> 200 PRACK
			-> 180 INVITE | Require: 100rel | RSeq: 900 | X-Again: 1
			silence 200ms           # "retransmissions ... MUST be discarded"
			-> 183 INVITE | Require: 100rel | RSeq: 902 | sdp
			silence 200ms           # "if the value of RSeq is not one higher ... MUST NOT be acknowledged with a PRACK"
			-> 183 INVITE | Require: 100rel | RSeq: 901 | sdp
			<- PRACK | RAck: 901 {n} INVITE | nobody
			-> 200 PRACK
			-> 200 INVITE
			<- ACK
			do bye
			<- BYE
			-> 200
		`, p)
		a := event[Answered](r, "200")
		if a.Session.RemoteSDP() != siptest.StandardSDP {
			t.Errorf("the answer in the reliable 183 was lost: %q", a.Session.RemoteSDP())
		}
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestOfferInReliable: our INVITE has no offer, the reliable 183 brings one,
// "the answer MUST be in the PRACK" (RFC 3262 §5).
func TestOfferInReliable(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.do("invite", r.invite(p, func(c *InviteConfig) { c.SDP = "" }))
		r.do("accept", func() error {
			pr := event[Progress](r, "183")
			if !pr.Offer || !pr.Reliable {
				t.Errorf("progress %+v", pr)
			}
			return pr.Session.AnswerOffer(ourSDP)
		})
		r.answering()
		r.script.Run(t, `
			do invite
			<- INVITE | nobody
			-> 183 | Require: 100rel | RSeq: 5 | sdp
			pause 10ms
			do accept
			<- PRACK | sdp: 10000
			-> 200 PRACK
			-> 200 INVITE
			<- ACK | nobody
			do bye
			<- BYE
			-> 200
		`, p)
		event[Answered](r, "200")
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestPatience: an application that never answers an offer does not hold the
// dialog.
func TestPatience(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		r.answering()
		r.script.Bodies = map[string]string{"held": heldSDP}
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | sdp
			do answer
			<- 200
			-> ACK
			-> UPDATE | sdp: held
			<- 504 | within: 21s | after: 19s  # RFC 3311 §5.2: 504 if it cannot be answered at once
			-> INVITE | sdp: held
			<- 500 | within: 21s
			-> ACK
			-> BYE
			<- 200
		`, r.net.Dial("alice"))
		event[Confirmed](r, "ACK")
		event[Offer](r, "UPDATE")
		event[Offer](r, "INVITE")
		r.ended(CauseBye, "BYE")
		r.empty()
	})
}
