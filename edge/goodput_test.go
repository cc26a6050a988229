package edge

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
	"github.com/hometone/hometone/sip/transport/transporttest"
)

// edgeHost is a node of the network in memory as an edge sees it.
type edgeHost struct{ *transporttest.Node }

func (h edgeHost) Addrs() []transport.Listen {
	return []transport.Listen{{Name: "udp", Proto: transport.UDP, Addr: h.Addr}}
}

func (edgeHost) Resolve(context.Context, sip.URI) ([]transport.Target, error) {
	return nil, transport.ErrNoAddress
}

func (edgeHost) ResolveNumeric(u sip.URI) (transport.Target, bool) {
	return new(transport.Layer).ResolveNumeric(u)
}

func (edgeHost) LookupService(context.Context, string) ([]transport.Service, error) {
	return nil, transport.ErrNoAddress
}

// worker is a destination that does one thing after the other: a new call takes
// its time, and to read one that it has already takes a quarter of that.
type worker struct {
	node  *transporttest.Node
	each  time.Duration
	queue chan queuedCall
	seen  map[string]bool // owned by work
}

type queuedCall struct {
	flow transport.Flow
	req  *sip.Request
}

// ServeRequest implements transport.Handler.
func (w *worker) ServeRequest(f transport.Flow, req *sip.Request, _ error) {
	if m := req.Method(); m == sip.INVITE || m == sip.OPTIONS {
		select {
		case w.queue <- queuedCall{f, req}:
		default: // its socket's buffer is full
		}
	}
}

// ServeResponse implements transport.Handler.
func (*worker) ServeResponse(transport.Flow, *sip.Response) {}

// FlowClosed implements transport.Handler.
func (*worker) FlowClosed(transport.Flow, error) {}

func (w *worker) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-w.queue:
			again := w.seen[c.req.CallID()]
			w.seen[c.req.CallID()] = true
			if again {
				time.Sleep(w.each / 4)
				continue
			}
			if c.req.Method() == sip.OPTIONS {
				time.Sleep(w.each / 4)
			} else {
				time.Sleep(w.each)
			}
			res := sip.NewResponse(c.req, 200, "")
			res.SetToTag("w")
			res.CopyFrom(&c.req.Message, sip.HeaderRecordRoute)
			res.Add(sip.HeaderContact, "<sip:w@"+w.node.Addr.String()+">")
			_ = w.node.Send(c.flow, res.Bytes())
		}
	}
}

// patient is a caller who is content with an answer within five seconds.
type patient struct {
	began          time.Time
	good, shed, no *atomic.Int64
}

func (p *patient) Response(_ *transaction.Client, res *sip.Response) {
	switch {
	case res.Success() && time.Since(p.began) < 5*time.Second:
		p.good.Add(1)
	case res.Status() == 503:
		p.shed.Add(1)
	case res.Final():
		p.no.Add(1)
	}
}

func (p *patient) Failed(*transaction.Client, error) { p.no.Add(1) }

// goodput offers calls to an edge in front of destinations that can do so many of
// them a second, and returns how many a second were answered in time.
func goodput(t *testing.T, offered int, length time.Duration, capacities ...int) (rate float64) {
	synctest.Test(t, func(t *testing.T) {
		var net transporttest.Network
		net.SetDelay(time.Millisecond)
		host, caller := edgeHost{net.Node("192.0.2.1:5060")}, net.Node("192.0.2.2:5060")
		var workers []*worker
		set := dispatch.Config{ID: 1}
		for i, capacity := range capacities {
			w := &worker{node: net.Node(fmt.Sprintf("192.0.2.%d:5060", 3+i)), each: time.Second / time.Duration(capacity), queue: make(chan queuedCall, 5*capacity), seen: map[string]bool{}}
			workers = append(workers, w)
			set.Destinations = append(set.Destinations, dispatch.Spec{URI: "sip:" + w.node.Addr.String()})
		}
		d := NewDispatcher(DispatcherConfig{Transport: host})
		proxy, err := New(Config{Transport: host, Router: d, Watcher: d})
		if err != nil {
			t.Fatal(err)
		}
		edge, err := transaction.New(transaction.Config{Transport: host, Handler: proxy, Shards: 1})
		if err != nil {
			t.Fatal(err)
		}
		callers, err := transaction.New(transaction.Config{Transport: caller, Handler: transaction.HandlerFunc(func(context.Context, *transaction.Server, *sip.Request) {}), Shards: 1})
		if err != nil {
			t.Fatal(err)
		}
		d.Use(edge, proxy)
		d.Apply(Settings{Set: 1, Algorithm: dispatch.RoundRobin, Sets: []dispatch.Config{set}}, time.Now())
		ctx, stop := context.WithCancel(context.Background())
		var running sync.WaitGroup
		defer running.Wait()
		defer stop()
		for _, r := range []runner{edge, callers, proxy, d} {
			running.Go(func() { _ = r.Run(ctx) }) // ends with stop
		}
		for _, w := range workers {
			running.Go(func() { _ = w.node.Run(ctx, w) }) // ends with stop
			running.Go(func() { w.work(ctx) })            // ends with stop
		}
		var good, shed, no atomic.Int64
		for i := range int(length.Seconds()) * offered {
			req := sip.NewRequest(sip.INVITE, "sip:100@192.0.2.1")
			req.Add(sip.HeaderFrom, fmt.Sprintf("<sip:a@192.0.2.2>;tag=%d", i))
			req.Add(sip.HeaderTo, "<sip:100@192.0.2.1>")
			req.Add(sip.HeaderCallID, fmt.Sprint("call-", i))
			req.Add(sip.HeaderCSeq, sip.FormatCSeq(1, sip.INVITE))
			req.Add(sip.HeaderMaxForwards, "70")
			req.Add(sip.HeaderContact, "<sip:a@192.0.2.2>")
			callers.Request(req, []transport.Target{{Proto: transport.UDP, Addr: host.Addr}}, &patient{time.Now(), &good, &shed, &no})
			time.Sleep(time.Second / time.Duration(offered))
		}
		time.Sleep(5 * time.Second)
		t.Logf("%d/s offered to %d/s: %d good, %d shed, %d not answered in time", offered, capacities, good.Load(), shed.Load(), no.Load())
		rate = float64(good.Load()) / length.Seconds()
	})
	return rate
}

// Overload control: at three times what the destinations can do, at least nine
// tenths of that is done; the rest is told at once to come again later.
func TestGoodput(t *testing.T) {
	for _, capacity := range []int{50, 500} {
		length := time.Minute
		if capacity > 100 {
			length = 20 * time.Second
		}
		if got := goodput(t, capacity*95/100, length, capacity); got < 0.94*float64(capacity) {
			t.Errorf("%.1f of %d calls a second are answered without overload", got, capacity)
		}
		if got := goodput(t, 3*capacity, length, capacity); got < 0.9*float64(capacity) {
			t.Errorf("at three times the load %.1f calls a second are answered in time, want nine tenths of %d", got, capacity)
		}
	}
}

// One of several destinations that is slow costs the others nothing: what it cannot
// do goes to those that can, and only what none of them can do is shed.
func TestGoodputOfEach(t *testing.T) {
	if got := goodput(t, 300, 30*time.Second, 50, 500); got < 0.97*300 {
		t.Errorf("%.1f of 300 calls a second are answered by two destinations that can do 50 and 500", got)
	}
	if got := goodput(t, 660, 2*time.Minute, 20, 200); got < 0.9*220 {
		t.Errorf("at three times the load %.1f calls a second are answered in time, want nine tenths of 220", got)
	}
}
