package presence

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// Directory is what the configuration says about extensions and mailboxes. It
// is immutable: a reload gives the Server another one with Use.
type Directory interface {
	// Hint returns the devices of an extension's hint, and whether it has one.
	Hint(context, exten string, now time.Time) (devices string, ok bool)
	// List returns the resource list of a name, nil if there is none.
	List(name string) *List
	// Mailboxes returns the mailboxes of an address of record.
	Mailboxes(aor string) []string
	// Lamps returns who is told of a mailbox without asking: the endpoints
	// that name it, or those reached at an address of record. Exactly one of the
	// two is not empty.
	Lamps(mailbox, aor string) []Lamp
}

// A Lamp is a telephone that shows new messages without having subscribed
// (option mailboxes of an endpoint).
type Lamp struct {
	Name      string // of the endpoint; while it subscribes to one of the mailboxes it is told by that
	Mailboxes []string
	From      string // From of the NOTIFY: addr-spec or name-addr
	Account   string // Message-Account, or ""
	Places    []Place
}

// A Place is one contact of a telephone.
type Place struct {
	URI     string
	Route   []string
	Targets []transport.Target
}

// Mailboxes is where messages are kept.
type Mailboxes interface {
	Counts(mailbox string) (Counts, bool)
}

// Consent is the answer of Config.Authorize.
type Consent uint8

// The answers.
const (
	Granted Consent = iota
	Refused         // 403
	Asked           // "pending" until Server.Decide
)

// Config is what a Server needs.
type Config struct {
	Dialogs   *dialog.Layer // required
	Board     *Board        // required
	Directory Directory     // required; see Use
	Mailboxes Mailboxes     // nil: only published counts
	// Authorize is asked for every new subscription; it must not block. nil:
	// everybody whom the exchange knows may watch everything.
	Authorize func(w Watcher, pkg, resource string) Consent
	// MaxSubscriptions bounds all of them, MaxPerWatcher those of one
	// endpoint. 0: 100,000 and 200.
	MaxSubscriptions, MaxPerWatcher int
	Longest                         time.Duration // of a subscription; 0: one hour
	Logger                          *slog.Logger  // nil: discarded
}

// Server is the notifier and the compositor of a node. Its methods are safe
// for concurrent use.
type Server struct {
	cfg  Config
	log  *slog.Logger
	wake chan struct{} // holds one token when there is an earlier deadline

	mu        sync.Mutex // guards the following
	directory Directory
	subs      map[*subscription]struct{}
	watchers  map[string]int
	topics    map[string]map[*subscription]struct{}
	paced     map[*subscription]time.Time // subscriptions that wait for a token
	published publications
	taken     map[string]string // topics of mailboxes that other systems tell of, and the latest tag
}

// New returns a Server; nothing runs before Run.
func New(c Config) (*Server, error) {
	if c.Dialogs == nil || c.Board == nil || c.Directory == nil {
		return nil, errors.New("presence: Config lacks a required room")
	}
	if c.MaxSubscriptions <= 0 {
		c.MaxSubscriptions = 100_000
	}
	if c.MaxPerWatcher <= 0 {
		c.MaxPerWatcher = 200
	}
	if c.Longest <= 0 {
		c.Longest = time.Hour
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{cfg: c, log: c.Logger, wake: make(chan struct{}, 1), directory: c.Directory,
		subs: map[*subscription]struct{}{}, watchers: map[string]int{}, topics: map[string]map[*subscription]struct{}{},
		paced: map[*subscription]time.Time{}, published: newPublications(), taken: map[string]string{}}, nil
}

// Run wakes subscriptions that wait for their pace and forgets publications
// that ran out. When ctx ends it asks all watchers to come back (RFC 6665
// §4.1.3, reason probation); the dialogs must run until after that.
func (s *Server) Run(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next := s.due(time.Now())
		timer.Reset(next)
		select {
		case <-ctx.Done():
			for _, x := range s.all() {
				x.push(true, "probation;retry-after=10")
			}
			return nil
		case <-timer.C:
		case <-s.wake:
		}
	}
}

