package dialog

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/hometone/hometone/sip"
)

// registryShards is a power of two.
const registryShards = 64

// A registry finds dialogs by Call-ID and both tags. It is a table of hashes to
// chains, because three strings as a key cost more than the rest of an entry.
type registry struct {
	seed   maphash.Seed
	total  atomic.Int64 // dialogs
	shards [registryShards]registryShard
}

type registryShard struct {
	mu      sync.RWMutex // guards the following
	dialogs map[uint64]*Dialog
	waiting map[uint64]*Subscription // our SUBSCRIBEs that have no dialog yet
}

func newRegistry() *registry {
	r := &registry{seed: maphash.MakeSeed()}
	for i := range r.shards {
		r.shards[i].dialogs = make(map[uint64]*Dialog)
	}
	return r
}

func (r *registry) hash(callID, localTag, remoteTag string) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	h.WriteString(callID)
	h.WriteByte(0)
	h.WriteString(localTag)
	h.WriteByte(0)
	h.WriteString(remoteTag)
	return h.Sum64()
}

func (r *registry) shard(h uint64) *registryShard { return &r.shards[h%registryShards] }

// add enters a dialog; it reports false if the identifier is taken.
func (r *registry) add(d *Dialog) bool {
	h := r.hash(d.id.CallID, d.id.LocalTag, d.id.RemoteTag)
	s := r.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	for x := s.dialogs[h]; x != nil; x = x.chain {
		if x.id == d.id {
			return false
		}
	}
	d.hash, d.chain = h, s.dialogs[h]
	s.dialogs[h] = d
	r.total.Add(1)
	return true
}

// remove takes a dialog out.
func (r *registry) remove(d *Dialog) {
	s := r.shard(d.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	head := s.dialogs[d.hash]
	for x, prev := head, (*Dialog)(nil); x != nil; prev, x = x, x.chain {
		if x != d {
			continue
		}
		switch {
		case prev != nil:
			prev.chain = x.chain
		case x.chain != nil:
			s.dialogs[d.hash] = x.chain
		default:
			delete(s.dialogs, d.hash)
		}
		d.chain = nil
		r.total.Add(-1)
		return
	}
}

// find returns the dialog with this identifier, or nil.
func (r *registry) find(callID, localTag, remoteTag string) *Dialog {
	h := r.hash(callID, localTag, remoteTag)
	s := r.shard(h)
	s.mu.RLock()
	defer s.mu.RUnlock()
	for x := s.dialogs[h]; x != nil; x = x.chain {
		if x.id.CallID == callID && x.id.LocalTag == localTag && x.id.RemoteTag == remoteTag {
			return x
		}
	}
	return nil
}

// wait enters a subscription whose dialog the first NOTIFY will make.
func (r *registry) wait(sub *Subscription, callID, localTag string) {
	h := r.hash(callID, localTag, "")
	s := r.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = make(map[uint64]*Subscription)
	}
	s.waiting[h] = sub
}

// unwait takes it out.
func (r *registry) unwait(callID, localTag string) {
	h := r.hash(callID, localTag, "")
	s := r.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, h)
}

// waiting returns the subscription that a NOTIFY without a dialog may belong to.
func (r *registry) waiting(req *sip.Request) *Subscription {
	h := r.hash(req.CallID(), req.ToTag(), "")
	s := r.shard(h)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.waiting[h]
}

// len returns the number of dialogs.
func (r *registry) len() int { return int(r.total.Load()) }

// all returns every dialog.
func (r *registry) all() (list []*Dialog) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.RLock()
		for _, d := range s.dialogs {
			for ; d != nil; d = d.chain {
				list = append(list, d)
			}
		}
		s.mu.RUnlock()
	}
	return list
}
