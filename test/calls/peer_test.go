// Package calls_test runs whole nodes on loopback and calls through them with
// peers of its own, message by message: golden ladders. A peer here is a
// socket and a script, not a SIP stack; it checks what a real telephone would
// see and knows nothing of the rooms inside.
package calls_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
	"github.com/hometone/hometone/sip/siptest"
)

// patience is how long a peer waits for a message that must come.
const patience = 5 * time.Second

// peer is one telephone: a socket for SIP and one for RTP.
type peer struct {
	t        *testing.T
	name     string
	password string
	node     netip.AddrPort
	conn     siptest.Conn
	digest   *auth.Client
	ear      *ear
	codecs   string          // payload types in an offer or answer, "0 101"
	seen     map[string]bool // messages that were repetitions are skipped
	pending  []string        // taken from the socket, not yet wanted
	serial   int
	extra    []string // names and values of header fields that its INVITEs have besides
}

func newPeer(t *testing.T, node netip.AddrPort, name, password string) *peer {
	t.Helper()
	conn, err := siptest.DialUDP(node)
	if err != nil {
		t.Fatal(err)
	}
	return newPeerOn(t, conn, node, name, password)
}

// newPeerOn makes a telephone on a socket or connection to the node.
func newPeerOn(t *testing.T, conn siptest.Conn, node netip.AddrPort, name, password string) *peer {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	return &peer{
		t: t, name: name, password: password, node: node, conn: conn, ear: newEar(t, node.Addr()), codecs: "0 101", seen: map[string]bool{},
		digest: auth.NewClient(auth.Credentials{Username: name, Secret: auth.Secret{Password: password}}),
	}
}

func (p *peer) addr() netip.AddrPort { return p.conn.Local() }

// host is the node's host as a URI writes it.
func (p *peer) host() string {
	if a := p.node.Addr(); a.Is6() {
		return "[" + a.String() + "]"
	}
	return p.node.Addr().String()
}

func (p *peer) contact() string {
	uri := "sip:" + p.name + "@" + p.addr().String()
	if proto := p.conn.Proto(); proto != "UDP" {
		uri += ";transport=" + strings.ToLower(proto)
	}
	return "<" + uri + ">"
}

// next is a number that this peer has not used.
func (p *peer) next() string {
	p.serial++
	return p.name + "-" + strconv.Itoa(p.serial) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
}

// send puts one message on the wire.
func (p *peer) send(text string) {
	p.t.Helper()
	if err := p.conn.Send([]byte(text)); err != nil {
		p.t.Fatalf("%s: send: %v", p.name, err)
	}
}

// read returns the next new message, "" when the time is up. Repetitions and
// 100 are skipped.
func (p *peer) read(wait time.Duration) string {
	p.t.Helper()
	if len(p.pending) > 0 {
		m := p.pending[0]
		p.pending = p.pending[1:]
		return m
	}
	for deadline := time.Now().Add(wait); ; {
		raw, err := p.conn.Receive(time.Until(deadline))
		if errors.Is(err, siptest.ErrSilence) {
			return ""
		}
		if err != nil {
			p.t.Fatalf("%s: read: %v", p.name, err)
		}
		m := string(raw)
		if p.seen[m] || strings.HasPrefix(m, "SIP/2.0 100") {
			continue
		}
		p.seen[m] = true
		return m
	}
}

// request waits for a request with the method.
func (p *peer) request(m sip.Method, why string) *sip.Request {
	p.t.Helper()
	return p.requestWithin(patience, m, why)
}

// requestWithin waits longer, or not as long.
func (p *peer) requestWithin(wait time.Duration, m sip.Method, why string) *sip.Request {
	p.t.Helper()
	text := p.read(wait)
	req, _, err := sip.Parse(text)
	if text == "" || err != nil || req == nil || req.Method() != m {
		p.t.Fatalf("%s: want a %s (%s), got %v\n%s", p.name, m, why, err, text)
	}
	return req
}

// response waits for a response with the status.
func (p *peer) response(status int, why string) *sip.Response {
	p.t.Helper()
	text := p.read(patience)
	_, res, err := sip.Parse(text)
	if text == "" || err != nil || res == nil || res.Status() != status {
		p.t.Fatalf("%s: want %d (%s), got %v\n%s", p.name, status, why, err, text)
	}
	return res
}

