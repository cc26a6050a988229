package edge

import (
	"strconv"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// record writes the proxy into Record-Route (RFC 3261 §16.6 step 4) and Path
// (RFC 3327 §5.2, RFC 5626 §5.2) of a request that goes to t. Two entries are
// written if the request leaves by another address or transport than it came
// (RFC 5658), or if one end is reached over a flow that only we know: then the
// upper one is for what comes from the callee, the lower for the caller.
func (p *Proxy) record(req *sip.Request, fw *forwarding, t transport.Target) {
	switch method := req.Method(); {
	case method == sip.REGISTER:
		if p.cfg.Path && direct(req) {
			p.path(req, fw.tx.Flow())
		}
		return
	case req.ToTag() != "" || method != sip.INVITE && method != sip.SUBSCRIBE && method != sip.REFER && method != sip.NOTIFY:
		return
	}
	from := fw.tx.Flow()
	caller, callee := "", ""
	if from.Reliable() || behindNAT(req) {
		caller = p.flows.encode(from)
	}
	if f := t.Flow; f.Valid() && f.Reliable() || fw.way.flow.Valid() {
		if !f.Valid() {
			f = fw.way.flow
		}
		callee = p.flows.encode(f)
	}
	inward := p.entry(transport.Target{Proto: from.Proto(), Addr: from.Remote(), Flow: from}, caller)
	outward := p.entry(t, callee)
	req.Prepend(sip.HeaderRecordRoute, inward)
	if outward != inward || caller != "" {
		req.Prepend(sip.HeaderRecordRoute, outward)
	}
}

// path adds our Path entry with the token of the phone's flow.
func (p *Proxy) path(req *sip.Request, from transport.Flow) {
	here := p.entry(transport.Target{Proto: from.Proto(), Addr: from.Remote(), Flow: from}, p.flows.encode(from))
	if req.HasToken(sip.HeaderSupported, "outbound") {
		// "the edge proxy ... MUST include an 'ob' URI parameter" (RFC 5626 §5.1)
		here = here[:len(here)-1] + ";ob>"
	}
	req.Prepend(sip.HeaderPath, here)
}

// entry is our address towards t as a route, with a flow's token if there is one.
func (p *Proxy) entry(t transport.Target, token string) string {
	host, port := p.cfg.Transport.SentBy(t)
	proto := t.Proto
	var buf [192]byte
	b := append(buf[:0], "<sip:"...)
	if token != "" {
		b = append(append(b, token...), '@')
	}
	b = append(b, host...)
	if port != 0 {
		b = strconv.AppendUint(append(b, ':'), uint64(port), 10)
	}
	if proto != transport.UDP {
		b = append(append(b, ";transport="...), proto.String()...)
	}
	return string(append(b, ";lr>"...))
}

// direct reports whether a request comes from its UA without a proxy between.
func direct(req *sip.Request) bool {
	n := 0
	for range req.Values(sip.HeaderVia) {
		n++
	}
	return n == 1
}

// behindNAT reports whether a UA with symmetric responses is seen at another
// address than it believes to have (RFC 3581 §4): its Contact leads nowhere.
func behindNAT(req *sip.Request) bool {
	via, err := req.TopVia()
	if err != nil {
		return false
	}
	port, asked := via.RPort()
	if !asked || !direct(req) {
		return false
	}
	own := via.Port
	if own == 0 {
		own = transport.UDP.DefaultPort()
	}
	if port != 0 && port != own {
		return true
	}
	received, seen := via.Received()
	host, numeric := sip.HostAddr(via.Host)
	return seen && (!numeric || received != host)
}

// breadth is RFC 5393 §5.3.3: a request may be on as many parallel branches as
// its Max-Breadth says, and passes its share on.
func (fw *forwarding) breadth() refusal {
	widest := 0
	for _, g := range fw.plan.Groups {
		widest = max(widest, len(g))
	}
	have, given, err := fw.req.MaxBreadth()
	if err != nil || !given {
		if widest <= 1 {
			return refusal{}
		}
		have = defaultBreadth
	}
	if int(have) < max(widest, 1) {
		return refusal{status: 440, reason: "Max-Breadth Exceeded"}
	}
	if widest > 1 {
		fw.req.SetNumber(sip.HeaderMaxBreadth, have/uint32(widest))
	}
	return refusal{}
}

const defaultBreadth = 60 // of a request that has no Max-Breadth (RFC 5393 §5.3.3)
