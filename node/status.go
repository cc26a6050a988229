package node

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/metrics"
	"syscall"
)

// Status is what a node has in hand.
type Status struct {
	Calls        int    `json:"calls"`
	Dialogs      int    `json:"dialogs"`
	Transactions int    `json:"transactions"`
	Bindings     int    `json:"bindings"`
	Legs         int    `json:"legs"` // of the relay, each with two ports
	Goroutines   int    `json:"goroutines"`
	Heap         uint64 `json:"heap"` // bytes of live objects and those not yet collected
}

// Status returns what the node has in hand; the zero value when it does not
// run.
func (n *Node) Status() Status {
	n.mu.Lock()
	r := n.rooms
	n.mu.Unlock()
	if r == nil {
		return Status{}
	}
	return r.status()
}

func (r *rooms) status() Status {
	servers, clients := r.shards.Load()
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	status := Status{Calls: r.calls(), Transactions: servers + clients, Goroutines: runtime.NumGoroutine(), Heap: heap[0].Value.Uint64()}
	if r.exchange != nil {
		status.Dialogs, status.Bindings, status.Legs = r.dialogs.Len(), r.places.Count(), r.exchange.Legs()
	}
	return status
}

// calls are those of the exchange, or those a balancer has seen begin.
func (r *rooms) calls() int {
	if r.exchange == nil {
		return r.edge.Proxy.Calls()
	}
	return r.exchange.Calls()
}

// reportStatus logs the status on each SIGUSR1 until ctx ends.
func (r *rooms) reportStatus(ctx context.Context) error {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	defer signal.Stop(asked)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-asked:
			s := r.status()
			r.log.LogAttrs(ctx, slog.LevelInfo, "status", slog.Int("calls", s.Calls), slog.Int("dialogs", s.Dialogs),
				slog.Int("transactions", s.Transactions), slog.Int("bindings", s.Bindings), slog.Int("legs", s.Legs),
				slog.Int("goroutines", s.Goroutines), slog.Uint64("heap", s.Heap))
		}
	}
}
