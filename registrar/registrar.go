// Package registrar is the registrar and the location service: it carries out
// REGISTER requests (RFC 3261 §10, RFC 3327, RFC 5626, RFC 5627, RFC 3608) and
// tells where an address of record can be reached.
//
// A Registrar is a handler for the transaction layer. It identifies who
// registers, has him prove it, works out the new set of bindings, hands the
// set to the store and answers 200 when the store has acknowledged it: what
// was answered is there after a crash. Lookup answers from memory and never
// sees what is not durable.
//
// Who owns what: the bindings of an AOR live in one shard, chosen by the AOR's
// name, under the shard's mutex, as the same compact string that is stored
// (record.go). While a write for an AOR is under way, further REGISTERs for
// it wait in a short queue, so each is applied to a durable state and a failed
// write changes nothing. What the bindings become is computed by one pure
// function (apply.go). Run owns the only goroutine: once a second it lets
// lapsed bindings go.
//
// Limits: request.go and Config bound everything a stranger can grow. Before
// he has proved who he is, a REGISTER leaves nothing behind.
package registrar

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
	"github.com/hometone/hometone/sip/transport"
	"github.com/hometone/hometone/store/state"
)

// Store keeps the bindings; *state.Journal fits. Load may tell a key more than
// once: what comes last counts. Values are not changed after Put, and not kept
// after Load.
type Store interface {
	Put(key string, value []byte, done state.Done) error
	Delete(key string, done state.Done) error
	Load(ctx context.Context, fn func(state.Entry) error) (revision uint64, err error)
}

// Authenticator challenges and verifies; *auth.Server fits.
type Authenticator interface {
	Challenge(res *sip.Response, proxy, stale bool, now time.Time)
	Verify(req *sip.Request, proxy bool, lookup func(user, realm string) (auth.Secret, bool), now time.Time) (user string, v auth.Verdict)
}

// Config of a Registrar.
type Config struct {
	Store     Store         // required
	Auth      Authenticator // required
	Directory Directory     // required; see SetDirectory
	// Domains reports whether a host in To and Request-URI is served here. nil:
	// every host is, and an AOR is told by its user part alone, as in Asterisk.
	Domains func(host string) bool
	// Admit is asked before anything else about a REGISTER; false refuses it
	// with 503 and Retry-After. nil: nobody is refused. It must not block.
	Admit func(flow transport.Flow, req *sip.Request) (after time.Duration, ok bool)
	// Notify is told every durable change, in order for each AOR. It must not
	// block. nil: nobody is told.
	Notify func(Event)
	// FlowTimer is sent to UAs with an outbound flow: how long they may be
	// silent (RFC 5626 §4.4.1). 0: not sent.
	FlowTimer time.Duration
	// Logger receives what went wrong. nil: discarded.
	Logger *slog.Logger
}

// shards is the number of independently locked parts, a power of two.
const shards = 64

// Registrar answers REGISTER and look-ups. Its methods are safe for concurrent
// use.
type Registrar struct {
	cfg       Config
	log       *slog.Logger
	directory atomic.Pointer[Directory]
	sealer    atomic.Pointer[sealer]
	seed      maphash.Seed
	shards    [shards]shard
	flows     flowIndex
	responses sync.Pool // of *sip.Response
	dates     atomic.Pointer[dated]
}

// New returns a Registrar that knows no bindings yet; Load brings them.
func New(cfg Config) (*Registrar, error) {
	if cfg.Store == nil || cfg.Auth == nil || cfg.Directory == nil {
		return nil, errors.New("registrar: store, auth and directory are required")
	}
	r := &Registrar{cfg: cfg, log: cfg.Logger, seed: maphash.MakeSeed()}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	for i := range r.shards {
		r.shards[i].aors = map[string]*entry{}
	}
	r.flows.aors = map[uint64][]string{}
	r.SetDirectory(cfg.Directory)
	return r, r.setKey(newKey())
}

// SetDirectory replaces the directory; requests that come later see the new
// one. Bindings of AORs that are no longer there stay until they lapse.
func (r *Registrar) SetDirectory(d Directory) { r.directory.Store(&d) }

func (r *Registrar) setKey(key []byte) error {
	s, err := newSealer(key)
	if err != nil {
		return fmt.Errorf("registrar: GRUU key: %w", err)
	}
	r.sealer.Store(s)
	return nil
}

// The keys in the store: one record per AOR, and the GRUU key.
const (
	aorKey    = "aor."
	secretKey = "secret.gruu"
)

