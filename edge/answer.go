package edge

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// relay sends a response towards the caller: RFC 3261 §16.7 steps 4 to 9. A
// forwarded message is the destination's, except for what the steps ask for.
// The caller holds mu.
func (fw *forwarding) relay(v verdict) {
	res := v.forward
	switch {
	case v.final == 401 || v.final == 407:
		fw.gather(res)
	case v.final == 503 && !fw.exhausted():
		// "A proxy which receives a 503 ... SHOULD NOT forward it upstream" unless
		// it knows that it would get another one next time (§16.7 step 6).
		res.SetStatus(500, "")
	}
	fw.proxy.veil.coverResponse(res, fw)
	switch {
	case v.final >= 300:
		fw.proxy.cfg.Shield.judge(fw.tx.Flow(), v.final, time.Now())
	}
	fw.give(res)
	fw.proxy.count.forwarded.Add(1)
}

// give answers the caller: a final answer to an INVITE is repeated until its ACK
// comes, unless its sender owes too many of those. The caller holds mu.
func (fw *forwarding) give(res *sip.Response) {
	if fw.invite && res.Final() && fw.credit == 0 {
		fw.credit = granted
		if !fw.proxy.cfg.Shield.owe(fw.tx.Flow(), time.Now()) {
			fw.credit = denied
		}
	}
	if fw.credit == denied {
		_ = fw.tx.ForwardOnce(res) // it fails only if the transaction is over
		return
	}
	_ = fw.tx.Forward(res)
}

// paid notes that nothing has to be repeated any more.
func (fw *forwarding) paid(heard bool) {
	fw.mu.Lock()
	was := fw.credit
	if was == granted {
		fw.credit = settled
	}
	fw.mu.Unlock()
	if was == granted {
		fw.proxy.cfg.Shield.paid(fw.tx.Flow(), heard)
	}
}

// exhausted reports whether the 503 is that of a whole set of destinations: the
// next request would meet the same.
func (fw *forwarding) exhausted() bool {
	for _, l := range fw.legs {
		if l.dest == nil {
			return false
		}
	}
	return len(fw.legs) > 0
}

// gather adds the challenges of all branches to the one that goes back: "If the
// selected response is a 401 or 407, the proxy MUST collect any WWW-Authenticate
// and Proxy-Authenticate header field values from all other 401 and 407
// responses received so far" (§16.7 step 7).
func (fw *forwarding) gather(res *sip.Response) {
	for _, other := range fw.fork.challenge {
		if other != res {
			for _, id := range []sip.HeaderID{sip.HeaderWWWAuthenticate, sip.HeaderProxyAuthenticate} {
				addMissing(&res.Message, &other.Message, id)
			}
		}
	}
}

// addMissing adds the lines of a field that to does not have yet. Challenges are
// one to a line: their own parameters are separated by commas.
func addMissing(to, from *sip.Message, id sip.HeaderID) {
	name := id.String()
	for n, v := range from.Fields() {
		if !strings.EqualFold(n, name) {
			continue
		}
		present := false
		for n2, v2 := range to.Fields() {
			present = present || strings.EqualFold(n2, name) && v2 == v
		}
		if !present {
			to.Add(id, v)
		}
	}
}

// answer makes the final response here: nothing came back that could be
// forwarded. The caller holds mu.
func (fw *forwarding) answer(status int) {
	r := refusal{status: status}
	switch {
	case fw.gone:
		r.status = 487
	case status == flowFailed.status:
		r = flowFailed
	case status == sipsRefused.status && fw.unsecured:
		r = sipsRefused
	case status == 503 && fw.exhausted():
		r.field, r.value = sip.HeaderRetryAfter, strconv.Itoa(retryAfter)
	case status == 503:
		r.status = 500
	}
	res := sip.NewResponse(fw.req, r.status, r.reason)
	if r.value != "" {
		res.Add(r.field, r.value)
	}
	fw.give(res)
}

// retryAfter is what a caller is told when no destination answers, in seconds:
// about the time until the next probes have found one again.
const retryAfter = 5

