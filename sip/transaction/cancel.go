package transaction

import (
	"strconv"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// Cancel cancels an INVITE (§9.1): at once if a provisional response has come,
// else as soon as one comes; never after a final response. headers are added
// to the CANCEL, such as Reason (RFC 3326). It may be called from any
// goroutine, again without effect. If 64*T1 after the CANCEL no final response
// has come, the transaction fails with ErrTimeout.
func (c *Client) Cancel(headers ...Field) {
	c.shard.post(&event{kind: evCancel, client: c, fields: headers})
}

// Abandon ends a request that is no INVITE: it is not sent again, its response is
// not waited for, and the watcher hears nothing more. It is for those who wait less
// than 64*T1, such as a probe that counts as lost. From any goroutine.
func (c *Client) Abandon() { c.shard.post(&event{kind: evAbandon, client: c}) }

// abandon ends the transaction that is under way.
func (s *shard) abandon(c *Client) {
	tx := c.current.Load()
	if tx == nil || tx.invite || c.done {
		return
	}
	c.done, c.req, c.targets = true, nil, nil
	tx.other.end()
	s.endClient(tx)
}

// cancel sends the CANCEL, or remembers to.
func (s *shard) cancel(c *Client, fields []Field) {
	tx := c.current.Load()
	if tx == nil || !tx.invite || c.done {
		return
	}
	if !c.wanted {
		c.wanted, c.fields = true, fields
	}
	s.sendCancel(tx, c.fields)
}

// sendCancel sends the CANCEL of tx if it is in Proceeding: "If no provisional
// response has been received, the CANCEL request MUST NOT be sent" (§9.1).
func (s *shard) sendCancel(tx *clientTx, fields []Field) {
	if tx.inv.state != stateProceeding || tx.cancelled || tx.req == nil {
		return
	}
	tx.cancelled = true
	tx.inv.cancel(s.now, &s.layer.timers)
	s.arm(&tx.timer, tx.deadline())
	req := companion(tx.req, sip.CANCEL, tx.req.Get(sip.HeaderTo))
	for _, f := range fields {
		req.Add(f.ID, f.Value)
	}
	via, _ := tx.req.TopVia()
	child := &clientTx{client: &Client{layer: s.layer, shard: s, watcher: ignore{}, method: sip.CANCEL}, flowAt: -1}
	child.owner = child
	child.key = s.layer.keys.client(via.Branch(), sip.CANCEL)
	child.target = tx.target
	if tx.flow.Valid() {
		child.target = transport.Target{Proto: tx.flow.Proto(), Addr: tx.flow.Remote(), Flow: tx.flow}
	}
	child.msg.msg = s.layer.scratch.encode(req)
	s.start(child)
}

// ignore watches a CANCEL: its answer says nothing about the INVITE.
type ignore struct{}

func (ignore) Response(*Client, *sip.Response) {}
func (ignore) Failed(*Client, error)           {}

// companion makes the ACK to a final response that is no 2xx, or the CANCEL, of
// invite: the same Request-URI, Call-ID, From, CSeq number and Route, and the
// topmost Via alone (§17.1.1.3, §9.1).
func companion(invite *sip.Request, m sip.Method, to string) *sip.Request {
	req := sip.NewRequest(m, invite.URI())
	via, _ := invite.First(sip.HeaderVia)
	seq, _, _ := invite.CSeq()
	req.Add(sip.HeaderVia, via)
	for v := range invite.Values(sip.HeaderRoute) {
		req.Add(sip.HeaderRoute, v)
	}
	req.Add(sip.HeaderFrom, invite.Get(sip.HeaderFrom))
	req.Add(sip.HeaderTo, to)
	req.Add(sip.HeaderCallID, invite.CallID())
	req.Add(sip.HeaderCSeq, strconv.FormatUint(uint64(seq), 10)+" "+string(m))
	req.Add(sip.HeaderMaxForwards, "70")
	return req
}

// sendACK sends the ACK to a final response that is no 2xx. "The To header
// field in the ACK MUST equal the To header field in the response being
// acknowledged" (§17.1.1.3). Retransmitted responses get the same ACK.
func (s *shard) sendACK(tx *clientTx, res *sip.Response) {
	if tx.req != nil {
		s.layer.scratch.restore(&tx.msg)
		tx.msg.msg = s.layer.scratch.encode(companion(tx.req, sip.ACK, res.Get(sip.HeaderTo)))
		tx.req = nil
	}
	f := tx.flow
	if !f.Valid() {
		return
	}
	_ = s.layer.transport.Send(f, tx.msg.msg) // the response comes again if it is lost
}
