package transaction

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// party is one layer on real sockets.
func party(t *testing.T, ctx context.Context, wg *sync.WaitGroup, h Handler) (*Layer, []transport.Listen) {
	t.Helper()
	addr := netip.MustParseAddrPort("127.0.0.1:0")
	tr, err := transport.New(transport.Config{Listen: []transport.Listen{{Proto: transport.UDP, Addr: addr}, {Proto: transport.TCP, Addr: addr}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Listen(); err != nil {
		t.Fatal(err)
	}
	l := mustNew(t, Config{Transport: tr, Handler: h, Timers: Timers{T1: 50 * time.Millisecond, T2: 200 * time.Millisecond, T4: 100 * time.Millisecond, B: 8 * time.Second, D: 200 * time.Millisecond}})
	wg.Go(func() { l.Run(ctx) })
	return l, tr.Addrs()
}

// call is a caller's side: ACKs the 2xx, hangs up, tells when it is over.
type call struct {
	l      *Layer
	to     transport.Target
	cancel bool
	over   chan string
	once   sync.Once
}

func (c *call) Response(cl *Client, res *sip.Response) {
	_, m, _ := res.CSeq()
	switch {
	case res.Provisional():
		if c.cancel {
			go cl.Cancel()
		}
	case m == sip.INVITE && res.Success():
		go func() { // a TU's own goroutine, as dialogs have
			ack := sip.NewRequest(sip.ACK, "sip:bob@127.0.0.1")
			ack.CopyFrom(&res.Message, sip.HeaderFrom, sip.HeaderTo, sip.HeaderCallID)
			ack.Add(sip.HeaderCSeq, "1 ACK")
			c.l.Send(ack, c.to)
			c.once.Do(func() {
				bye := sip.NewRequest(sip.BYE, "sip:bob@127.0.0.1")
				bye.CopyFrom(&res.Message, sip.HeaderFrom, sip.HeaderTo, sip.HeaderCallID)
				bye.Add(sip.HeaderCSeq, "2 BYE")
				c.l.Request(bye, []transport.Target{c.to}, c)
			})
		}()
	default:
		c.over <- fmt.Sprint(m, res.Status())
	}
}

func (c *call) Failed(_ *Client, err error) { c.over <- err.Error() }

// TestManyCallsAtOnce runs calls, rejections and CANCELs from many goroutines
// over UDP and TCP, and waits until no transaction is left.
func TestManyCallsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	serve := func(_ context.Context, tx *Server, req *sip.Request) {
		switch req.Method() {
		case sip.INVITE:
			tx.TakeOver()
			go func() {
				tx.Respond(sip.NewResponse(req, 180, ""))
				if req.URI() == "sip:cancelled@127.0.0.1" {
					return // the layer answers 487
				}
				tx.Respond(sip.NewResponse(req, 200, ""))
			}()
		case sip.ACK:
		default:
			tx.Respond(sip.NewResponse(req, 200, ""))
		}
	}
	uas, addrs := party(t, ctx, &wg, HandlerFunc(serve))
	uac, _ := party(t, ctx, &wg, HandlerFunc(nobody))
	const n = 400
	over := make(chan string, 2*n)
	for i := range n {
		go func() {
			ln := addrs[i%2]
			c := &call{l: uac, to: transport.Target{Proto: ln.Proto, Addr: ln.Addr}, cancel: i%4 >= 2, over: over}
			uri := "sip:bob@127.0.0.1"
			if c.cancel {
				uri = "sip:cancelled@127.0.0.1"
			}
			req := sip.NewRequest(sip.INVITE, uri)
			req.Add(sip.HeaderFrom, "<sip:alice@127.0.0.1>;tag="+sip.NewTag())
			req.Add(sip.HeaderTo, "<sip:bob@127.0.0.1>")
			req.Add(sip.HeaderCallID, sip.NewCallID(""))
			req.Add(sip.HeaderCSeq, "1 INVITE")
			uac.Request(req, []transport.Target{c.to}, c)
		}()
	}
	got := make(map[string]int)
	for range n {
		select {
		case s := <-over:
			got[s]++
		case <-time.After(30 * time.Second):
			t.Fatalf("not all calls ended: %v", got)
		}
	}
	if got["BYE200"] != n/2 || got["INVITE487"] != n/2 {
		t.Errorf("calls ended with %v, want %d BYE200 and %d INVITE487", got, n/2, n/2)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		a, b := uas.Load()
		c, d := uac.Load()
		if a+b+c+d == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("transactions left: %d %d %d %d", a, b, c, d)
		}
	}
}
