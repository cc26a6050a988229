package phone

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// registration keeps one account registered (RFC 3261 §10.2). Its goroutine
// is the only one that sends REGISTER, one at a time, so that CSeq grows and
// answers cannot overtake each other.
type registration struct {
	phone  *Phone
	callID string
	orders chan order

	// owned by run
	cseq    uint32
	expires time.Duration // what we ask for; 423 may raise it
	failed  int           // refreshes in a row that failed
	plain   bool          // without outbound: the registrar has said 439
	target  transport.Target
	contact string // the binding the registrar holds, "" = none

	mu     sync.Mutex
	cancel context.CancelFunc // gives up the exchange under way; guarded by mu
}

// order asks run to register (expires > 0) or to unregister.
type order struct {
	register bool
	reply    chan error
}

func newRegistration(p *Phone) *registration {
	return &registration{
		phone: p, callID: sip.NewCallID(""), orders: make(chan order),
		cseq: sip.NewCSeq(), expires: p.set.Expires,
	}
}

// begin registers and waits for the answer.
func (r *registration) begin(ctx context.Context) error { return r.ask(ctx, true) }

// remove unregisters; without a registration it does nothing. A registration
// under way is given up.
func (r *registration) remove(ctx context.Context) error {
	r.mu.Lock()
	if r.cancel != nil {
		r.cancel()
	}
	r.mu.Unlock()
	return r.ask(ctx, false)
}

func (r *registration) ask(ctx context.Context, register bool) error {
	o := order{register, make(chan error, 1)}
	select {
	case r.orders <- o:
	case <-r.phone.over:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-o.reply:
		return err
	case <-r.phone.over:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run serves orders, refreshes and keep-alives until ctx ends.
func (r *registration) run(ctx context.Context) {
	refresh := time.NewTimer(time.Hour)
	refresh.Stop()
	defer refresh.Stop()
	keep := r.keepAliveTicker()
	defer keep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-r.orders:
			refresh.Stop()
			if !o.register {
				o.reply <- r.unregister(ctx)
				continue
			}
			next, err := r.attempt(ctx)
			refresh.Reset(next)
			o.reply <- err
		case <-refresh.C:
			next, _ := r.attempt(ctx) // an event has told why it failed
			refresh.Reset(next)
		case <-keep.C:
			if r.contact != "" && !r.keepAlive() {
				// RFC 5626 §4.4: a failed flow is replaced at once.
				next, _ := r.attempt(ctx)
				refresh.Reset(next)
			}
		}
	}
}

// attempt is register, which remove can interrupt.
func (r *registration) attempt(ctx context.Context) (next time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.mu.Lock()
	r.cancel = cancel
	r.mu.Unlock()
	return r.register(ctx)
}

func (r *registration) keepAliveTicker() *time.Ticker {
	every := r.phone.set.KeepAlive
	if every < 0 {
		t := time.NewTicker(time.Hour)
		t.Stop()
		return t
	}
	return time.NewTicker(every)
}

// keepAlive sends the double CRLF of RFC 5626 §3.5.1; on UDP it holds the
// NAT's binding. False says that the flow is gone.
func (r *registration) keepAlive() bool {
	flow, ok := r.phone.transport.Find(r.target)
	if !ok {
		return false
	}
	return r.phone.transport.Send(flow, []byte("\r\n\r\n")) == nil
}

// register brings the account's binding up to date and returns when to do it
// again.
func (r *registration) register(ctx context.Context) (next time.Duration, err error) {
	res, err := r.exchange(ctx, r.expires, "")
	if err == nil && !res.Success() {
		err = &Refused{res.Status(), res.Reason()}
	}
	if err != nil {
		r.failed++
		status := 0
		if res != nil {
			status = res.Status()
		}
		r.phone.emit(Event{Kind: RegisterFail, Status: status, Text: err.Error()})
		return retryAfter(r.failed, res), err
	}
	r.failed = 0
	life := granted(res, r.contact, r.expires)
	if old := r.contact; r.learn(res) {
		// The registrar sees us elsewhere: bind that address, drop the other.
		if res, err := r.exchange(ctx, r.expires, old); err == nil && res.Success() {
			life = granted(res, r.contact, life)
		}
	}
	r.phone.emit(Event{Kind: Registered, Status: res.Status(), Text: r.contact})
	return refreshIn(life), nil
}

