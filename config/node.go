package config

import (
	"crypto/x509"
	"net/netip"
	"time"
)

// Node is one hometone.yaml, decoded, with defaults filled in. Sections that
// make a role (pbx, edge, turn, ha) are pointers: nil means the file does not
// ask for the role. A Node is immutable once loaded.
type Node struct {
	File   string         `yaml:"-"` // path it was read from; "" = built-in defaults
	Places map[string]Pos `yaml:"-"` // dotted key, such as media.ports → where the file sets it

	Node    Identity `yaml:"node"`
	SIP     SIP      `yaml:"sip"`
	PBX     *PBX     `yaml:"pbx"`
	Edge    *Edge    `yaml:"edge"`
	Media   Media    `yaml:"media"`
	TURN    *TURN    `yaml:"turn"`
	TLS     TLS      `yaml:"tls"`
	Cluster Cluster  `yaml:"cluster"`
	HA      *HA      `yaml:"ha"`
	Push    Push     `yaml:"push"`
	Records Records  `yaml:"records"`
	Mail    *Mail    `yaml:"mail"`
	Console Console  `yaml:"console"`
	Monitor Monitor  `yaml:"monitor"`
}

// Identity is the section node: who this node is and where its data lies.
type Identity struct {
	Name string `yaml:"name"` // unique in a cluster; default: the host name up to the first dot
	Data string `yaml:"data"` // directory for everything durable; default ./hometone-data
}

// SIP is the section sip.
type SIP struct {
	Listen   []Address `yaml:"listen"`   // default: none if pjsip.conf has transports, else udp+tcp 5060, tls 5061
	External External  `yaml:"external"` // address peers outside our networks should use; default auto
	DNS      []string  `yaml:"dns"`      // ADDRESS:PORT of the DNS servers to ask, in order; default those of /etc/resolv.conf
}

// PBX is the section pbx.
type PBX struct {
	Asterisk string   `yaml:"asterisk"` // directory of pjsip.conf, extensions.conf …
	Allow    []string `yaml:"allow"`    // applications that are off otherwise: system, disa
	CURL     []string `yaml:"curl"`     // what URLs of CURL() begin with; default none
}

// Edge is the section edge: a balancer.
type Edge struct {
	Dispatcher string   `yaml:"dispatcher"`   // path of a dispatcher.list
	Set        int      `yaml:"set"`          // default 1
	Algorithm  string   `yaml:"algorithm"`    // number or name as package dispatch has them; default 4, round robin
	Locations  []string `yaml:"destinations"` // SIP URIs, instead of a file
	Probe      Probe    `yaml:"probe"`
	NotFound   bool     `yaml:"answer_404"` // all destinations down: 404 as Kamailio's sample instead of 503

	Backup     []int         `yaml:"backup"`      // sets that stand in, in order, when no destination of Set takes calls
	Tries      int           `yaml:"tries"`       // destinations one call is offered to at most, one after the other; default 4
	Failover   []int         `yaml:"failover"`    // answers that lead to the next destination; default 408 500 502 503 504
	Patience   time.Duration `yaml:"patience"`    // how long a destination may be silent to a call; default 2s
	RetryAfter time.Duration `yaml:"retry_after"` // in the 503 when all are down; default 5s
	HashHeader string        `yaml:"hash_header"` // header field that algorithm hash-custom looks at
	Resources  []string      `yaml:"resources"`   // what a call uses, for algorithm resources: NAME, or NAME=PATTERN of dialled numbers that use it
	Services   []string      `yaml:"srv"`         // SRV names like _sip._udp.example.org whose records are destinations
	SlowStart  time.Duration `yaml:"slow_start"`  // until a destination that came back has its whole share; default 5s
	Names      []string      `yaml:"names"`       // host names that mean this node, besides its addresses
	Path       bool          `yaml:"path"`        // add Path to REGISTERs for registrars behind the edge
	Recurse    bool          `yaml:"recurse"`     // follow 3xx answers instead of passing them on
	Hide       []string      `yaml:"hide"`        // addresses of sip.listen that face the outside and must not show the inside
	Secret     Secret        `yaml:"secret"`      // signs Record-Route; the same on edges that stand in for each other; default: made and kept in node.data
	OldSecrets []Secret      `yaml:"old_secrets"` // what secret was before: still believed
	Shield     Shield        `yaml:"shield"`
}

// Shield is the section edge.shield: what strangers may do.
type Shield struct {
	Off      bool           `yaml:"off"`
	Allow    []netip.Prefix `yaml:"allow"`    // networks that nothing below applies to
	Deny     []netip.Prefix `yaml:"deny"`     // networks that get no answer
	Rate     int            `yaml:"rate"`     // requests a second from one source; default 10000
	Burst    int            `yaml:"burst"`    // at once from one source; default twice the rate
	Account  int            `yaml:"account"`  // requests a second of one account (From); default no limit
	Ban      time.Duration  `yaml:"ban"`      // how long a scanner or password guesser is not answered; default 10m
	Failures int            `yaml:"failures"` // refused logins or unknown numbers from one source in Window until it is banned; default 20
	Window   time.Duration  `yaml:"window"`   // default 1m
}

