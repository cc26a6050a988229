package edge

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
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
	// Instance finds the phone of a GRUU; nil: none are given out.
	Instance func(gruu sip.URI) (transport.Target, bool)
	Data     string // directory that keeps the secret if the configuration has none; "": it is not kept
	Logger   *slog.Logger
}

// Open makes the Edge of a configuration that Load has found good. Nothing runs
// before Run.
func Open(r Role, e *config.Edge, s Settings) (*Edge, error) {
	secret, old, err := secretOf(e, r.Data, time.Now())
	if err != nil {
		return nil, err
	}
	d := NewDispatcher(DispatcherConfig{Transport: r.Transport, Locator: r.Locator, Names: e.Names, Logger: r.Logger})
	shield := NewShield(shieldOf(&e.Shield, d, r.Logger))
	proxy, err := New(Config{
		Transport: r.Transport, Router: d, Watcher: d, Relay: d.Trusts, Inside: d.Serves, Next: r.Next, Instance: r.Instance, Shield: shield, Names: e.Names,
		Secret: secret, OldSecrets: old, Patience: e.Patience, Recurse: e.Recurse, Path: e.Path, Hide: e.Hide, Logger: r.Logger,
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
// (see Fixed) is left as it is.
func (e *Edge) Apply(c *config.Edge, s Settings, log *slog.Logger) {
	e.Shield.Configure(shieldOf(&c.Shield, e.Dispatcher, log))
	e.Proxy.self.refresh()
	e.apply(s, log)
}

// Fixed returns the keys that have changed from one configuration to another and
// hold from the next start on only.
func Fixed(old, new *config.Edge) (keys []string) {
	for _, k := range []struct {
		name string
		same bool
	}{
		{"names", slices.Equal(old.Names, new.Names)},
		{"path", old.Path == new.Path},
		{"hide", slices.Equal(old.Hide, new.Hide)},
		{"patience", old.Patience == new.Patience},
		{"recurse", old.Recurse == new.Recurse},
		{"secret", old.Secret == new.Secret},
		{"old_secrets", slices.Equal(old.OldSecrets, new.OldSecrets)},
	} {
		if !k.same {
			keys = append(keys, k.name)
		}
	}
	return keys
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
