package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/hometone/hometone/sip"
)

// streamWire is TCP or TLS: a byte stream cut into messages by Content-Length
// (RFC 3261 §18.3).
type streamWire struct {
	nc       net.Conn
	accepted bool
}

const (
	streamBuffer = 4 << 10 // what an idle connection costs
	maxPings     = 32      // keep-alives answered per read
)

func (s *streamWire) abort() {
	// Closing a TLS connection may write; a deadline only wakes both sides.
	s.nc.SetDeadline(time.Unix(1, 0))
}

func (s *streamWire) ping(c *conn) {
	if c.pinged.CompareAndSwap(0, time.Now().UnixNano()) {
		// The reader waits with the deadline it computed before.
		s.nc.SetReadDeadline(time.Now().Add(c.layer.limits.PongTime))
	}
	_ = c.post([]byte("\r\n\r\n"))
}

func (s *streamWire) close() {
	if t, ok := s.nc.(*tls.Conn); ok {
		t.NetConn().Close()
		return
	}
	s.nc.Close()
}

func (s *streamWire) write(msgs [][]byte, deadline time.Time) error {
	s.nc.SetWriteDeadline(deadline)
	if _, ok := s.nc.(*tls.Conn); ok && len(msgs) > 1 {
		var all []byte
		for _, m := range msgs {
			all = append(all, m...)
		}
		_, err := s.nc.Write(all)
		return err
	}
	b := net.Buffers(msgs)
	_, err := b.WriteTo(s.nc)
	return err
}

// A streamReader is the state of one stream's reader goroutine.
type streamReader struct {
	c       *conn
	framer  sip.Framer
	buf     []byte    // buf[:n] is unread
	n       int       //
	began   time.Time // when the unread message began; zero if none is under way
	opened  time.Time
	proven  bool // the peer has sent a SIP message
	pongs   int  // answers owed to this read's pings
	pending bool // unread bytes that are no whole frame
}

func (s *streamWire) serve(c *conn) error {
	lim := &c.layer.limits
	r := &streamReader{c: c, buf: make([]byte, streamBuffer), opened: time.Now(), proven: !s.accepted}
	r.framer = sip.Framer{MaxHeader: lim.Head, MaxBody: lim.Message, Accepted: s.accepted}
	for {
		s.nc.SetReadDeadline(r.deadline(lim))
		if c.failed() {
			return ErrFlowClosed // abort's deadline was overwritten
		}
		n, err := s.nc.Read(r.buf[r.n:])
		if n > 0 {
			c.touch()
			r.n += n
			if err := r.cut(lim); err != nil {
				return err
			}
		}
		if err == nil {
			continue
		}
		if !isTimeout(err) {
			return err
		}
		if err := r.late(lim); err != nil {
			return err
		}
	}
}

func (c *conn) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}

// deadline returns until when the next byte must come.
func (r *streamReader) deadline(lim *Limits) time.Time {
	d := time.Unix(0, r.c.active.Load()).Add(lim.Idle)
	if !r.proven {
		d = earliest(d, r.opened.Add(lim.Unproven))
	}
	if r.pending {
		d = earliest(d, r.began.Add(lim.HeadTime))
	}
	if p := r.c.pinged.Load(); p != 0 {
		d = earliest(d, time.Unix(0, p).Add(lim.PongTime))
	}
	return d
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// late says which deadline has passed; nil if it moved in the meantime.
func (r *streamReader) late(lim *Limits) error {
	now := time.Now()
	switch p := r.c.pinged.Load(); {
	case r.c.failed():
		return ErrFlowClosed
	case r.pending && now.Sub(r.began) >= lim.HeadTime:
		return errSlow
	case !r.proven && now.Sub(r.opened) >= lim.Unproven:
		return errNoSIP
	case p != 0 && now.Sub(time.Unix(0, p)) >= lim.PongTime:
		return errNoPong
	case r.c.silent() >= lim.Idle:
		return errIdle
	}
	return nil
}

// cut takes all whole frames off the buffer and makes room for the next.
func (r *streamReader) cut(lim *Limits) error {
	used := 0
	r.pongs = 0
	for used < r.n {
		kind, n, err := r.framer.Next(r.buf[used:r.n])
		if err != nil {
			return r.broken(r.buf[used:r.n], err)
		}
		if kind == sip.FrameNone {
			break
		}
		r.frame(kind, r.buf[used:used+n])
		used += n
		r.began = time.Time{}
	}
	r.n = copy(r.buf, r.buf[used:r.n])
	if r.pending = r.n > 0; r.pending && r.began.IsZero() {
		r.began = time.Now()
	}
	r.room(lim)
	return nil
}

func (r *streamReader) frame(kind sip.Frame, data []byte) {
	l := r.c.layer
	switch kind {
	case sip.FramePing:
		if r.pongs++; r.pongs <= maxPings {
			_ = r.c.post([]byte("\r\n"))
		}
	case sip.FramePong:
		r.c.pinged.Store(0)
	case sip.FrameMessage:
		r.c.pinged.Store(0) // any traffic proves the flow alive
		l.tap(r.c.flow, false, data)
		if l.message(r.c.flow, string(data)) {
			r.proven = true
		}
	}
}

// broken answers, if it can be told what to, a stream that cannot be cut any
// further, and ends it (RFC 3261 §18.3).
func (r *streamReader) broken(data []byte, err error) error {
	l := r.c.layer
	var fault *sip.Error
	if errors.As(err, &fault) && fault.Status != 0 && looksLikeSIP(data) {
		req, _, _ := sip.Parse(string(data))
		if req != nil {
			MarkReceived(r.c.flow, req)
			l.handler.ServeRequest(r.c.flow, req, fault)
			r.c.flush(l.limits.WriteTime)
		}
	}
	l.count.garbage.Note(r.c.flow.String)
	return errors.Join(errFraming, err)
}

// room grows the buffer to what the message under way needs, and gives memory
// back when there is none.
func (r *streamReader) room(lim *Limits) {
	need := streamBuffer
	switch {
	case r.framer.Need() > 0:
		need = r.framer.Need()
	case r.n == len(r.buf):
		need = min(2*len(r.buf), lim.Head+streamBuffer)
	case r.n > 0:
		need = len(r.buf)
	}
	need = max(need, r.n+1, streamBuffer)
	if need == len(r.buf) || need < len(r.buf) && (r.n > 0 || len(r.buf) == streamBuffer) {
		return
	}
	buf := make([]byte, need)
	copy(buf, r.buf[:r.n])
	r.buf = buf
}

// flush waits until the queue is written, at most d. Only the reader of a
// connection that is about to end calls it.
func (c *conn) flush(d time.Duration) {
	step := 5 * time.Millisecond
	for end := time.Now().Add(min(d, time.Second)); time.Now().Before(end); time.Sleep(step) {
		c.mu.Lock()
		done := !c.writing || c.err != nil
		c.mu.Unlock()
		if done {
			return
		}
	}
}
