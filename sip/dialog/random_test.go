package dialog

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/sip/transaction"
)

// peerMoves is what a peer may send at any moment, sensible or not.
var peerMoves = []string{
	"-> ACK", "-> ACK | sdp", "-> BYE", "-> CANCEL", "-> again", "-> INVITE | sdp", "-> INVITE", "-> UPDATE | sdp", "-> UPDATE",
	"-> PRACK | RAck: 1 1 INVITE", "-> INFO | body: x", "-> REFER | Refer-To: <sip:c@example.org>", "-> OPTIONS",
	"-> NOTIFY | Event: refer | Subscription-State: active;expires=60", "-> NOTIFY | Event: refer | Subscription-State: terminated",
	"-> SUBSCRIBE | Event: refer | Expires: 0", "-> MESSAGE | body: x", "-> BYE | CSeq: 1 BYE",
	"-> 180", "-> 183 | sdp", "-> 180 | Require: 100rel | RSeq: 7", "-> 183 | Require: 100rel | RSeq: 8 | sdp",
	"-> 200 | sdp", "-> 200", "-> 200 INVITE | sdp", "-> 200 INVITE | sdp | To: <sip:fork@x>;tag=fork", "-> 200 BYE", "-> 491", "-> 481", "-> 486", "-> 500 | Retry-After: 1",
	"-> 422 | Min-SE: 3600", "-> 401", "-> 202", "-> 408", "<-? * | within: 1ms", "<-? * | within: 1ms",
	"pause 30ms", "pause 600ms", "pause 5s", "pause 40s",
	read + "-> 200 | sdp", read + "-> 200 | sdp", read + "-> 200", read + "-> 200", read + "-> 491", read + "-> 500 | Retry-After: 1", read + "-> 481",
	"<-? 183 | RSeq: {rseq} | within: 1ms", "-> PRACK | RAck: {rseq} 1 INVITE", "-> PRACK | RAck: {rseq} 1 INVITE | sdp",
	read + "-> 488", read + "-> 202", read + read + "-> 200 INVITE | sdp", "-> INVITE | sdp\n" + read + "-> ACK", "-> INVITE\n" + read + "-> ACK | sdp",
}

// read takes the next message, whatever it is.
const read = "<-? * | within: 1ms\n"

// ourMoves is what an application may call at any moment.
var ourMoves = map[string]func(*rig){
	"ring":     func(r *rig) { r.session().Provisional(180, "") },
	"early":    func(r *rig) { r.session().Provisional(183, ourSDP) },
	"answer":   func(r *rig) { r.session().Answer(ourSDP) },
	"reject":   func(r *rig) { r.session().Reject(486, "") },
	"accept":   func(r *rig) { r.session().AnswerOffer(otherSDP) },
	"refuse":   func(r *rig) { r.session().RejectOffer(0, "") },
	"reinvite": func(r *rig) { r.session().ReInvite(otherSDP) },
	"bare":     func(r *rig) { r.session().ReInvite("") },
	"update":   func(r *rig) { r.session().Update(otherSDP) },
	"refer":    func(r *rig) { r.session().Refer("<sip:c@example.org>") },
	"info":     func(r *rig) { r.session().Send(sip.INFO, "text/plain", "x", nil) },
	"bye":      func(r *rig) { r.session().Bye(NormalClearing) },
	"snapshot": func(r *rig) { r.session().Snapshot() },
}