// due does what is due and returns how long there is nothing to do.
func (s *Server) due(now time.Time) time.Duration {
	s.mu.Lock()
	topics, next := s.published.expire(now)
	var ready []*subscription
	for x, at := range s.paced {
		switch {
		case !at.After(now):
			delete(s.paced, x)
			ready = append(ready, x)
		case next.IsZero() || at.Before(next):
			next = at
		}
	}
	s.mu.Unlock()
	for _, x := range ready {
		x.push(false, "")
	}
	s.publishedAt(topics...)
	if next.IsZero() {
		return time.Hour
	}
	return max(next.Sub(now), 0)
}

// later has a subscription woken.
func (s *Server) later(x *subscription, at time.Time) {
	s.mu.Lock()
	s.paced[x] = at
	s.mu.Unlock()
	s.alarm()
}

func (s *Server) alarm() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// all returns every subscription.
func (s *Server) all() []*subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*subscription, 0, len(s.subs))
	for x := range s.subs {
		list = append(list, x)
	}
	return list
}

// Len returns how many subscriptions there are.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.subs)
}

// Use puts another directory into force: subscriptions to extensions that
// have no hint any more end with reason noresource, the others follow the new
// hints.
func (s *Server) Use(d Directory) {
	s.mu.Lock()
	s.directory = d
	s.mu.Unlock()
	for _, x := range s.all() {
		x.reload(d)
	}
}

// Decide gives the consent that Config.Authorize asked for, or refuses it, to
// all subscriptions of a watcher to a resource.
func (s *Server) Decide(watcher, resource string, granted bool) {
	for _, x := range s.all() {
		if x.watcher.Name == watcher && x.resource == resource {
			x.decide(granted)
		}
	}
}

// tell has all subscriptions to a topic look at their state again.
func (s *Server) tell(topic string) {
	s.mu.Lock()
	list := make([]*subscription, 0, len(s.topics[topic]))
	for x := range s.topics[topic] {
		list = append(list, x)
	}
	s.mu.Unlock()
	for _, x := range list {
		x.push(false, "")
	}
}

// enter counts a subscription; false: there are too many.
func (s *Server) enter(x *subscription) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.subs) >= s.cfg.MaxSubscriptions || s.watchers[x.watcher.Name] >= s.cfg.MaxPerWatcher {
		return false
	}
	s.subs[x] = struct{}{}
	s.watchers[x.watcher.Name]++
	s.follow(x)
	return true
}

// retopic has the subscription follow other topics.
func (s *Server) retopic(x *subscription, topics []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.subs[x]; !ok {
		return
	}
	s.unfollow(x)
	x.topics = topics
	s.follow(x)
}

// follow and unfollow enter the subscription under its topics and take it out;
// the lock is held.
func (s *Server) follow(x *subscription) {
	for _, t := range x.topics {
		if s.topics[t] == nil {
			s.topics[t] = map[*subscription]struct{}{}
		}
		s.topics[t][x] = struct{}{}
	}
}

func (s *Server) unfollow(x *subscription) {
	for _, t := range x.topics {
		delete(s.topics[t], x)
		if len(s.topics[t]) == 0 {
			delete(s.topics, t)
		}
	}
}

// leave forgets it; it may be called twice.
func (s *Server) leave(x *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.subs[x]; !ok {
		return
	}
	delete(s.subs, x)
	delete(s.paced, x)
	if s.watchers[x.watcher.Name]--; s.watchers[x.watcher.Name] <= 0 {
		delete(s.watchers, x.watcher.Name)
	}
	s.unfollow(x)
}

// refuse answers a request with 300 and more.
func refuse(tx *transaction.Server, req *sip.Request, status int, headers ...dialog.Header) {
	res := sip.NewResponse(req, status, "")
	for _, h := range headers {
		res.AddName(h.Name, h.Value)
	}
	_ = tx.Respond(res) // the transaction tells its own failures
}

// userOf returns the user part of the Request-URI, unescaped.
func userOf(req *sip.Request) string {
	u, err := req.ParsedURI()
	if err != nil {
		return ""
	}
	return u.Username()
}
