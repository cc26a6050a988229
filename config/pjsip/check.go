package pjsip

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/hometone/hometone/config"
)

// check looks at the objects together, in the order of the file.
func (l *loader) check() {
	c := l.cfg
	for _, e := range l.endpoints {
		if !l.replaced || c.Endpoints[e.Name] == e {
			l.checkEndpoint(e)
		}
	}
	for _, a := range l.aors {
		if !l.replaced || c.AORs[a.Name] == a {
			l.checkAOR(a)
		}
	}
	for _, a := range l.auths {
		if !l.replaced || c.Auths[a.Name] == a {
			l.checkAuth(a)
		}
	}
	for i, t := range c.Transports {
		l.checkTransport(t, c.Transports[:i])
	}
	for _, i := range c.Identifies {
		l.checkIdentify(i)
	}
	for _, r := range c.Registrations {
		l.checkRegistration(r)
	}
	for _, a := range c.ACLs {
		l.resolveACLs(&a.Object, "acl", &a.Access)
	}
}

func (l *loader) checkIdentify(i *Identify) {
	if i.Endpoint == "" {
		l.errorf(on(&i.Object, "identify", ""), "add endpoint=NAME", ": no endpoint")
	} else {
		reference(l, on(&i.Object, "identify", "endpoint"), i.Endpoint, l.cfg.Endpoints)
	}
	if len(i.Match)+len(i.MatchHosts) == 0 && i.MatchHeader.Name == "" && i.MatchRequestURI == nil {
		l.errorf(on(&i.Object, "identify", ""), "add match=ADDRESS", ": nothing to match")
	}
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// reference reports a name that leads nowhere.
func reference[T any](l *loader, s subject, name string, known map[string]T) {
	if _, found := known[name]; found {
		return
	}
	const unreachable, missing = ": %s=%s does not exist, so it cannot be reached there", ": %s=%s does not exist"
	format := missing
	if s.about == "aors" { // Asterisk starts; calls to the endpoint fail
		format = unreachable
	}
	hint := l.suggest(s, format, name, func() []string { return sortedKeys(known) })
	if hint == "" {
		target := map[string]string{"aors": "aor", "outbound_auth": "auth"}[s.about]
		hint = "add [" + name + "] with type=" + cmp.Or(target, s.about)
	}
	if format == unreachable {
		l.warnf(s, hint, unreachable, s.about, name)
		return
	}
	l.errorf(s, hint, missing, s.about, name)
}

// transportsByName returns the transports for look-ups by reference.
func (l *loader) transportsByName() map[string]*Transport {
	if l.transports == nil {
		l.transports = make(map[string]*Transport, len(l.cfg.Transports))
		for _, t := range l.cfg.Transports {
			l.transports[t.Name] = t
		}
	}
	return l.transports
}

func (l *loader) checkEndpoint(e *Endpoint) {
	for _, name := range e.AORs {
		reference(l, on(&e.Object, "endpoint", "aors"), name, l.cfg.AORs)
	}
	for _, name := range e.Auth {
		reference(l, on(&e.Object, "endpoint", "auth"), name, l.cfg.Auths)
	}
	for _, name := range e.OutboundAuth {
		reference(l, on(&e.Object, "endpoint", "outbound_auth"), name, l.cfg.Auths)
	}
	if e.Transport != "" {
		reference(l, on(&e.Object, "endpoint", "transport"), e.Transport, l.transportsByName())
	}
	l.resolveACLs(&e.Object, "endpoint", &e.Access)
	l.checkCodecs(e)
	if e.TimersMinSE.Seconds() < 90 {
		l.warnf(on(&e.Object, "endpoint", "timers_min_se"), "write 90 or more", ": timers_min_se below 90 is against RFC 4028 §5")
	}
	if e.TimersSessExpires < e.TimersMinSE {
		l.errorf(on(&e.Object, "endpoint", "timers_sess_expires"), "", ": timers_sess_expires is below timers_min_se")
	}
}

// checkCodecs names trap T9: one wide codec and nothing said about NAT.
func (l *loader) checkCodecs(e *Endpoint) {
	if len(e.Missing) > 0 {
		l.warnf(on(&e.Object, "endpoint", "allow"), "", ": cannot be negotiated and is left out: %s", strings.Join(e.Missing, ", "))
	}
	switch {
	case len(e.Codecs) == 0 && len(e.Missing) == 0:
		l.warnf(on(&e.Object, "endpoint", ""), "add allow=ulaw,alaw", " allows no codec, so its calls have no sound")
	case len(e.Codecs) == 0:
		l.warnf(on(&e.Object, "endpoint", "allow"), "add allow=ulaw,alaw", " allows no codec that is supported, so its calls have no sound")
	case len(e.Codecs) == 1 && (e.Codecs[0] == "ulaw" || e.Codecs[0] == "alaw") && len(e.Missing) == 0 && !e.natSettings():
		l.trap("T9", on(&e.Object, "endpoint", "allow"), "NAT is handled without settings; allow opus as well: phones that have it use it among themselves",
			" allows %s only, 87 kbit/s each way, and has no NAT settings", e.Codecs[0])
	}
}

func (e *Endpoint) natSettings() bool {
	for _, option := range []string{"rtp_symmetric", "force_rport", "rewrite_contact", "ice_support", "webrtc", "media_address"} {
		if e.IsSet(option) {
			return true
		}
	}
	return false
}

// checkAOR names trap T8: one contact, and a phone with a new address.
func (l *loader) checkAOR(a *AOR) {
	if a.MinimumExpiration > a.MaximumExpiration {
		l.errorf(on(&a.Object, "aor", "minimum_expiration"), "", ": minimum_expiration is above maximum_expiration")
	}
	for _, uri := range a.Contacts {
		if !sipURI(uri) {
			l.errorf(on(&a.Object, "aor", "contact"), "write sip:USER@HOST", ": contact %q is not a SIP URI", uri)
		}
	}
	switch {
	case a.MaxContacts == 0 || a.RemoveExisting:
	case !a.RemoveExistingSet:
		l.trap("T8", on(&a.Object, "aor", "max_contacts"), "write remove_existing=yes to say so, or =no for Asterisk's refusal",
			": with max_contacts=%d Asterisk refuses (403) a phone whose address changed; Hometone replaces the oldest contact", a.MaxContacts)
	case a.MaxContacts == 1 && !a.RemoveUnavailable:
		l.trap("T8", on(&a.Object, "aor", "remove_existing"), "write remove_existing=yes",
			": a phone whose address changed is refused (403) until its old contact expires")
	}
}

// sipURI looks at the scheme only; the SIP core parses the rest.
func sipURI(uri string) bool {
	scheme, rest, ok := strings.Cut(uri, ":")
	scheme = strings.ToLower(scheme)
	return ok && rest != "" && (scheme == "sip" || scheme == "sips" || scheme == "tel")
}

// checkAuth names trap T7: passwords that invite fraud.
func (l *loader) checkAuth(a *Auth) {
	if a.Type == "google_oauth" {
		l.warnf(on(&a.Object, "auth", "auth_type"), "", ": google_oauth is not supported yet")
		return
	}
	if a.Password.IsZero() && len(a.Digests) == 0 {
		l.warnf(on(&a.Object, "auth", ""), "add password= or password_digest=", ": there is no password, so nobody can prove to be the user")
		return
	}
	if why := weakness(a.Username, a.Password.Reveal()); why != "" {
		s := on(&a.Object, "auth", "password")
		s.about = why
		l.trap("T7", s, "use 12 characters or more that nobody can guess, for instance from: openssl rand -base64 18",
			": the password %s; open to the internet it is found within hours", why)
	}
}

// weakness says what is wrong with a password, without showing it; "" if
// nothing obvious is, or if there is none.
func weakness(user, password string) string {
	lower := strings.ToLower(password)
	switch {
	case password == "":
		return ""
	case strings.EqualFold(password, user):
		return "is the user name"
	case strings.Trim(password, "0123456789") == "" && len(password) < 12:
		return "has only digits, and few"
	case len(password) < 8:
		return "has fewer than 8 characters"
	case slices.Contains(commonPasswords(), lower):
		return "is one of those that are tried first"
	case user != "" && len(user) >= 3 && strings.Contains(lower, strings.ToLower(user)) && len(password) < len(user)+8:
		return "holds the user name"
	}
	return ""
}

// commonPasswords are those of eight characters or more that scanners try
// first.
func commonPasswords() []string {
	return []string{"password", "password1", "passw0rd", "asterisk", "changeme", "changethis", "letmein1", "qwertyui", "qwerty123",
		"12345678", "123456789", "1234567890", "administrator", "telephone", "secret123", "test1234", "welcome1", "iloveyou", "sunshine",
		"freepbx1", "trixbox1", "elastix1", "yourpassword", "mypassword", "unsecurepassword"}
}

// checkTransport looks for sockets in each other's way and at certificates.
func (l *loader) checkTransport(t *Transport, before []*Transport) {
	if t.Protocol == "flow" {
		l.warnf(on(&t.Object, "transport", "protocol"), "", ": protocol=flow is not supported yet")
		return
	}
	for _, other := range before {
		if other.Protocol != "flow" && t.Bind.IsValid() && other.Bind.IsValid() && t.Address().Overlaps(other.Address()) {
			p := t.At("bind").Problem(config.Error, "give one of them another port", "transports [%s] and [%s] need the same port: %s, %s", other.Name, t.Name, other.Address(), t.Address())
			l.findings.Add(p.Text, t.Name, p)
		}
	}
	if (t.CertFile == "") != (t.PrivKeyFile == "") {
		l.errorf(on(&t.Object, "transport", "cert_file"), "give both cert_file and priv_key_file", ": a certificate needs its key")
		return
	}
	if t.CertFile != "" && (t.Protocol == "tls" || t.Protocol == "wss") {
		l.checkCertificate(t)
	}
}

// checkCertificate names trap T10: a certificate that signs itself.
func (l *loader) checkCertificate(t *Transport) {
	if _, err := os.Stat(t.PrivKeyFile); err != nil {
		l.errorf(on(&t.Object, "transport", "priv_key_file"), "", ": priv_key_file: %v", err)
	}
	data, err := os.ReadFile(t.CertFile)
	if err != nil {
		l.errorf(on(&t.Object, "transport", "cert_file"), "without cert_file the node's own private CA is used", ": cert_file: %v", err)
		return
	}
	block, _ := pem.Decode(data)
	if block == nil {
		l.errorf(on(&t.Object, "transport", "cert_file"), "", ": %s holds no PEM certificate", t.CertFile)
		return
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		l.errorf(on(&t.Object, "transport", "cert_file"), "", ": %s: %v", t.CertFile, err)
		return
	}
	if bytes.Equal(cert.RawIssuer, cert.RawSubject) && cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil {
		l.trap("T10", on(&t.Object, "transport", "cert_file"), "leave cert_file out to use the node's private CA, or use tls: acme",
			": the certificate signs itself; clients that do not pin it are open to a man in the middle")
	}
}

func (l *loader) checkRegistration(r *Registration) {
	for _, name := range r.OutboundAuth {
		reference(l, on(&r.Object, "registration", "outbound_auth"), name, l.cfg.Auths)
	}
	if r.Transport != "" {
		reference(l, on(&r.Object, "registration", "transport"), r.Transport, l.transportsByName())
	}
	if r.Line && r.Endpoint == "" {
		l.errorf(on(&r.Object, "registration", "line"), "add endpoint=NAME", ": line=yes needs an endpoint")
	}
	if r.Endpoint != "" {
		reference(l, on(&r.Object, "registration", "endpoint"), r.Endpoint, l.cfg.Endpoints)
	}
	for _, u := range []struct{ option, uri string }{{"server_uri", r.ServerURI}, {"client_uri", r.ClientURI}} {
		if !sipURI(u.uri) {
			l.errorf(on(&r.Object, "registration", u.option), "write sip:USER@HOST", ": %s %q is not a SIP URI", u.option, u.uri)
		}
	}
}

// CheckContexts reports endpoints whose context the dialplan lacks. has tells
// whether a context exists.
func (c *Config) CheckContexts(has func(context string) bool, known []string) []config.Problem {
	const format = ": context %s is not in extensions.conf, so its calls reach nobody"
	l := &loader{cfg: c}
	for _, name := range sortedKeys(c.Endpoints) {
		e := c.Endpoints[name]
		if !has(e.Context) {
			s := on(&e.Object, "endpoint", "context")
			l.warnf(s, l.suggest(s, format, e.Context, func() []string { return known }), format, e.Context)
		}
	}
	return l.findings.Problems()
}
