package pbx

import (
	"context"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/sip"
)

// Hosts are the addresses of the host names in match= of type=identify. One value
// serves all configurations of a node; the zero value knows none. It is safe for
// concurrent use: Outbound asks the DNS, Settings.Identify reads.
type Hosts struct {
	known atomic.Pointer[map[string][]netip.Addr]
	busy  atomic.Bool // a look-up is under way
}

// covers reports whether a request from there may come from the host.
func (h *Hosts) covers(name string, from netip.Addr) bool {
	if h == nil {
		return false
	}
	known := h.known.Load()
	return known != nil && slices.Contains((*known)[name], from.Unmap())
}

// hostsAgain is how often host names are looked up; the resolver's cache keeps
// their own times.
const hostsAgain = time.Minute

// maxHosts bounds the names that are looked up.
const maxHosts = 10_000

// lookUpHosts asks for the addresses of all host names of a configuration, in a
// goroutine that ends with ctx. Names that give no answer keep the addresses that
// they had.
func (o *Outbound) lookUpHosts(ctx context.Context, set *Settings) {
	h := set.Hosts
	names := map[string]bool{} // whether SRV counts too
	for _, id := range set.Endpoints.Identifies {
		for _, name := range id.MatchHosts {
			if len(names) < maxHosts {
				names[name] = names[name] || id.SRVLookups
			}
		}
	}
	if h == nil || len(names) == 0 || !h.busy.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer h.busy.Store(false)
		next := make(map[string][]netip.Addr, len(names))
		for name, srv := range names {
			if next[name] = o.addresses(ctx, name, srv); ctx.Err() != nil {
				return
			}
			if old := h.known.Load(); len(next[name]) == 0 {
				o.log.Warn("identify: the host name has no address now", "host", name)
				if old != nil {
					next[name] = (*old)[name]
				}
			}
		}
		h.known.Store(&next)
	}()
}

// addresses are those of a host, and with srv those of its SIP servers
// (RFC 3263 §4): a URI with a port asks for the host alone.
func (o *Outbound) addresses(ctx context.Context, host string, srv bool) (list []netip.Addr) {
	ports := []uint16{5060}
	if srv {
		ports = append(ports, 0)
	}
	for _, port := range ports {
		ctx, cancel := context.WithTimeout(ctx, resolveTime)
		targets, _ := o.cfg.Transport.Resolve(ctx, sip.URI{Scheme: "sip", Host: host, Port: port})
		cancel()
		for _, t := range targets {
			if a := t.Addr.Addr().Unmap(); !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	return list
}

// identifyHost finds the endpoint of whom a host name stands for.
func (s *Settings) identifyHost(id *pjsip.Identify, from netip.AddrPort) bool {
	return slices.ContainsFunc(id.MatchHosts, func(name string) bool { return s.Hosts.covers(name, from.Addr()) })
}
