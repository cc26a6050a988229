// Package pjsip turns Asterisk's pjsip.conf into typed objects.
//
// Every option that Asterisk 22 documents stands in one closed table per kind
// of object (endpoint.go, transport.go, location.go, …): its name, Asterisk's
// default, how its value is read, and whether Hometone acts on it. An option
// that Hometone does not act on yet gives a warning that names file, line and
// consequence, but only if the file asks for something else than Hometone
// does. An unknown option or type, or a value that cannot be read, is an error
// with a hint. Defaults are applied by the same functions that read the file,
// so they cannot differ from the table.
//
// Load reads the file with everything it includes, fills the objects, then
// looks at them together: names that lead nowhere, sockets in each other's
// way, passwords that invite fraud, settings that cut phones off. Findings
// that belong to the list of known traps carry its number (T7, T8, T9, T10).
//
// A Config is an immutable value. The registrar reads AORs and Auths, the PBX
// endpoints, the node transports; nobody writes. Objects whose common options
// read the same share them (Profile, AORPolicy, AuthPolicy), so that a phone
// with its auth and aor takes less than 1 kB and no text of the file is kept.
package pjsip

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/hometone/hometone/config"
)

// Config is a whole pjsip.conf. The slices keep the file's order; the maps
// find objects by name.
type Config struct {
	Hints         string // lines of extensions.conf that wizards stand for (has_hint)
	Global        Global
	System        System
	Transports    []*Transport
	Endpoints     map[string]*Endpoint
	AORs          map[string]*AOR
	Auths         map[string]*Auth
	Identifies    []*Identify
	Registrations []*Registration
	ACLs          []*ACL
	DomainAliases map[string]string // alias domain → domain
	ResourceLists map[string]*ResourceList
	Files         []string // every file read
	Qualified     bool     // an endpoint's name is user@domain
}

// Object is what every section has: its place and name, and the options that
// its file or a template set, for questions in which "default" and "set to the
// default" differ.
type Object struct {
	config.Pos
	Name  string
	set   []place // in the order of the lines
	names *names
}

// place is where one option is set: 8 bytes, because an exchange has a
// hundred thousand objects with half a dozen options each.
type place struct {
	option, file uint16 // indexes into names
	line         uint32
}

// names are what places point to, shared by all objects of one kind.
type names struct {
	options []string
	files   *[]string
}

// IsSet reports whether the file sets the option.
func (o *Object) IsSet(option string) bool { return o.find(option) != nil }

// At returns where the file sets an option, or where the object begins.
func (o *Object) At(option string) config.Pos {
	if p := o.find(option); p != nil {
		return config.Pos{File: (*o.names.files)[p.file], Line: int(p.line)}
	}
	return o.Pos
}

// find returns the last place that sets the option, or nil.
func (o *Object) find(option string) *place {
	for i := len(o.set) - 1; i >= 0; i-- {
		if o.names.options[o.set[i].option] == option {
			return &o.set[i]
		}
	}
	return nil
}

// Transport is type=transport: a socket to listen on.
type Transport struct {
	Object
	Protocol                 string // udp tcp tls ws wss flow
	Bind                     netip.AddrPort
	Path                     string // ws and wss: /ws
	ExternalMediaAddress     string // address or host name put into SDP for peers outside LocalNet
	ExternalSignalingAddress string // the same for Via and Contact
	ExternalSignalingPort    uint16 // 0 = the port bound
	LocalNet                 []netip.Prefix
	Domain                   string
	CertFile, PrivKeyFile    string // PEM; relative to the file
	Password                 config.Secret
	CAListFile, CAListPath   string
	Method                   string   // tlsv1_2, tlsv1_3 or "" = both
	Cipher                   []string // as written
	VerifyServer             bool
	VerifyClient             bool
	RequireClientCert        bool
	AllowWildcardCerts       bool
	SymmetricTransport       bool
	AllowReload              bool
	TOS, COS                 int // -1 = not set
	WebsocketWriteTimeout    time.Duration
	TCPKeepalive             bool
	KeepaliveIdle            time.Duration
	KeepaliveInterval        time.Duration
	KeepaliveProbes          int

	bindText string // as written: :0 asks for any free port
}

// Address returns the transport as an address to listen on.
func (t *Transport) Address() config.Address {
	return config.Address{Proto: t.Protocol, Addr: t.Bind, Path: t.Path}
}

// AOR is type=aor: where endpoints can be reached.
type AOR struct {
	Object
	*AORPolicy
	RemoveExistingSet bool // the file says it; else Hometone replaces the oldest (trap T8)
	Mailboxes         []string
	Contacts          []string // static contact URIs
}