// recursion makes branches of the contacts of a 3xx, the preferred ones first
// (§16.5). An address that was tried already is left out.
func (fw *forwarding) recursion(res *sip.Response) []Branch {
	contacts, _, err := res.Contacts()
	if err != nil {
		return nil
	}
	slices.SortStableFunc(contacts, func(a, b sip.Address) int {
		x, _ := a.Q()
		y, _ := b.Q()
		return y - x
	})
	var list []Branch
	for _, c := range contacts {
		uri, err := c.ParsedURI()
		if err != nil || !uri.IsSIP() || len(fw.legs)+len(list) >= maxBranches || fw.tried(c.URI) {
			continue
		}
		list = append(list, Branch{URI: c.URI})
	}
	return list
}

// maxBranches bounds what one request can become by redirection.
const maxBranches = 32

func (fw *forwarding) tried(uri string) bool {
	if fw.req.URI() == uri {
		return true
	}
	return slices.ContainsFunc(fw.fork.branches, func(b branchState) bool { return b.branch.URI == uri })
}

// acknowledge forwards the ACK of a 2xx: it is no transaction, each copy is
// forwarded by itself (§16.11). With nobody who could be told, failures are counted.
func (fw *forwarding) acknowledge() {
	p, req := fw.proxy, fw.req
	if was := fw.acknowledged(); was != nil {
		was.paid(fw.req.ToTag() != "")
		if was.first.dest != nil { // only who has our answer can have the proof in it
			p.cfg.Shield.judge(fw.tx.Flow(), callAccepted, time.Now())
		}
	}
	if len(fw.plan.Groups) == 0 || len(fw.plan.Groups[0]) == 0 {
		fw.lostACK()
		return
	}
	b := &fw.plan.Groups[0][0]
	if b.URI != "" {
		req.SetURI(b.URI)
	}
	for i := len(b.Route) - 1; i >= 0; i-- {
		req.Prepend(sip.HeaderRoute, b.Route[i])
	}
	forwardHops(req)
	targets := b.Targets
	if len(targets) == 0 {
		hop, err := fw.nextHop(req, b)
		if err != nil {
			fw.lostACK()
			return
		}
		t, ok := p.cfg.Transport.ResolveNumeric(hop)
		if !ok {
			fw.tx, fw.req = fw.tx.Keep(), fw.req.Keep()
			if hop, err = sip.ParseURI(hop.String()); err != nil {
				fw.lostACK()
				return
			}
			begun := p.lookup(hop, func(targets []transport.Target, err error) {
				if err != nil {
					fw.lostACK()
					return
				}
				fw.sendACK(targets[0])
			})
			if !begun {
				fw.lostACK()
			}
			return
		}
		p.self.leaving(&t, fw.way.listener)
		targets = fw.target(t)
	}
	fw.sendACK(targets[0])
}

// acknowledged returns the forwarding of the INVITE that an ACK belongs to, nil if
// it is over or somebody else's.
func (fw *forwarding) acknowledged() *forwarding {
	invite := fw.tx.Invite()
	if invite == nil || invite.Flow().Remote() != fw.tx.Flow().Remote() {
		return nil
	}
	was, _ := invite.Watcher().(*forwarding)
	return was
}

// untagged finds the way of an ACK whose sender has left out the To tag: that of its
// INVITE. By itself it would look like a new request, to be sent anywhere.
func (fw *forwarding) untagged() {
	was := fw.acknowledged()
	if was == nil {
		return // acknowledge counts it
	}
	was.mu.Lock()
	defer was.mu.Unlock()
	if was.accepted != nil {
		fw.alone(Branch{Targets: fw.target(was.accepted.client.Target())})
	}
}

func (fw *forwarding) sendACK(t transport.Target) {
	p := fw.proxy
	if sipsOnly(fw.req) && !secure(t) {
		fw.lostACK()
		return
	}
	p.veil.cover(fw.req, fw, t)
	if fw.tx.Layer().Send(fw.req, t) != nil {
		fw.lostACK()
		return
	}
	fw.release()
}

func (fw *forwarding) lostACK() {
	fw.proxy.count.lost.Add(1)
	fw.release()
}
