package edge

import (
	"math"
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
	var caller, callee entry
	if from.Reliable() || behindNAT(req) {
		caller.token = p.flows.encode(from)
	}
	if f := t.Flow; f.Valid() && f.Reliable() || fw.way.flow.Valid() {
		if !f.Valid() {
			f = fw.way.flow
		}
		callee.token = p.flows.encode(f)
	}
	caller.sips = sipsOnly(req)
	callee.sips = caller.sips
	back := transport.Target{Proto: from.Proto(), Addr: from.Remote(), Flow: from}
	two := caller.token != "" || callee.token != "" || p.door(t) != p.door(back)
	var room signRoom
	if p.proofs != nil {
		caller.proof, callee.proof = p.sign(&room, req, t, [2]string{caller.token, callee.token}, two)
	}
	if two {
		req.Prepend(sip.HeaderRecordRoute, p.entry(back, &caller))
	}
	req.Prepend(sip.HeaderRecordRoute, p.entry(t, &callee))
	if p.proofs != nil {
		fw.below = uint16(min(req.Count(sip.HeaderRecordRoute), math.MaxUint16))
	}
}

// door is the address and transport of ours that an entry names.
type door struct {
	host  string
	port  uint16
	proto transport.Proto
}

func (p *Proxy) door(t transport.Target) door {
	host, port := p.cfg.Transport.SentBy(t)
	return door{host, port, t.Proto}
}

// signRoom is room for two proofs.
type signRoom [2][proofText]byte

// sign makes the proofs of the entries: in the lower one for what the callee
// sends, in the upper one for the caller, or both in the upper one if there is
// no other. A token takes the place of the hop.
func (p *Proxy) sign(room *signRoom, req *sip.Request, t transport.Target, tokens [2]string, two bool) (caller, callee []byte) {
	caller, callee = room[0][:0], room[1][:0]
	callID, tag := req.CallID(), req.FromTag()
	var up, down hopRoom
	toCaller, toCallee := append(up[:0], tokens[0]...), append(down[:0], tokens[1]...)
	if len(toCaller) == 0 {
		toCaller = appendCallerHop(toCaller, req)
	}
	if len(toCallee) == 0 {
		toCallee = appendTargetHop(toCallee, t)
	}
	if !two {
		return caller, p.proofs.appendProof(callee, callID, tag, toCallee, toCaller)
	}
	return p.proofs.appendProof(caller, callID, tag, toCaller), p.proofs.appendProof(callee, callID, tag, toCallee)
}

// path adds our Path entry with the token of the phone's flow.
func (p *Proxy) path(req *sip.Request, from transport.Flow) {
	here := p.entry(transport.Target{Proto: from.Proto(), Addr: from.Remote(), Flow: from}, &entry{token: p.flows.encode(from), sips: sipsOnly(req)})
	if req.HasToken(sip.HeaderSupported, "outbound") {
		// "the edge proxy ... MUST include an 'ob' URI parameter" (RFC 5626 §5.1)
		here = here[:len(here)-1] + ";ob>"
	}
	req.Prepend(sip.HeaderPath, here)
}

// entry is what a value of ours in Record-Route or Path says besides our address.
type entry struct {
	token string // of a flow
	proof []byte // parameter
	// sips: "If the Request-URI contains a SIPS URI, or the topmost Route header
	// field value ... contains a SIPS URI, the URI placed into the Record-Route
	// header field MUST be a SIPS URI" (RFC 3261 §16.6 step 4).
	sips bool
}

// entry is our address towards t as a route.
func (p *Proxy) entry(t transport.Target, e *entry) string {
	host, port := p.cfg.Transport.SentBy(t)
	var buf [256]byte
	b := append(buf[:0], "<sip"...)
	if e.sips {
		b = append(b, 's')
	}
	b = append(b, ':')
	if e.token != "" {
		b = append(append(b, e.token...), '@')
	}
	b = append(b, host...)
	if port != 0 {
		b = strconv.AppendUint(append(b, ':'), uint64(port), 10)
	}
	switch {
	case e.sips && t.Proto == transport.WSS: // the s of sips says it (RFC 7118 §5.2)
		b = append(b, ";transport=ws"...)
	case t.Proto != transport.UDP && !(e.sips && t.Proto == transport.TLS): // RFC 5630 §3.1.2
		b = append(append(b, ";transport="...), t.Proto.String()...)
	}
	b = append(b, ";lr"...)
	if len(e.proof) > 0 {
		b = append(append(b, ";"+proofParam+"="...), e.proof...)
	}
	return string(append(b, '>'))
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
