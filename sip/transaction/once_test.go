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
