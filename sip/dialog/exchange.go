package dialog

import (
	"strconv"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
)

// maxAttempts bounds how often a request is sent again because of challenges.
const maxAttempts = 3

// An exchange is one request of ours with its client transaction, and the
// same request again with credentials when it is challenged (RFC 3261 §22).
// It is guarded by its strand.
type exchange struct {
	strand *strand
	req    *sip.Request
	to     hop
	auth   Authorizer
	seq    sequencer // of the next attempt
	// done takes every response above 100 and the failure, under the lock. It
	// sees no challenges that were answered. It is nil when nothing of interest
	// can come any more: the client transaction outlives its final response by up
	// to 32 s, and what done knows would live as long.
	done func(now time.Time, res *sip.Response, err error)

	client    *transaction.Client
	attempt   *attempt
	first     attempt // the usual one
	attempts  int
	invite    bool
	cancelled bool
	reason    Reason
}

// sequencer counts the CSeq of a dialog, or of what is to become one.
type sequencer interface{ nextSeq() uint32 }

// attempt tells the client transactions of one exchange apart; it opens its own.
type attempt struct {
	x   *exchange
	req *sip.Request // until it has been sent
}

// start queues the request. The lock is held.
func (x *exchange) start() {
	x.attempts++
	a := &x.first
	if x.attempts > 1 {
		a = new(attempt)
	}
	*a = attempt{x, x.req}
	x.attempt, x.client = a, nil
	x.invite = x.req.Method() == sip.INVITE
	if x.auth == nil && !x.invite && x.req.Method() != sip.SUBSCRIBE {
		x.req = nil // there is no second attempt
	}
	x.strand.do(a)
}

func (a *attempt) route(l *Layer) bool { return a.x.to.route(l) }
func (a *attempt) hop() *hop           { return &a.x.to }
func (a *attempt) lost(err error)      { a.Failed(nil, err) }

// run opens the client transaction.
func (a *attempt) run(l *Layer) {
	c := l.tx().Request(a.req, a.x.to.targets, a)
	st := a.x.strand
	st.enter()
	defer st.leave()
	a.req = nil
	if a.x.attempt != a {
		return
	}
	a.x.client = c
	if a.x.cancelled {
		st.do(cancel{c, a.x.reason})
	}
}

// cancel gives up an INVITE (RFC 3261 §9.1).
type cancel struct {
	c      *transaction.Client
	reason Reason
}

func (a cancel) run(*Layer) {
	if a.reason.Protocol == "" {
		a.c.Cancel()
		return
	}
	a.c.Cancel(transaction.Field{ID: sip.HeaderReason, Value: a.reason.String()})
}

// cancel asks the transaction to give up. The lock is held.
func (x *exchange) cancel(r Reason) {
	if x.cancelled {
		return
	}
	x.cancelled, x.reason = true, r
	if x.client != nil {
		x.strand.do(cancel{x.client, r})
	}
}

// Response implements transaction.ClientWatcher.
func (a *attempt) Response(c *transaction.Client, res *sip.Response) {
	st := a.x.strand
	now := st.enter()
	defer st.leave()
	if a.x.attempt != a {
		return
	}
	a.x.client = c
	if a.x.challenged(res) {
		return
	}
	if res.Status() > 100 {
		a.x.take(now, res, nil)
	}
}

// Failed implements transaction.ClientWatcher.
func (a *attempt) Failed(_ *transaction.Client, err error) {
	st := a.x.strand
	now := st.enter()
	defer st.leave()
	if a.x.attempt == a {
		a.x.take(now, nil, err)
	}
}

// take hands an outcome to done. After the last one the exchange forgets
// everything; only the 2xx of an INVITE may come again, and from other forks.
// The lock is held.
func (x *exchange) take(now time.Time, res *sip.Response, err error) {
	a := x.attempt
	if x.done != nil {
		x.done(now, res, err)
	}
	if err == nil && (res.Status() < 200 || res.Status() < 300 && x.invite) || x.attempt != a {
		return // more can come, or it has been sent once more
	}
	x.req, x.auth, x.seq, x.done = nil, nil, nil, nil
}

// challenged answers a 401 or 407 by sending the request again with
// credentials, the same Call-ID and the next CSeq (RFC 3261 §22.2).
func (x *exchange) challenged(res *sip.Response) bool {
	if s := res.Status(); s != 401 && s != 407 || x.auth == nil || x.cancelled || x.attempts >= maxAttempts {
		return false
	}
	req := x.fresh()
	if err := x.auth.Authorize(req, res); err != nil {
		return false
	}
	x.req = req
	x.start()
	return true
}

// fresh is the request for the next attempt. What was sent belongs to the
// transaction layer, which has put its Via on top, and its transaction has ended.
func (x *exchange) fresh() *sip.Request {
	req := x.req.Clone()
	req.Del(sip.HeaderVia)
	setCSeq(req, x.seq.nextSeq())
	return req
}

// again sends the request once more with the next CSeq, after edit has changed
// it. The lock is held.
func (x *exchange) again(edit func(*sip.Request)) {
	req := x.fresh()
	edit(req)
	x.req = req
	x.start()
}

func setCSeq(req *sip.Request, seq uint32) {
	req.Set(sip.HeaderCSeq, strconv.FormatUint(uint64(seq), 10)+" "+string(req.Method()))
}
