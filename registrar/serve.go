package registrar

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// supported are the option tags a REGISTER may require.
const supported = "path, outbound, gruu"

// A reply sends the answer to a REGISTER, once, now or after the store has
// acknowledged. stranger: whoever asks has not proved himself, so that no
// transaction is to be kept for the answer (§8.2.7, docs/adr/0077); it is given
// before serve returns.
type reply func(res *sip.Response, stranger bool)

// ServeSIP implements transaction.Handler for REGISTER.
func (r *Registrar) ServeSIP(_ context.Context, tx *transaction.Server, req *sip.Request) {
	if tx.Stateless() {
		return
	}
	r.serve(req, tx.Flow(), func(res *sip.Response, stranger bool) {
		var err error
		if stranger {
			err = tx.RespondOnce(req, res)
		} else {
			err = tx.Respond(res)
		}
		if err != nil {
			r.log.Debug("registrar: response not sent", "call_id", req.CallID(), "flow", tx.Flow().String(), "err", err)
		}
		r.responses.Put(res) // the transaction keeps what it wrote, not the response
	})
	tx.TakeOver() // most 200s wait for the store
}

// response is sip.NewResponse in memory that was used before.
func (r *Registrar) response(req *sip.Request, status int, reason string) *sip.Response {
	res, _ := r.responses.Get().(*sip.Response)
	if res == nil {
		res = new(sip.Response)
	}
	res.Reset(req, status, reason)
	return res
}

// serve is RFC 3261 §10.3 in its order.
func (r *Registrar) serve(req *sip.Request, flow transport.Flow, reply reply) {
	now := time.Now()
	to, no := r.check(req, flow)
	if no != nil {
		reply(r.refuse(req, no), true)
		return
	}
	endpoint, challenge := r.authenticate(req, flow, now)
	if challenge != nil {
		reply(challenge, true)
		return
	}
	c, h, no := readRequest(req, flow)
	if no == nil {
		c.gruu = func(u sip.URI) bool { return r.ownGRUU(to, u) }
		no = r.authorise(&endpoint, &to, c)
	}
	if no == nil {
		no = c.readContacts(req, h)
	}
	if no != nil {
		reply(r.refuse(req, no), false)
		return
	}
	j := &job{change: c, req: req, to: to, reply: reply, came: now}
	if !c.writes() {
		j.next, _, _ = apply(r.bindings(c.aor.Name), nil, now)
		reply(r.accept(j), false)
		return
	}
	r.flows.open(flow, c.aor.Name)
	r.submit(c.aor.Name, j, now)
}

// check is everything that can be said of a REGISTER without knowing who sent
// it (steps 1, 2 and 5).
func (r *Registrar) check(req *sip.Request, flow transport.Flow) (to sip.URI, no *refusal) {
	if req.Method() != sip.REGISTER {
		return to, refuseMethod
	}
	if r.cfg.Admit != nil {
		if after, ok := r.cfg.Admit(flow, req); !ok {
			return to, refuseRate(after)
		}
	}
	if tags := unknownTags(req); tags != "" {
		return to, refuseExtension(tags)
	}
	a, err := req.To()
	if err == nil {
		to, err = a.ParsedURI()
	}
	if err != nil || !to.IsSIP() {
		return to, refuseTo
	}
	if r.cfg.Domains != nil && !r.cfg.Domains(strings.ToLower(to.Host)) {
		return to, refuseDomain
	}
	return to, nil
}

// unknownTags returns the option tags in Require that are not ours.
func unknownTags(req *sip.Request) string {
	var unknown []string
	for tag := range req.Values(sip.HeaderRequire) {
		switch strings.ToLower(tag) {
		case "path", "outbound", "gruu":
		default:
			unknown = append(unknown, tag)
		}
	}
	return strings.Join(unknown, ", ")
}

// authenticate is step 3. The response is a challenge, or nil when the endpoint
// has proved itself. Whom nobody knows gets the same challenge after the same
// work as he who has the wrong secret: the verifier computes a digest in both
// cases.
func (r *Registrar) authenticate(req *sip.Request, flow transport.Flow, now time.Time) (Endpoint, *sip.Response) {
	endpoint, known := (*r.directory.Load()).Identify(req, flow)
	if known && endpoint.Secret == nil {
		return endpoint, nil
	}
	secret := endpoint.Secret
	if !known {
		secret = func(string, string) (auth.Secret, bool) { return auth.Secret{}, false }
	}
	user, verdict := r.cfg.Auth.Verify(req, false, secret, now)
	switch {
	case verdict == auth.OK && known:
		return endpoint, nil
	case verdict == auth.Malformed:
		return endpoint, r.response(req, 400, "Bad Credentials")
	case verdict == auth.Denied:
		r.log.Info("registrar: credentials refused", "user", user, "peer", flow.Remote().String(), "call_id", req.CallID())
	}
	res := r.response(req, 401, "")
	r.cfg.Auth.Challenge(res, false, verdict == auth.Stale, now)
	return endpoint, res
}

