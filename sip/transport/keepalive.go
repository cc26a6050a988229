package transport

import (
	"crypto/rand"
	"net/netip"

	"github.com/hometone/hometone/sip"
)

// Ping sends a keep-alive over f (RFC 5626 §4.4): CRLF CRLF on a stream, a Ping
// frame on WebSocket, a STUN binding request over UDP. A connection whose peer
// does not answer within Limits.PongTime is closed, and FlowClosed tells.
func (l *Layer) Ping(f Flow) error {
	if f.proto == UDP {
		var id [stunTransactionSize]byte
		rand.Read(id[:])
		ln := l.listenerOf(f)
		if ln == nil {
			return ErrNoListener
		}
		return ln.sendDatagram(l, f, appendBindingRequest(nil, id))
	}
	c := l.conns.get(f.id)
	if c == nil {
		return ErrFlowClosed
	}
	c.wire.ping(c)
	return nil
}

// noteAlias lets requests to the sent-by of a peer use the connection it has
// opened, if it asks for that and has shown a certificate (RFC 5923 §5, §8.1:
// without one, anybody could draw a peer's requests to himself).
func (l *Layer) noteAlias(f Flow, req *sip.Request) {
	c := l.conns.get(f.id)
	if c == nil || c.tls == nil || len(c.tls.VerifiedChains) == 0 {
		return
	}
	via, err := req.TopVia()
	if err != nil || !via.Params.Has("alias") {
		return
	}
	port := via.Port
	if port == 0 {
		port = f.proto.DefaultPort()
	}
	l.conns.alias(c, connKey{proto: f.proto, addr: netip.AddrPortFrom(f.remote.Addr(), port)})
}