// register registers the peer's contact, unregister takes it away.
func (p *peer) register()   { p.t.Helper(); p.registerFor("300") }
func (p *peer) unregister() { p.t.Helper(); p.registerFor("0") }

// registerFor registers for some seconds and expects 401, then 200.
func (p *peer) registerFor(expires string) {
	p.t.Helper()
	id := p.next()
	res := p.registerOnce(id, 1, expires, nil)
	if res.Status() != 401 {
		p.t.Fatalf("%s: REGISTER without credentials got %d, want 401", p.name, res.Status())
	}
	if res = p.registerOnce(id, 2, expires, res); res.Status() != 200 {
		p.t.Fatalf("%s: REGISTER got %d, want 200", p.name, res.Status())
	}
}

func (p *peer) registerOnce(id string, seq int, expires string, challenge *sip.Response) *sip.Response {
	p.t.Helper()
	req := sip.NewRequest(sip.REGISTER, "sip:"+p.host())
	p.stamp(req, "<sip:"+p.name+"@"+p.host()+">;tag="+id, "<sip:"+p.name+"@"+p.host()+">", id, seq)
	req.Set(sip.HeaderContact, p.contact())
	req.Set(sip.HeaderExpires, expires)
	if challenge != nil {
		if err := p.digest.Answer(req, challenge); err != nil {
			p.t.Fatalf("%s: %v", p.name, err)
		}
	}
	req.SetBody("", "")
	p.send(req.String())
	text := p.read(patience)
	_, res, err := sip.Parse(text)
	if err != nil || res == nil {
		p.t.Fatalf("%s: REGISTER got %v %q", p.name, err, text)
	}
	return res
}

// stamp adds what every request has.
func (p *peer) stamp(req *sip.Request, from, to, callID string, seq int) {
	req.Set(sip.HeaderVia, "SIP/2.0/"+p.conn.Proto()+" "+p.addr().String()+";rport;branch=z9hG4bK"+p.next())
	req.Set(sip.HeaderMaxForwards, "70")
	req.Set(sip.HeaderFrom, from)
	req.Set(sip.HeaderTo, to)
	req.Set(sip.HeaderCallID, callID)
	req.Set(sip.HeaderCSeq, fmt.Sprintf("%d %s", seq, req.Method()))
}

// describe writes the peer's session description.
func (p *peer) describe(direction string) string {
	a, family := p.ear.addr(), "IP4"
	if p.ear.says.IsValid() {
		a = p.ear.says
	}
	if a.Addr().Is6() {
		family = "IP6"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=%[1]s 1 %[2]d IN %[3]s %[4]s\r\ns=-\r\nc=IN %[3]s %[4]s\r\nt=0 0\r\nm=audio %[5]d RTP/AVP %[6]s\r\n",
		p.name, time.Now().UnixNano(), family, a.Addr(), a.Port(), p.codecs)
	for pt := range strings.FieldsSeq(p.codecs) {
		switch pt {
		case "0":
			b.WriteString("a=rtpmap:0 PCMU/8000\r\n")
		case "8":
			b.WriteString("a=rtpmap:8 PCMA/8000\r\n")
		case "101":
			b.WriteString("a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n")
		case "9":
			b.WriteString("a=rtpmap:9 G722/8000\r\n")
		case "107":
			b.WriteString("a=rtpmap:107 opus/48000/2\r\na=fmtp:107 useinbandfec=1\r\n")
		}
	}
	if direction != "" {
		b.WriteString("a=" + direction + "\r\n")
	}
	return b.String()
}

// talk is one dialog of a peer.
type talk struct {
	p          *peer
	invite     *sip.Request // the INVITE sent or received
	callID     string
	local      string // From of our requests
	remote     string // To of our requests
	target     string
	route      []string // of our requests
	seq        int
	lastInvite *sip.Request // re-INVITEs replace it, for the ACK
}

// call sends an INVITE, answers the challenge, and returns before any further
// answer.
func (p *peer) call(number, body string) *talk {
	p.t.Helper()
	id := p.next()
	c := &talk{p: p, callID: id, seq: 1, target: "sip:" + number + "@" + p.node.String()}
	c.local = "\"" + p.name + "\" <sip:" + p.name + "@" + p.host() + ">;tag=" + p.next()
	c.remote = "<sip:" + number + "@" + p.host() + ">"
	first := c.request(sip.INVITE, body)
	p.send(first.String())
	if p.password == "" {
		c.invite = first
		c.lastInvite = first
		return c
	}
	res := p.response(401, "an INVITE without credentials is challenged")
	c.ackTo(first, res)
	second := c.request(sip.INVITE, body)
	if err := p.digest.Answer(second, res); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	c.invite, c.lastInvite = second, second
	p.send(second.String())
	return c
}

