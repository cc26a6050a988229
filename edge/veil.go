package edge

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"slices"
	"strings"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// veil hides the addresses of the inside from what lies beyond the listeners
// that face the outside. What would show them (Via, Record-Route and Contact of
// inside elements) is either kept for the response or replaced by a token in a
// URI of ours, encrypted and authenticated with the proxy's secret: nothing is
// stored, so it works as well after a restart, and nobody else can make a token.
//
// A nil veil hides nothing.
type veil struct {
	aeads   []cipher.AEAD // the first hides, all are opened
	key     []byte        // of the nonce
	outside map[string]bool
	at      func(netip.AddrPort) string // the listener of a local address
	sentBy  func(transport.Target) (string, uint16)
}

func newVeil(secrets [][]byte, listeners []string, s *self, sentBy func(transport.Target) (string, uint16)) (*veil, error) {
	if len(listeners) == 0 {
		return nil, nil
	}
	v := &veil{key: derive(secrets[0], "hometone edge veil nonce"), outside: make(map[string]bool), at: s.listenerAt, sentBy: sentBy}
	for _, secret := range secrets {
		block, err := aes.NewCipher(derive(secret, "hometone edge veil"))
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		v.aeads = append(v.aeads, aead)
	}
	for _, name := range listeners {
		v.outside[name] = true
	}
	return v, nil
}

// veilMark begins the user part of a URI that hides something. Flow tokens never
// have it, because it is no letter of base64.
const veilMark = "~"

// seal hides a text. The nonce is made from the text, so equal texts give equal
// tokens: a Contact does not change from one message to the next.
func (v *veil) seal(text string) string {
	m := hmac.New(sha256.New, v.key)
	m.Write([]byte(text))
	nonce := m.Sum(nil)[:v.aeads[0].NonceSize()]
	return veilMark + base64.RawURLEncoding.EncodeToString(v.aeads[0].Seal(nonce, nonce, []byte(text), nil))
}

// open reads a token.
func (v *veil) open(token string) (string, bool) {
	token, marked := strings.CutPrefix(token, veilMark)
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if !marked || err != nil {
		return "", false
	}
	for _, aead := range v.aeads {
		if n := aead.NonceSize(); len(b) >= n {
			if text, err := aead.Open(nil, b[:n], b[n:], nil); err == nil {
				return string(text), true
			}
		}
	}
	return "", false
}

// faces reports whether a message to t leaves for the outside.
func (v *veil) faces(t transport.Target) bool {
	switch {
	case t.Flow.Valid():
		return v.outside[v.at(t.Flow.Local())]
	case t.Listener != "":
		return v.outside[t.Listener]
	}
	host, port := v.sentBy(t)
	addr, ok := sip.HostAddr(host)
	return ok && v.outside[v.at(netip.AddrPortFrom(addr, port))]
}

// from reports whether a flow comes from the outside.
func (v *veil) from(f transport.Flow) bool { return v.outside[v.at(f.Local())] }

// uncover restores the Request-URI of a request whose sender knows only a token.
func (v *veil) uncover(req *sip.Request, uri *sip.URI, s *self, from transport.Flow) {
	if v == nil || !strings.HasPrefix(uri.User, veilMark) {
		return
	}
	if _, mine := s.is(uri, from); !mine {
		return
	}
	text, ok := v.open(uri.User)
	if !ok {
		return
	}
	if hidden, err := sip.ParseURI(text); err == nil {
		req.SetURI(text)
		*uri = hidden
	}
}

// unfold returns the flow token of an entry of ours, and puts what the entry
// hides at the head of the Route.
func (v *veil) unfold(req *sip.Request, hop *sip.URI) (token string) {
	if v == nil || !strings.HasPrefix(hop.User, veilMark) {
		return hop.User
	}
	text, ok := v.open(hop.User)
	if !ok {
		return ""
	}
	token, rest, _ := strings.Cut(text, "\n")
	hidden := strings.Split(rest, "\n")
	for i := len(hidden) - 1; i >= 0; i-- {
		if hidden[i] != "" {
			req.Prepend(sip.HeaderRoute, hidden[i])
		}
	}
	return token
}

