package registrar

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// maxWaiting is the number of REGISTERs that may wait for the write of an
// earlier one to the same AOR; more are answered 503.
const maxWaiting = 16

// shard is a part of the AORs.
type shard struct {
	mu   sync.RWMutex // guards the following and the entries
	aors map[string]*entry
	due  schedule
}

// entry is what memory holds of one AOR.
type entry struct {
	aor    string
	record string           // the durable bindings, "" = none
	flows  []transport.Flow // the connections, by index of the binding; nil = none. Never changed, only replaced
	due    int64            // Unix milliseconds of its place in the schedule, 0 = none
	busy   bool             // a write is under way
	dirty  bool             // a write failed halfway: the store may hold something else
	queue  []*job
}

// job is one change on its way: a REGISTER, or with a nil change the removal of
// lapsed bindings, which nobody waits for (reply is nil).
type job struct {
	change *change
	req    *sip.Request
	to     sip.URI
	reply  reply
	came   time.Time

	next   []Binding
	record string
	events []Event
}

// outcome is what is to be told of a job after the shard's lock, which was held
// when it came about, has been given back.
type outcome struct {
	job     *job
	no      *refusal
	durable bool // its events are to be told
}

func (r *Registrar) tell(list []outcome) {
	for _, o := range list {
		if o.job.reply != nil {
			o.job.reply(r.respond(o.job, o.no), false)
		}
		if o.durable {
			r.notify(o.job.events)
		}
	}
}

func (r *Registrar) shard(aor string) *shard {
	return &r.shards[maphash.String(r.seed, aor)&(shards-1)]
}

func attach(list []Binding, flows []transport.Flow) {
	for i := range min(len(list), len(flows)) {
		list[i].Flow = flows[i]
	}
}

// submit carries out a REGISTER for an AOR, or queues it behind the write that
// is under way.
func (r *Registrar) submit(aor string, j *job, now time.Time) {
	sh := r.shard(aor)
	sh.mu.Lock()
	e := sh.entry(aor)
	var told []outcome
	switch {
	case !e.busy:
		told = r.begin(sh, e, j, now, nil)
	case len(e.queue) < maxWaiting:
		e.queue = append(e.queue, j)
	default:
		told = append(told, outcome{job: j, no: refuseBusy})
	}
	sh.mu.Unlock()
	r.tell(told)
}

// entry returns the entry of an AOR, which it makes. sh.mu is held.
func (sh *shard) entry(aor string) *entry {
	e := sh.aors[aor]
	if e == nil {
		// The name may be a view of the datagram, which is not to live on.
		e = &entry{aor: strings.Clone(aor)}
		sh.aors[e.aor] = e
	}
	return e
}

// begin computes a job and starts its write. If there is nothing to write it
// adds to what is to be told. sh.mu is held.
func (r *Registrar) begin(sh *shard, e *entry, j *job, now time.Time, told []outcome) []outcome {
	old, _ := decodeRecord(e.aor, e.record)
	attach(old, e.flows)
	var no *refusal
	j.next, j.events, no = apply(old, j.change, now)
	switch {
	case no != nil:
	case j.change == nil && len(j.events) == 0 && !e.dirty || j.change != nil && !j.changed():
	default:
		err := r.write(sh, e, j)
		if err == nil {
			e.busy = true
			return told
		}
		r.log.Error("registrar: bindings not stored", "aor", e.aor, "err", err)
		no = refuseBusy
	}
	sh.tidy(e)
	return append(told, outcome{job: j, no: no})
}

// changed reports whether the job has anything to write: not so for a query, a
// retransmission, or the removal of what is not there.
func (j *job) changed() bool {
	return slices.ContainsFunc(j.events, func(ev Event) bool {
		_, lapsed := ev.(Expired)
		return !lapsed
	})
}

func (r *Registrar) write(sh *shard, e *entry, j *job) error {
	done := func(_ uint64, err error) { r.finish(sh, e, j, err) }
	if len(j.next) == 0 {
		return r.cfg.Store.Delete(aorKey+e.aor, done)
	}
	var buf [512]byte
	j.record = string(appendRecord(buf[:0], j.next))
	return r.cfg.Store.Put(aorKey+e.aor, unsafe.Slice(unsafe.StringData(j.record), len(j.record)), done) // the same memory: nobody changes it
}