// authorise is steps 4 and 5: the AOR in To must be one that the endpoint may
// register. Whether another AOR exists makes no difference.
func (r *Registrar) authorise(endpoint *Endpoint, to *sip.URI, c *change) *refusal {
	if endpoint.AORs == nil {
		return refuseAOR
	}
	user := to.Username()
	if endpoint.DropUserOptions {
		user, _, _ = strings.Cut(user, ";")
	}
	for a := range endpoint.AORs {
		if a.Name != user && !isAt(a.Name, user, to.Host) {
			continue
		}
		if a.MaxContacts <= 0 {
			return refuseClosed
		}
		c.aor = a
		c.aor.MaxContacts = min(a.MaxContacts, maxBindings)
		c.aor.withDefaults()
		return nil
	}
	return refuseAOR
}

// isAt reports whether name is user@host. The host of an AOR's name is written
// in lower case.
func isAt(name, user, host string) bool {
	rest, ok := strings.CutPrefix(name, user)
	return ok && len(rest) == len(host)+1 && rest[0] == '@' && rest[1:] == strings.ToLower(host)
}

// accept is the 200 (step 8): all bindings with the time they have left, and
// what the extensions add.
func (r *Registrar) accept(j *job) *sip.Response {
	req, c := j.req, j.change
	res := r.response(req, 200, "")
	gruu := req.HasToken(sip.HeaderSupported, "gruu")
	var room [256]byte
	buf := room[:0]
	for i := range j.next {
		buf = r.appendContact(buf[:0], &j.next[i], &j.to, gruu, j.came)
		res.Add(sip.HeaderContact, string(buf))
	}
	res.Add(sip.HeaderDate, r.date(j.came))
	if req.HasToken(sip.HeaderSupported, "path") { // RFC 3327 §5.3
		if len(c.path) > 0 {
			res.Add(sip.HeaderPath, strings.Join(c.path, ","))
		}
	}
	for _, s := range c.aor.ServiceRoute {
		res.Add(sip.HeaderServiceRoute, s)
	}
	res.Add(sip.HeaderSupported, supported)
	if c.outbound { // RFC 5626 §6
		res.Add(sip.HeaderRequire, "outbound")
		if r.cfg.FlowTimer > 0 {
			res.Add(sip.HeaderFlowTimer, strconv.Itoa(int(r.cfg.FlowTimer/time.Second)))
		}
	}
	return res
}

func (r *Registrar) appendContact(dst []byte, b *Binding, to *sip.URI, gruu bool, now time.Time) []byte {
	dst = append(append(append(dst, '<'), b.Contact...), ">;expires="...)
	left := max(0, (b.Expires.Sub(now)+time.Second-1)/time.Second)
	dst = strconv.AppendInt(dst, int64(left), 10)
	if b.Q < 1000 {
		dst = append(dst, ";q=0."...)
		dst = append(dst, byte('0'+b.Q/100), byte('0'+b.Q/10%10), byte('0'+b.Q%10))
	}
	if b.Instance != "" {
		dst = append(append(dst, ";+sip.instance="...), sip.Quote("<"+b.Instance+">")...)
	}
	if b.RegID != 0 {
		dst = strconv.AppendUint(append(dst, ";reg-id="...), uint64(b.RegID), 10)
	}
	if gruu && b.Instance != "" { // RFC 5627 §5.3
		dst = append(append(append(dst, `;pub-gruu="`...), publicGRUU(*to, b.Instance)...), '"')
		dst = append(append(append(dst, `;temp-gruu="`...), r.sealer.Load().temporaryGRUU(*to, b)...), '"')
	}
	return append(dst, b.Params...)
}

// dated is a second and how a Date field writes it.
type dated struct {
	second int64
	text   string
}

// date is sip.FormatDate, computed once a second.
func (r *Registrar) date(now time.Time) string {
	if d := r.dates.Load(); d != nil && d.second == now.Unix() {
		return d.text
	}
	d := &dated{now.Unix(), sip.FormatDate(now)}
	r.dates.Store(d)
	return d.text
}
