package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// subprotocol is the WebSocket subprotocol of RFC 7118 §4.
const subprotocol = "sip"

const maxHTTPHead = 16 << 10

// wsWire is a WebSocket connection: one message per frame (RFC 7118 §5).
type wsWire struct {
	ws            *websocket.Conn
	local, remote netip.AddrPort
	state         *tls.ConnectionState
	accepted      bool
	stop          context.CancelFunc
	ctx           context.Context //nolint:containedctx // of the connection's life: coder/websocket takes one per call
}

func newWSWire(ws *websocket.Conn, accepted bool, limit int) *wsWire {
	w := &wsWire{ws: ws, accepted: accepted}
	w.ctx, w.stop = context.WithCancel(context.Background())
	ws.SetReadLimit(int64(limit))
	return w
}

func (w *wsWire) flow(p Proto) Flow { return Flow{proto: p, local: w.local, remote: w.remote} }

func (w *wsWire) abort() { w.stop() }

func (w *wsWire) close() { w.ws.CloseNow() }

// ping waits for the pong in a goroutine that ends within PongTime.
func (w *wsWire) ping(c *conn) {
	c.work.Go(func() {
		ctx, cancel := context.WithTimeout(w.ctx, c.layer.limits.PongTime)
		defer cancel()
		if err := w.ws.Ping(ctx); err != nil {
			c.shut(errNoPong)
		}
	})
}

func (w *wsWire) write(msgs [][]byte, deadline time.Time) error {
	ctx, cancel := context.WithDeadline(w.ctx, deadline)
	defer cancel()
	for _, m := range msgs {
		if err := w.ws.Write(ctx, websocket.MessageText, m); err != nil {
			return err
		}
	}
	return nil
}

func (w *wsWire) serve(c *conn) error {
	lim := &c.layer.limits
	opened, proven := time.Now(), !w.accepted
	for {
		wait := lim.Idle - c.silent()
		if !proven {
			wait = min(wait, time.Until(opened.Add(lim.Unproven)))
		}
		data, err := w.read(max(wait, time.Millisecond), lim.HeadTime)
		switch {
		case err == nil:
			c.touch()
			proven = w.take(c, data) || proven
		case c.failed():
			return ErrFlowClosed
		case !errors.Is(err, context.DeadlineExceeded):
			return err
		case !proven:
			return errNoSIP
		default:
			return errIdle
		}
	}
}

// read reads one message: wait for its first frame, then at most whole for the
// rest. Pings are answered inside. A context that ends closes the connection.
func (w *wsWire) read(wait, whole time.Duration) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(w.ctx)
	defer cancel(nil)
	late := func() { cancel(context.DeadlineExceeded) }
	timer := time.AfterFunc(wait, late)
	defer timer.Stop()
	_, r, err := w.ws.Reader(ctx)
	if err == nil {
		timer.Reset(whole)
		var data []byte
		if data, err = io.ReadAll(r); err == nil {
			return data, nil
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	return nil, err
}

// take handles one WebSocket message and reports whether it was SIP.
func (w *wsWire) take(c *conn, data []byte) bool {
	l := c.layer
	if !looksLikeSIP(data) {
		switch string(data) {
		case "\r\n\r\n":
			_ = c.post([]byte("\r\n")) // keep-alive (RFC 7118 §6)
		case "\r\n", "":
			c.pinged.Store(0)
		default:
			l.count.garbage.Note(c.flow.String)
		}
		return false
	}
	c.pinged.Store(0)
	l.tap(c.flow, false, data)
	return l.message(c.flow, string(data))
}

// serveWebSocket accepts WebSocket connections until the listener is closed.
func (l *Layer) serveWebSocket(ctx context.Context, ln *listener) {
	gate := &gate{Listener: ln.stream, layer: l, ctx: ctx}
	srv := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { l.upgrade(ln, w, r) }),
		ReadHeaderTimeout: l.limits.HandshakeTime,
		ReadTimeout:       l.limits.HandshakeTime,
		WriteTimeout:      l.limits.HandshakeTime,
		IdleTimeout:       l.limits.HandshakeTime,
		MaxHeaderBytes:    maxHTTPHead,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
		TLSConfig:         l.serverTLS(ln),
	}
	srv.SetKeepAlivesEnabled(false)
	defer srv.Close()
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if ln.Proto == WSS {
		_ = srv.ServeTLS(gate, "", "")
		return
	}
	_ = srv.Serve(gate)
}

