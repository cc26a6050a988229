package pbx

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/config/features"
	"github.com/hometone/hometone/config/followme"
	"github.com/hometone/hometone/config/musiconhold"
	"github.com/hometone/hometone/config/parking"
	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/config/statsd"
	"github.com/hometone/hometone/config/voicemail"
	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
)

// Settings is one configuration of the exchange: who may call and what
// happens then. It is immutable; Reload swaps it whole and calls keep the one
// they started with.
type Settings struct {
	Endpoints *pjsip.Config
	Plan      *dialplan.Plan
	Sounds    *Sounds
	Music     map[string]*musiconhold.Class // by name; nil: the program's own tune
	Voicemail *voicemail.Config             // nil: no mailboxes
	Mail      *config.Mail                  // takes e-mail about new messages; nil: there is none
	MailFrom  string                        // address of that e-mail where voicemail.conf has none
	Features  *features.Config              // nil: features.Default
	Parking   map[string]*parking.Lot       // by name
	FollowMe  map[string]*followme.Profile  // by name
	StatsD    statsd.Config                 // where StatsD sends its figures
	Asterisk  string                        // directory of Asterisk's files, for AST_CONFIG(); "" = none
	System    bool                          // System and TrySystem may run commands
	DISA      bool                          // DISA may give out lines
	CURL      []string                      // what URLs of CURL() begin with; nil: none
	Spool     string                        // where recordings go (astspooldir)
	Hosts     *Hosts                        // addresses of identify's host names; nil: none is known
	Lines     *Lines                        // parameters of outbound registrations; nil: line=yes has no effect
	// Media is the address put into SDP for peers outside Local; the zero value
	// is the address that the peer is reached from.
	Media netip.Addr
	Local []netip.Prefix
}

// anonymous is the name of the endpoint that takes callers nobody knows.
const anonymous = "anonymous"

// identifiers are the ways to find a caller's endpoint. Those that
// global/endpoint_identifier_order does not name come after those it does.
var identifiers = []string{"ip", "username", "anonymous", "header", "request_uri", "auth_username"}

// Identify finds the endpoint a request comes from, nil if there is none. Who
// matches is not yet who it says it is: authentication follows.
func (s *Settings) Identify(req *sip.Request, from netip.AddrPort) *pjsip.Endpoint {
	if e := s.identifyLine(req); e != nil {
		return e
	}
	order := s.Endpoints.Global.EndpointIdentifierOrder
	for _, how := range order {
		if e := s.identifyBy(how, req, from); e != nil {
			return e
		}
	}
	for _, how := range identifiers {
		if slices.Contains(order, how) {
			continue
		}
		if e := s.identifyBy(how, req, from); e != nil {
			return e
		}
	}
	return nil
}

// knownBy reports whether an endpoint may be found in this way (identify_by).
func knownBy(e *pjsip.Endpoint, how string) bool {
	return len(e.IdentifyBy) == 0 || slices.Contains(e.IdentifyBy, how)
}

// identifyBy finds an endpoint in one way. Type=identify sections name their
// endpoint themselves; the others must allow the way with identify_by.
func (s *Settings) identifyBy(how string, req *sip.Request, from netip.AddrPort) *pjsip.Endpoint {
	var e *pjsip.Endpoint
	switch how {
	case "ip":
		return s.identifyIP(from)
	case "header":
		return s.identifyHeader(req)
	case "request_uri":
		return s.identifyURI(req)
	case "anonymous":
		return s.Endpoints.Endpoints[anonymous]
	case "username":
		e = s.identifyUser(req)
	case "auth_username":
		e = s.Endpoints.Endpoints[authUser(req)]
	}
	if e != nil && knownBy(e, how) {
		return e
	}
	return nil
}

func (s *Settings) identifyIP(from netip.AddrPort) *pjsip.Endpoint {
	for _, id := range s.Endpoints.Identifies {
		for _, p := range id.Match {
			if p.Covers(from) {
				return s.Endpoints.Endpoints[id.Endpoint]
			}
		}
		if len(id.MatchHosts) > 0 && s.identifyHost(id, from) {
			return s.Endpoints.Endpoints[id.Endpoint]
		}
	}
	return nil
}

func (s *Settings) identifyHeader(req *sip.Request) *pjsip.Endpoint {
	for _, id := range s.Endpoints.Identifies {
		if h := &id.MatchHeader; h.Name != "" && h.Fits(req.GetName(h.Name)) {
			return s.Endpoints.Endpoints[id.Endpoint]
		}
	}
	return nil
}