// cover takes the inside out of a request that leaves it. The Vias come back
// with the response.
func (v *veil) cover(req *sip.Request, fw *forwarding, t transport.Target) {
	if v == nil || !v.faces(t) || v.from(fw.tx.Flow()) {
		return
	}
	if req.Method() != sip.ACK && fw.vias == nil {
		fw.vias = slices.Collect(req.Values(sip.HeaderVia))
	}
	req.Del(sip.HeaderVia)
	route := slices.Collect(req.Values(sip.HeaderRecordRoute))
	if len(route) > 1 {
		req.Set(sip.HeaderRecordRoute, v.fold(route[0], route[1:]))
	}
	if req.Method() != sip.REGISTER {
		v.coverContact(&req.Message, t)
	}
}

// fold makes one entry of ours of the entry and those behind it, in the order
// in which a request from the outside passes them.
func (v *veil) fold(entry string, behind []string) string {
	a, err := sip.ParseAddress(entry)
	if err != nil {
		return entry
	}
	uri, err := a.ParsedURI()
	if err != nil {
		return entry
	}
	uri.User = v.seal(uri.User + "\n" + strings.Join(behind, "\n"))
	return "<" + uri.String() + ">"
}

// coverContact puts an address of ours in the place of the Contact's.
func (v *veil) coverContact(m *sip.Message, t transport.Target) {
	c, ok, err := m.Contact()
	if err != nil || !ok || m.Count(sip.HeaderContact) != 1 {
		return
	}
	host, port := v.sentBy(t)
	proto := t.Proto
	if t.Flow.Valid() {
		proto = t.Flow.Proto()
	}
	uri := sip.URI{Scheme: "sip", User: v.seal(c.URI), Host: host, Port: port}
	if proto != transport.UDP {
		uri.Params = uri.Params.With("transport", proto.String())
	}
	c.URI = uri.String()
	m.Set(sip.HeaderContact, c.String())
}

// bare gives what was taken off back to the inside.
func (v *veil) bare(res *sip.Response, fw *forwarding) {
	if v != nil && !v.from(fw.tx.Flow()) {
		v.restoreRoute(res)
	}
}

// coverResponse does for a response what cover does for a request.
func (v *veil) coverResponse(res *sip.Response, fw *forwarding) {
	if v == nil || !v.from(fw.tx.Flow()) || fw.outward {
		return // it stays inside, or goes from the outside to the outside
	}
	back := transport.Target{Proto: fw.tx.Flow().Proto(), Addr: fw.tx.Flow().Remote(), Flow: fw.tx.Flow()}
	v.foldResponse(res)
	v.coverContact(&res.Message, back)
}

// foldResponse hides the entries above our outer one: those of the inside. The
// caller uses Record-Route in reverse order.
func (v *veil) foldResponse(res *sip.Response) {
	route := slices.Collect(res.Values(sip.HeaderRecordRoute))
	for i, entry := range route {
		a, err := sip.ParseAddress(entry)
		if err != nil {
			return
		}
		uri, err := a.ParsedURI()
		addr, numeric := uri.Addr()
		if err != nil || !numeric || !v.outside[v.at(netip.AddrPortFrom(addr, uri.Port))] {
			continue
		}
		if i == 0 {
			return
		}
		inside := slices.Clone(route[:i])
		slices.Reverse(inside)
		res.Set(sip.HeaderRecordRoute, v.fold(entry, inside))
		for _, beyond := range route[i+1:] {
			res.Add(sip.HeaderRecordRoute, beyond)
		}
		return
	}
}

// restoreRoute gives the inside its Record-Route back.
func (v *veil) restoreRoute(res *sip.Response) {
	var restored []string
	changed := false
	for entry := range res.Values(sip.HeaderRecordRoute) {
		a, err := sip.ParseAddress(entry)
		if err != nil {
			return
		}
		uri, err := a.ParsedURI()
		text, ok := "", false
		if err == nil && strings.HasPrefix(uri.User, veilMark) {
			text, ok = v.open(uri.User)
		}
		if !ok {
			restored = append(restored, entry)
			continue
		}
		changed = true
		token, rest, _ := strings.Cut(text, "\n")
		uri.User = token
		restored = append(append(restored, "<"+uri.String()+">"), strings.Split(rest, "\n")...)
	}
	if !changed {
		return
	}
	res.Del(sip.HeaderRecordRoute)
	for _, entry := range restored {
		res.Add(sip.HeaderRecordRoute, entry)
	}
}