// again sends the INVITE of a call that was refused once more, changed: the
// same call, a higher CSeq (RFC 3261 §8.1.3.5).
func (c *talk) again(change func(*sip.Request)) {
	c.p.t.Helper()
	req := c.invite.Clone()
	req.Set(sip.HeaderVia, "SIP/2.0/"+c.p.conn.Proto()+" "+c.p.addr().String()+";rport;branch=z9hG4bK"+c.p.next())
	req.Set(sip.HeaderCSeq, fmt.Sprintf("%d INVITE", c.seq))
	c.seq++
	change(req)
	req.Del(sip.HeaderAuthorization)
	c.p.digest.Authorize(req)
	c.invite, c.lastInvite = req, req
	c.p.send(req.String())
}

// request makes the next request of the dialog.
func (c *talk) request(m sip.Method, body string) *sip.Request {
	req := sip.NewRequest(m, c.target)
	c.p.stamp(req, c.local, c.remote, c.callID, c.seq)
	c.through(req)
	c.seq++
	if m == sip.INVITE || m == sip.UPDATE {
		req.Set(sip.HeaderContact, c.p.contact())
		req.Set(sip.HeaderAllow, "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE")
		req.Set(sip.HeaderSupported, "timer")
		for i := 0; i+1 < len(c.p.extra) && m == sip.INVITE; i += 2 {
			req.SetName(c.p.extra[i], c.p.extra[i+1])
		}
	}
	if body != "" {
		req.SetBody("application/sdp", body)
	} else {
		req.SetBody("", "")
	}
	return req
}

// through gives a request the dialog's route (RFC 3261 §12.2.1.1).
func (c *talk) through(req *sip.Request) {
	for _, r := range c.route {
		req.Add(sip.HeaderRoute, r)
	}
}

// ackTo acknowledges a final answer above 2xx: same branch (RFC 3261 §17.1.1.3).
func (c *talk) ackTo(req *sip.Request, res *sip.Response) {
	ack := sip.NewRequest(sip.ACK, req.URI())
	ack.Set(sip.HeaderVia, req.Get(sip.HeaderVia))
	ack.Set(sip.HeaderMaxForwards, "70")
	ack.Set(sip.HeaderFrom, req.Get(sip.HeaderFrom))
	ack.Set(sip.HeaderTo, res.Get(sip.HeaderTo))
	ack.Set(sip.HeaderCallID, req.CallID())
	seq, _, _ := req.CSeq()
	ack.Set(sip.HeaderCSeq, fmt.Sprintf("%d ACK", seq))
	ack.SetBody("", "")
	c.p.send(ack.String())
}

// refused waits for a final refusal and acknowledges it.
func (c *talk) refused(status int, why string) *sip.Response {
	c.p.t.Helper()
	res := c.p.response(status, why)
	c.ackTo(c.lastInvite, res)
	return res
}

// answered waits for the 200 to our (re-)INVITE and acknowledges it.
func (c *talk) answered(why string) *sip.Response {
	c.p.t.Helper()
	res := c.p.response(200, why)
	c.learn(res)
	c.ack("")
	return res
}

// learn takes the dialog's remote side from a response.
func (c *talk) learn(res *sip.Response) {
	c.remote = res.Get(sip.HeaderTo)
	if c.route == nil {
		c.route = slices.Collect(res.Values(sip.HeaderRecordRoute))
		slices.Reverse(c.route)
	}
	if a, ok, err := res.Contact(); err == nil && ok {
		c.target = a.URI
	}
	if res.Body() != "" {
		c.p.ear.follow(c.p.t, res.Body())
	}
}

// ack acknowledges a 200 to the last INVITE: a request of its own (§13.2.2.4).
func (c *talk) ack(body string) {
	seq, _, _ := c.lastInvite.CSeq()
	ack := sip.NewRequest(sip.ACK, c.target)
	c.p.stamp(ack, c.local, c.remote, c.callID, int(seq))
	c.through(ack)
	if body == "" {
		ack.SetBody("", "")
	} else {
		ack.SetBody("application/sdp", body)
	}
	c.p.send(ack.String())
}

