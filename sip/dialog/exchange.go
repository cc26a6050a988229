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
	strand  *strand
	req     *sip.Request
	to      hop
	auth    Authorizer
	nextSeq func() uint32 // CSeq of the next attempt
	// done takes every response above 100 and the failure, under the lock. It
	// sees no challenges that were answered. It is nil when nothing of interest
	// can come any more: the client transaction outlives its final response by up
	// to 32 s, and what done knows would live as long.
	done func(now time.Time, res *sip.Response, err error)

	client    *transaction.Client
	attempt   *attempt
	attempts  int
	invite    bool
	cancelled bool
	reason    Reason
}

// attempt tells the client transactions of one exchange apart.
type attempt struct{ x *exchange }

// start queues the request. The lock is held.
func (x *exchange) start() {
	x.attempts++
	x.attempt, x.client = &attempt{x}, nil
	req := x.req
	x.invite = req.Method() == sip.INVITE
	if x.auth != nil || x.invite || req.Method() == sip.SUBSCRIBE {
		req = req.Clone() // what is sent belongs to the transaction layer; ours is for the next attempt
	} else {
		x.req = nil
	}
	x.strand.do(&transmit{x: x, a: x.attempt, req: req})
}

// transmit opens the client transaction of an attempt.
type transmit struct {
	x   *exchange
	a   *attempt
	req *sip.Request
}

func (t *transmit) route(l *Layer) bool { return t.x.to.route(l) }
func (t *transmit) hop() *hop           { return &t.x.to }

func (t *transmit) lost(err error) { t.a.Failed(nil, err) }

func (t *transmit) run(l *Layer) {
	c := l.tx().Request(t.req, t.x.to.targets, t.a)
	st := t.x.strand
	st.enter()
	defer st.leave()
	if t.x.attempt != t.a {
		return
	}
	t.x.client = c
	if t.x.cancelled {
		st.do(cancel{c, t.x.reason})
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
	x.req, x.auth, x.nextSeq, x.done = nil, nil, nil, nil
}

// challenged answers a 401 or 407 by sending the request again with
// credentials, the same Call-ID and the next CSeq (RFC 3261 §22.2).
func (x *exchange) challenged(res *sip.Response) bool {
	if s := res.Status(); s != 401 && s != 407 || x.auth == nil || x.cancelled || x.attempts >= maxAttempts {
		return false
	}
	req := x.req.Clone()
	setCSeq(req, x.nextSeq())
	if err := x.auth.Authorize(req, res); err != nil {
		return false
	}
	x.req = req
	x.start()
	return true
}

// again sends the request once more with the next CSeq, after edit has changed
// it. The lock is held.
func (x *exchange) again(edit func(*sip.Request)) {
	req := x.req.Clone()
	setCSeq(req, x.nextSeq())
	edit(req)
	x.req = req
	x.start()
}

func setCSeq(req *sip.Request, seq uint32) {
	req.Set(sip.HeaderCSeq, strconv.FormatUint(uint64(seq), 10)+" "+string(req.Method()))
}
