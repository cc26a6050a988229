package edge

import (
	"context"
	"slices"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// way is what the Route of a request says about its way through this proxy.
type way struct {
	own      int    // entries of ours that were taken off
	listener string // the listener that the last of them names: requests leave there
	flow     transport.Flow
	token    string // of the flow
	proof    string // parameter of the last entry
	refusal  refusal
}

// maxOwn bounds the entries of ours at the head of a Route: two for each pass.
const maxOwn = 16

// preprocess is RFC 3261 §16.4. It edits the request: nothing of what it
// changes goes into a response.
func (p *Proxy) preprocess(req *sip.Request, uri *sip.URI, from transport.Flow) way {
	if !req.Has(sip.HeaderRoute) {
		p.stripMaddr(req, uri, from)
		return way{}
	}
	p.undoStrict(req, uri, from)
	p.stripMaddr(req, uri, from)
	var w way
	for w.own < maxOwn {
		value, ok := req.First(sip.HeaderRoute)
		if !ok {
			break
		}
		entry, err := sip.ParseAddress(value)
		if err != nil {
			return way{refusal: refusal{status: 400, reason: "Bad Route"}}
		}
		hop, err := entry.ParsedURI()
		if err != nil {
			return way{refusal: refusal{status: 400, reason: "Bad Route"}}
		}
		listener, mine := p.self.is(&hop, from)
		if !mine {
			break
		}
		req.PopFirst(sip.HeaderRoute)
		w.own++
		w.listener, w.token = listener, p.veil.unfold(req, &hop)
		w.proof, _ = hop.Params.Get(proofParam)
	}
	if w.token != "" {
		w.follow(p.flows, w.token, from)
	}
	return w
}

// flowFailed answers a request for a connection that has ended (RFC 5626 §5.3.1).
var flowFailed = refusal{status: 430, reason: "Flow Failed"}

// follow reads the flow token of the last entry of ours. It leads to the peer at
// the flow's other end, unless that peer has sent the request (RFC 5626 §5.3.1).
func (w *way) follow(tokens *flowTokens, token string, from transport.Flow) {
	flow, alive, ok := tokens.decode(token)
	switch {
	case !ok: // a user part that somebody else wrote
	case sameFlow(flow, from):
	case alive:
		w.flow = flow
	default:
		w.refusal = flowFailed
	}
}

// undoStrict restores the Request-URI that a strict router has overwritten:
// "If the Request-URI of the request contains a value this proxy previously
// placed into a Record-Route header field, the proxy MUST replace the
// Request-URI in the request with the last value from the Route header field,
// and remove that value from the Route header field" (§16.4).
func (p *Proxy) undoStrict(req *sip.Request, uri *sip.URI, from transport.Flow) {
	if _, mine := p.self.is(uri, from); !mine || !uri.Loose() {
		return
	}
	route := slices.Collect(req.Values(sip.HeaderRoute))
	if len(route) == 0 {
		return
	}
	last, err := sip.ParseAddress(route[len(route)-1])
	if err != nil {
		return
	}
	target, err := last.ParsedURI()
	if err != nil {
		return
	}
	if uri.User != "" {
		route[len(route)-1] = "<" + req.URI() + ">" // its flow token is still to be read
		route = append(route[len(route)-1:], route[:len(route)-1]...)
	} else {
		route = route[:len(route)-1]
	}
	req.SetURI(last.URI)
	*uri = target
	req.Del(sip.HeaderRoute)
	for _, v := range route {
		req.Add(sip.HeaderRoute, v)
	}
}

// stripMaddr is the second rule of §16.4: an maddr that means us is taken off
// together with port and transport.
func (p *Proxy) stripMaddr(req *sip.Request, uri *sip.URI, from transport.Flow) {
	maddr, ok := uri.Params.Get("maddr")
	if !ok {
		return
	}
	there := *uri
	there.Host = maddr
	if _, mine := p.self.is(&there, from); !mine {
		return
	}
	uri.Params = uri.Params.Without("maddr").Without("transport")
	uri.Port = 0
	req.SetURI(uri.String())
}

// route finds out where a request goes (§16.5): where its flow token says, its
// Route, the dialog it belongs to, and else where the Router says.
func (p *Proxy) route(ctx context.Context, fw *forwarding, uri *sip.URI) {
	req, w := fw.req, &fw.way
	inDialog := req.ToTag() != ""
	_, mine := p.self.is(uri, fw.tx.Flow())
	switch {
	case req.Method() == sip.ACK && !inDialog:
		fw.untagged()
	case inDialog && w.own > 0 && !w.flow.Valid() && !req.Has(sip.HeaderRoute) && p.toInstance(fw, uri):
	case w.flow.Valid() || req.Has(sip.HeaderRoute) || inDialog && w.own > 0 && !mine:
		fw.onward(inDialog)
	case inDialog:
		p.astray(fw, mine)
	case mine && uri.User == "" && req.Method() == sip.OPTIONS:
		fw.plan.Mine = true
	default:
		p.cfg.Router.Route(ctx, req, fw.tx.Flow(), &fw.plan)
	}
}

// onward forwards where a request itself says. Outside a dialog that is for
// whom we relay, inside one for those who take part in it.
func (fw *forwarding) onward(inDialog bool) {
	p := fw.proxy
	if inDialog && !p.entitled(fw) || !inDialog && p.cfg.Relay != nil && !p.cfg.Relay(fw.tx.Flow()) {
		fw.plan.Status, fw.plan.Reason = 403, "Relaying Denied"
		return
	}
	if fw.way.flow.Valid() {
		fw.alone(Branch{Targets: fw.target(p.flowTarget(fw.way.flow))})
		return
	}
	fw.alone(Branch{})
}

// toInstance forwards what goes to a phone by its GRUU, which it has put into its
// Contact: only who gave it out knows where that is (RFC 5627 §6.1).
func (p *Proxy) toInstance(fw *forwarding, uri *sip.URI) bool {
	if _, gruu := uri.GRUU(); !gruu || p.cfg.Instance == nil {
		return false
	}
	t, known := p.cfg.Instance(*uri)
	switch {
	case !known:
		return false
	case !p.entitled(fw):
		fw.plan.Status, fw.plan.Reason = 403, "Relaying Denied"
	default:
		fw.alone(Branch{Targets: fw.target(t)})
	}
	return true
}

// astray finds the way of a request inside a dialog that carries no Route of
// ours: its sender has not learnt our Record-Route. It goes to the dialog's
// destination; what comes from there goes to its Request-URI.
func (p *Proxy) astray(fw *forwarding, mine bool) {
	d := p.calls.find(p.calls.key(&fw.req.Message), time.Now())
	switch from := fw.tx.Flow(); {
	case d == nil && mine:
		fw.plan.Mine = true
	case d == nil:
		fw.onward(false)
	case d.Reaches(from):
		fw.alone(Branch{})
	default:
		fw.alone(Branch{NextHop: d.URI, Targets: d.Targets()})
	}
}

// flowTarget is the target of a request that goes over a flow. For UDP that is
// the listener and the peer's address.
func (p *Proxy) flowTarget(f transport.Flow) transport.Target {
	if !f.Reliable() {
		return transport.Target{Proto: f.Proto(), Addr: f.Remote(), Listener: p.self.listenerAt(f.Local()), KeepProto: true}
	}
	return transport.Target{Proto: f.Proto(), Addr: f.Remote(), Flow: f}
}
