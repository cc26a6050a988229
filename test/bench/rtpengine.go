package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/test/load"
)

// errNoRTPEngine says that the yardstick of media is not installed.
var errNoRTPEngine = errors.New("rtpengine is missing: apt-get install rtpengine-daemon (it need not run as a service)")

// rtpengine is a relay under measurement, in userspace: no kernel table.
type rtpengine struct {
	*process
	conn   *net.UDPConn // its control protocol, "ng"
	cookie int
}

// startRTPEngine runs rtpengine with its control port at addr.
func startRTPEngine(ctx context.Context, dir string, addr netip.AddrPort) (*rtpengine, error) {
	binary, err := exec.LookPath("rtpengine")
	if err != nil {
		return nil, errNoRTPEngine
	}
	p, err := launch(dir, "rtpengine", addr, nil, binary, "--config-file=none", "--foreground", "--log-stderr", "--log-level=3", "--table=-1",
		"--interface="+addr.Addr().String(), "--listen-ng="+addr.String(), "--port-min=20000", "--port-max=60000")
	if err != nil {
		return nil, err
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("bench: control rtpengine: %w", err)
	}
	e := &rtpengine{process: p, conn: conn}
	for deadline := time.Now().Add(20 * time.Second); ctx.Err() == nil && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if answer, err := e.command("command", "ping"); err == nil && bytes.Contains(answer, []byte("pong")) {
			return e, nil
		}
	}
	e.stop()
	return nil, fmt.Errorf("bench: rtpengine does not answer at %v; it printed:\n%s", addr, p.tail())
}

func (e *rtpengine) stop() {
	e.conn.Close()
	e.process.stop()
}

// command sends a dictionary of strings in bencoding and returns the answer's.
func (e *rtpengine) command(pairs ...string) ([]byte, error) {
	e.cookie++
	cookie := strconv.Itoa(e.cookie)
	message := []byte(cookie + " d")
	for _, s := range pairs {
		message = fmt.Appendf(message, "%d:%s", len(s), s)
	}
	if _, err := e.conn.Write(append(message, 'e')); err != nil {
		return nil, err
	}
	buf := make([]byte, 16384)
	_ = e.conn.SetReadDeadline(time.Now().Add(time.Second))
	for {
		n, err := e.conn.Read(buf)
		if err != nil {
			return nil, err
		}
		if rest, ok := bytes.CutPrefix(buf[:n], []byte(cookie+" ")); ok {
			return rest, nil
		}
	}
}

// bridge sets up one call between two media addresses and returns where each
// of them sends.
func (e *rtpengine) bridge(n int, caller, callee netip.AddrPort) (fromCaller, fromCallee netip.AddrPort, err error) {
	id := "bench-" + strconv.Itoa(n)
	offer, err := e.command("call-id", id, "command", "offer", "from-tag", "a", "sdp", load.Description(caller))
	if err != nil {
		return fromCaller, fromCallee, fmt.Errorf("bench: offer to rtpengine: %w", err)
	}
	answer, err := e.command("call-id", id, "command", "answer", "from-tag", "a", "sdp", load.Description(callee), "to-tag", "b")
	if err != nil {
		return fromCaller, fromCallee, fmt.Errorf("bench: answer to rtpengine: %w", err)
	}
	if fromCallee, err = e.port(offer); err == nil {
		fromCaller, err = e.port(answer)
	}
	return fromCaller, fromCallee, err
}

// port reads the m-line of an answer.
func (e *rtpengine) port(answer []byte) (netip.AddrPort, error) {
	_, rest, _ := strings.Cut(string(answer), "m=audio ")
	text, _, _ := strings.Cut(rest, " ")
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return netip.AddrPort{}, fmt.Errorf("bench: rtpengine answered %q", answer)
	}
	return netip.AddrPortFrom(e.addr.Addr(), uint16(port)), nil
}

// rtpengineOnce measures the relay with the streams of count calls.
func rtpengineOnce(ctx context.Context, s settings, dir string, r *row, count int) error {
	callers, callees, err := mediaPair()
	if err != nil {
		return err
	}
	e, err := startRTPEngine(ctx, dir, s.address(4))
	if err != nil {
		return err
	}
	defer e.stop()
	for n := range count {
		a, b, err := e.bridge(n, callers.Addr(), callees.Addr())
		if err != nil {
			return err
		}
		callers.Add(a)
		callees.Add(b)
	}
	talk := time.Duration(s.seconds * float64(time.Second))
	sent := make(chan struct{})
	go func() { // both end after talk and two seconds
		defer close(sent)
		done := make(chan struct{})
		go func() { defer close(done); callees.Run(ctx, talk+2*time.Second, 'A') }()
		callers.Run(ctx, talk+2*time.Second, 'B')
		<-done
	}()
	time.Sleep(time.Second)
	first := takeMedia(e.process, callers, callees)
	time.Sleep(talk)
	last := takeMedia(e.process, callers, callees)
	<-sent
	r.addMedia(first, last, talk, callers, callees)
	return nil
}
