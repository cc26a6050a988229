package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"
)

const acceptPause = 50 * time.Millisecond // when the process has no file descriptors left

// accept takes connections of a TCP or TLS listener until it is closed.
func (l *Layer) accept(ctx context.Context, ln *listener) {
	config := l.serverTLS(ln)
	busy := make(chan struct{}, l.limits.Handshakes)
	for {
		nc, err := ln.stream.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
				return
			}
			l.count.refused.Note(err.Error)
			pause(ctx, acceptPause)
			continue
		}
		remote := peerOf(nc)
		if !l.conns.admit(remote.Addr(), &l.limits) {
			l.count.refused.Note(remote.String)
			nc.Close()
			continue
		}
		if config == nil {
			l.wg.Go(func() { l.serveStream(ln, nc, remote, nil) })
			continue
		}
		select {
		case busy <- struct{}{}:
		default:
			l.conns.leave(remote.Addr())
			l.count.refused.Note(remote.String)
			nc.Close()
			continue
		}
		// Owns the connection: the handshake, then the reader; ends with it.
		l.wg.Go(func() { l.acceptTLS(ctx, ln, tls.Server(nc, config), remote, busy) })
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// serverTLS returns the listener's TLS configuration, at least TLS 1.2; nil for
// plain listeners. Handshakes follow what Relisten gives the listener later: a
// renewed certificate.
func (l *Layer) serverTLS(ln *listener) *tls.Config {
	if !ln.Proto.Secure() {
		return nil
	}
	config := ln.tlsConfig()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := l.numbered(ln.index)
		if now == nil || now.TLS == ln.TLS {
			return nil, nil // config itself
		}
		return now.tlsConfig(), nil
	}
	return config
}

func (ln *listener) tlsConfig() *tls.Config {
	config := ln.TLS.Clone()
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	if ln.Proto == WSS {
		config.NextProtos = []string{"http/1.1"}
	}
	return config
}

func (l *Layer) acceptTLS(ctx context.Context, ln *listener, nc *tls.Conn, remote netip.AddrPort, busy chan struct{}) {
	hctx, cancel := context.WithTimeout(ctx, l.limits.HandshakeTime)
	err := nc.HandshakeContext(hctx)
	cancel()
	<-busy
	if err != nil {
		l.count.refused.Note(func() string { return remote.String() + " " + err.Error() })
		l.conns.leave(remote.Addr())
		nc.NetConn().Close()
		return
	}
	state := nc.ConnectionState()
	l.serveStream(ln, nc, remote, &state)
}

// serveStream runs an accepted and admitted connection.
func (l *Layer) serveStream(ln *listener, nc net.Conn, remote netip.AddrPort, state *tls.ConnectionState) {
	defer l.conns.leave(remote.Addr())
	f := Flow{proto: ln.Proto, local: localOf(nc), remote: remote, listener: ln.index}
	w := &streamWire{nc: nc, accepted: true}
	c := l.newConn(f, connKey{proto: ln.Proto, addr: remote}, w, state)
	if c == nil {
		w.close()
		return
	}
	c.run()
}

func peerOf(nc net.Conn) netip.AddrPort { return tcpAddr(nc.RemoteAddr()) }

func localOf(nc net.Conn) netip.AddrPort { return tcpAddr(nc.LocalAddr()) }

func tcpAddr(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
