package pbx

import (
	"context"
	"strconv"
	"time"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
	"github.com/hometone/hometone/sip/transport"
)

// registering is one registration with another server (RFC 3261 §10.2).
type registering struct {
	section  *pjsip.Registration
	accounts []auth.Credentials
	identity *auth.Client // of accounts; nil = no outbound_auth
	agreed   []string     // mechanisms of the server's Security-Server (RFC 3329)
	callID   string       // "a UA SHOULD use the same Call-ID for all registrations", §10.2.4
	tag      string
	line     string // parameter of our Contact by which calls along this registration are known
	seq      int
	serial   int
	busy     bool // a REGISTER waits for its answer
	expires  time.Duration
	at       time.Time // the next REGISTER; zero = never
	tries    int       // failures in a row
	asked    bool      // the last REGISTER carried the answer to a challenge
	up       bool
	ending   bool
}

func itoa(n int) string { return strconv.Itoa(n) }

// followRegistrations begins and ends registrations as the configuration says.
func (o *Outbound) followRegistrations(ctx context.Context, set *Settings, known map[string]*registering, now time.Time) {
	named := map[string]bool{}
	for _, section := range set.Endpoints.Registrations {
		named[section.Name] = true
		old := known[section.Name]
		if old != nil && sameRegistration(old.section, section) {
			continue
		}
		r := &registering{section: section, callID: sip.NewTag() + sip.NewTag(), tag: sip.NewTag(), expires: section.Expiration, at: now}
		if section.IsSet("max_random_initial_delay") { // else nobody has to wait
			r.at = now.Add(within(section.MaxRandomInitialDelay))
		}
		r.line = set.Lines.of(section)
		if c := credentials(set, section.OutboundAuth); c != nil {
			r.accounts, r.identity = c, auth.NewClient(c...)
		}
		if old != nil {
			old.end(o, ctx)
		}
		known[section.Name] = r
	}
	for name, r := range known {
		if !named[name] {
			r.end(o, ctx)
			delete(known, name)
		}
	}
}

// sameRegistration reports whether a reload has left a registration as it is.
func sameRegistration(a, b *pjsip.Registration) bool {
	if len(a.OutboundAuth) != len(b.OutboundAuth) {
		return false
	}
	for i := range a.OutboundAuth {
		if a.OutboundAuth[i] != b.OutboundAuth[i] {
			return false
		}
	}
	return a.ServerURI == b.ServerURI && a.ClientURI == b.ClientURI && a.ContactUser == b.ContactUser && a.Expiration == b.Expiration &&
		a.OutboundProxy == b.OutboundProxy && a.Line == b.Line && a.Transport == b.Transport
}

// credentials are the accounts that outbound_auth names: those for one realm before
// those for any.
func credentials(set *Settings, names []string) []auth.Credentials {
	var list, anywhere []auth.Credentials
	for _, name := range names {
		a := set.Endpoints.Auths[name]
		switch {
		case a == nil || a.Password.IsZero() && len(a.Digests) == 0:
		case a.Realm == "" || a.Realm == "*":
			anywhere = append(anywhere, auth.Credentials{Username: a.Username, Secret: secretOf(a)})
		default:
			list = append(list, auth.Credentials{Username: a.Username, Realm: a.Realm, Secret: secretOf(a)})
		}
	}
	return append(list, anywhere...)
}

func (r *registering) due() time.Time {
	if r.busy {
		return time.Time{}
	}
	return r.at
}

// start sends a REGISTER.
func (r *registering) start(o *Outbound, ctx context.Context, _ time.Time) { r.register(o, ctx, nil) }

// register sends a REGISTER, with the answer to a challenge if there was one.
func (r *registering) register(o *Outbound, ctx context.Context, challenge *sip.Response) {
	r.seq++
	r.serial++
	r.busy = true
	s := r.section
	next := s.ServerURI
	if s.OutboundProxy != "" {
		next = s.OutboundProxy
	}
	var to transport.Target
	if uri, err := sip.ParseURI(next); err == nil {
		to, _ = o.cfg.Transport.ResolveNumeric(uri)
	}
	to.Listener = s.Transport
	req := o.request(sip.REGISTER, s.ServerURI, s.ClientURI, s.ClientURI, r.callID, r.tag, r.seq)
	req.Set(sip.HeaderContact, r.contact(o, to))
	seconds := int(r.expires / time.Second)
	if r.ending {
		seconds = 0
	}
	req.Set(sip.HeaderExpires, itoa(seconds))
	req.Set(sip.HeaderAllow, allow)
	if s.SupportPath {
		req.Set(sip.HeaderSupported, "path")
	}
	if s.OutboundProxy != "" {
		req.Set(sip.HeaderRoute, "<"+s.OutboundProxy+">")
	}
	r.secure(req)
	r.asked = challenge != nil
	if r.identity != nil {
		r.identity.Authorize(req)
		if challenge != nil {
			_ = r.identity.Answer(req, challenge) // take has asked whether it can
		}
	}
	o.send(ctx, r, r.serial, req, next, nil, s.Transport)
}

