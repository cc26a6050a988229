package edge

import (
	"context"

	"github.com/hometone/hometone/edge/dispatch"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// Plan says where a request goes: the branches of a group are tried in
// parallel, the groups one after the other.
type Plan struct {
	// Groups may share memory with the Router: it is read, never changed.
	Groups [][]Branch
	// Uses names the resources that the call uses at its destination.
	Uses []string
	// Status refuses the request instead, with Reason or the standard phrase.
	Status int
	Reason string
	// RetryAfter is written into a refusal, in seconds, if above 0.
	RetryAfter int
	// Shed says that Status is the overload control's.
	Shed bool
	// Mine hands the request to the handler behind the proxy: it is for a role
	// of this node.
	Mine bool
}

// Branch is one copy of a request.
type Branch struct {
	URI     string   // Request-URI; "": unchanged
	Route   []string // values of Route to put in front, a Path for instance (RFC 3327 §5.3)
	NextHop string   // URI that is resolved instead of Route or Request-URI (an outbound proxy, a dispatcher's destination)
	// Targets are used without resolving: those of a destination, or a flow to a
	// phone behind a NAT (RFC 5626 §5.3). The proxy does not change them.
	Targets []transport.Target
	Dest    *dispatch.Destination // whose calls are counted and whose answers are told to the Watcher; nil: none
	// Failover says whether a final response with this status leads to the next
	// group. nil: every one does, which is a search among a callee's contacts.
	Failover func(status int) bool
}

// Router decides about requests outside dialogs. It runs on the shard and must
// not block. It fills in plan, whose Groups has room that may be used.
type Router interface {
	Route(ctx context.Context, req *sip.Request, from transport.Flow, plan *Plan)
}

// Watcher is told what becomes of branches with a destination. It must not
// block; it may be called while a call's state is locked and must not call back.
type Watcher interface {
	// Answered says that a response came: the destination lives.
	Answered(d *dispatch.Destination, status int)
	// Challenged says that it has asked a request of that Call-ID for credentials:
	// they are good nowhere else.
	Challenged(d *dispatch.Destination, callID string)
	// Silent says that none came in time, or that it could not be reached.
	Silent(d *dispatch.Destination, err error)
}
