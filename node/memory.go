package node

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The policy for memory (docs/adr/0105-garbage-collection.md).
const (
	// headroom is how much garbage may gather before it is collected, in bytes;
	// as much as lives, if that is more. A balancer makes a third of an exchange's
	// garbage for a call and is to be small beside others.
	headroom         = 32 << 20
	balancerHeadroom = 12 << 20
	// memoryLook is how often the policy is looked after.
	memoryLook = time.Second
	// quietRate is the garbage made in memoryLook, in bytes, below which the
	// node counts as quiet; after quietLooks such intervals in a row what is
	// free goes back to the system, if it is worthWhile.
	quietRate  = 512 << 10
	quietLooks = 3
	worthWhile = 8 << 20
)

// memory paces the garbage collector. It belongs to the goroutine of run.
type memory struct {
	room    uint64 // headroom
	sample  []metrics.Sample
	percent int    // GOGC in force
	made    uint64 // bytes allocated until the last look
	quiet   int    // quiet looks in a row; more than quietLooks: given back
}

func newMemory(room uint64) *memory {
	return &memory{room: room, percent: 100, sample: []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}}
}

// tend follows the policy with a headroom until ctx ends. An operator who has set GOGC or
// GOMEMLIMIT has a policy of his own.
func tend(ctx context.Context, room uint64) error {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	m := newMemory(room)
	tick := time.NewTicker(memoryLook)
	defer tick.Stop()
	for {
		m.look()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look sets the pace to what lives now, and gives memory back when the load
// has gone.
func (m *memory) look() {
	metrics.Read(m.sample)
	live, made := m.sample[0].Value.Uint64(), m.sample[1].Value.Uint64()
	objects, free := m.sample[2].Value.Uint64(), m.sample[3].Value.Uint64()
	if p := percentFor(live, m.room); p*4 < m.percent*3 || p*3 > m.percent*4 {
		m.percent = p // stops the world for some microseconds: not for small changes
		debug.SetGCPercent(p)
	}
	if made-m.made >= quietRate {
		m.quiet = 0
	} else {
		m.quiet++
	}
	m.made = made
	if m.quiet == quietLooks && objects+free > live+worthWhile {
		// A parked goroutine gives back half of its stack at each collection.
		runtime.GC()
		runtime.GC()
		debug.FreeOSMemory()
	}
}

// percentFor is the GOGC that allows so much garbage beside what lives.
func percentFor(live, room uint64) int {
	return int(min(max(room*100/max(live, 1), 100), 1000))
}