// identifyURI compares the Request-URI with match_request_uri.
func (s *Settings) identifyURI(req *sip.Request) *pjsip.Endpoint {
	for _, id := range s.Endpoints.Identifies {
		if id.MatchRequestURI != nil && id.MatchRequestURI.Fits(req.URI()) {
			return s.Endpoints.Endpoints[id.Endpoint]
		}
	}
	return nil
}

// identifyUser matches From: first user@domain, then user@ the domain an alias
// stands for, then the user alone.
func (s *Settings) identifyUser(req *sip.Request) *pjsip.Endpoint {
	user, host := fromUser(req)
	user = s.bareUser(user)
	if user == "" || user == anonymous {
		return nil // a caller cannot ask for the endpoint of strangers
	}
	if s.Endpoints.Qualified {
		if e := s.Endpoints.Endpoints[user+"@"+host]; e != nil {
			return e
		}
		if domain := s.Endpoints.DomainAliases[host]; domain != "" {
			if e := s.Endpoints.Endpoints[user+"@"+domain]; e != nil {
				return e
			}
		}
	}
	return s.Endpoints.Endpoints[user]
}

// fromUser returns user and host of the From URI, unescaped, "" if it has none.
func fromUser(req *sip.Request) (user, host string) {
	from, err := req.From()
	if err != nil {
		return "", ""
	}
	uri, err := from.ParsedURI()
	if err != nil {
		return "", ""
	}
	return uri.Username(), strings.ToLower(uri.Host)
}

// bareUser cuts the options off a user part, 8005;phone-context=x, if
// ignore_uri_user_options says so.
func (s *Settings) bareUser(user string) string {
	if s.Endpoints.Global.IgnoreURIUserOptions {
		user, _, _ = strings.Cut(user, ";")
	}
	return user
}

// authUser returns the user name of the first credentials, "" without any.
func authUser(req *sip.Request) string {
	_, params, ok := strings.Cut(req.Get(sip.HeaderAuthorization), " ")
	if !ok {
		return ""
	}
	for p := range strings.SplitSeq(params, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "username") {
			return sip.Unquote(value)
		}
	}
	return ""
}

// Secret returns what the endpoint's auth objects know of a user. An unknown
// endpoint (nil) knows nobody; the cost and the answer are the same.
func (s *Settings) Secret(e *pjsip.Endpoint, user string) (auth.Secret, bool) {
	if e == nil {
		return auth.Secret{}, false
	}
	for _, name := range e.Auth {
		a := s.Endpoints.Auths[name]
		if a == nil || a.Username != user {
			continue
		}
		return secretOf(a), true
	}
	return auth.Secret{}, false
}

// secretOf is the secret of an auth section.
func secretOf(a *pjsip.Auth) auth.Secret {
	return auth.Secret{
		Password:  a.Password.Reveal(),
		MD5:       a.Digests["MD5"].Reveal(),
		SHA256:    a.Digests["SHA-256"].Reveal(),
		SHA512256: a.Digests["SHA-512-256"].Reveal(),
	}
}

// Known is Identify for a request from somewhere: an endpoint whose access list
// denies the sender's address, or one in a Contact, is nobody.
func (s *Settings) Known(req *sip.Request, from netip.AddrPort) *pjsip.Endpoint {
	e := s.Identify(req, from)
	if e == nil || !e.Permits(from.Addr()) || e.ChecksContact() && !contactsPermitted(&e.Access, req) {
		return nil
	}
	return e
}

// Permitted applies the access lists of type=acl: a source that one of them
// denies, or that has a Contact at a denied address, may not send anything.
func (s *Settings) Permitted(req *sip.Request, from netip.Addr) bool {
	for _, acl := range s.Endpoints.ACLs {
		if !acl.Permits(from) || acl.ChecksContact() && !contactsPermitted(&acl.Access, req) {
			return false
		}
	}
	return true
}

// contactsPermitted looks at the addresses in a request's Contacts; names are not
// resolved.
func contactsPermitted(a *pjsip.Access, req *sip.Request) bool {
	list, _, err := req.Contacts()
	if err != nil {
		return true // it will be refused for that
	}
	for _, c := range list {
		uri, err := c.ParsedURI()
		if err != nil {
			continue
		}
		if addr, err := netip.ParseAddr(strings.Trim(uri.Host, "[]")); err == nil && !a.PermitsContact(addr) {
			return false
		}
	}
	return true
}
