package pjsip

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"slices"
	"strings"

	"github.com/hometone/hometone/config"
)

// check looks at the objects together.
func (l *loader) check() {
	c := l.cfg
	for _, e := range c.sortedEndpoints() {
		l.checkEndpoint(e)
	}
	for _, a := range sortedObjects(c.AORs) {
		l.checkAOR(a)
	}
	for _, a := range sortedObjects(c.Auths) {
		l.checkAuth(a)
	}
	for i, t := range c.Transports {
		l.checkTransport(t, c.Transports[:i])
	}
	for _, i := range c.Identifies {
		if i.Endpoint == "" {
			l.errorf(i.Pos, "add endpoint=NAME", "identify [%s]: no endpoint", i.Name)
		} else {
			l.reference(&i.Object, "identify", "endpoint", i.Endpoint, sortedKeys(c.Endpoints))
		}
		if len(i.Match)+len(i.MatchHosts) == 0 && i.MatchHeader == "" && i.MatchRequestURI == "" {
			l.errorf(i.Pos, "add match=ADDRESS", "identify [%s]: nothing to match", i.Name)
		}
	}
	for _, r := range c.Registrations {
		l.checkRegistration(r)
	}
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func sortedObjects[T any](m map[string]T) []T {
	list := make([]T, 0, len(m))
	for _, k := range sortedKeys(m) {
		list = append(list, m[k])
	}
	return list
}

func (c *Config) sortedEndpoints() []*Endpoint { return sortedObjects(c.Endpoints) }

// reference reports a name that leads nowhere.
func (l *loader) reference(o *Object, kind, option, name string, known []string) {
	if _, found := slices.BinarySearch(known, name); found {
		return
	}
	target := map[string]string{"aors": "aor", "outbound_auth": "auth"}[option]
	if target == "" {
		target = option
	}
	hint := config.DidYouMean(name, known)
	if hint == "" {
		hint = "add [" + name + "] with type=" + target
	}
	if option == "aors" { // Asterisk starts; calls to the endpoint fail
		l.warnf(o.At(option), hint, "%s [%s]: %s=%s does not exist, so it cannot be reached there", kind, o.Name, option, name)
		return
	}
	l.errorf(o.At(option), hint, "%s [%s]: %s=%s does not exist", kind, o.Name, option, name)
}

func (l *loader) transportNames() []string {
	names := make([]string, 0, len(l.cfg.Transports))
	for _, t := range l.cfg.Transports {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	return names
}

func (l *loader) checkEndpoint(e *Endpoint) {
	for _, name := range e.AORs {
		l.reference(&e.Object, "endpoint", "aors", name, sortedKeys(l.cfg.AORs))
	}
	for _, name := range e.Auth {
		l.reference(&e.Object, "endpoint", "auth", name, sortedKeys(l.cfg.Auths))
	}
	for _, name := range e.OutboundAuth {
		l.reference(&e.Object, "endpoint", "outbound_auth", name, sortedKeys(l.cfg.Auths))
	}
	if e.Transport != "" {
		l.reference(&e.Object, "endpoint", "transport", e.Transport, l.transportNames())
	}
	l.checkCodecs(e)
	if e.TimersMinSE.Seconds() < 90 {
		l.warnf(e.At("timers_min_se"), "write 90 or more", "endpoint [%s]: timers_min_se below 90 is against RFC 4028 §5", e.Name)
	}
	if e.TimersSessExpires < e.TimersMinSE {
		l.errorf(e.At("timers_sess_expires"), "", "endpoint [%s]: timers_sess_expires is below timers_min_se", e.Name)
	}
}

// checkCodecs names trap T9: one wide codec and nothing said about NAT.
func (l *loader) checkCodecs(e *Endpoint) {
	if len(e.Missing) > 0 {
		l.warnf(e.At("allow"), "", "endpoint [%s]: not supported yet and left out: %s", e.Name, strings.Join(e.Missing, ", "))
	}
	switch {
	case len(e.Codecs) == 0 && len(e.Missing) == 0:
		l.warnf(e.Pos, "add allow=ulaw,alaw", "endpoint [%s] allows no codec, so its calls have no sound", e.Name)
	case len(e.Codecs) == 0:
		l.warnf(e.At("allow"), "add allow=ulaw,alaw", "endpoint [%s] allows no codec that is supported, so its calls have no sound", e.Name)
	case len(e.Codecs) == 1 && len(e.Missing) == 0 && !e.natSettings():
		l.trap("T9", e.At("allow"), "NAT is handled without settings; allow opus as well for phones that have it",
			"endpoint [%s] allows %s only, 87 kbit/s each way, and has no NAT settings", e.Name, e.Codecs[0])
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
		l.errorf(a.At("minimum_expiration"), "", "aor [%s]: minimum_expiration is above maximum_expiration", a.Name)
	}
	for _, uri := range a.Contacts {
		if !sipURI(uri) {
			l.errorf(a.At("contact"), "write sip:USER@HOST", "aor [%s]: contact %q is not a SIP URI", a.Name, uri)
		}
	}
	switch {
	case a.MaxContacts == 0 || a.RemoveExisting:
	case !a.RemoveExistingSet:
		l.trap("T8", a.At("max_contacts"), "write remove_existing=yes to say so, or =no for Asterisk's refusal",
			"aor [%s]: with max_contacts=%d Asterisk refuses (403) a phone whose address changed; Hometone replaces the oldest contact", a.Name, a.MaxContacts)
	case a.MaxContacts == 1 && !a.RemoveUnavailable:
		l.trap("T8", a.At("remove_existing"), "write remove_existing=yes",
			"aor [%s]: a phone whose address changed is refused (403) until its old contact expires", a.Name)
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
		l.warnf(a.At("auth_type"), "", "auth [%s]: google_oauth is not supported yet", a.Name)
		return
	}
	if a.Password.IsZero() && len(a.Digests) == 0 {
		l.warnf(a.Pos, "add password= or password_digest=", "auth [%s]: there is no password, so nobody can prove to be the user", a.Name)
		return
	}
	if why := weakness(a.Username, a.Password.Reveal()); why != "" {
		l.trap("T7", a.At("password"), "use 12 characters or more that nobody can guess, for instance from: openssl rand -base64 18",
			"auth [%s]: the password %s; open to the internet it is found within hours", a.Name, why)
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
		l.warnf(t.At("protocol"), "", "transport [%s]: protocol=flow is not supported yet", t.Name)
		return
	}
	for _, other := range before {
		if other.Protocol != "flow" && t.Bind.IsValid() && other.Bind.IsValid() && t.Address().Overlaps(other.Address()) {
			l.errorf(t.At("bind"), "give one of them another port", "transports [%s] and [%s] need the same port: %s, %s", other.Name, t.Name, other.Address(), t.Address())
		}
	}
	if (t.CertFile == "") != (t.PrivKeyFile == "") {
		l.errorf(t.At("cert_file"), "give both cert_file and priv_key_file", "transport [%s]: a certificate needs its key", t.Name)
		return
	}
	if t.CertFile != "" && (t.Protocol == "tls" || t.Protocol == "wss") {
		l.checkCertificate(t)
	}
}

// checkCertificate names trap T10: a certificate that signs itself.
func (l *loader) checkCertificate(t *Transport) {
	if _, err := os.Stat(t.PrivKeyFile); err != nil {
		l.errorf(t.At("priv_key_file"), "", "transport [%s]: priv_key_file: %v", t.Name, err)
	}
	data, err := os.ReadFile(t.CertFile)
	if err != nil {
		l.errorf(t.At("cert_file"), "without cert_file the node's own private CA is used", "transport [%s]: cert_file: %v", t.Name, err)
		return
	}
	block, _ := pem.Decode(data)
	if block == nil {
		l.errorf(t.At("cert_file"), "", "transport [%s]: %s holds no PEM certificate", t.Name, t.CertFile)
		return
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		l.errorf(t.At("cert_file"), "", "transport [%s]: %s: %v", t.Name, t.CertFile, err)
		return
	}
	if !cert.IsCA && cert.CheckSignatureFrom(cert) == nil || string(cert.RawIssuer) == string(cert.RawSubject) {
		l.trap("T10", t.At("cert_file"), "leave cert_file out to use the node's private CA, or use tls: acme",
			"transport [%s]: the certificate signs itself; clients that do not pin it are open to a man in the middle", t.Name)
	}
}

func (l *loader) checkRegistration(r *Registration) {
	for _, name := range r.OutboundAuth {
		l.reference(&r.Object, "registration", "outbound_auth", name, sortedKeys(l.cfg.Auths))
	}
	if r.Transport != "" {
		l.reference(&r.Object, "registration", "transport", r.Transport, l.transportNames())
	}
	if r.Line && r.Endpoint == "" {
		l.errorf(r.At("line"), "add endpoint=NAME", "registration [%s]: line=yes needs an endpoint", r.Name)
	}
	if r.Endpoint != "" {
		l.reference(&r.Object, "registration", "endpoint", r.Endpoint, sortedKeys(l.cfg.Endpoints))
	}
	for _, u := range []struct{ option, uri string }{{"server_uri", r.ServerURI}, {"client_uri", r.ClientURI}} {
		if !sipURI(u.uri) {
			l.errorf(r.At(u.option), "write sip:USER@HOST", "registration [%s]: %s %q is not a SIP URI", r.Name, u.option, u.uri)
		}
	}
}

// CheckContexts reports endpoints whose context the dialplan lacks. has tells
// whether a context exists.
func (c *Config) CheckContexts(has func(context string) bool, known []string) []config.Problem {
	l := &loader{cfg: c}
	for _, e := range c.sortedEndpoints() {
		if !has(e.Context) {
			l.warnf(e.At("context"), config.DidYouMean(e.Context, known), "endpoint [%s]: context %s is not in extensions.conf, so its calls reach nobody", e.Name, e.Context)
		}
	}
	return l.problems
}
