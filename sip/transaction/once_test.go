package transaction

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// §8.2.7: a challenge is sent once, copies of the request get the same To tag,
// and no transaction remains.
func TestRespondOnce(t *testing.T) {
	challenge := HandlerFunc(func(_ context.Context, tx *Server, req *sip.Request) {
		if req.Method() == sip.ACK {
			return
		}
		if err := tx.RespondOnce(req, sip.NewResponse(req, 401, "")); err != nil {
			t.Error(err)
		}
	})
	inBubble(t, Config{Handler: challenge}, func(p *pair) {
		peer := p.net.Node("192.0.2.7:5060")
		f, _ := peer.Find(p.callee.Target(transport.UDP))
		req := request(sip.INVITE)
		req.Prepend(sip.HeaderVia, "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKx")
		peer.Send(f, req.Bytes())
		one, _ := peer.Receive(p.t.Context())
		synctest.Wait() // the answer leaves before the transaction does
		if s, _ := p.uas.Load(); s != 0 {
			t.Errorf("%d transactions after the challenge, want none", s)
		}
		peer.Send(f, req.Bytes())
		two, _ := peer.Receive(p.t.Context())
		if !strings.HasPrefix(one.Data, "SIP/2.0 401 ") || one.Data != two.Data {
			t.Errorf("copies of a request get the same response:\n%s\n%s", one.Data, two.Data)
		}
		pass(40 * time.Second)
		if n := len(p.net.Sent()); n != 4 {
			t.Errorf("%d packets, want 4: nothing is sent again", n)
		}
	})
}

// A request that is no INVITE can be given up before its time: it is not sent again,
// nobody is told, and nothing of it remains.
func TestAbandon(t *testing.T) {
	inBubble(t, Config{}, func(p *pair) {
		w := &watch{}
		c := p.uac.Request(request(sip.OPTIONS), []transport.Target{p.callee.Target(transport.UDP), p.callee.Target(transport.UDP)}, w)
		copies := func() (n int) {
			for _, s := range p.net.Sent() {
				if strings.HasPrefix(s.Data, "OPTIONS ") {
					n++
				}
			}
			return n
		}
		pass(700 * time.Millisecond)
		sent := copies()
		c.Abandon()
		c.Abandon()
		pass(time.Minute)
		if n := copies(); n != sent || sent != 2 {
			t.Errorf("it was sent %d times, %d before it was given up; want 2 and none later", n, sent)
		}
		if _, clients := p.uac.Load(); clients != 0 || w.String() != "" {
			t.Errorf("%d transactions, the watcher was told %v; want nothing", clients, w)
		}
		invite := p.uac.Request(request(sip.INVITE), []transport.Target{p.callee.Target(transport.UDP)}, &watch{})
		pass(time.Millisecond)
		invite.Abandon() // has no effect: a CANCEL ends an INVITE
		if _, clients := p.uac.Load(); clients != 1 {
			t.Errorf("%d transactions, want the INVITE's", clients)
		}
		pass(time.Minute)
	})
}

// §17.2.1 without Timer G: an answer that is given once goes out again only if the
// INVITE comes again, and the ACK is absorbed as ever. The ACK of a 2xx that has no
// transaction knows the INVITE's.
func TestForwardOnce(t *testing.T) {
	var server *Server
	status := 486
	var invited []*Server
	handler := HandlerFunc(func(_ context.Context, tx *Server, req *sip.Request) {
		if req.Method() == sip.ACK {
			invited = append(invited, tx.Invite())
			return
		}
		server = tx
		tx.TakeOver()
		if err := tx.ForwardOnce(sip.NewResponse(req, status, "")); err != nil {
			t.Error(err)
		}
	})
	inBubble(t, Config{Handler: handler}, func(p *pair) {
		peer := p.net.Node("192.0.2.7:5060")
		f, _ := peer.Find(p.callee.Target(transport.UDP))
		send := func(m sip.Method, branch, to string) {
			req := request(m)
			req.Set(sip.HeaderTo, to)
			req.Set(sip.HeaderCSeq, sip.FormatCSeq(7, m))
			req.Prepend(sip.HeaderVia, "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK"+branch)
			peer.Send(f, req.Bytes())
			pass(10 * time.Second)
		}
		send(sip.INVITE, "x", "<sip:bob@b>")
		if n := len(p.net.Sent()); n != 2 {
			t.Errorf("%d packets in 10 s, want the INVITE and one answer", n)
		}
		send(sip.INVITE, "x", "<sip:bob@b>")
		if n := len(p.net.Sent()); n != 4 {
			t.Errorf("%d packets after the INVITE came again, want another answer", n)
		}
		send(sip.ACK, "x", "<sip:bob@b>")
		if len(invited) != 0 {
			t.Error("the ACK of a 486 was passed on")
		}
		pass(time.Minute)
		if servers, _ := p.uas.Load(); servers != 0 {
			t.Errorf("%d transactions are left", servers)
		}
		status = 200
		send(sip.INVITE, "y", "<sip:bob@b>")
		send(sip.ACK, "z", "<sip:bob@b>")
		if len(invited) != 1 || invited[0] != server {
			t.Errorf("the ACK of the 200 belongs to %v, want its INVITE's transaction", invited)
		}
		pass(time.Minute)
		send(sip.ACK, "z", "<sip:bob@b>")
		if len(invited) != 2 || invited[1] != nil {
			t.Errorf("an ACK long after the call belongs to %v, want to nothing", invited[1:])
		}
	})
}
