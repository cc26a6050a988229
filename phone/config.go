package phone

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/hometone/hometone/sdp"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// Config configures a Phone. Every field may be left at its zero value.
type Config struct {
	// Account is the address of record with the registrar as its host:
	// "sip:8005@192.0.2.1:5061", ";transport=tcp" or ";transport=tls" for
	// another transport than UDP. "" is a phone without an account.
	Account string
	// User is the name for authentication; "" = the user part of Account.
	User string
	// Password answers the registrar's and the callees' challenges.
	Password string
	// Display is the name shown to callees; "" = none.
	Display string
	// Server is where requests are sent, as an outbound proxy: a SIP URI. "" =
	// the host of Account; without an account, the host that is called.
	Server string
	// Listen are the addresses to listen on, as "udp://127.0.0.1:0",
	// "tcp://[::1]:5060". Port 0 is any free port. Empty = UDP and TCP on free
	// ports of all addresses.
	Listen []string
	// PortMin and PortMax bound the RTP ports; zero = any free ports.
	PortMin, PortMax uint16
	// Codecs are encoding names in order of preference, out of "PCMU" and
	// "PCMA"; empty = both, in this order.
	Codecs []string
	// Ptime is the packet time we ask for; zero = 20 ms.
	Ptime time.Duration
	// Expires is the registration's life that we ask for; zero = 10 minutes.
	Expires time.Duration
	// KeepAlive is the time between two keep-alives on the registration's
	// flow; zero = 25 s, negative = none.
	KeepAlive time.Duration
	// Instance identifies this phone to the registrar across restarts (RFC
	// 5626 §4.1), a URN; "" = a random one.
	Instance string
	// MaxCalls is how many calls may be under way; zero = 4.
	MaxCalls int
	// Busy makes the phone answer 486 to every caller.
	Busy bool
	// TLS is used for TLS connections; nil = the system's certificate roots.
	TLS *tls.Config
	// UserAgent is sent in requests; "" = "hometone-phone".
	UserAgent string
	// OnEvent hears what happens, one event at a time; it may call methods of
	// this package, except those that wait for another event. nil = nobody.
	OnEvent func(Event)
	// Trace sees each SIP message as it is sent or received. It must not
	// block. nil = nobody.
	Trace func(Message)
	// Logger is for what goes wrong; nil = discarded.
	Logger *slog.Logger
}

// Message is one SIP message on the wire, for Config.Trace.
type Message struct {
	Time   time.Time
	Sent   bool // by this phone
	Proto  string
	Local  netip.AddrPort
	Remote netip.AddrPort
	Text   string
}

// settings is a Config that was checked, with defaults filled in.
type settings struct {
	Config
	aor    sip.URI // zero without an account
	server sip.URI // zero without an account and Server
	listen []transport.Listen
	codecs []sdp.Codec
}

// Defaults of Config.
const (
	defaultPtime     = 20 * time.Millisecond
	defaultExpires   = 10 * time.Minute
	defaultKeepAlive = 25 * time.Second
	defaultMaxCalls  = 4
	defaultAgent     = "hometone-phone"
)

// check validates a Config and fills in the defaults.
func (c Config) check() (settings, error) {
	s := settings{Config: c}
	var err error
	if c.Account != "" {
		if s.aor, err = account(c.Account); err != nil {
			return s, err
		}
		s.server = s.aor
		if s.User == "" {
			s.User = s.aor.Username()
		}
	}
	if c.Server != "" {
		if s.server, err = parseSIP(c.Server); err != nil {
			return s, fmt.Errorf("phone: server: %w", err)
		}
	}
	if s.listen, err = listeners(c.Listen, c.TLS); err != nil {
		return s, err
	}
	if s.codecs, err = codecs(c.Codecs); err != nil {
		return s, err
	}
	if c.Ptime < 0 || c.Ptime > 60*time.Millisecond || c.Ptime%(10*time.Millisecond) != 0 {
		return s, fmt.Errorf("phone: packet time %v: 10, 20 … 60 ms", c.Ptime)
	}
	if c.Expires < 0 {
		return s, fmt.Errorf("phone: expires %v is negative", c.Expires)
	}
	s.fill()
	return s, nil
}

// fill puts defaults in the place of zero values.
func (s *settings) fill() {
	if s.Expires == 0 {
		s.Expires = defaultExpires
	}
	if s.KeepAlive == 0 {
		s.KeepAlive = defaultKeepAlive
	}
	if s.MaxCalls == 0 {
		s.MaxCalls = defaultMaxCalls
	}
	if s.UserAgent == "" {
		s.UserAgent = defaultAgent
	}
	if s.Instance == "" {
		s.Instance = newInstance()
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
}

// account parses an address of record: it needs a user and a host.
func account(text string) (sip.URI, error) {
	u, err := parseSIP(text)
	switch {
	case err != nil:
		return u, fmt.Errorf("phone: account: %w", err)
	case u.User == "":
		return u, fmt.Errorf("phone: account %q has no user: sip:USER@HOST", text)
	}
	return u, nil
}

// parseSIP parses a sip or sips URI; the scheme may be left out.
func parseSIP(text string) (sip.URI, error) {
	if !strings.HasPrefix(text, "sip:") && !strings.HasPrefix(text, "sips:") {
		text = "sip:" + text
	}
	u, err := sip.ParseURI(text)
	if err == nil && u.Host == "" {
		err = fmt.Errorf("%q has no host", text)
	}
	return u, err
}

// listeners parses Config.Listen.
func listeners(list []string, conf *tls.Config) ([]transport.Listen, error) {
	var out []transport.Listen
	for _, text := range list {
		scheme, rest, _ := strings.Cut(text, "://")
		proto, ok := transport.ParseProto(scheme)
		if !ok || proto > transport.TLS {
			return nil, fmt.Errorf("phone: listen %q: want udp://, tcp:// or tls:// and an address", text)
		}
		addr, err := netip.ParseAddrPort(rest)
		if err != nil {
			return nil, fmt.Errorf("phone: listen %q: %w", text, err)
		}
		l := transport.Listen{Name: text, Proto: proto, Addr: addr}
		if proto == transport.TLS {
			if conf == nil || len(conf.Certificates) == 0 && conf.GetCertificate == nil {
				return nil, fmt.Errorf("phone: listen %q: Config.TLS has no certificate", text)
			}
			l.TLS = conf
		}
		out = append(out, l)
	}
	return out, nil
}

// codecs looks up encoding names.
func codecs(names []string) ([]sdp.Codec, error) {
	known := map[string]sdp.Codec{
		"PCMU": {PT: 0, Name: "PCMU", ClockRate: 8000, Channels: 1},
		"PCMA": {PT: 8, Name: "PCMA", ClockRate: 8000, Channels: 1},
	}
	if len(names) == 0 {
		names = []string{"PCMU", "PCMA"}
	}
	var out []sdp.Codec
	for _, name := range names {
		c, ok := known[strings.ToUpper(name)]
		if !ok {
			return nil, fmt.Errorf("phone: codec %q: PCMU and PCMA are available", name)
		}
		out = append(out, c)
	}
	return out, nil
}

// ErrNoAccount is returned by Register on a phone without an account.
var ErrNoAccount = errors.New("phone: no account to register")