// Load reads the bindings from the store. Call it once, before the first
// request. Bindings over connections come back as lost.
func (r *Registrar) Load(ctx context.Context) error {
	var secret []byte
	now, unread, example := time.Now(), 0, ""
	_, err := r.cfg.Store.Load(ctx, func(e state.Entry) error {
		if e.Key == secretKey {
			secret = slices.Clone(e.Value)
		} else if name, ok := strings.CutPrefix(e.Key, aorKey); ok {
			if !r.restore(name, string(e.Value), now) {
				unread, example = unread+1, name
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("registrar: load: %w", err)
	}
	if unread > 0 {
		r.log.Error("registrar: stored bindings cannot be read and are left out: another version wrote them, or they are damaged; the phones are back when they register again",
			"count", unread, "aor", example)
	}
	if len(secret) == gruuKey {
		return r.setKey(secret)
	}
	return r.storeKey(ctx)
}

func (r *Registrar) storeKey(ctx context.Context) error {
	key := newKey()
	stored := make(chan error, 1)
	if err := r.cfg.Store.Put(secretKey, key, func(_ uint64, err error) { stored <- err }); err != nil {
		return fmt.Errorf("registrar: GRUU key: %w", err)
	}
	select {
	case err := <-stored:
		if err != nil {
			return fmt.Errorf("registrar: GRUU key: %w", err)
		}
		return r.setKey(key)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// restore takes a record over; false if it cannot be read.
func (r *Registrar) restore(aor, record string, now time.Time) bool {
	at, err := firstLapse(record, now)
	if err != nil {
		return false
	}
	sh := r.shard(aor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.entry(aor)
	e.record = record
	if record != "" {
		sh.schedule(e, at)
	}
	sh.tidy(e)
	return true
}

// Run lets bindings lapse until ctx ends.
func (r *Registrar) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			r.expire(now)
		}
	}
}

// Lookup returns the bindings of an AOR that have not lapsed: highest q first,
// those that can be reached before lost ones, the most recently refreshed
// first. It answers from memory. Of bindings with the same Instance and a
// RegID only one is to be tried at a time (RFC 5626 §5.3); see Devices.
func (r *Registrar) Lookup(aor string) []Binding {
	list := r.bindings(aor)
	now := time.Now()
	list = slices.DeleteFunc(list, func(b Binding) bool { return !b.Expires.After(now) })
	slices.SortStableFunc(list, func(a, b Binding) int {
		if c := cmp.Compare(b.Q, a.Q); c != 0 {
			return c
		}
		if a.Lost() != b.Lost() {
			if b.Lost() {
				return -1
			}
			return 1
		}
		return b.Refreshed.Compare(a.Refreshed)
	})
	return list
}

// Reachable reports whether Lookup returns a binding that is not lost.
func (r *Registrar) Reachable(aor string) bool {
	record, flows := r.durable(aor)
	now := time.Now()
	d, n := openRecord(record)
	for i := range n {
		var b Binding
		d.binding(&b)
		if i < len(flows) {
			b.Flow = flows[i]
		}
		if b.Expires.After(now) && !b.Lost() {
			return true
		}
	}
	return false
}

// Devices is Lookup with one binding for each UA instance that registered
// several flows: the first.
func (r *Registrar) Devices(aor string) []Binding {
	list := r.Lookup(aor)
	for i := 0; i < len(list); i++ {
		for j := len(list) - 1; j > i; j-- {
			if sameDevice(&list[i], &list[j]) {
				list = slices.Delete(list, j, j+1)
			}
		}
	}
	return list
}

func (r *Registrar) bindings(aor string) []Binding {
	record, flows := r.durable(aor)
	list, _ := decodeRecord(aor, record) // what is in memory has been decoded before
	attach(list, flows)
	return list
}

// durable returns what memory holds of an AOR.
func (r *Registrar) durable(aor string) (record string, flows []transport.Flow) {
	sh := r.shard(aor)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if e := sh.aors[aor]; e != nil {
		return e.record, e.flows
	}
	return "", nil
}

// Count returns the number of AORs that have bindings.
func (r *Registrar) Count() int {
	n := 0
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.RLock()
		for _, e := range sh.aors {
			if e.record != "" {
				n++
			}
		}
		sh.mu.RUnlock()
	}
	return n
}

// FlowClosed tells that a connection is gone: its bindings are lost until
// their UAs register again.
func (r *Registrar) FlowClosed(f transport.Flow) {
	for _, aor := range r.flows.close(f.ID()) {
		sh := r.shard(aor)
		sh.mu.Lock()
		if e := sh.aors[aor]; e != nil {
			e.flows = slices.Clone(e.flows) // readers may hold the old slice
			for i := range e.flows {
				if e.flows[i] == f {
					e.flows[i] = transport.Flow{}
				}
			}
		}
		sh.mu.Unlock()
	}
}
