// Package pjsip turns Asterisk's pjsip.conf into typed objects.
package pjsip

import (
	"net/netip"
	"time"

	"github.com/hometone/hometone/config"
)

// Config is a whole pjsip.conf. It is immutable once loaded. The slices keep
// the file's order; the maps find objects by name.
type Config struct {
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
	Files         []string          // every file read
}

// Object is what every section has: its place and name, and the options its
// file (or a template) set, for questions where "default" and "set to the
// default" differ.
type Object struct {
	config.Pos
	Name string
	set  map[string]config.Pos
}

// IsSet reports whether the file sets the option.
func (o *Object) IsSet(option string) bool { _, ok := o.set[option]; return ok }

// Transport is type=transport.
type Transport struct {
	Object
	Protocol                 string // udp tcp tls ws wss flow
	Bind                     netip.AddrPort
	ExternalMediaAddress     string
	ExternalSignalingAddress string
	ExternalSignalingPort    uint16
	LocalNet                 []netip.Prefix
	Domain                   string
	CertFile                 string
	PrivKeyFile              string
	Password                 config.Secret
	CAListFile               string
	CAListPath               string
	Method                   string
	Cipher                   []string
	VerifyServer             bool
	VerifyClient             bool
	RequireClientCert        bool
	TOS                      int
	COS                      int
	WebsocketWriteTimeout    time.Duration
	AsyncOperations          int
	AllowReload              bool
	AllowWildcardCerts       bool
	SymmetricTransport       bool
}

// Endpoint is type=endpoint.
type Endpoint struct {
	Object
	Context                                  string
	Transport                                string
	AORs                                     []string
	Auth                                     []string // inbound
	OutboundAuth                             []string
	Codecs                                   []string // allowed, in order of preference, lower case Asterisk names
	DTMFMode                                 string   // rfc4733 inband info auto auto_info none
	DirectMedia                              bool
	RTPSymmetric, ForceRport, RewriteContact bool
	CallerIDName, CallerIDNum                string
	// further options follow
}

// AOR is type=aor.
type AOR struct {
	Object
	MaxContacts         int
	RemoveExisting      bool
	RemoveExistingSet   bool // the file says it; else Hometone replaces the oldest (trap T8)
	RemoveUnavailable   bool
	DefaultExpiration   time.Duration
	MinimumExpiration   time.Duration
	MaximumExpiration   time.Duration
	QualifyFrequency    time.Duration
	QualifyTimeout      time.Duration
	Qualify2xxOnly      bool
	AuthenticateQualify bool
	SupportPath         bool
	OutboundProxy       string
	Mailboxes           []string
	VoicemailExtension  string
	Contacts            []string // static contact URIs
}

// Auth is type=auth.
type Auth struct {
	Object
	Type          string // digest, md5, userpass (Asterisk 22: digest), google_oauth
	Username      string
	Realm         string
	Password      config.Secret
	Digests       map[string]config.Secret // by algorithm: MD5, SHA-256, SHA-512-256
	NonceLifetime time.Duration
}

// Identify is type=identify.
type Identify struct {
	Object
	Endpoint    string
	Match       []netip.Prefix
	MatchHosts  []string // host names to resolve
	SRVLookups  bool
	MatchHeader string
}

// Registration is type=registration.
type Registration struct {
	Object
	ServerURI, ClientURI, ContactUser                                     string
	Transport, OutboundProxy, Endpoint                                    string
	OutboundAuth                                                          []string
	Expiration, RetryInterval, ForbiddenRetryInterval, FatalRetryInterval time.Duration
	MaxRetries                                                            int
	Line, AuthRejectionPermanent, SupportPath, SupportOutbound            bool
}

// ACL is type=acl.
type ACL struct {
	Object
	Rules        []ACLRule
	ContactRules []ACLRule
}

// ACLRule permits or denies a network; the last match decides.
type ACLRule struct {
	Permit bool
	Net    netip.Prefix
}

// Global is type=global.
type Global struct {
	Object
	UserAgent               string
	MaxForwards             int
	DefaultRealm            string
	KeepAlive               time.Duration
	EndpointIdentifierOrder []string
}

// System is type=system.
type System struct {
	Object
	TimerT1, TimerB time.Duration
	CompactHeaders  bool
}

// Load reads pjsip.conf in dir, or the file itself.
func Load(path string) (*Config, []config.Problem) { return &Config{}, nil }
