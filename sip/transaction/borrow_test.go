package transaction

import (
	"context"
	"net/netip"
	"testing"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// quiet is a transport that takes everything and sends nothing.
type quiet struct{ Transport }

func (quiet) Send(transport.Flow, []byte) error { return nil }

func (quiet) Find(t transport.Target) (transport.Flow, bool) {
	return transport.NewFlow(transport.UDP, netip.AddrPort{}, t.Addr, 0), true
}

func (quiet) SentBy(transport.Target) (string, uint16) { return "192.0.2.1", 5060 }

// keeper remembers, as it should, what it was given.
type keeper struct {
	acks []*sip.Request
	from []*Server
	res  []*sip.Response
}

func (k *keeper) ServeSIP(_ context.Context, tx *Server, req *sip.Request) {
	k.acks, k.from = append(k.acks, req.Keep()), append(k.from, tx.Keep())
}

func (k *keeper) Response(_ *Client, res *sip.Response) { k.res = append(k.res, res.Keep()) }

func (k *keeper) Failed(*Client, error) {}

// TestBorrowedMessages: what is lent is worked off before the call returns, or put
// aside with a text of its own if the shard is busy.
func TestBorrowedMessages(t *testing.T) {
	k := new(keeper)
	l := mustNew(t, Config{Transport: quiet{}, Handler: k})
	flow := transport.NewFlow(transport.UDP, netip.AddrPort{}, netip.MustParseAddrPort("192.0.2.2:5060"), 0)
	invite := request(sip.INVITE)
	l.Request(invite, []transport.Target{{Proto: transport.UDP, Addr: flow.Remote()}}, k)
	ack := request(sip.ACK)
	ack.Prepend(sip.HeaderVia, "SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKack")
	ringing := sip.NewResponse(invite, 180, "")
	s := l.shard(ack.CallID())
	bring := func() {
		data := [2][]byte{ringing.Bytes(), ack.Bytes()}
		var res sip.Response
		var req sip.Request
		if res.Borrow(data[0]) != nil || req.Borrow(data[1]) != nil {
			t.Fatal("not read")
		}
		l.ServeResponse(flow, &res)
		l.ServeRequest(flow, &req, nil)
		for _, d := range data {
			for i := range d {
				d[i] = '!'
			}
		}
	}
	bring()
	if len(k.res) != 1 || len(k.acks) != 1 {
		t.Fatalf("%d responses and %d ACKs at once, want one of each", len(k.res), len(k.acks))
	}
	s.busy.Store(true)
	bring()
	if len(k.res) != 1 || len(k.acks) != 1 {
		t.Fatal("a shard that is held was not left alone")
	}
	s.busy.Store(false)
	s.run(true)
	if len(k.res) != 2 || len(k.acks) != 2 {
		t.Fatalf("%d responses and %d ACKs, want two of each", len(k.res), len(k.acks))
	}
	for i := range 2 {
		if got, want := k.res[i].String(), ringing.String(); got != want {
			t.Errorf("response %d:\n%s\nwant:\n%s", i, got, want)
		}
		if got, want := k.acks[i].String(), ack.String(); got != want {
			t.Errorf("ACK %d:\n%s\nwant:\n%s", i, got, want)
		}
		if tx := k.from[i]; tx.Request() == nil || tx.Request().Borrowed() || tx.Request().String() != ack.String() || !tx.Stateless() || tx.Flow() != flow {
			t.Errorf("what stands for ACK %d is not kept", i)
		}
	}
}
