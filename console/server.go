package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// SocketName is the socket's name in the node's data directory.
const SocketName = "console.sock"

// Limits of the server.
const (
	maxConnections = 128
	maxRequest     = 16 << 10 // bytes
	requestTime    = 5 * time.Second
	writeTime      = 10 * time.Second // for an answer
	pauseTime      = 5 * time.Minute  // how long a console that follows may stand still
	gatherTime     = 250 * time.Millisecond
)

// Request is what a client sends: a command, the words of one to complete, or a
// wish for events.
type Request struct {
	Command  []string `json:"command,omitempty"`
	Complete []string `json:"complete,omitempty"`
	Follow   *Filter  `json:"follow,omitempty"`
}

// Reply is one line of the answer.
type Reply struct {
	Event  *Event   `json:"event,omitempty"`
	Lost   uint64   `json:"lost,omitempty"` // events that did not fit since the last line
	Answer *Answer  `json:"answer,omitempty"`
	Error  string   `json:"error,omitempty"`
	Usage  bool     `json:"usage,omitempty"` // the error is the client's
	Words  []string `json:"words,omitempty"` // that complete the last one
	Done   bool     `json:"done,omitempty"`
}

// Server answers consoles.
type Server struct {
	node Node
	bus  *Bus
	log  *slog.Logger
	l    *net.UnixListener
	wg   sync.WaitGroup
}

// Listen opens the socket in a directory. A socket that nobody answers is left
// from a node that was killed, and is replaced.
func Listen(dir string, n Node, b *Bus, log *slog.Logger) (*Server, error) {
	path := filepath.Join(dir, SocketName)
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("console: another node answers at %s", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("console: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("console: %w", err)
	}
	return &Server{node: n, bus: b, log: log, l: l}, nil
}

// Run answers until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	defer s.wg.Wait()
	defer context.AfterFunc(ctx, func() { s.l.Close() })()
	places := make(chan struct{}, maxConnections)
	for {
		c, err := s.l.AcceptUnix()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("console: %w", err)
		}
		select {
		case places <- struct{}{}:
			s.wg.Go(func() { // owns the connection; ends with it, or with ctx
				defer func() { <-places }()
				s.serve(ctx, c)
			})
		default:
			c.Close()
		}
	}
}

// serve answers one request.
func (s *Server) serve(ctx context.Context, c *net.UnixConn) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if err := permitted(c); err != nil {
		s.log.Warn("console refused", "error", err)
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(requestTime))
	line, err := bufio.NewReader(io.LimitReader(c, maxRequest)).ReadBytes('\n')
	if err != nil {
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	var req Request
	if err := json.Unmarshal(line, &req); err != nil {
		send(c, Reply{Error: "not a request: " + err.Error(), Usage: true, Done: true})
		return
	}
	if req.Follow != nil {
		s.follow(ctx, c, *req.Follow)
		return
	}
	if req.Complete != nil {
		send(c, Reply{Words: Complete(s.node, req.Complete), Done: true})
		return
	}
	answer, err := Execute(s.node, req.Command)
	reply := Reply{Answer: &answer, Done: true}
	if err != nil {
		reply.Error, reply.Usage = err.Error(), errors.Is(err, ErrUsage)
	}
	send(c, reply)
}

// follow sends events until the client goes. What comes within gatherTime of an
// event is sent with it: people do not see the difference, and fifty consoles cost
// a few writes a second.
func (s *Server) follow(ctx context.Context, c *net.UnixConn, f Filter) {
	sub := s.bus.subscribe(f)
	defer s.bus.unsubscribe(sub)
	gone := make(chan struct{})
	s.wg.Go(func() { // reads the client's end; ends with the connection
		defer close(gone)
		_, _ = c.Read(make([]byte, 1))
	})
	pause := time.NewTimer(0)
	defer pause.Stop()
	var batch []byte
	for wake := sub.events; ; {
		select {
		case <-ctx.Done():
			return
		case <-gone:
			return
		case e := <-wake: // the first of a batch: nothing else wakes until it is sent
			batch = append(batch, e.reply()...)
			wake = nil
			pause.Reset(gatherTime)
		case <-pause.C:
			if wake != nil {
				continue // the timer's first breath
			}
			batch = sub.drain(batch)
			_ = c.SetWriteDeadline(time.Now().Add(pauseTime))
			if _, err := c.Write(batch); err != nil {
				return
			}
			batch, wake = batch[:0], sub.events
		}
	}
}

// drain appends the lines of all events that wait, and how many were lost.
func (s *subscription) drain(batch []byte) []byte {
	for range queueLength {
		select {
		case e := <-s.events:
			batch = append(batch, e.reply()...)
			continue
		default:
		}
		break
	}
	if lost := s.lost.Swap(0); lost > 0 {
		batch = fmt.Appendf(batch, "{\"lost\":%d}\n", lost)
	}
	return batch
}

// send answers; a console that has gone needs no answer.
func send(c net.Conn, r Reply) {
	_ = c.SetWriteDeadline(time.Now().Add(writeTime))
	_ = json.NewEncoder(c).Encode(r)
}

// permitted asks the kernel who is at the other end: the node's own user or
// root.
func permitted(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var who *unix.Ucred
	if e := raw.Control(func(fd uintptr) { who, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); e != nil {
		return e
	}
	if err != nil {
		return err
	}
	if own := uint32(os.Geteuid()); who.Uid != own && who.Uid != 0 {
		return fmt.Errorf("user %d may not use the console of user %d", who.Uid, own)
	}
	return nil
}
