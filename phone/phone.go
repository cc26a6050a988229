package phone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// Phone is one SIP phone. Make one with New and run it with Run.
type Phone struct {
	set      settings
	identity dialog.Authorizer // nil without a password

	transport    *transport.Layer
	transactions *transaction.Layer
	dialogs      *dialog.Layer

	ready chan struct{} // closed when Run serves
	stop  chan struct{} // closed by Quit
	over  chan struct{} // closed when calls must end at once
	done  chan struct{} // closed when Run has ended

	events       *mailbox[Event]
	incoming     chan *Call
	registration *registration

	group sync.WaitGroup // goroutines of calls

	mu      sync.Mutex
	started bool           // Run was called
	stopped bool           // stop is closed
	ending  bool           // no further call may begin
	calls   map[int]*Call  // guarded by mu
	last    int            // number of the last call
	mapped  netip.AddrPort // our UDP address as the server sees it; zero = unknown
}

// Errors of a phone that cannot do what it is asked.
var (
	ErrStopped = errors.New("phone: not running any more")
	ErrBusy    = errors.New("phone: too many calls")
)

// mailboxLimit bounds what peers can queue for one call or for OnEvent.
const mailboxLimit = 1024

// New checks c and returns a phone that does nothing before Run.
func New(c Config) (*Phone, error) {
	set, err := c.check()
	if err != nil {
		return nil, err
	}
	p := &Phone{
		set:      set,
		ready:    make(chan struct{}),
		stop:     make(chan struct{}),
		over:     make(chan struct{}),
		done:     make(chan struct{}),
		events:   newMailbox[Event](mailboxLimit),
		incoming: make(chan *Call, set.MaxCalls),
		calls:    make(map[int]*Call),
	}
	if set.Password != "" {
		p.identity = dialog.NewDigest(set.User, set.Password)
	}
	p.registration = newRegistration(p)
	return p, nil
}

// Run binds the phone's sockets and serves until ctx ends or Quit was called.
// It may be called once. Calls that are under way when ctx ends are ended.
func (p *Phone) Run(ctx context.Context) error {
	p.mu.Lock()
	if p.started {
		p.mu.Unlock()
		return errors.New("phone: Run was called before")
	}
	p.started = true
	p.mu.Unlock()
	defer close(p.done)

	if err := p.build(); err != nil {
		return err
	}
	// The layers outlive ctx by the time the calls need to say BYE.
	layers, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	failed := make(chan error, 2)
	var group sync.WaitGroup
	group.Go(func() { failed <- p.transactions.Run(layers) })
	group.Go(func() { failed <- p.dialogs.Run(layers) })
	group.Go(func() { p.deliverEvents(layers) })
	group.Go(func() { p.registration.run(layers) })
	close(p.ready)

	var err error
	select {
	case <-ctx.Done():
		p.hangupAll(layers)
	case <-p.stop:
	case err = <-failed:
	}
	p.mu.Lock()
	p.ending = true
	p.mu.Unlock()
	close(p.over)
	cancel()
	p.group.Wait()
	group.Wait()
	return err
}

// farewell is how long calls have to end when the phone stops.
const farewell = 2 * time.Second

// hangupAll ends every call and waits for the ends, a short time.
func (p *Phone) hangupAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	p.mu.Lock()
	p.ending = true
	p.mu.Unlock()
	calls := p.Calls()
	for _, c := range calls {
		c.box.put(item{run: c.end}, true)
	}
	for _, c := range calls {
		select {
		case <-c.done:
		case <-ctx.Done():
		}
	}
	// A call ends for the user at once; its dialog is there until the peer has
	// answered the BYE, which may itself wait for an ACK (RFC 3261 §15).
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for p.dialogs.Len() > 0 {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return
		}
	}
}

