package transport

import (
	"net/netip"
	"sync"
)

// A connKey is what a connection can be found by for reuse.
type connKey struct {
	proto  Proto
	addr   netip.AddrPort
	server string // the name its certificate was checked for; "" for accepted ones
}

func keyOf(t Target) connKey {
	k := connKey{proto: t.Proto, addr: t.Addr}
	if t.Proto.Secure() {
		k.server = t.ServerName
	}
	return k
}

// connTable holds the open connections and the connects under way.
type connTable struct {
	mu       sync.RWMutex // guards the following
	byID     map[uint64]*conn
	byKey    map[connKey]*conn
	pending  map[connKey]*connecting
	bySource map[netip.Prefix]int // accepted connections, handshakes included
	total    int                  // connections, handshakes and connects
	closed   bool
}

func (t *connTable) init() {
	t.byID = make(map[uint64]*conn)
	t.byKey = make(map[connKey]*conn)
	t.pending = make(map[connKey]*connecting)
	t.bySource = make(map[netip.Prefix]int)
}

func (t *connTable) get(id uint64) *conn {
	if id == 0 {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byID[id]
}

// find returns the flow of a connection to reuse for k.
func (t *connTable) find(k connKey) (Flow, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	c := t.byKey[k]
	if c == nil && k.server != "" {
		c = t.byKey[connKey{k.proto, k.addr, ""}]
		if c != nil && !c.shows(k.server) {
			c = nil
		}
	}
	if c == nil {
		return Flow{}, false
	}
	return c.flow, true
}

// add enters c; false if the layer is closing.
func (t *connTable) add(c *conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.byID[c.flow.id] = c
	t.byKey[c.key] = c
	return true
}

// alias makes c findable by k as well (RFC 5923).
func (t *connTable) alias(c *conn, k connKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(c.aliases) >= maxConnAliases || t.byID[c.flow.id] != c || t.byKey[k] != nil {
		return
	}
	t.byKey[k] = c
	c.aliases = append(c.aliases, k)
}

// maxConnAliases bounds the names one connection can take.
const maxConnAliases = 4

func (t *connTable) remove(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byID, c.flow.id)
	for _, k := range append(c.aliases, c.key) {
		if t.byKey[k] == c {
			delete(t.byKey, k)
		}
	}
}

// sourceOf is the unit of ConnectionsPerIP: an IPv4 address or an IPv6 /64.
func sourceOf(a netip.Addr) netip.Prefix {
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}

// admit counts one more connection from a, or refuses it. A zero address
// counts an outgoing one.
func (t *connTable) admit(a netip.Addr, lim *Limits) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.total >= lim.Connections {
		return false
	}
	if a.IsValid() {
		p := sourceOf(a)
		if t.bySource[p] >= lim.ConnectionsPerIP {
			return false
		}
		t.bySource[p]++
	}
	t.total++
	return true
}

// leave takes back one admit.
func (t *connTable) leave(a netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total--
	if !a.IsValid() {
		return
	}
	p := sourceOf(a)
	if t.bySource[p]--; t.bySource[p] <= 0 {
		delete(t.bySource, p)
	}
}

func (t *connTable) closeAll() {
	t.mu.Lock()
	t.closed = true
	conns := make([]*conn, 0, len(t.byID))
	for _, c := range t.byID {
		conns = append(conns, c)
	}
	for _, p := range t.pending {
		p.cancel()
	}
	t.mu.Unlock()
	for _, c := range conns {
		c.shut(ErrClosed)
	}
}
