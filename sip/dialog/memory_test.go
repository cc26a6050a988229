package dialog

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// answers is a network that only remembers the last message sent.
type answers struct {
	*siptest.Memory
	mu   sync.Mutex // guards the following
	last string
}

// Send implements transaction.Transport.
func (a *answers) Send(_ transport.Flow, msg []byte) error {
	a.mu.Lock()
	a.last = string(msg)
	a.mu.Unlock()
	return nil
}

const bigINVITE = "INVITE sip:8006@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK%d;rport\r\nMax-Forwards: 70\r\n" +
	"From: \"Caller\" <sip:8005@192.0.2.1>;tag=from%d\r\nTo: <sip:8006@192.0.2.1>%s\r\nCall-ID: call-%d@192.0.2.10\r\nCSeq: 1 %s\r\n" +
	"Contact: <sip:8005@192.0.2.10:5060;ob>\r\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK\r\nSupported: timer, replaces\r\n" +
	"Session-Expires: 1800\r\nUser-Agent: A phone with a long name and version 1.2.3.4\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s"

// TestIdleSessionIsSmall measures what a confirmed session holds once its
// transactions are over: no body, no message, no goroutine, no time.Timer.
func TestIdleSessionIsSmall(t *testing.T) {
	const calls, most = 4000, 2048
	synctest.Test(t, func(t *testing.T) {
		n := &answers{Memory: siptest.NewMemory()}
		r := newRig(t, n, nil)
		r.events = make(chan Event, 2*calls)
		r.ring = func(s *Session) { s.Answer(ourSDP) }
		tx, err := transaction.New(transaction.Config{Transport: n, Handler: r.layer, Shards: 2})
		if err != nil {
			t.Fatal(err)
		}
		stop := r.run(tx)
		defer stop()
		n.Ready()
		before, goroutines := heapInUse(), runtime.NumGoroutine()
		for i := range calls {
			n.call(tx, i)
		}
		for range calls {
			<-r.events
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		each := (heapInUse() - before) / calls
		t.Logf("%d bytes for an idle confirmed session", each)
		if r.layer.Len() != calls {
			t.Fatalf("%d sessions, want %d", r.layer.Len(), calls)
		}
		if each > most {
			t.Errorf("an idle session holds %d bytes, at most %d", each, most)
		}
		if g := runtime.NumGoroutine(); g > goroutines {
			t.Errorf("%d goroutines, before the calls %d", g, goroutines)
		}
	})
}

// call plays INVITE, 200, ACK.
func (a *answers) call(tx *transaction.Layer, i int) {
	flow := a.Flow("192.0.2.10:5060")
	message := func(method, toTag string) *sip.Request {
		text := fmt.Sprintf(bigINVITE, i*2+len(method), i, toTag, i, method, len(siptest.StandardSDP), siptest.StandardSDP)
		if method == "ACK" {
			text = "ACK" + text[len("INVITE"):]
		}
		req, _, _ := sip.Parse(text)
		return req
	}
	tx.ServeRequest(flow, message("INVITE", ""), nil)
	a.mu.Lock()
	_, res, _ := sip.Parse(a.last)
	a.mu.Unlock()
	tx.ServeRequest(flow, message("ACK", ";tag="+res.ToTag()), nil)
}

func heapInUse() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