// Quit ends all calls, takes the registration back and lets Run return.
func (p *Phone) Quit(ctx context.Context) error {
	if err := p.waitReady(ctx); err != nil {
		return err
	}
	p.hangupAll(ctx)
	err := p.registration.remove(ctx)
	p.mu.Lock()
	if !p.stopped {
		p.stopped = true
		close(p.stop)
	}
	p.mu.Unlock()
	select {
	case <-p.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return err
}

// Register registers the account and keeps it registered until Quit or
// Unregister. It returns when the registrar has answered: nil, or a *Refused
// error. Failures later on are events; the phone tries again by itself.
func (p *Phone) Register(ctx context.Context) error {
	if p.set.Account == "" {
		return ErrNoAccount
	}
	if err := p.waitReady(ctx); err != nil {
		return err
	}
	return p.registration.begin(ctx)
}

// Unregister takes the registration back.
func (p *Phone) Unregister(ctx context.Context) error {
	if err := p.waitReady(ctx); err != nil {
		return err
	}
	return p.registration.remove(ctx)
}

// Call calls a SIP URI, or a user at the account's host ("8006"). It returns
// when the INVITE is on its way.
func (p *Phone) Call(ctx context.Context, to string) (*Call, error) {
	if err := p.waitReady(ctx); err != nil {
		return nil, err
	}
	uri, err := p.destination(to)
	if err != nil {
		return nil, err
	}
	via := uri
	if p.set.server.Host != "" {
		via = p.set.server
	}
	targets, err := p.transport.Resolve(ctx, via)
	if err != nil {
		return nil, fmt.Errorf("phone: %s: %w", via.Host, err)
	}
	c, err := p.newCall(false)
	if err != nil {
		return nil, err
	}
	if err := c.invite(uri, targets); err != nil {
		p.forget(c)
		return nil, err
	}
	return c, nil
}

// Accept returns the next caller, who hears ringing until Call.Answer.
func (p *Phone) Accept(ctx context.Context) (*Call, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.done:
		return nil, ErrStopped
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Calls returns the calls under way.
func (p *Phone) Calls() []*Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []*Call
	for n := 1; n <= p.last; n++ {
		if c := p.calls[n]; c != nil {
			list = append(list, c)
		}
	}
	return list
}

// Addrs returns where the phone listens, as "udp://127.0.0.1:5060".
func (p *Phone) Addrs(ctx context.Context) ([]string, error) {
	if err := p.waitReady(ctx); err != nil {
		return nil, err
	}
	var out []string
	for _, l := range p.transport.Addrs() {
		out = append(out, l.Proto.String()+"://"+l.Addr.String())
	}
	return out, nil
}

// waitReady waits until Run serves.
func (p *Phone) waitReady(ctx context.Context) error {
	select {
	case <-p.ready:
	case <-p.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-p.done:
		return ErrStopped
	default:
		return nil
	}
}

// destination turns what a user typed into a Request-URI.
func (p *Phone) destination(to string) (sip.URI, error) {
	hasScheme := len(to) > 4 && (to[:4] == "sip:" || to[:5] == "sips:")
	if !hasScheme && !containsAt(to) {
		if p.set.aor.Host == "" {
			return sip.URI{}, fmt.Errorf("phone: call %q: without an account a host is needed: sip:USER@HOST", to)
		}
		u := p.set.aor
		u.User, u.Password = sip.EscapeUser(to), ""
		return u, nil
	}
	u, err := parseSIP(to)
	if err != nil {
		return u, fmt.Errorf("phone: call: %w", err)
	}
	return u, nil
}

func containsAt(s string) bool {
	for i := range len(s) {
		if s[i] == '@' {
			return true
		}
	}
	return false
}

// newCall enters a call in the table, if there is room.
func (p *Phone) newCall(incoming bool) (*Call, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ending:
		return nil, ErrStopped
	case len(p.calls) >= p.set.MaxCalls:
		return nil, ErrBusy
	}
	p.last++
	c := newCall(p, p.last, incoming)
	p.calls[p.last] = c
	p.group.Add(1) // undone when the call's goroutine ends, or by forget
	return c, nil
}

// forget removes a call that ended, or never began.
func (p *Phone) forget(c *Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls[c.number] == c {
		delete(p.calls, c.number)
		p.group.Done()
	}
}

