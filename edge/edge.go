package edge

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
)

// Edge is the whole role as a node runs it: shield, proxy and dispatcher. It is
// the transaction.Handler of the node.
type Edge struct {
	Proxy      *Proxy
	Dispatcher *Dispatcher
	Shield     *Shield
}

// Role is what an Edge needs of its node.
type Role struct {
	Transport Transport           // its listeners are bound
	Next      transaction.Handler // takes what is for this node; nil: nothing is
	Locator   Locator             // phones registered at this node; nil: none
	Data      string              // directory that keeps the secret if the configuration has none; "": it is not kept
	Logger    *slog.Logger
}

// Open makes the Edge of a configuration that Load has found good. Nothing runs
// before Run.
func Open(r Role, e *config.Edge, s Settings) (*Edge, error) {
	secret, err := secretOf(e, r.Data)
	if err != nil {
		return nil, err
	}
	d := NewDispatcher(DispatcherConfig{Transport: r.Transport, Locator: r.Locator, Names: e.Names, Logger: r.Logger})
	shield := NewShield(shieldOf(&e.Shield, d, r.Logger))
	proxy, err := New(Config{
		Transport: r.Transport, Router: d, Watcher: d, Relay: d.Trusts, Next: r.Next, Shield: shield, Names: e.Names,
		Secret: secret, Patience: e.Patience, Recurse: e.Recurse, Path: e.Path, Hide: e.Hide, Logger: r.Logger,
	})
	if err != nil {
		return nil, err
	}
	out := &Edge{Proxy: proxy, Dispatcher: d, Shield: shield}
	out.apply(s, r.Logger)
	return out, nil
}

// Use names the transaction layer that the Edge serves: probes leave through it.
func (e *Edge) Use(layer *transaction.Layer) { e.Dispatcher.Use(layer, e.Proxy) }

// Apply puts a reloaded configuration into force: destinations, probes and the
// shield. Calls in progress go on undisturbed. What is fixed while the node runs
// (names, path, recurse, hide, patience, secret) is left as it is.
func (e *Edge) Apply(c *config.Edge, s Settings, log *slog.Logger) {
	e.Shield.Configure(shieldOf(&c.Shield, e.Dispatcher, log))
	e.apply(s, log)
}

func (e *Edge) apply(s Settings, log *slog.Logger) {
	for _, fault := range e.Dispatcher.Apply(s, time.Now()) {
		if log != nil {
			log.Warn("edge: destination", "error", fault)
		}
	}
}

// ServeSIP implements transaction.Handler.
func (e *Edge) ServeSIP(ctx context.Context, tx *transaction.Server, req *sip.Request) {
	e.Proxy.ServeSIP(ctx, tx, req)
}

// Run runs timers and probes until ctx ends.
func (e *Edge) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { _ = e.Dispatcher.Run(ctx) }) // returns nil, when ctx ends
	return e.Proxy.Run(ctx)
}

// secretFile is where a node keeps the secret it has made for itself.
const secretFile = "edge.secret"

// secretOf returns the configured secret, or the node's own.
func secretOf(e *config.Edge, dir string) ([]byte, error) {
	if s := e.Secret.Reveal(); s != "" {
		return []byte(s), nil
	}
	if dir == "" {
		return nil, nil
	}
	path := filepath.Join(dir, secretFile)
	text, err := os.ReadFile(path)
	if err == nil {
		return []byte(strings.TrimSpace(string(text))), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("edge: secret: %w", err)
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	fresh := hex.EncodeToString(random[:])
	if err := os.WriteFile(path, []byte(fresh+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("edge: secret: %w", err)
	}
	return []byte(fresh), nil
}