// upgrade turns one HTTP request into a connection and serves it to its end.
func (l *Layer) upgrade(ln *listener, rw http.ResponseWriter, r *http.Request) {
	if now := l.numbered(ln.index); now != nil {
		ln = now // with the settings of the last Relisten
	}
	if ln.Path != "" && r.URL.Path != ln.Path {
		http.NotFound(rw, r)
		return
	}
	if !offersSIP(r) {
		http.Error(rw, "subprotocol sip required", http.StatusBadRequest) // RFC 7118 §4.1
		return
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || local == nil {
		http.Error(rw, "no address", http.StatusInternalServerError)
		return
	}
	opts := &websocket.AcceptOptions{Subprotocols: []string{subprotocol}, OriginPatterns: ln.Origins, InsecureSkipVerify: len(ln.Origins) == 0}
	ws, err := websocket.Accept(rw, r, opts)
	if err != nil {
		l.count.refused.Note(func() string { return r.RemoteAddr + " " + err.Error() })
		return
	}
	w := newWSWire(ws, true, l.limits.Message)
	w.local, w.state = tcpAddr(local), r.TLS
	w.remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	f := w.flow(ln.Proto)
	f.listener = ln.index
	c := l.newConn(f, connKey{proto: ln.Proto, addr: w.remote}, w, r.TLS)
	if c == nil {
		w.close()
		return
	}
	c.run()
}

// offersSIP reports whether the client offers the subprotocol.
func offersSIP(r *http.Request) bool {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(p), subprotocol) {
				return true
			}
		}
	}
	return false
}

// A gate is a listener that admits connections within the layer's limits, for
// net/http. A connection counts until it is closed.
type gate struct {
	net.Listener
	layer *Layer
	ctx   context.Context //nolint:containedctx // of Run, for the pause in Accept
}

func (g *gate) Accept() (net.Conn, error) {
	for {
		nc, err := g.Listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || g.ctx.Err() != nil {
				return nil, err
			}
			g.layer.count.refused.Note(err.Error)
			pause(g.ctx, acceptPause)
			continue
		}
		remote := peerOf(nc).Addr()
		if g.layer.conns.admit(remote, &g.layer.limits) {
			g.layer.wg.Add(1) // of the connection; the accepting goroutine holds one itself
			return &gatedConn{Conn: nc, gate: g, remote: remote}, nil
		}
		g.layer.count.refused.Note(remote.String)
		nc.Close()
	}
}

type gatedConn struct {
	net.Conn
	gate   *gate
	remote netip.Addr
	left   atomic.Bool
}

func (c *gatedConn) Close() error {
	if c.left.CompareAndSwap(false, true) {
		c.gate.layer.conns.leave(c.remote)
		defer c.gate.layer.wg.Done()
	}
	return c.Conn.Close()
}

// dialWebSocket opens a WebSocket connection to t (RFC 7118 §4).
func (l *Layer) dialWebSocket(ctx context.Context, t Target) (*wsWire, error) {
	scheme, host := "ws", t.Addr.String()
	if t.Proto == WSS {
		scheme = "wss"
	}
	var local, remote netip.AddrPort
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   l.clientTLS(t),
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			nc, err := l.dialTCP(ctx, t)
			if err == nil {
				local, remote = localOf(nc), peerOf(nc)
			}
			return nc, err
		},
	}
	opts := &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: transport},
		Subprotocols: []string{subprotocol},
		Host:         t.ServerName,
	}
	ws, resp, err := websocket.Dial(ctx, scheme+"://"+host+"/", opts) //nolint:bodyclose // the connection's own: coder/websocket
	if err != nil {
		return nil, err
	}
	if ws.Subprotocol() != subprotocol {
		ws.CloseNow()
		return nil, errors.New("transport: peer does not speak the WebSocket subprotocol sip")
	}
	w := newWSWire(ws, false, l.limits.Message)
	w.local, w.remote, w.state = local, remote, resp.TLS
	return w, nil
}
