package phone

import (
	"context"
	"net/netip"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

func (p *Phone) resolve(ctx context.Context, u sip.URI) ([]transport.Target, error) {
	if a, ok := u.Addr(); ok {
		proto := transport.UDP
		if t, ok := transport.ParseProto(u.Transport()); ok {
			proto = t
		}
		port := u.Port
		if port == 0 {
			port = proto.DefaultPort()
		}
		return []transport.Target{{Proto: proto, Addr: netip.AddrPortFrom(a, port)}}, nil
	}
	return p.transport.Resolve(ctx, u)
}
