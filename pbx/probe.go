package pbx

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
)

// probe asks one contact with OPTIONS whether it is there (qualify_frequency,
// RFC 3261 §11).
type probe struct {
	aor     *pjsip.AOR
	contact Contact
	callID  string
	tag     string
	seq     int
	serial  int
	sent    time.Time // of the OPTIONS that waits; zero = none waits
	at      time.Time // of the next
	known   bool      // the contact has been found there or not

	req    *sip.Request // that waits, if it may be challenged
	client *auth.Client // answers challenges (authenticate_qualify); nil = not made yet
}

// maxProbes bounds the contacts that are probed.
const maxProbes = 100_000

// followProbes gathers the contacts of addresses of record that are to be
// probed.
func (o *Outbound) followProbes(set *Settings, known map[string]*probe, now time.Time) {
	seen := map[string]bool{}
	for _, a := range set.Endpoints.AORs {
		if a.QualifyFrequency <= 0 {
			continue
		}
		for _, c := range o.cfg.Locator.Lookup(a.Name) {
			seen[c.URI] = true
			p := known[c.URI]
			if p == nil {
				if len(known) >= maxProbes {
					continue
				}
				p = &probe{callID: sip.NewTag() + sip.NewTag(), tag: sip.NewTag(), at: now.Add(within(min(set.Endpoints.Global.MaxInitialQualifyTime, a.QualifyFrequency)))}
				known[c.URI] = p
			}
			p.aor, p.contact = a, c
		}
	}
	for uri := range known {
		if !seen[uri] {
			delete(known, uri)
			o.mark(uri, false)
		}
	}
}

// within is a random part of a time, so that not all is done at once.
func within(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return rand.N(most)
}

// mark notes whether a contact is down and reports whether that is news.
func (o *Outbound) mark(uri string, down bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	news := o.down[uri] != down
	if down {
		o.down[uri] = true
	} else {
		delete(o.down, uri)
	}
	return news
}

func (p *probe) due() time.Time {
	if p.sent.IsZero() {
		return p.at
	}
	return p.sent.Add(p.timeout())
}

func (p *probe) timeout() time.Duration {
	if p.aor.QualifyTimeout > 0 {
		return p.aor.QualifyTimeout
	}
	return 3 * time.Second
}

// start sends an OPTIONS, or finds that the last one has not been answered.
func (p *probe) start(o *Outbound, ctx context.Context, now time.Time) {
	p.serial++
	if !p.sent.IsZero() {
		p.result(o, false, 0)
		return
	}
	p.seq++
	p.sent, p.at = now, now.Add(p.aor.QualifyFrequency)
	set := o.settings.Load()
	user := set.Endpoints.Global.DefaultFromUser
	next := p.contact.next()
	host, port := "", uint16(0)
	if len(p.contact.Targets) > 0 {
		host, port = o.cfg.Transport.SentBy(p.contact.Targets[0])
	} else if uri, err := sip.ParseURI(next); err == nil {
		t, _ := o.cfg.Transport.ResolveNumeric(uri)
		host, port = o.cfg.Transport.SentBy(t)
	}
	from := sip.URI{Scheme: "sip", User: user, Host: host}
	contact := sip.URI{Scheme: "sip", User: user, Host: host, Port: port}
	req := o.request(sip.OPTIONS, p.contact.URI, from.String(), p.contact.URI, p.callID, p.tag, p.seq)
	req.Set(sip.HeaderContact, "<"+contact.String()+">")
	req.Set(sip.HeaderAccept, "application/sdp")
	for _, r := range p.contact.Path {
		req.Add(sip.HeaderRoute, r)
	}
	p.req = nil
	if p.aor.AuthenticateQualify {
		p.req = req.Clone()
	}
	o.send(ctx, p, p.serial, req, next, p.contact.Targets, "")
}

// authenticate sends the OPTIONS again with what a challenge asks for: the
// outbound_auth of the endpoint that has the address of record. False: it cannot.
func (p *probe) authenticate(ctx context.Context, o *Outbound, res *sip.Response) bool {
	req := p.req
	p.req = nil // once for each probe
	if req == nil || res == nil || res.Status() != 401 && res.Status() != 407 {
		return false
	}
	if p.client == nil {
		set := o.settings.Load()
		for _, e := range set.Endpoints.Endpoints {
			if slices.Contains(e.AORs, p.aor.Name) {
				p.client = auth.NewClient(credentials(set, e.OutboundAuth)...)
				break
			}
		}
	}
	if p.client == nil || p.client.Answer(req, res) != nil {
		return false
	}
	p.seq++
	p.serial++
	req.Set(sip.HeaderCSeq, strconv.Itoa(p.seq)+" OPTIONS")
	req.Del(sip.HeaderVia)
	o.send(ctx, p, p.serial, req, p.contact.next(), p.contact.Targets, "")
	return true
}

// take reads the answer: any one shows that the contact is there, or only a
// 2xx with qualify_2xx_only.
func (p *probe) take(o *Outbound, ctx context.Context, _ time.Time, e outcome) {
	if e.serial != p.serial || p.sent.IsZero() || p.authenticate(ctx, o, e.res) {
		return
	}
	status := 0
	if e.res != nil {
		status = e.res.Status()
	}
	p.result(o, status/100 == 2 || status >= 300 && status != 408 && status != 503 && !p.aor.Qualify2xxOnly, status)
}

func (p *probe) result(o *Outbound, there bool, status int) {
	p.sent = time.Time{}
	if o.mark(p.contact.URI, !there) || !p.known {
		o.log.Info("contact", "aor", p.aor.Name, "uri", p.contact.URI, "reachable", there, "status", status)
	}
	p.known = true
}
