package edge

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/hometone/hometone/sip/transport"
)

// flowTokens writes flows into URIs and reads them again: the user part of a
// Path or Record-Route entry that leads back over the connection, or through
// the NAT, that a request came by (RFC 5626 §5.2). A token is signed, so that
// nobody can aim us at a connection or an address (§8). Nothing is kept: a
// token of UDP outlives a restart, one of a connection does not, as the
// connection.
type flowTokens struct {
	keys  [][]byte // the first signs, all are believed
	epoch uint32   // tells the connections of this process from those before it
}

const tokenMAC = 10 // bytes: HMAC-SHA-256 cut to 80 bits, as RFC 5626 §5.2 suggests

func newFlowTokens(secrets ...[]byte) *flowTokens {
	var epoch [4]byte
	_, _ = rand.Read(epoch[:]) // never fails (crypto/rand)
	t := &flowTokens{epoch: binary.BigEndian.Uint32(epoch[:])}
	for _, secret := range secrets {
		t.keys = append(t.keys, derive(secret, "hometone edge flow token"))
	}
	return t
}

// derive makes the key of one purpose from the node's secret.
func derive(secret []byte, purpose string) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(purpose))
	return m.Sum(nil)
}

// encode returns the token of a flow.
func (t *flowTokens) encode(f transport.Flow) string {
	local, remote := f.Local().Addr().Unmap(), f.Remote().Addr().Unmap()
	b := make([]byte, 0, 64)
	b = append(b, byte(f.Proto()))
	if remote.Is4() && local.Is4() {
		b = append(append(b, local.AsSlice()...), remote.AsSlice()...)
	} else {
		b[0] |= 0x80
		l, r := local.As16(), remote.As16()
		b = append(append(b, l[:]...), r[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, f.Local().Port())
	b = binary.BigEndian.AppendUint16(b, f.Remote().Port())
	if f.Reliable() {
		b = binary.BigEndian.AppendUint32(b, t.epoch)
		b = binary.AppendUvarint(b, f.ID())
	}
	return base64.RawURLEncoding.EncodeToString(append(b, flowMAC(t.keys[0], b)...))
}

func flowMAC(key, b []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(b)
	return m.Sum(nil)[:tokenMAC]
}

// decode reads a token. alive is false for a connection of a process that has
// ended: it is a token of ours, but the flow has failed.
func (t *flowTokens) decode(token string) (f transport.Flow, alive, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < 1+8+4+tokenMAC {
		return f, false, false
	}
	b, mac := b[:len(b)-tokenMAC], b[len(b)-tokenMAC:]
	if !slices.ContainsFunc(t.keys, func(key []byte) bool { return hmac.Equal(mac, flowMAC(key, b)) }) {
		return f, false, false
	}
	size := 4
	if b[0]&0x80 != 0 {
		size = 16
	}
	proto, rest := transport.Proto(b[0]&0x7f), b[1:]
	if len(rest) < 2*size+4 {
		return f, false, false
	}
	local, _ := netip.AddrFromSlice(rest[:size])
	remote, _ := netip.AddrFromSlice(rest[size : 2*size])
	rest = rest[2*size:]
	from := netip.AddrPortFrom(local.Unmap(), binary.BigEndian.Uint16(rest))
	to := netip.AddrPortFrom(remote.Unmap(), binary.BigEndian.Uint16(rest[2:]))
	if !proto.Reliable() {
		return transport.NewFlow(proto, from, to, 0), true, true
	}
	if rest = rest[4:]; len(rest) < 5 {
		return f, false, false
	}
	id, _ := binary.Uvarint(rest[4:])
	return transport.NewFlow(proto, from, to, id), binary.BigEndian.Uint32(rest) == t.epoch, true
}

// sameFlow reports whether two flows lead to the same peer by the same way.
func sameFlow(a, b transport.Flow) bool {
	if a.Proto() != b.Proto() || a.ID() != b.ID() {
		return false
	}
	return a.ID() != 0 || a.Remote() == b.Remote()
}