// AORPolicy are options of an AOR that many have in common. One value serves
// all of them; nobody may write to it.
type AORPolicy struct {
	MaxContacts         int
	RemoveExisting      bool
	RemoveUnavailable   bool
	DefaultExpiration   time.Duration
	MinimumExpiration   time.Duration
	MaximumExpiration   time.Duration
	QualifyFrequency    time.Duration // 0 = contacts are not probed
	QualifyTimeout      time.Duration
	Qualify2xxOnly      bool
	AuthenticateQualify bool
	SupportPath         bool
	OutboundProxy       string
	VoicemailExtension  string
}

// Auth is type=auth: a user name and what proves it.
type Auth struct {
	Object
	*AuthPolicy
	Username string
	Password config.Secret
	Digests  map[string]config.Secret // H(user:realm:password) by MD5, SHA-256, SHA-512-256
}

// AuthPolicy are options of an Auth that many have in common. One value serves
// all of them; nobody may write to it.
type AuthPolicy struct {
	Type          string   // digest; the older md5 and userpass become digest. Or google_oauth
	Realm         string   // "" = Global.DefaultRealm as a server, any as a client
	AlgorithmsUAS []string // accepted from clients; empty = the default of Global
	AlgorithmsUAC []string // used towards servers; empty = the default of Global
	NonceLifetime time.Duration
	RefreshToken  config.Secret
	OAuthClientID string
	OAuthSecret   config.Secret
}

// Identify is type=identify: requests of an endpoint that are known by where
// they come from or what they carry.
type Identify struct {
	Object
	Endpoint        string
	Match           []Source
	MatchHosts      []string // host names, to be resolved
	SRVLookups      bool
	MatchHeader     HeaderMatch
	MatchRequestURI *URIMatch // nil: none
}

// URIMatch is a Request-URI that tells where a request comes from.
type URIMatch struct {
	Value   string
	Pattern *regexp.Regexp // instead of Value, which was written between slashes
}

// Fits reports whether a Request-URI is the one.
func (m *URIMatch) Fits(uri string) bool {
	if m.Pattern != nil {
		return m.Pattern.MatchString(uri)
	}
	return uri == m.Value
}

// HeaderMatch is a header field that tells where a request comes from.
type HeaderMatch struct {
	Name    string // "": none
	Value   string
	Pattern *regexp.Regexp // instead of Value, which was written between slashes
}

// Fits reports whether a header field's value is the one.
func (h *HeaderMatch) Fits(value string) bool {
	if h.Pattern != nil {
		return h.Pattern.MatchString(value)
	}
	return value == h.Value
}

// Source is a network that requests come from, and the port if that matters.
type Source struct {
	netip.Prefix
	Port uint16 // 0: any
}

// Covers reports whether a request from there is meant.
func (s Source) Covers(from netip.AddrPort) bool {
	return (s.Port == 0 || s.Port == from.Port()) && s.Contains(from.Addr().Unmap())
}

// Registration is type=registration: we register elsewhere.
type Registration struct {
	Object
	ServerURI, ClientURI   string
	ContactUser            string
	ContactHeaderParams    string
	Transport              string
	OutboundProxy          string
	Endpoint               string // with Line: calls that come along this registration
	OutboundAuth           []string
	Expiration             time.Duration
	RetryInterval          time.Duration
	ForbiddenRetryInterval time.Duration // 0 = do not retry after 403
	FatalRetryInterval     time.Duration // 0 = do not retry after a permanent failure
	MaxRetries             int           // 0 = without end
	MaxRandomInitialDelay  time.Duration
	Line                   bool
	AuthRejectionPermanent bool
	SupportPath            bool
	SupportOutbound        bool
	UserAgent              string
	SecurityNegotiation    string   // no, mediasec
	SecurityMechanisms     []string // of Security-Client
}

// ResourceList is type=resource_list: several resources under one name
// (RFC 4662).
type ResourceList struct {
	Object
	Event        string // presence, message-summary
	Items        []string
	FullState    bool
	Batch        time.Duration // notification_batch_interval
	DisplayNames bool          // resource_display_name
}

// ACL is type=acl: addresses that may speak to us at all.
type ACL struct {
	Object
	Access
}

// Load reads pjsip.conf in a directory, or the file itself, with what it
// includes. The Config is never nil; use it only if
// config.HasErrors(problems) is false.
func Load(path string) (*Config, []config.Problem) {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		path = filepath.Join(path, "pjsip.conf")
	}
	doc, problems := config.ReadAsterisk(path, config.ReadOptions{})
	if config.HasErrors(problems) {
		return newConfig(), problems
	}
	sections, hints, files, found := readWizards(path)
	problems = append(problems, found...)
	doc.Sections, doc.Files = append(doc.Sections, sections...), append(doc.Files, files...)
	lists, files, found := readACLs(path)
	problems = append(problems, found...)
	doc.Files = append(doc.Files, files...)
	cfg, more := compile(doc, lists)
	cfg.Hints = hints
	return cfg, append(problems, more...)
}
