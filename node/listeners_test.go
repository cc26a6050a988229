package node

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transport"
)

// A listener that a reload has taken away stays as long as a dialog that was
// there needs it, and is closed then.
func TestRetiredListener(t *testing.T) {
	stay := transport.Listen{Name: "stay", Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	gone := transport.Listen{Name: "gone", Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.2:0")}
	wire, err := transport.New(transport.Config{Listen: []transport.Listen{stay, gone}})
	if err != nil {
		t.Fatal(err)
	}
	if err := wire.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // Run closes what Listen has bound
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = wire.Run(ended, nil)
	})
	dialogs, err := dialog.New(dialog.Config{Transport: wire})
	if err != nil {
		t.Fatal(err)
	}
	r := &rooms{wire: wire, dialogs: dialogs, log: slog.New(slog.DiscardHandler)}
	call := dialog.State{
		CallID: "c", LocalTag: "l", RemoteTag: "r", Local: "<sip:a@127.0.0.2>", Remote: "<sip:b@127.0.0.9>", Target: "sip:b@127.0.0.9",
		Proto: "udp", Peer: "127.0.0.9:5060", Expiry: time.Now().Add(time.Hour), Refresh: time.Now().Add(time.Hour),
	}
	if _, err := dialogs.Restore(call, sink{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := wire.Relisten([]transport.Listen{stay}); err != nil {
		t.Fatal(err)
	}
	waiting := map[time.Time][]dialog.ID{}
	look := func(after time.Duration, want int, why string) {
		t.Helper()
		r.releaseAt(time.Now().Add(after), waiting)
		n := 0
		for range wire.Retired {
			n++
		}
		if n != want {
			t.Fatalf("%d listeners are retired after %v, want %d: %s", n, after, want, why)
		}
	}
	look(listenerGrace-time.Second, 1, "a call that is being set up has no dialog yet")
	look(24*time.Hour, 1, "a call is up that may use it")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := dialogs.Run(ended); err != nil { // ends all dialogs
		t.Fatal(err)
	}
	look(24*time.Hour, 0, "the last call that may use it has ended")
	if len(waiting) != 1 {
		t.Fatalf("waits for %v", waiting)
	}
	look(24*time.Hour, 0, "nothing is left to do")
	if len(waiting) != 0 {
		t.Errorf("still waits for %v", waiting)
	}
}

type sink struct{}

func (sink) Deliver(dialog.Event) {}
