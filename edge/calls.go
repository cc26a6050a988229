package edge

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
	"github.com/hometone/hometone/sip"
)

// callTable knows the confirmed dialogs that run through destinations, so that
// their calls can be counted, and found by requests that carry no Route. It
// decides nothing else: after a restart it is empty and calls go on.
type callTable struct {
	seed   maphash.Seed
	life   time.Duration // of an entry without any request
	max    int           // entries of one part
	shards [callShards]callShard
}

const callShards = 64

type callShard struct {
	mu    sync.Mutex // guards the following
	calls map[uint64]callEntry
}

type callEntry struct {
	dest *dispatch.Destination
	uses []string // resources
	seen int64    // Unix seconds of the last request
}

func newCallTable(limit int, life time.Duration) *callTable {
	t := &callTable{seed: maphash.MakeSeed(), life: life, max: max(limit/callShards, 1)}
	for i := range t.shards {
		t.shards[i].calls = make(map[uint64]callEntry)
	}
	return t
}

// key identifies a dialog by its Call-ID and tags, the same from both sides.
func (t *callTable) key(m *sip.Message) uint64 { return t.keyOf(m.CallID(), m.FromTag(), m.ToTag()) }

func (t *callTable) keyOf(callID, a, b string) uint64 {
	if a > b {
		a, b = b, a
	}
	var room [256]byte
	text := append(append(room[:0], callID...), 0xff)
	text = append(append(append(text, a...), 0xff), b...)
	return maphash.Bytes(t.seed, text)
}

func (t *callTable) shard(key uint64) *callShard { return &t.shards[key%callShards] }

// begin enters a dialog whose call, with the resources it uses, is counted at d
// already. It reports whether the table counts the end; false means that the
// dialog is there already, or the table is full.
func (t *callTable) begin(key uint64, d *dispatch.Destination, uses []string, now time.Time) bool {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.calls[key]; known || len(s.calls) >= t.max {
		return false
	}
	s.calls[key] = callEntry{d, uses, now.Unix()}
	return true
}

// find returns the destination of a dialog and notes that it lives.
func (t *callTable) find(key uint64, now time.Time) *dispatch.Destination {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.calls[key]
	if ok {
		e.seen = now.Unix()
		s.calls[key] = e
	}
	return e.dest
}

// end counts the end of a dialog.
func (t *callTable) end(key uint64) {
	s := t.shard(key)
	s.mu.Lock()
	e, ok := s.calls[key]
	delete(s.calls, key)
	s.mu.Unlock()
	if ok {
		e.dest.End(e.uses...)
	}
}

// sweep ends the dialogs whose BYE went another way.
func (t *callTable) sweep(now time.Time) {
	before := now.Add(-t.life).Unix()
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for key, e := range s.calls {
			if e.seen < before {
				delete(s.calls, key)
				e.dest.End(e.uses...)
			}
		}
		s.mu.Unlock()
	}
}

// len returns the number of dialogs.
func (t *callTable) len() int {
	n := 0
	for i := range t.shards {
		t.shards[i].mu.Lock()
		n += len(t.shards[i].calls)
		t.shards[i].mu.Unlock()
	}
	return n
}