// emit queues an event for OnEvent.
func (p *Phone) emit(e Event) {
	if p.set.OnEvent == nil {
		return
	}
	e.Time = time.Now()
	if !p.events.put(e, e.Kind == Ended) {
		p.set.Logger.Warn("phone: too many events; one dropped", "event", e.String())
	}
}

// deliverEvents calls OnEvent for each event until ctx ends; what is queued by
// then is still delivered.
func (p *Phone) deliverEvents(ctx context.Context) {
	for {
		select {
		case <-p.events.wake:
		case <-ctx.Done():
			p.group.Wait() // the calls' last events
			for _, e := range p.events.take() {
				p.set.OnEvent(e)
			}
			return
		}
		for _, e := range p.events.take() {
			p.set.OnEvent(e)
		}
	}
}

// contact is the Contact URI towards a target (RFC 3261 §8.1.1.8). The mapped
// address, if we know one, is how the outside reaches us.
func (p *Phone) contact(to transport.Target, user string) string {
	u := sip.URI{Scheme: "sip", User: p.set.aor.User}
	if u.User == "" {
		u.User = user
	}
	u.Host, u.Port = p.transport.SentBy(to)
	proto := to.Proto
	if to.Flow.Valid() {
		proto = to.Flow.Proto()
	}
	if proto != transport.UDP {
		u.Params = u.Params.With("transport", proto.String())
		return u.String()
	}
	p.mu.Lock()
	mapped := p.mapped
	p.mu.Unlock()
	if mapped.IsValid() {
		u.Host, u.Port = sip.FormatHost(mapped.Addr()), mapped.Port()
	}
	return u.String()
}

// build makes the stack: transport, transactions, dialogs.
func (p *Phone) build() (err error) {
	listen := p.set.listen
	if len(listen) == 0 {
		listen = everywhere()
	}
	conf := transport.Config{Listen: listen, TLS: p.set.TLS, Logger: p.set.Logger, Sockets: 1}
	if p.set.Trace != nil {
		conf.Tap = p.tap
	}
	if p.transport, err = transport.New(conf); err != nil {
		return fmt.Errorf("phone: %w", err)
	}
	p.dialogs, err = dialog.New(dialog.Config{
		Transport: p.transport,
		Next:      p,
		Contact:   p.contact,
		UserAgent: p.set.UserAgent,
		Logger:    p.set.Logger,
	})
	if err != nil {
		return fmt.Errorf("phone: %w", err)
	}
	p.transactions, err = transaction.New(transaction.Config{
		Transport:    p.transport,
		Handler:      p.dialogs,
		Shards:       1,
		RejectMerged: true,
		Logger:       p.set.Logger,
	})
	if err != nil {
		return fmt.Errorf("phone: %w", err)
	}
	p.dialogs.Use(p.transactions)
	if err := p.transport.Listen(); err != nil {
		return fmt.Errorf("phone: %w", err)
	}
	return nil
}

// tap hands a message to Config.Trace.
func (p *Phone) tap(e transport.TapEvent) {
	p.set.Trace(Message{
		Time: e.Time, Sent: e.Sent, Proto: e.Flow.Proto().String(),
		Local: e.Flow.Local(), Remote: e.Flow.Remote(), Text: string(e.Data),
	})
}

// everywhere is UDP and TCP on any free port of all addresses, also IPv6 if
// this host has it.
func everywhere() []transport.Listen {
	families := []netip.Addr{netip.IPv4Unspecified()}
	if conn, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback}); err == nil {
		conn.Close()
		families = append(families, netip.IPv6Unspecified())
	}
	var listen []transport.Listen
	for _, addr := range families {
		for _, proto := range []transport.Proto{transport.UDP, transport.TCP} {
			l := transport.Listen{Proto: proto, Addr: netip.AddrPortFrom(addr, 0)}
			l.Name = proto.String() + " " + addr.String()
			listen = append(listen, l)
		}
	}
	return listen
}