// unregister removes our binding (RFC 3261 §10.2.2).
func (r *registration) unregister(ctx context.Context) error {
	if r.contact == "" {
		return nil
	}
	res, err := r.exchange(ctx, 0, "")
	if err == nil && !res.Success() {
		err = &Refused{res.Status(), res.Reason()}
	}
	if err == nil {
		r.contact = ""
		r.phone.emit(Event{Kind: Unregistered, Status: res.Status()})
	}
	return err
}

// attempts bounds how often one exchange may be repeated: for a challenge, a
// stale nonce, a 423 and a challenge after that.
const attempts = 5

// exchange sends REGISTER until the answer is neither a challenge we can meet
// nor a 423. drop is a further contact to remove in the same request.
func (r *registration) exchange(ctx context.Context, expires time.Duration, drop string) (*sip.Response, error) {
	p := r.phone
	targets, err := p.transport.Resolve(ctx, p.set.server)
	if err != nil {
		return nil, fmt.Errorf("phone: registrar %s: %w", p.set.server.Host, err)
	}
	r.target = targets[0]
	req := r.request(expires)
	if drop != "" {
		req.Add(sip.HeaderContact, "<"+drop+">;expires=0")
	}
	for range attempts {
		r.cseq++
		req.Set(sip.HeaderCSeq, strconv.FormatUint(uint64(r.cseq), 10)+" REGISTER")
		w := newWaiter()
		p.transactions.Request(req.Clone(), targets, w)
		res, err := w.wait(ctx)
		if err != nil {
			return nil, err
		}
		switch status := res.Status(); {
		case (status == 401 || status == 407) && p.identity != nil:
			if err := p.identity.Authorize(req, res); err != nil {
				return res, nil //nolint:nilerr // the same password was refused, or a strange scheme: the answer stands
			}
		case status == 423 && expires > 0:
			// RFC 3261 §10.2.8: "MAY retry the registration after making the
			// expiration interval ... equal to or greater than" Min-Expires.
			least, ok, err := res.MinExpires()
			if err != nil || !ok || time.Duration(least)*time.Second <= expires {
				return res, nil //nolint:nilerr // an answer that helps nobody stands
			}
			r.expires = time.Duration(least) * time.Second
			expires = r.expires
			req.Set(sip.HeaderExpires, seconds(expires))
		case status == 439 && !r.plain:
			// "it MAY re-attempt registration without using the outbound
			// mechanism" (RFC 5626 §4.2.1): a proxy on the way does not know it.
			r.plain = true
			return r.exchange(ctx, expires, drop)
		default:
			return res, nil
		}
	}
	return nil, errors.New("phone: the registrar keeps asking for credentials")
}

// request builds the REGISTER (RFC 3261 §10.2, RFC 5626 §4.2).
func (r *registration) request(expires time.Duration) *sip.Request {
	p := r.phone
	host := p.set.aor
	host.User, host.Password, host.Params, host.Headers = "", "", "", ""
	aor := p.set.aor
	aor.Password, aor.Params, aor.Headers = "", "", ""
	req := sip.NewRequest(sip.REGISTER, host.String())
	req.Set(sip.HeaderMaxForwards, "70")
	req.Set(sip.HeaderFrom, nameAddr(p.set.Display, aor.String())+";tag="+sip.NewTag())
	req.Set(sip.HeaderTo, "<"+aor.String()+">")
	req.Set(sip.HeaderCallID, r.callID)
	req.Set(sip.HeaderCSeq, "0 REGISTER") // exchange counts
	contact := p.contact(r.target, "")
	if expires > 0 {
		r.contact = contact
	} else {
		contact = r.contact
	}
	binding, supported := "<"+contact+`>;+sip.instance="<`+p.set.Instance+`>"`, "path, gruu"
	if !r.plain {
		binding, supported = binding+";reg-id=1", "outbound, path, gruu"
	}
	req.Set(sip.HeaderContact, binding)
	req.Set(sip.HeaderExpires, seconds(expires))
	req.Set(sip.HeaderSupported, supported)
	req.Set(sip.HeaderAllow, allowed)
	req.Set(sip.HeaderUserAgent, p.set.UserAgent)
	req.SetBody("", "")
	return req
}