// secure adds what security_negotiation=mediasec asks for: our mechanisms and,
// once the server has told its own, those back to it (RFC 3329 §2.3).
func (r *registering) secure(req *sip.Request) {
	s := r.section
	if s.SecurityNegotiation != "mediasec" {
		return
	}
	for _, m := range s.SecurityMechanisms {
		req.AddName("Security-Client", m)
	}
	for _, m := range r.agreed {
		req.AddName("Security-Verify", m)
	}
	req.Add(sip.HeaderRequire, "mediasec")
	req.Add(sip.HeaderProxyRequire, "mediasec")
}

// maxMechanisms bounds the security mechanisms taken from a server.
const maxMechanisms = 16

// negotiated takes the server's mechanisms and reports whether it named some.
func (r *registering) negotiated(m *sip.Message) bool {
	if r.section.SecurityNegotiation != "mediasec" {
		return false
	}
	list := headersOf(m, "Security-Server")
	if len(list) == 0 {
		return false
	}
	r.agreed = list[:min(len(list), maxMechanisms)]
	return true
}

// contact is where calls to the registration come to.
func (r *registering) contact(o *Outbound, to transport.Target) string {
	host, port := o.cfg.Transport.SentBy(to)
	uri := sip.URI{Scheme: "sip", User: sip.EscapeUser(r.section.ContactUser), Host: host, Port: port}
	if uri.User == "" {
		uri.User = "s"
	}
	if to.Proto > transport.UDP {
		uri.Params = uri.Params.With("transport", to.Proto.String())
	}
	if r.line != "" {
		uri.Params = uri.Params.With("line", r.line)
	}
	return "<" + uri.String() + ">" + r.section.ContactHeaderParams
}

// refreshBefore is how long before its end a registration is refreshed at the
// latest.
const refreshBefore = 10 * time.Second

// take reads the answer to a REGISTER.
func (r *registering) take(o *Outbound, ctx context.Context, now time.Time, e outcome) {
	if e.serial != r.serial {
		return
	}
	r.busy = false
	if r.ending {
		return
	}
	status := 0
	if e.res != nil {
		status = e.res.Status()
	}
	news := e.res != nil && r.negotiated(&e.res.Message)
	switch {
	case status/100 == 2:
		r.registered(o, now, e.res)
	case status == 494 && !r.asked && news: // RFC 3329 §2.3.1
		r.register(o, ctx, e.res)
	case (status == 401 || status == 407) && !r.asked && r.identity != nil:
		r.register(o, ctx, e.res)
	case status == 423 && r.tries == 0:
		// §10.2.8: "may retry the registration after making the expiration
		// interval ... equal to or greater than ... Min-Expires".
		if least, err := strconv.Atoi(e.res.Get(sip.HeaderMinExpires)); err == nil && least > 0 && least < 1<<24 {
			r.expires = time.Duration(least) * time.Second
		}
		r.tries++
		r.register(o, ctx, nil)
	default:
		r.failed(o, now, status, e)
	}
}

// registered sets the time of the refresh by the expiry that was granted.
func (r *registering) registered(o *Outbound, now time.Time, res *sip.Response) {
	granted := r.expires
	if sec, ok, err := res.Expires(); ok && err == nil {
		granted = time.Duration(sec) * time.Second
	}
	if contacts, _, err := res.Contacts(); err == nil {
		for i := range contacts {
			if v, ok := contacts[i].Params.Get("expires"); ok && len(contacts) == 1 {
				if sec, err := strconv.Atoi(v); err == nil && sec > 0 && sec < 1<<24 {
					granted = time.Duration(sec) * time.Second
				}
			}
		}
	}
	r.tries = 0
	r.at = now.Add(max(granted-max(refreshBefore, granted/10), granted/2, time.Second))
	if !r.up {
		o.log.Info("registered", "registration", r.section.Name, "server", r.section.ServerURI, "expires", granted.String())
	}
	r.up = true
}

// failed sets the time of the next try by what the server said.
func (r *registering) failed(o *Outbound, now time.Time, status int, e outcome) {
	r.up = false
	r.tries++
	if len(r.accounts) > 0 {
		r.identity = auth.NewClient(r.accounts...) // what the server gave to compute with is over
	}
	s := r.section
	wait := s.RetryInterval
	switch {
	case status == 403, (status == 401 || status == 407) && s.AuthRejectionPermanent:
		wait = s.ForbiddenRetryInterval
	case status >= 400 && status < 500 && status != 401 && status != 407 && status != 408 && status != 423 || status >= 600:
		wait = s.FatalRetryInterval
	}
	if e.res != nil {
		if after, ok, err := e.res.RetryAfter(); ok && err == nil && after > 0 && after < 1<<24 {
			wait = max(wait, time.Duration(after)*time.Second)
		}
	}
	r.at = time.Time{}
	if wait > 0 && (s.MaxRetries == 0 || r.tries <= s.MaxRetries) {
		r.at = now.Add(wait)
	}
	o.log.Warn("registration failed", "registration", s.Name, "server", s.ServerURI, "status", status, "error", e.err, "again", wait.String())
}

// end takes a registration back (§10.2.2).
func (r *registering) end(o *Outbound, ctx context.Context) {
	r.at = time.Time{}
	if r.up {
		r.ending = true
		r.register(o, ctx, nil)
	}
}
