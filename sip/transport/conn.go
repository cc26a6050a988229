package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A conn is one connection. Its reader goroutine owns the read side and ends
// the connection; mu guards the write side.
type conn struct {
	layer   *Layer
	flow    Flow
	key     connKey
	aliases []connKey // guarded by connTable.mu
	wire    wire
	tls     *tls.ConnectionState

	active atomic.Int64 // time of the last byte in or out, Unix nanoseconds
	pinged atomic.Int64 // time of a keep-alive that has no answer yet, or 0

	mu      sync.Mutex // guards the following
	queue   [][]byte
	queued  int
	writing bool // a drain goroutine is running
	err     error

	work sync.WaitGroup // goroutines other than the reader
}

// A wire moves bytes or frames of one connection.
type wire interface {
	// serve reads until the connection fails and hands messages to c.
	serve(c *conn) error
	// write writes messages, each in one piece. Only one goroutine at a time
	// calls it.
	write(msgs [][]byte, deadline time.Time) error
	// ping sends a keep-alive (RFC 5626 §4.4.1). It does not block.
	ping(c *conn)
	// abort makes serve and write return soon. It does not block.
	abort()
	// close frees the socket and ends a write under way. Called once, after
	// serve has returned.
	close()
}

var (
	errSlow    = errors.New("transport: peer too slow")
	errIdle    = errors.New("transport: idle")
	errNoPong  = errors.New("transport: keep-alive not answered")
	errNoSIP   = errors.New("transport: peer sends no SIP")
	errFraming = errors.New("transport: stream cannot be cut into messages")
)

// newConn enters a connection into the layer's table. The caller has admitted
// it; nil means that the layer is closing and the caller has to clean up.
func (l *Layer) newConn(f Flow, key connKey, w wire, state *tls.ConnectionState) *conn {
	f.id = l.nextID.Add(1)
	c := &conn{layer: l, flow: f, key: key, wire: w, tls: state}
	c.touch()
	if !l.conns.add(c) {
		return nil
	}
	return c
}

// run serves c until it ends. It is the reader goroutine.
func (c *conn) run() {
	<-c.layer.running
	err := c.wire.serve(c)
	c.shut(err)
	c.layer.conns.remove(c)
	c.mu.Lock()
	err = c.err
	c.mu.Unlock()
	c.wire.close()
	c.work.Wait()
	switch {
	case errors.Is(err, errSlow), errors.Is(err, errNoSIP):
		c.layer.count.slow.Note(c.flow.String)
	case errors.Is(err, ErrQueueFull):
		c.layer.count.overrun.Note(c.flow.String)
	}
	c.layer.handler.FlowClosed(c.flow, err)
}

// shut marks c as ended and wakes its reader, which does the rest.
func (c *conn) shut(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
		c.queue, c.queued = nil, 0
	}
	c.mu.Unlock()
	if first {
		c.wire.abort()
	}
}

func (c *conn) touch() { c.active.Store(time.Now().UnixNano()) }

// silent returns for how long no byte has moved.
func (c *conn) silent() time.Duration { return time.Duration(time.Now().UnixNano() - c.active.Load()) }

// send queues msg; the tap sees it here.
func (c *conn) send(msg []byte) error {
	c.layer.tap(c.flow, true, msg)
	return c.post(msg)
}

// post queues bytes and starts a writer if none is running.
func (c *conn) post(msg []byte) error {
	err := c.enqueue(msg)
	if errors.Is(err, ErrQueueFull) {
		c.shut(err)
	}
	return err
}

func (c *conn) enqueue(msg []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return ErrFlowClosed
	case c.queued+len(msg) > c.layer.limits.WriteQueue:
		return ErrQueueFull
	}
	c.queue = append(c.queue, append([]byte(nil), msg...))
	c.queued += len(msg)
	if !c.writing {
		c.writing = true
		c.work.Go(c.drain) // owns writing; ends when the queue is empty or the connection fails
	}
	return nil
}

// drain writes the queue out.
func (c *conn) drain() {
	for {
		c.mu.Lock()
		msgs := c.queue
		c.queue, c.queued = nil, 0
		if len(msgs) == 0 || c.err != nil {
			c.writing = false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		if err := c.wire.write(msgs, time.Now().Add(c.layer.limits.WriteTime)); err != nil {
			c.shut(errors.Join(ErrFlowClosed, err))
			continue
		}
		c.touch()
	}
}

// shows reports whether the peer's certificate is valid for name, so that an
// accepted connection may be used for requests to it (RFC 5923 §8).
func (c *conn) shows(name string) bool {
	return c.tls != nil && len(c.tls.VerifiedChains) > 0 &&
		c.tls.PeerCertificates[0].VerifyHostname(name) == nil
}

// isTimeout reports whether err is a deadline of ours.
func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