// reinvite sends a re-INVITE.
func (c *talk) reinvite(body string) {
	c.lastInvite = c.request(sip.INVITE, body)
	c.p.send(c.lastInvite.String())
}

// bye ends the call and expects 200.
func (c *talk) bye() {
	c.p.t.Helper()
	c.p.send(c.request(sip.BYE, "").String())
	c.p.response(200, "BYE is answered")
}

// cancel cancels our INVITE; 200 to the CANCEL and 487 come in either order.
func (c *talk) cancel() {
	c.p.t.Helper()
	req := sip.NewRequest(sip.CANCEL, c.invite.URI())
	for _, id := range []sip.HeaderID{sip.HeaderVia, sip.HeaderFrom, sip.HeaderTo, sip.HeaderCallID} {
		req.Set(id, c.invite.Get(id))
	}
	seq, _, _ := c.invite.CSeq()
	req.Set(sip.HeaderMaxForwards, "70")
	req.Set(sip.HeaderCSeq, fmt.Sprintf("%d CANCEL", seq))
	req.SetBody("", "")
	c.p.send(req.String())
	got := map[int]bool{}
	for range 2 {
		text := c.p.read(patience)
		_, res, err := sip.Parse(text)
		if err != nil || res == nil {
			c.p.t.Fatalf("%s: after CANCEL: %v %q", c.p.name, err, text)
		}
		got[res.Status()] = true
		if res.Status() == 487 {
			c.ackTo(c.invite, res)
		}
	}
	if !got[200] || !got[487] {
		c.p.t.Fatalf("%s: CANCEL brought %v, want 200 (the CANCEL) and 487 (the INVITE)", c.p.name, got)
	}
}

// incoming waits for an INVITE to this peer.
func (p *peer) incoming() *talk {
	p.t.Helper()
	inv := p.request(sip.INVITE, "the call comes in")
	c := &talk{p: p, invite: inv, lastInvite: inv, callID: inv.CallID(), seq: 100}
	c.local = inv.Get(sip.HeaderTo) + ";tag=" + p.next()
	c.remote = inv.Get(sip.HeaderFrom)
	c.route = slices.Collect(inv.Values(sip.HeaderRecordRoute))
	if a, ok, err := inv.Contact(); err == nil && ok {
		c.target = a.URI
	}
	if inv.Body() != "" {
		p.ear.follow(p.t, inv.Body())
	}
	return c
}

// reply answers a request of the dialog; more are names and values of header
// fields.
func (c *talk) reply(req *sip.Request, status int, body string, more ...string) {
	res := sip.NewResponse(req, status, "")
	if req.ToTag() == "" {
		res.Set(sip.HeaderTo, c.local)
	}
	res.CopyFrom(&req.Message, sip.HeaderRecordRoute)
	if req.Method() == sip.INVITE {
		res.Set(sip.HeaderContact, c.p.contact())
	}
	for i := 0; i+1 < len(more); i += 2 {
		res.SetName(more[i], more[i+1])
	}
	if body != "" {
		res.SetBody("application/sdp", body)
	} else {
		res.SetBody("", "")
	}
	c.p.send(res.String())
}

// ring, early and answer are what a callee does with the INVITE.
func (c *talk) ring()  { c.reply(c.invite, 180, "") }
func (c *talk) early() { c.reply(c.invite, 183, c.p.describe("")) }
func (c *talk) refuse(status int) {
	c.reply(c.invite, status, "")
	c.p.request(sip.ACK, "a refusal is acknowledged")
}
func (c *talk) answer() *sip.Request { return c.answerWith(c.p.describe("")) }
func (c *talk) answerWith(body string) *sip.Request {
	c.p.t.Helper()
	c.reply(c.invite, 200, body)
	return c.p.request(sip.ACK, "a 200 is acknowledged")
}

// hungUp waits for BYE and answers it.
func (c *talk) hungUp(why string) *sip.Request {
	c.p.t.Helper()
	bye := c.p.request(sip.BYE, why)
	c.reply(bye, 200, "")
	return bye
}

// cancelled waits for CANCEL, answers it and the INVITE.
func (c *talk) cancelled(why string) *sip.Request {
	c.p.t.Helper()
	cancel := c.p.request(sip.CANCEL, why)
	c.reply(cancel, 200, "")
	c.reply(c.invite, 487, "")
	c.p.request(sip.ACK, "487 is acknowledged")
	return cancel
}