// TestRandomInterleavings plays random sequences of both sides' moves, then
// hangs up, and proves: no dialog and no transaction is left, every session had
// exactly one final event, every invitation exactly one outcome, and nothing
// follows a final event.
func TestRandomInterleavings(t *testing.T) {
	names := make([]string, 0, len(ourMoves))
	for n := range ourMoves {
		names = append(names, n)
	}
	sortStrings(names)
	rapid.Check(t, func(rt *rapid.T) {
		caller := rapid.Bool().Draw(rt, "we call")
		late := rapid.Bool().Draw(rt, "no offer in the INVITE")
		settled := rapid.Bool().Draw(rt, "established")
		rel := rapid.SampledFrom([]string{"", " | Supported: 100rel, timer", " | Require: 100rel"}).Draw(rt, "extensions")
		moves := rapid.SliceOfN(rapid.SampledFrom(append(names, peerMoves...)), 1, 40).Draw(rt, "moves")
		var fault string
		synctest.Test(t, func(t *testing.T) { fault = playRandom(t, caller, late, settled, rel, moves) })
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

func sortStrings(s []string) {
	m := make(map[string]bool)
	for _, x := range s {
		m[x] = true
	}
	copy(s, sorted(m))
}

func playRandom(t *testing.T, caller, late, settled bool, rel string, moves []string) string {
	n := siptest.NewMemory()
	r := newRig(t, n, interval(100*time.Second))
	r.net = n
	r.script.Patience = time.Millisecond
	tx, err := transaction.New(transaction.Config{Transport: n, Handler: r.layer, Shards: 2})
	if err != nil {
		return err.Error()
	}
	defer r.run(tx)()
	n.Ready()
	p := n.Dial("peer")
	opening := "-> INVITE sip:us@{sut}" + rel
	if !late {
		opening += " | sdp"
	}
	if caller {
		r.invite(p, func(c *InviteConfig) {
			if late {
				c.SDP = ""
			}
		})()
		opening = "<- INVITE | within: 1s"
	}
	if err := r.script.Play(opening, p); err != nil {
		return err.Error()
	}
	if settled {
		r.settle(p, caller)
	}
	for _, m := range moves {
		if f := ourMoves[m]; f != nil {
			if r.session() != nil {
				f(r)
			}
			continue
		}
		r.script.Play(m, p) // what does not apply is not sent
	}
	if r.inv != nil {
		r.inv.Cancel(Reason{})
	}
	for _, s := range r.known() {
		s.Bye(Reason{})
	}
	time.Sleep(10 * time.Minute)
	synctest.Wait()
	return r.verdict(tx)
}

// settle brings the call to where both sides have what they wait for.
func (r *rig) settle(p *siptest.Peer, caller bool) {
	if caller {
		r.script.Play("-> 200 | sdp | Allow: INVITE, UPDATE\n"+read, p)
		r.session().AnswerOffer(ourSDP)
		return
	}
	r.session().Answer(ourSDP)
	r.script.Play(read+"-> ACK | sdp", p)
}

// known returns all sessions of the layer.
func (r *rig) known() (list []*Session) {
	for _, d := range r.layer.dialogs.all() {
		d.strand.mu.Lock()
		if d.session != nil {
			list = append(list, d.session)
		}
		d.strand.mu.Unlock()
	}
	return list
}

// verdict checks the invariants once everything is over.
func (r *rig) verdict(tx *transaction.Layer) string {
	if n := r.layer.Len(); n != 0 {
		return fmt.Sprintf("%d dialogs left", n)
	}
	if s, c := tx.Load(); s != 0 || c != 0 {
		return fmt.Sprintf("%d server and %d client transactions left", s, c)
	}
	ended := map[*Session]bool{}
	outcome := 0
	var started []*Session
	if r.accept == nil && r.inv == nil && r.session() != nil {
		started = append(started, r.session())
	}
	for {
		select {
		case e := <-r.events:
			switch e := e.(type) {
			case Ended:
				if ended[e.Session] {
					return "a session ended twice"
				}
				ended[e.Session] = true
			case Answered:
				outcome++
				started = append(started, e.Session)
			case Rejected:
				outcome++
			case Offer:
				if ended[e.Session] {
					return "an offer after the end"
				}
			case Answer:
				if ended[e.Session] {
					return "an answer after the end"
				}
			}
			continue
		default:
		}
		break
	}
	for _, s := range started {
		if !ended[s] {
			return "a session has no final event"
		}
	}
	if r.inv != nil && outcome != 1 {
		return fmt.Sprintf("the invitation had %d outcomes", outcome)
	}
	return ""
}