// finish takes over what has become durable, answers, and begins what waited.
func (r *Registrar) finish(sh *shard, e *entry, j *job, err error) {
	var room [1]outcome
	told := room[:0]
	now := time.Now()
	sh.mu.Lock()
	e.busy = false
	if err == nil {
		r.install(sh, e, j, now)
		told = append(told, outcome{job: j, durable: true})
	} else {
		// The store may or may not have it: write again what memory says.
		e.dirty = true
		sh.schedule(e, now.Add(time.Second).UnixMilli())
		r.log.Error("registrar: bindings not stored", "aor", e.aor, "err", err)
		told = append(told, outcome{job: j, no: refuseStore})
	}
	for !e.busy && len(e.queue) > 0 {
		next := e.queue[0]
		e.queue = slices.Delete(e.queue, 0, 1)
		told = r.begin(sh, e, next, now, told)
	}
	sh.tidy(e)
	sh.mu.Unlock()
	r.tell(told)
}

func (r *Registrar) install(sh *shard, e *entry, j *job, now time.Time) {
	e.record, e.dirty = j.record, false
	e.flows = r.flows.update(e.aor, e.flows, j.next)
	if len(j.next) > 0 {
		sh.schedule(e, earliest(j.next, now))
	}
}

// tidy forgets an entry that holds nothing. sh.mu is held.
func (sh *shard) tidy(e *entry) {
	if e.record == "" && !e.busy && !e.dirty && len(e.queue) == 0 && sh.aors[e.aor] == e {
		delete(sh.aors, e.aor)
	}
	if len(e.queue) == 0 {
		e.queue = nil
	}
}

func (r *Registrar) notify(events []Event) {
	if r.cfg.Notify == nil {
		return
	}
	for _, ev := range events {
		r.cfg.Notify(ev)
	}
}

// expire begins the removal of what has lapsed.
func (r *Registrar) expire(now time.Time) {
	for i := range r.shards {
		sh := &r.shards[i]
		var told []outcome
		sh.mu.Lock()
		for e := sh.due.next(now.UnixMilli()); e != nil; e = sh.due.next(now.UnixMilli()) {
			if e.busy {
				sh.schedule(e, now.Add(time.Second).UnixMilli())
				continue
			}
			if e.record == "" && !e.dirty { // nothing is left to lapse
				continue
			}
			at, _ := firstLapse(e.record, now) // what is in memory has been decoded before
			if at > now.UnixMilli() && !e.dirty {
				sh.schedule(e, at)
				continue
			}
			told = r.begin(sh, e, new(job), now, told)
			if !e.busy && (e.record != "" || e.dirty) { // the store took nothing: again later
				sh.schedule(e, now.Add(time.Second).UnixMilli())
			}
		}
		sh.mu.Unlock()
		r.tell(told)
	}
}

// longestLook is when an AOR is looked at again, whatever its bindings say.
const longestLook = 24 * time.Hour

// earliest returns when the first of the bindings lapses, in Unix
// milliseconds.
func earliest(list []Binding, now time.Time) int64 {
	at := now.Add(longestLook)
	for i := range list {
		if list[i].Expires.Before(at) {
			at = list[i].Expires
		}
	}
	return at.UnixMilli()
}

// flowIndex knows which AORs have bindings over which connection.
type flowIndex struct {
	mu   sync.Mutex // guards the following
	aors map[uint64][]string
}

// open notes that a REGISTER for aor came over f. It comes before the write,
// so that a connection that closes meanwhile is not taken for open.
func (x *flowIndex) open(f transport.Flow, aor string) {
	if !f.Reliable() {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !slices.Contains(x.aors[f.ID()], aor) {
		x.aors[f.ID()] = append(x.aors[f.ID()], strings.Clone(aor))
	}
}

func (x *flowIndex) close(id uint64) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := x.aors[id]
	delete(x.aors, id)
	return list
}

// update returns the connections of the new bindings, without those that have
// closed, and forgets the connections that no binding uses any more.
func (x *flowIndex) update(aor string, old []transport.Flow, next []Binding) []transport.Flow {
	var flows []transport.Flow
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range next {
		f := next[i].Flow
		if _, open := x.aors[f.ID()]; !f.Valid() || !open {
			continue
		}
		if flows == nil {
			flows = make([]transport.Flow, len(next))
		}
		flows[i] = f
	}
	for _, f := range old {
		if !f.Valid() || slices.Contains(flows, f) {
			continue
		}
		list := slices.DeleteFunc(x.aors[f.ID()], func(s string) bool { return s == aor })
		if x.aors[f.ID()] = list; len(list) == 0 {
			delete(x.aors, f.ID())
		}
	}
	return flows
}

// respond builds the answer to a REGISTER that was carried out or refused.
func (r *Registrar) respond(j *job, no *refusal) *sip.Response {
	if no != nil {
		return r.refuse(j.req, no)
	}
	return r.accept(j)
}
