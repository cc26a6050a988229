package edge

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/siptest"
)

// answer is what an exchange at p does with a message: every INVITE is answered with
// the status, a 2xx repeated as a UAS must (RFC 3261 §13.3.1.4).
func (b *bubble) answer(p *siptest.Peer, status int, m []byte) {
	req, _, err := sip.Parse(string(m))
	if err != nil || req == nil || req.Method() != sip.INVITE {
		return
	}
	text := func() *sip.Response {
		res := sip.NewResponse(req, status, "")
		res.SetToTag("pbx")
		res.CopyFrom(&req.Message, sip.HeaderRecordRoute)
		res.Add(sip.HeaderContact, "<sip:100@"+p.Address()+">")
		return res
	}
	flow := b.net.Flow(p.Address())
	for at, wait := time.Millisecond, 500*time.Millisecond; at < 32*time.Second; wait = min(2*wait, 4*time.Second) {
		time.AfterFunc(at, func() { b.net.entry.ServeResponse(flow, text()) })
		if at += wait; status >= 300 {
			break // the edge acknowledges
		}
	}
}

// Whoever sends INVITEs over UDP in somebody else's name makes the edge send no more
// than a bounded number of repetitions to that address, whatever the exchange
// answers: RFC 3261 §17.2.1 repeats each answer ten times, for ACKs that never come.
func TestForgedCalls(t *testing.T) {
	const calls = 2000
	for _, status := range []int{200, 302, 401, 404, 486, 503, 603} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			inBubble(t, Config{}, &ShieldConfig{}, func(b *bubble) {
				victim, pbx := b.peer("victim"), b.peer("pbx")
				b.use(Settings{NoPing: true, Algorithm: dispatch.RoundRobin, Failover: []int{}}, spec(pbx, 0))
				finals := 0
				b.net.Lose = func(_, to netip.AddrPort, m []byte) bool {
					if to.String() != victim.Address() {
						b.answer(pbx, status, m)
						return true
					}
					if !strings.HasPrefix(string(m), "SIP/2.0 1") {
						finals++
					}
					return true // nobody is there who would acknowledge
				}
				flow := b.net.Flow(victim.Address())
				for i := range calls {
					text := fmt.Sprintf("INVITE sip:100@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d;rport\r\nMax-Forwards: 9\r\nFrom: <sip:a@b>;tag=%d\r\nTo: <sip:100@b>\r\n"+
						"Call-ID: forged-%[3]d\r\nCSeq: 1 INVITE\r\nContact: <sip:a@b>\r\n\r\n", b.net.Local, victim.Address(), i, i)
					req, _, err := sip.Parse(text)
					if err != nil {
						t.Fatal(err)
					}
					b.net.entry.ServeRequest(flow, req, nil)
					time.Sleep(time.Millisecond)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				t.Logf("%d final answers for %d forged calls", finals, calls)
				if limit := calls + 10*maxOwing; finals > limit {
					t.Errorf("%d answers go to the victim for %d forged calls, want %d at most", finals, calls, limit)
				}
				if servers, clients := b.d.layer.Load().Load(); servers+clients != 0 {
					t.Errorf("%d and %d transactions are left a minute later", servers, clients)
				}
			})
		})
	}
}

// Somebody who acknowledges is told again what was lost, however many calls he
// makes: an ACK gives back what the answer was owed.
func TestHonestCallsAreRepeated(t *testing.T) {
	inBubble(t, Config{}, &ShieldConfig{Failures: 1e6}, func(b *bubble) {
		alice, pbx := b.peer("alice"), b.peer("pbx")
		b.use(Settings{NoPing: true, Algorithm: dispatch.RoundRobin}, spec(pbx, 0))
		b.play(strings.Repeat(`
			alice -> INVITE sip:100@{sut} | new
			pbx <- INVITE
			pbx -> 486
			pbx <- ACK
			alice <- 486
			alice -> ACK
			alice -> INVITE sip:100@{sut} | new
			pbx <- INVITE
			pbx -> 200
			alice <- 200 INVITE
			alice -> ACK
			pbx <- ACK
		`, maxOwing)+`
			alice -> INVITE sip:100@{sut} | new
			pbx <- INVITE
			pbx -> 486
			pbx <- ACK
			alice <- 486
			alice <- again
			alice -> ACK
		`, alice, pbx)
	})
}

// An ACK without To tag, as programs older than RFC 3261 send it, goes where its
// INVITE was answered, whatever the algorithm says; one that belongs to nothing goes
// nowhere.
func TestACKWithoutTag(t *testing.T) {
	inBubble(t, Config{}, &ShieldConfig{}, func(b *bubble) {
		alice, one, two := b.peer("alice"), b.peer("one"), b.peer("two")
		b.use(Settings{NoPing: true, Algorithm: dispatch.RoundRobin}, spec(one, 0), spec(two, 0))
		call := func(first, other string) string {
			return strings.NewReplacer("FIRST", first, "OTHER", other).Replace(`
				alice -> INVITE sip:100@{sut} | new
				FIRST <- INVITE
				FIRST -> 200
				alice <- 200 INVITE
				alice -> ACK sip:100@{sut} | To: <sip:100@{sut}> | -Route
				FIRST <- ACK
				OTHER silence 100ms
			`)
		}
		b.play(call("one", "two")+call("two", "one")+call("one", "two")+`
			alice -> ACK sip:100@{sut} | new
			one silence 100ms
			two silence 100ms
		`, alice, one, two)
	})
}
