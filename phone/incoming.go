package phone

import (
	"context"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transaction"
)

// allowed are the methods a phone takes (RFC 3261 §20.5).
const allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE, NOTIFY"

// ServeSIP takes the requests that belong to no dialog. It implements
// transaction.Handler and is called by the stack only.
func (p *Phone) ServeSIP(_ context.Context, tx *transaction.Server, req *sip.Request) {
	switch req.Method() {
	case sip.ACK:
		// An ACK that matches nothing is never answered (RFC 3261 §17.1.1.3).
	case sip.INVITE:
		p.invited(tx, req)
	case sip.OPTIONS:
		p.answerOptions(tx, req)
	case sip.SUBSCRIBE, sip.NOTIFY:
		res := sip.NewResponse(req, 489, "") // RFC 6665 §4.2.1.3: no such event package
		p.respond(tx, res)
	default:
		// RFC 3261 §8.2.1: "The UAS MUST also add an Allow header field to the
		// 405 (Method Not Allowed) response."
		res := sip.NewResponse(req, 405, "")
		res.Set(sip.HeaderAllow, allowed)
		p.respond(tx, res)
	}
}

func (p *Phone) respond(tx *transaction.Server, res *sip.Response) {
	if err := tx.Respond(res); err != nil {
		p.set.Logger.Debug("phone: respond", "call_id", res.CallID(), "error", err)
	}
}

// answerOptions says what we can do. RFC 3261 §11.2: "The response code chosen
// MUST be the same that would have been chosen had the request been an INVITE."
func (p *Phone) answerOptions(tx *transaction.Server, req *sip.Request) {
	status := 200
	if p.full() {
		status = 486
	}
	res := sip.NewResponse(req, status, "")
	res.Set(sip.HeaderAllow, allowed)
	res.Set(sip.HeaderAccept, "application/sdp")
	res.Set(sip.HeaderSupported, "100rel, timer, replaces, outbound, path, gruu")
	res.Set(sip.HeaderUserAgent, p.set.UserAgent)
	p.respond(tx, res)
}

// full says whether another caller would hear 486.
func (p *Phone) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.set.Busy || p.ending || len(p.calls) >= p.set.MaxCalls
}

// invited makes a call of an INVITE. It runs on the shard and must not block:
// sockets are opened by the call's own goroutine.
func (p *Phone) invited(tx *transaction.Server, req *sip.Request) {
	if p.set.Busy {
		p.respond(tx, sip.NewResponse(req, 486, ""))
		return
	}
	c, err := p.newCall(true)
	if err != nil {
		p.respond(tx, sip.NewResponse(req, 486, ""))
		return
	}
	if from, err := req.From(); err == nil {
		c.setPeer(from.String())
	}
	c.session, err = p.dialogs.Accept(tx, req, c, dialog.AcceptOptions{})
	if err != nil {
		p.set.Logger.Debug("phone: INVITE refused", "call_id", req.CallID(), "error", err)
		p.forget(c)
		return
	}
	body := req.Body()
	c.box.put(item{run: func() { c.ring(body) }}, true)
	go c.run() // owns the call; ends with it, and Run waits for it
}

// offer hands a ringing call to Accept. If nobody has taken the earlier ones,
// the oldest goes: it can still be reached through Calls and events.
func (p *Phone) offer(c *Call) {
	for {
		select {
		case p.incoming <- c:
			return
		default:
		}
		select {
		case <-p.incoming:
		default:
		}
	}
}