// learn reads our address as the registrar saw it (RFC 3581 §4) and says
// whether that is news.
func (r *registration) learn(res *sip.Response) bool {
	if r.target.Proto != transport.UDP {
		return false
	}
	via, err := res.TopVia()
	if err != nil {
		return false
	}
	port, ok := via.RPort()
	if !ok || port == 0 {
		port = via.Port
	}
	addr, ok := via.Received()
	if !ok {
		if addr, ok = sip.HostAddr(via.Host); !ok {
			return false
		}
	}
	mapped := netip.AddrPortFrom(addr, port)
	p := r.phone
	own, ownPort := p.transport.SentBy(r.target)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.mapped.IsValid() && sip.FormatHost(addr) == own && port == ownPort || p.mapped == mapped || port == 0 {
		return false
	}
	p.mapped = mapped
	return true
}

// granted is the life the registrar gave our binding: the expires parameter of
// the Contact that is ours, the Expires field, or what we asked for.
func granted(res *sip.Response, contact string, asked time.Duration) time.Duration {
	list, _, err := res.Contacts()
	if err == nil {
		for _, a := range list {
			if !sameContact(a.URI, contact) {
				continue
			}
			if text, ok := a.Params.Get("expires"); ok {
				if n, err := strconv.ParseUint(text, 10, 32); err == nil {
					return time.Duration(n) * time.Second
				}
			}
		}
	}
	if n, ok, err := res.Expires(); ok && err == nil {
		return time.Duration(n) * time.Second
	}
	return asked
}

func sameContact(a, b string) bool {
	if a == b {
		return true
	}
	ua, errA := sip.ParseURI(a)
	ub, errB := sip.ParseURI(b)
	return errA == nil && errB == nil && ua.Equal(ub)
}

// refreshIn is when to refresh a binding that lives for granted: between 80
// and 90 % of it (RFC 5626 §4.1 asks for some randomness), never sooner than
// after one second.
func refreshIn(granted time.Duration) time.Duration {
	spread := granted / 10
	d := granted*8/10 + time.Duration(mathrand.Int64N(int64(spread)+1))
	return max(d, time.Second)
}

// retryAfter is the wait after the n-th failure in a row: what the answer asks
// for, else RFC 5626 §4.5: base 30 s, doubled each time, at most 30 min,
// between half and all of it.
func retryAfter(n int, res *sip.Response) time.Duration {
	if res != nil {
		if sec, ok, err := res.RetryAfter(); ok && err == nil && sec > 0 {
			return time.Duration(sec) * time.Second
		}
	}
	wait := 30 * time.Second
	for range min(n-1, 10) {
		wait = min(2*wait, 30*time.Minute)
	}
	return wait/2 + time.Duration(mathrand.Int64N(int64(wait/2)+1))
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// nameAddr writes a name-addr.
func nameAddr(display, uri string) string {
	if display == "" {
		return "<" + uri + ">"
	}
	return sip.Quote(display) + " <" + uri + ">"
}

// newInstance makes a random UUID URN (RFC 4122 §4.4) for +sip.instance.
func newInstance() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return "urn:uuid:" + strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// waiter is a ClientWatcher for somebody who waits for the final response.
type waiter struct {
	once  sync.Once
	final chan struct{}
	res   *sip.Response
	err   error
}

func newWaiter() *waiter { return &waiter{final: make(chan struct{})} }

// Response implements transaction.ClientWatcher.
func (w *waiter) Response(_ *transaction.Client, res *sip.Response) {
	if res.Final() {
		w.once.Do(func() { w.res = res; close(w.final) })
	}
}

// Failed implements transaction.ClientWatcher.
func (w *waiter) Failed(_ *transaction.Client, err error) {
	w.once.Do(func() { w.err = err; close(w.final) })
}

func (w *waiter) wait(ctx context.Context) (*sip.Response, error) {
	select {
	case <-w.final:
		return w.res, w.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
