// Package live runs whole nodes inside a test's process: the configuration
// files, the start, the log that a failed test wants to see, and the end.
//
//	dir := live.Files(t, map[string]string{"asterisk/pjsip.conf": …})
//	n := live.Start(t, node.Config{Asterisk: dir + "/asterisk", Data: dir + "/data"})
//	n.Addr("udp") // where it listens
//
// The test's end ends the node, unless [Node.Stop] has ended it before. Tests of
// the built command, in a process of its own, are in test/interop.
package live

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/node"
)

// patience is how long a node may take to start and to end.
const patience = 20 * time.Second

// Node is one running node.
type Node struct {
	*node.Node
	Log *Log // what it has logged; empty if the configuration brought a logger

	tb    testing.TB
	once  sync.Once
	stop  context.CancelFunc
	ended chan error
}

// Start runs a node until the test ends. Without a logger in cfg the log, debug
// lines too, is kept in memory and printed if the test fails. It fails the test
// if the configuration is refused or the node is not ready in time.
func Start(tb testing.TB, cfg node.Config) *Node {
	tb.Helper()
	n := &Node{tb: tb, Log: new(Log), ended: make(chan error, 1)}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(n.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	var problems []config.Problem
	n.Node, problems = node.New(cfg)
	if n.Node == nil || config.HasErrors(problems) {
		tb.Fatalf("the configuration is refused: %v", problems)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	go func() { n.ended <- n.Run(ctx) }() // ends when Stop is called
	tb.Cleanup(func() {
		n.Stop()
		if text := n.Log.String(); tb.Failed() && text != "" {
			tb.Logf("log of the node:\n%s", text)
		}
	})
	select {
	case <-n.Ready():
	case err := <-n.ended:
		n.ended <- nil
		tb.Fatalf("the node does not start: %v", err)
	case <-time.After(patience):
		tb.Fatalf("the node is not ready after %v", patience)
	}
	return n
}

// Stop ends the node and waits until it has ended; what Run returned fails the
// test unless it is nil. A second call does nothing.
func (n *Node) Stop() {
	n.tb.Helper()
	n.once.Do(func() {
		n.stop()
		select {
		case err := <-n.ended:
			if err != nil {
				n.tb.Errorf("the node ended with %v", err)
			}
		case <-time.After(patience):
			n.tb.Errorf("the node has not ended after %v", patience)
		}
	})
}

// Addr returns where the node listens for a protocol (udp tcp tls ws wss; udp6
// and so on for IPv6). It fails the test if it does not.
func (n *Node) Addr(proto string) netip.AddrPort {
	n.tb.Helper()
	for _, a := range n.Addrs() {
		name := a.Proto
		if a.Addr.Addr().Is6() && !a.Addr.Addr().Is4In6() {
			name += "6"
		}
		if name == proto {
			return a.Addr
		}
	}
	n.tb.Fatalf("the node listens on %v; want %s", n.Addrs(), proto)
	return netip.AddrPort{}
}

// Files writes files below a temporary directory of the test, by their
// slash-separated paths, and returns the directory.
func Files(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range files {
		Write(tb, filepath.Join(dir, filepath.FromSlash(name)), text)
	}
	return dir
}

// Write writes one file, with the directories above it.
func Write(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// FreePort finds a UDP port of 127.0.0.1 that nobody uses at this moment, for
// files that have to name one before the node listens.
func FreePort(tb testing.TB) uint16 {
	tb.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

// Log keeps what a node logs.
type Log struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns all of it.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
