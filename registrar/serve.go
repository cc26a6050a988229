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
	})
	tx.TakeOver() // most 200s wait for the store
}

// serve is RFC 3261 §10.3 in its order; reply is called once, now or after the
// store has acknowledged. stranger: whoever asks has not proved himself, so that
// no transaction is to be kept for the answer (§8.2.7, docs/adr/0077); it is
// given before serve returns.
func (r *Registrar) serve(req *sip.Request, flow transport.Flow, reply func(res *sip.Response, stranger bool)) {
	now := time.Now()
	c, h, to, no := r.check(req, flow)
	if no != nil {
		reply(no.response(req), true)
		return
	}
	endpoint, challenge := r.authenticate(req, flow, now)
	if challenge != nil {
		reply(challenge, true)
		return
	}
	if no = r.authorise(&endpoint, to, c); no == nil {
		no = c.readContacts(req, h)
	}
	if no != nil {
		reply(no.response(req), false)
		return
	}
	answer := func(next []Binding, no *refusal) {
		reply(r.respond(req, to, c, next, no, now), false)
	}
	if !c.writes() {
		next, _, _ := apply(r.bindings(c.aor.Name), nil, now)
		answer(next, nil)
		return
	}
	r.flows.open(flow, c.aor.Name)
	r.submit(c.aor.Name, &job{change: c, answer: answer}, now)
}

// check is everything that can be said of a REGISTER without knowing who sent
// it (steps 1, 2 and 5).
func (r *Registrar) check(req *sip.Request, flow transport.Flow) (c *change, h hop, to sip.URI, no *refusal) {
	if req.Method() != sip.REGISTER {
		return nil, h, to, refuseMethod
	}
	if r.cfg.Admit != nil {
		if after, ok := r.cfg.Admit(flow, req); !ok {
			return nil, h, to, refuseRate(after)
		}
	}
	if tags := unknownTags(req); tags != "" {
		return nil, h, to, refuseExtension(tags)
	}
	a, err := req.To()
	if err == nil {
		to, err = a.ParsedURI()
	}
	if err != nil || !to.IsSIP() {
		return nil, h, to, refuseTo
	}
	if r.cfg.Domains != nil && !r.cfg.Domains(strings.ToLower(to.Host)) {
		return nil, h, to, refuseDomain
	}
	if c, h, no = readRequest(req, flow); no == nil {
		c.gruu = func(u sip.URI) bool { return r.ownGRUU(to, u) }
	}
	return c, h, to, no
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
		return endpoint, sip.NewResponse(req, 400, "Bad Credentials")
	case verdict == auth.Denied:
		r.log.Info("registrar: credentials refused", "user", user, "peer", flow.Remote().String(), "call_id", req.CallID())
	}
	res := sip.NewResponse(req, 401, "")
	r.cfg.Auth.Challenge(res, false, verdict == auth.Stale, now)
	return endpoint, res
}

// authorise is steps 4 and 5: the AOR in To must be one that the endpoint may
// register. Whether another AOR exists makes no difference.
func (r *Registrar) authorise(endpoint *Endpoint, to sip.URI, c *change) *refusal {
	user := to.Username()
	if endpoint.DropUserOptions {
		user, _, _ = strings.Cut(user, ";")
	}
	full := user + "@" + strings.ToLower(to.Host)
	for _, a := range endpoint.AORs {
		if a.Name != user && a.Name != full {
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

// accept is the 200 (step 8): all bindings with the time they have left, and
// what the extensions add.
func (r *Registrar) accept(req *sip.Request, to sip.URI, c *change, next []Binding, now time.Time) *sip.Response {
	res := sip.NewResponse(req, 200, "")
	gruu := req.HasToken(sip.HeaderSupported, "gruu")
	var buf []byte
	for i := range next {
		buf = r.appendContact(buf[:0], &next[i], to, gruu, now)
		res.Add(sip.HeaderContact, string(buf))
	}
	res.Add(sip.HeaderDate, sip.FormatDate(now))
	if req.HasToken(sip.HeaderSupported, "path") { // RFC 3327 §5.3
		for _, p := range c.path {
			res.Add(sip.HeaderPath, p)
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

func (r *Registrar) appendContact(dst []byte, b *Binding, to sip.URI, gruu bool, now time.Time) []byte {
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
		dst = append(append(append(dst, `;pub-gruu="`...), publicGRUU(to, b.Instance)...), '"')
		dst = append(append(append(dst, `;temp-gruu="`...), r.sealer.Load().temporaryGRUU(to, b)...), '"')
	}
	return append(dst, b.Params...)
}