// Probe says how destinations are probed with OPTIONS.
type Probe struct {
	Interval time.Duration `yaml:"interval"` // default 1s, least 100ms
	Rise     int           `yaml:"rise"`     // good answers in a row until up; default 2
	Fall     int           `yaml:"fall"`     // bad answers in a row until down; default 3
	Timeout  time.Duration `yaml:"timeout"`  // for an answer; default the interval, at least 250ms
	Codes    []string      `yaml:"codes"`    // good answers, 200 or 4xx; default all but 408 and 5xx
	From     string        `yaml:"from"`     // URI in From
	Off      bool          `yaml:"off"`      // no probes; only calls tell
}

// Media is the section media.
type Media struct {
	Ports    PortRange `yaml:"ports"`    // UDP ports for RTP; default 10000-20000
	External External  `yaml:"external"` // address put into SDP; default auto
}

// TURN is the section turn.
type TURN struct {
	Listen []Address `yaml:"listen"` // default udp://0.0.0.0:3478
	Realm  string    `yaml:"realm"`
	Secret Secret    `yaml:"secret"`
}

// TLS is the section tls. All empty: the node's own private CA.
type TLS struct {
	ACME *ACME  `yaml:"acme"`
	Cert string `yaml:"cert"` // path of the certificate chain, PEM
	Key  string `yaml:"key"`  // path of the private key, PEM
}

// ACME asks a certificate authority for certificates.
type ACME struct {
	Domains   []string `yaml:"domains"`
	Email     string   `yaml:"email"`
	Directory string   `yaml:"directory"` // URL; default Let's Encrypt
}

// Cluster is the section cluster. Both empty: embedded and alone.
type Cluster struct {
	Servers []string `yaml:"servers"` // nats:// URLs of a JetStream cluster that already runs
	Peers   []string `yaml:"peers"`   // host:port of the other nodes' embedded servers
}

// HA is the section ha: a virtual address by VRRP.
type HA struct {
	VIP       netip.Prefix  `yaml:"vip"`
	Interface string        `yaml:"interface"`
	RouterID  int           `yaml:"router_id"` // 1-255
	Priority  int           `yaml:"priority"`  // 1-254; default 100
	Advert    time.Duration `yaml:"advert"`    // default 1s, least 10ms
}

// Push is the section push.
type Push struct {
	APNS    *APNS    `yaml:"apns"`
	FCM     *FCM     `yaml:"fcm"`
	WebPush *WebPush `yaml:"webpush"`
	Webhook *Webhook `yaml:"webhook"`
}

// APNS is Apple's push service with token authentication.
type APNS struct {
	KeyID   string `yaml:"key_id"`
	TeamID  string `yaml:"team_id"`
	Topic   string `yaml:"topic"`
	Key     Secret `yaml:"key"` // the .p8 key, usually file:PATH
	Sandbox bool   `yaml:"sandbox"`
}

// FCM is Google's push service, HTTP v1.
type FCM struct {
	Project     string `yaml:"project"`
	Credentials Secret `yaml:"credentials"` // service account JSON, usually file:PATH
}

// WebPush is RFC 8030 push with VAPID keys (RFC 8292).
type WebPush struct {
	Subject    string `yaml:"subject"`
	PublicKey  string `yaml:"public_key"`
	PrivateKey Secret `yaml:"private_key"`
}

// Webhook is an HTTP request made instead of a push.
type Webhook struct {
	URL    string `yaml:"url"`
	Secret Secret `yaml:"secret"` // signs the body with HMAC-SHA-256
}

// Mail is the section mail: the server that takes e-mail for new voice messages.
type Mail struct {
	Server   string         `yaml:"server"` // host:port; port 587 if it is left out
	User     string         `yaml:"user"`   // "" = without login
	Password Secret         `yaml:"password"`
	TLS      string         `yaml:"tls"`  // starttls (default), tls from the start, or none
	From     string         `yaml:"from"` // address of letters whose voicemail.conf has no serveremail; default hometone@ the host
	Roots    *x509.CertPool `yaml:"-"`    // nil: the system's
}

// What Mail.TLS can be.
const (
	MailSTARTTLS = "starttls"
	MailTLS      = "tls"
	MailPlain    = "none"
)

// Records is the section records.
type Records struct {
	DSN Secret `yaml:"dsn"` // sqlite:PATH or postgres://…; default sqlite in node.data
}

// Console is the section console.
type Console struct {
	Listen string `yaml:"listen"` // host:port; default 127.0.0.1:8080; "off" = none
}

// Monitor is the section monitor.
type Monitor struct {
	Metrics string   `yaml:"metrics"` // host:port; default "" = none
	Alarms  []string `yaml:"alarms"`
}
