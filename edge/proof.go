package edge

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// proofParam is the parameter of our Record-Route entries with the proofs.
const proofParam = "proof"

// proofs sign what an entry of ours in Record-Route entitles to: requests of this
// dialog may be sent on to this next hop. Without them anybody could write a
// Route with our address and a To tag and use us to send requests to whom he
// likes (RFC 3261 §26.2.1 leaves it to the proxy whom it serves; ADR 0120).
//
// A proof is an HMAC over Call-ID, the tag of the caller and the hop: the host
// that follows after us, or the token of a flow. The key is made of the secret
// and the day, so that nothing is kept, a restarted edge knows its proofs again,
// and a proof is worth nothing after proofDays.
type proofs struct {
	secrets [][]byte // the first signs, all are believed
	now     func() time.Time
	coding  *base64.Encoding

	mu   sync.Mutex         // guards the following
	days map[uint64]*daySet // of the days that were asked for, proofDays at most
}

// daySet has the signers of one day, one pool for each secret.
type daySet []*sync.Pool // of *signer

// signer is a keyed hash with room for what it reads and writes.
type signer struct {
	mac  hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

const (
	proofSize = 10                    // bytes of one: 80 bits, as of a flow token
	proofDays = 8                     // the longest a dialog can live
	proofDay  = 24 * 3600             // seconds
	proofSkew = 1                     // days that the clock of a fellow edge may be ahead
	proofMost = 1 + 2*proofSize       // bytes of a parameter: the day and a proof for each side
	proofText = (proofMost*4 + 2) / 3 // the same as text
)

func newProofs(secrets [][]byte) *proofs {
	return &proofs{secrets: secrets, now: time.Now, coding: base64.RawURLEncoding.Strict(), days: make(map[uint64]*daySet)}
}

func (p *proofs) today() uint64 { return uint64(p.now().Unix()) / proofDay }

// of returns the signers of a day.
func (p *proofs) of(day uint64) daySet {
	p.mu.Lock()
	defer p.mu.Unlock()
	if set := p.days[day]; set != nil {
		return *set
	}
	if len(p.days) > proofDays+proofSkew {
		clear(p.days)
	}
	set := make(daySet, len(p.secrets))
	for i, secret := range p.secrets {
		key := derive(secret, "hometone edge proof"+string(binary.BigEndian.AppendUint64(nil, day)))
		set[i] = &sync.Pool{New: func() any { return &signer{mac: hmac.New(sha256.New, key)} }}
	}
	p.days[day] = &set
	return set
}

// sign appends the proof that requests of a dialog may go to a hop.
func (d daySet) sign(dst []byte, secret int, callID, tag string, hop []byte) []byte {
	s := d[secret].Get().(*signer)
	defer d[secret].Put(s)
	s.mac.Reset()
	s.text = append(append(append(s.text[:0], callID...), 0), tag...)
	s.text = append(append(s.text, 0), hop...)
	s.mac.Write(s.text)
	return append(dst, s.mac.Sum(s.sum[:0])[:proofSize]...)
}

// appendProof appends the value of the parameter for up to two hops; empty ones
// are left out, and nothing is appended if there is none.
func (p *proofs) appendProof(dst []byte, callID, tag string, hops ...[]byte) []byte {
	day := p.today()
	set := p.of(day)
	var room [proofMost]byte
	b := append(room[:0], byte(day))
	for _, hop := range hops {
		if len(hop) > 0 {
			b = set.sign(b, 0, callID, tag, hop)
		}
	}
	if len(b) == 1 {
		return dst
	}
	return p.coding.AppendEncode(dst, b)
}

// check reports whether a parameter proves that requests of the dialog may go
// to a hop, from either side.
func (p *proofs) check(param string, m *sip.Message, hop []byte) bool {
	if len(hop) == 0 || len(param) > proofText || strings.ContainsAny(param, "\r\n") {
		return false // the decoder would skip line ends, and one proof would have many spellings
	}
	var text [proofText]byte
	var raw [proofMost + 2]byte
	b, err := p.coding.AppendDecode(raw[:0], text[:copy(text[:], param)])
	if err != nil || len(b) <= proofSize || (len(b)-1)%proofSize != 0 {
		return false
	}
	today := p.today() + proofSkew
	age := uint64(byte(today) - b[0])
	if age > proofDays+proofSkew || age > today {
		return false
	}
	set := p.of(today - age)
	for _, tag := range []string{m.FromTag(), m.ToTag()} {
		for i := range set {
			var room [proofSize]byte
			want := set.sign(room[:0], i, m.CallID(), tag, hop)
			for have := range slices.Chunk(b[1:], proofSize) {
				if hmac.Equal(have, want) {
					return true
				}
			}
		}
	}
	return false
}

// hopRoom is room for most hops.
type hopRoom [64]byte

// appendHop appends the hop of a URI as proofs have it: its host in one spelling.
func appendHop(dst []byte, uri *sip.URI) []byte {
	if maddr, ok := uri.Params.Get("maddr"); ok && maddr != "" {
		return append(dst, strings.ToLower(maddr)...)
	}
	if addr, numeric := uri.Addr(); numeric {
		return addr.Unmap().AppendTo(dst)
	}
	return append(dst, strings.ToLower(uri.Host)...)
}

// appendHopOf appends the hop of a value of Record-Route or Contact; nothing if it
// has none.
func appendHopOf(dst []byte, value string) []byte {
	a, err := sip.ParseAddress(value)
	if err != nil {
		return dst
	}
	uri, err := a.ParsedURI()
	if err != nil {
		return dst
	}
	return appendHop(dst, &uri)
}

// appendCallerHop appends where requests of the callee go after they have passed
// us: the proxy before us, or the caller's Contact.
func appendCallerHop(dst []byte, req *sip.Request) []byte {
	if value, ok := req.First(sip.HeaderRecordRoute); ok {
		return appendHopOf(dst, value)
	}
	return appendHopOf(dst, req.Get(sip.HeaderContact))
}

// entitled reports whether a request inside a dialog may go on: it comes from a
// destination or goes to one, or its Route proves that it has been here before.
func (p *Proxy) entitled(fw *forwarding) bool {
	w := &fw.way
	switch {
	case p.cfg.Relay == nil || p.cfg.Relay(fw.tx.Flow()):
		return true
	case w.flow.Valid():
		return p.proofs.check(w.proof, &fw.req.Message, []byte(w.token))
	}
	hop, err := fw.firstHop()
	if err != nil {
		return false
	}
	var room hopRoom
	return p.destination(&hop) || p.proofs.check(w.proof, &fw.req.Message, appendHop(room[:0], &hop))
}

// destination reports whether a URI is the address of a destination.
func (p *Proxy) destination(uri *sip.URI) bool {
	if p.cfg.Inside == nil {
		return false
	}
	t, numeric := p.cfg.Transport.ResolveNumeric(*uri)
	return numeric && p.cfg.Inside(t)
}

// firstHop is the URI that decides where a request goes.
func (fw *forwarding) firstHop() (sip.URI, error) {
	value, ok := fw.req.First(sip.HeaderRoute)
	if !ok {
		return fw.requestURI(fw.req)
	}
	entry, err := sip.ParseAddress(value)
	if err != nil {
		return sip.URI{}, err
	}
	return entry.ParsedURI()
}

// prove rewrites our entry in a response that makes a dialog if the callee is
// elsewhere than the request was sent: only now is known where the caller's
// requests have to go. "The proxy MAY choose to rewrite the value before
// forwarding the response" (RFC 3261 §16.7 step 8).
func (p *Proxy) prove(res *sip.Response, fw *forwarding, l *leg) {
	if fw.below == 0 || l.client == nil || res.Status() == 100 || res.Status() >= 300 {
		return
	}
	at := res.Count(sip.HeaderRecordRoute) - int(fw.below)
	if at < 0 {
		return // somebody has taken our entry out
	}
	above, entry := aboveEntry(res, at)
	var room, sentTo hopRoom
	hop := appendHopOf(room[:0], above)
	if len(hop) == 0 || !l.several && bytes.Equal(hop, appendTargetHop(sentTo[:0], l.client.Target())) {
		return // the entry proves it since the request
	}
	a, err := sip.ParseAddress(entry)
	if err != nil {
		return
	}
	uri, err := a.ParsedURI()
	param, signed := uri.Params.Get(proofParam)
	if _, mine := p.self.is(&uri, fw.tx.Flow()); err != nil || !mine || uri.User != "" || !signed || p.proofs.check(param, &res.Message, hop) {
		return
	}
	uri.Params = uri.Params.With(proofParam, string(p.proofs.appendProof(nil, res.CallID(), res.FromTag(), hop)))
	setValue(&res.Message, at, "<"+uri.String()+">")
}

// aboveEntry is where requests of the caller go after they have passed the entry
// at a place of the Record-Route: what stands above it, or the callee's Contact.
func aboveEntry(res *sip.Response, at int) (above, entry string) {
	i := 0
	for v := range res.Values(sip.HeaderRecordRoute) {
		if i == at {
			entry = v
			break
		}
		above = v
		i++
	}
	if at == 0 {
		above = res.Get(sip.HeaderContact)
	}
	return above, entry
}

// setValue replaces one value of Record-Route.
func setValue(m *sip.Message, at int, value string) {
	if at == 0 {
		m.SetFirst(sip.HeaderRecordRoute, value)
		return
	}
	all := slices.Collect(m.Values(sip.HeaderRecordRoute))
	all[at] = value
	m.Del(sip.HeaderRecordRoute)
	for _, v := range all {
		m.Add(sip.HeaderRecordRoute, v)
	}
}

// appendTargetHop appends the hop that a request sent to t reaches.
func appendTargetHop(dst []byte, t transport.Target) []byte {
	switch {
	case t.Flow.Valid():
		return t.Flow.Remote().Addr().Unmap().AppendTo(dst)
	case t.Addr.IsValid():
		return t.Addr.Addr().Unmap().AppendTo(dst)
	}
	return dst
}
