package transport

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
)

// connecting is a connection being opened, with what waits for it.
type connecting struct {
	cancel  context.CancelFunc
	waiting []outgoing // guarded by connTable.mu
	queued  int
}

type outgoing struct {
	msg  []byte
	done func(Flow, error)
}

// connect sends msg over a new connection to t, or over one that is being
// opened already.
func (l *Layer) connect(t Target, msg []byte, done func(Flow, error)) {
	key := keyOf(t)
	out := outgoing{append([]byte(nil), msg...), done}
	if err := l.await(t, key, out); err != nil {
		done(Flow{}, err)
	}
}

// await queues out for the connect to t, which it starts if there is none.
func (l *Layer) await(t Target, k connKey, out outgoing) error {
	table := &l.conns
	table.mu.Lock()
	defer table.mu.Unlock()
	switch p := table.pending[k]; {
	case table.closed:
		return ErrClosed
	case p != nil && p.queued+len(out.msg) > l.limits.WriteQueue:
		return ErrQueueFull
	case p != nil:
		p.waiting = append(p.waiting, out)
		p.queued += len(out.msg)
		return nil
	case len(table.pending) >= l.limits.Handshakes || table.total >= l.limits.Connections:
		return ErrLimit
	}
	table.total++
	ctx, cancel := context.WithTimeout(context.Background(), l.limits.ConnectTime)
	table.pending[k] = &connecting{cancel: cancel, waiting: []outgoing{out}, queued: len(out.msg)}
	// Owns the connection: dial, handshake, then the reader; ends with it.
	l.wg.Go(func() { l.open(ctx, t, k) })
	return nil
}

// settle takes what waits for the connect to k.
func (t *connTable) settle(k connKey) []outgoing {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pending[k]
	delete(t.pending, k)
	if p == nil {
		return nil
	}
	p.cancel()
	return p.waiting
}

// open connects, sends what waits, and reads until the connection ends.
func (l *Layer) open(ctx context.Context, t Target, key connKey) {
	defer l.conns.leave(netip.Addr{})
	c, err := l.dial(ctx, t, key)
	if err != nil {
		for _, out := range l.conns.settle(key) {
			out.done(Flow{}, fmt.Errorf("transport: connect to %s: %w", t, err))
		}
		return
	}
	for _, out := range l.conns.settle(key) {
		out.done(c.flow, c.send(out.msg))
	}
	c.run()
}

func (l *Layer) dial(ctx context.Context, t Target, key connKey) (*conn, error) {
	var w wire
	var f Flow
	var state *tls.ConnectionState
	if t.Proto == WS || t.Proto == WSS {
		ws, err := l.dialWebSocket(ctx, t)
		if err != nil {
			return nil, err
		}
		w, f, state = ws, ws.flow(t.Proto), ws.state
	} else {
		nc, err := l.dialTCP(ctx, t)
		if err != nil {
			return nil, err
		}
		f = Flow{proto: t.Proto, local: localOf(nc), remote: peerOf(nc)}
		if t.Proto == TLS {
			tc := tls.Client(nc, l.clientTLS(t))
			if err := tc.HandshakeContext(ctx); err != nil {
				nc.Close()
				return nil, err
			}
			s := tc.ConnectionState()
			nc, state = tc, &s
		}
		w = &streamWire{nc: nc}
	}
	c := l.newConn(f, key, w, state)
	if c == nil {
		w.abort()
		w.close()
		return nil, ErrClosed
	}
	return c, nil
}

// dialTCP connects from the address of the listener that stands for this host
// towards t.
func (l *Layer) dialTCP(ctx context.Context, t Target) (net.Conn, error) {
	var d net.Dialer
	if ln := l.listenerFor(t); ln != nil && t.Listener != "" && !ln.bound.Addr().IsUnspecified() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(ln.bound.Addr(), 0))
	}
	return d.DialContext(ctx, "tcp", t.Addr.String())
}

// clientTLS returns the configuration for a connection to t: TLS 1.2 or newer,
// the certificate checked for the name the URI had (RFC 5922 §7.2).
func (l *Layer) clientTLS(t Target) *tls.Config {
	config := &tls.Config{}
	if l.cfg.TLS != nil {
		config = l.cfg.TLS.Clone()
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	config.ServerName = t.ServerName
	if config.ServerName == "" {
		config.ServerName = t.Addr.Addr().String()
	}
	return config
}
