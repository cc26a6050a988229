package load

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// callee is one call as the answering side sees it.
type callee struct {
	invite   []byte
	server   netip.AddrPort // where the INVITE came from
	answer   []byte         // final response, repeated until its ACK
	due      time.Time
	wait     time.Duration
	answerAt time.Time // zero once answered
	acked    bool
	byeDue   time.Time // zero: the caller hangs up
	ended    bool
}

// response answers a request: Via, From, To (with a tag), Call-ID and CSeq are
// copied (RFC 3261 §8.2.6.2), extra lines and a body are added.
func response(req []byte, code int, reason, tag, extra, body string) []byte {
	to := headers(req, "To")
	if tag != "" && !bytes.Contains(to, []byte("tag=")) {
		to = append(bytes.TrimRight(to, "\r\n"), (";tag=" + tag + "\r\n")...)
	}
	return fmt.Appendf(nil, "SIP/2.0 %d %s\r\n%s%s%s%sCall-ID: %s\r\nCSeq: %s\r\n%sContent-Length: %d\r\n\r\n%s", code, reason,
		headers(req, "Via"), headers(req, "Record-Route"), headers(req, "From"), to,
		header(req, "Call-ID", "i"), header(req, "CSeq"), extra, len(body), body)
}

func (g *Generator) fromCallee(msg []byte, to netip.AddrPort) {
	_, _ = g.callee.WriteToUDPAddrPort(msg, to)
}

func (g *Generator) onCallee(msg []byte, from netip.AddrPort) {
	id := string(header(msg, "Call-ID", "i"))
	c := g.callees[id]
	switch code := status(msg); {
	case code != 0:
		// The only requests of the callee are BYEs, and their answer changes nothing.
	case g.cfg.Strict && g.stranger(msg) != 0:
		extra := ""
		if g.stranger(msg) == 401 {
			extra = "WWW-Authenticate: Digest realm=\"load\", nonce=\"" + id + "\", algorithm=MD5\r\n"
		}
		g.fromCallee(response(msg, g.stranger(msg), "Refused", "b"+id, extra, ""), from)
	case method(msg) == "INVITE":
		g.calleeInvite(id, c, msg, from)
	case method(msg) == "ACK":
		if c != nil {
			c.acked = true
			if c.byeDue.IsZero() {
				delete(g.activeCallees, id)
			}
		}
	case method(msg) == "CANCEL":
		g.fromCallee(response(msg, 200, "OK", "b"+id, "", ""), from)
		if c != nil && !c.answerAt.IsZero() {
			c.answerAt = time.Time{}
			c.answer = response(c.invite, 487, "Request Terminated", "b"+id, "", "")
			c.wait, c.due = t1, time.Now().Add(t1)
			g.fromCallee(c.answer, c.server)
		}
	case method(msg) == "BYE":
		if c != nil {
			c.ended = true
			delete(g.activeCallees, id)
		}
		g.fromCallee(response(msg, 200, "OK", "b"+id, "", ""), from)
	default:
		g.fromCallee(response(msg, 200, "OK", "b"+id, "", ""), from)
	}
}

// stranger returns how a strict callee refuses a request outside a dialog, 0 if it
// does not: 401 for logins, 404 for numbers it does not have.
func (g *Generator) stranger(msg []byte) int {
	line, _, _ := bytes.Cut(msg, []byte("\r\n"))
	switch {
	case bytes.Contains(headers(msg, "To"), []byte("tag=")) || method(msg) == "ACK" || method(msg) == "CANCEL":
		return 0
	case method(msg) == "REGISTER":
		return 401
	case bytes.Contains(line, []byte("@")) && !bytes.Contains(line, []byte("sip:"+g.cfg.Extension+"@")):
		return 404
	}
	return 0
}

func (g *Generator) calleeInvite(id string, c *callee, msg []byte, from netip.AddrPort) {
	if c != nil {
		if c.answer != nil && bytes.Equal(header(c.invite, "CSeq"), header(msg, "CSeq")) {
			g.fromCallee(c.answer, c.server)
		}
		return
	}
	now := time.Now()
	c = &callee{server: from, invite: bytes.Clone(msg), answerAt: now}
	g.result.CalleeCalls++
	g.callees[id], g.activeCallees[id] = c, c
	if g.cfg.Ringing {
		g.fromCallee(response(msg, 180, "Ringing", "b"+id, g.calleeContact(), ""), from)
	}
	if g.cfg.OddEvery > 0 && rand.IntN(g.cfg.OddEvery) == 0 {
		c.answerAt = now.Add(rand.N(30 * time.Millisecond)) // so that CANCEL and 200 can cross
		return
	}
	g.calleeAnswer(id, c, now)
}

func (g *Generator) calleeContact() string {
	return "Contact: <sip:callee@" + g.CalleeAddr().String() + ">\r\n"
}

func (g *Generator) calleeAnswer(id string, c *callee, now time.Time) {
	c.answerAt = time.Time{}
	c.answer = response(c.invite, 200, "OK", "b"+id, g.calleeContact()+"Content-Type: application/sdp\r\n", g.sdpB)
	c.wait, c.due = t1, now.Add(t1)
	g.fromCallee(c.answer, c.server)
	if g.cfg.OddEvery > 0 && rand.IntN(g.cfg.OddEvery) == 0 {
		c.byeDue = now.Add(g.cfg.Hold) // now and then the callee hangs up at the same moment
	}
	if g.cfg.CalleeSends != nil {
		g.cfg.CalleeSends(mediaAddr(c.invite))
	}
}

func (g *Generator) calleeTimer(id string, c *callee, now time.Time) {
	switch {
	case !c.answerAt.IsZero() && now.After(c.answerAt):
		g.calleeAnswer(id, c, now)
	case c.answer != nil && !c.acked && now.After(c.due) && now.Sub(c.due) < time.Minute && c.wait < 32*time.Second:
		// RFC 3261 §13.3.1.4: the 2xx is repeated until its ACK comes.
		c.wait *= 2
		c.due = now.Add(min(c.wait, t2))
		g.result.Retransmits++
		g.fromCallee(c.answer, c.server)
	case c.acked && !c.ended && !c.byeDue.IsZero() && now.After(c.byeDue):
		c.byeDue, c.ended = time.Time{}, true
		delete(g.activeCallees, id)
		g.calleeBye(id, c)
	}
}

// calleeBye ends a call from the callee's side: From and To change places.
func (g *Generator) calleeBye(id string, c *callee) {
	from := strings.TrimRight(strings.TrimPrefix(string(headers(c.answer, "To")), "To:"), "\r\n")
	to := strings.TrimRight(strings.TrimPrefix(string(headers(c.invite, "From")), "From:"), "\r\n")
	uri := contact(c.invite)
	bye := fmt.Appendf(nil, "BYE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKb%s\r\nMax-Forwards: 70\r\nFrom:%s\r\nTo:%s\r\n"+
		"Call-ID: %s\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n", uri, g.CalleeAddr(), strconv.Itoa(len(id))+id, from, to, id)
	g.fromCallee(bye, c.server)
}
