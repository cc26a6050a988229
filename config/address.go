package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Address is a place to listen on, such as udp://0.0.0.0:5060 or
// wss://[::]:8443/ws.
type Address struct {
	Proto string         // udp, tcp, tls, ws or wss
	Addr  netip.AddrPort // port filled in with the protocol's default
	Path  string         // ws and wss only; "/" if not given
}

// String prints the address in the form it is written in.
func (a Address) String() string { return fmt.Sprintf("%s://%s%s", a.Proto, a.Addr, a.Path) }

// MarshalText prints the address in the form it is written in.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText parses an address as ParseAddress does.
func (a *Address) UnmarshalText(text []byte) (err error) {
	*a, err = ParseAddress(string(text))
	return err
}

// Protocols lists the SIP transports, in Asterisk's order of preference.
func Protocols() []string { return []string{"udp", "tcp", "tls", "ws", "wss"} }

// DefaultPort returns the port of a SIP transport when none is given
// (RFC 3261 §19.1.2, RFC 7118 §4).
func DefaultPort(proto string) uint16 {
	switch proto {
	case "tls":
		return 5061
	case "ws":
		return 80
	case "wss":
		return 443
	default:
		return 5060
	}
}

// ParseAddress parses PROTO://ADDRESS[:PORT][/PATH]. The address is an IP
// literal, * for every IPv4 address, or empty for the same.
func ParseAddress(text string) (Address, error) {
	proto, rest, ok := strings.Cut(text, "://")
	if !ok {
		return Address{}, fmt.Errorf("%q has no protocol; write for instance udp://%s", text, text)
	}
	proto = strings.ToLower(proto)
	if !slices.Contains(Protocols(), proto) {
		hint := DidYouMean(proto, Protocols())
		return Address{}, fmt.Errorf("%q: protocol %q is none of %s %s", text, proto, strings.Join(Protocols(), ", "), hint)
	}
	a := Address{Proto: proto}
	host, path, hasPath := strings.Cut(rest, "/")
	if proto == "ws" || proto == "wss" {
		a.Path = "/" + path
	} else if hasPath && path != "" {
		return Address{}, fmt.Errorf("%q: a path is for ws and wss only", text)
	}
	var err error
	if a.Addr, err = ParseHostPort(host, DefaultPort(proto)); err != nil {
		return Address{}, fmt.Errorf("%q: %w", text, err)
	}
	return a, nil
}

// ParseHostPort parses IPv4, IPv4:port, IPv6, [IPv6] or [IPv6]:port. An empty
// host or * is 0.0.0.0. defaultPort is used where none is given.
func ParseHostPort(text string, defaultPort uint16) (netip.AddrPort, error) {
	host, port := text, ""
	switch {
	case strings.HasPrefix(text, "["):
		end := strings.IndexByte(text, ']')
		if end < 0 {
			return netip.AddrPort{}, fmt.Errorf("%q has no closing ]", text)
		}
		host, port = text[1:end], text[end+1:]
		if port != "" && port[0] != ':' {
			return netip.AddrPort{}, fmt.Errorf("%q has no : before the port", text)
		}
		port = strings.TrimPrefix(port, ":")
	case strings.Count(text, ":") == 1:
		host, port, _ = strings.Cut(text, ":")
	}
	if host == "" || host == "*" {
		host = "0.0.0.0"
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not an IP address", host)
	}
	number := uint64(defaultPort)
	if port != "" {
		if number, err = strconv.ParseUint(port, 10, 16); err != nil {
			return netip.AddrPort{}, fmt.Errorf("%q is not a port (0-65535)", port)
		}
	}
	return netip.AddrPortFrom(addr, uint16(number)), nil
}

// Overlaps reports whether two addresses cannot be listened on by one machine
// at the same time: same kind of socket, same family, same port (not 0), and
// one address covers the other. [::] is for IPv6 only (RFC 3493 §5.3).
func (a Address) Overlaps(b Address) bool {
	if (a.Proto == "udp") != (b.Proto == "udp") || a.Addr.Port() != b.Addr.Port() || a.Addr.Port() == 0 {
		return false
	}
	x, y := a.Addr.Addr(), b.Addr.Addr()
	return x == y || x.Is4() == y.Is4() && (x.IsUnspecified() || y.IsUnspecified())
}

// PortRange is an inclusive range of UDP ports.
type PortRange struct{ Min, Max uint16 }

// String prints MIN-MAX.
func (p PortRange) String() string { return fmt.Sprintf("%d-%d", p.Min, p.Max) }

// MarshalText prints MIN-MAX.
func (p PortRange) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText parses MIN-MAX. RTP and RTCP take ports in pairs, so a range
// holds at least four ports.
func (p *PortRange) UnmarshalText(text []byte) error {
	low, high, ok := strings.Cut(string(text), "-")
	from, err1 := strconv.ParseUint(strings.TrimSpace(low), 10, 16)
	to, err2 := strconv.ParseUint(strings.TrimSpace(high), 10, 16)
	if !ok || err1 != nil || err2 != nil || from == 0 {
		return fmt.Errorf("%q is not a range of ports such as 10000-20000", text)
	}
	if to < from+3 {
		return fmt.Errorf("%q holds no two pairs of ports", text)
	}
	*p = PortRange{uint16(from), uint16(to)}
	return nil
}

// External is our address as peers outside our networks should see it:
// "auto" (learnt), "none" (the local address is right), or a literal.
type External struct {
	Auto bool
	Addr netip.Addr // valid if a literal was given
}

// String prints auto, none or the address.
func (e External) String() string {
	switch {
	case e.Auto:
		return "auto"
	case !e.Addr.IsValid():
		return "none"
	default:
		return e.Addr.String()
	}
}

// MarshalText prints auto, none or the address.
func (e External) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText parses auto, none or an IP address.
func (e *External) UnmarshalText(text []byte) error {
	switch string(text) {
	case "auto":
		*e = External{Auto: true}
		return nil
	case "none":
		*e = External{}
		return nil
	}
	addr, err := netip.ParseAddr(string(text))
	if err != nil {
		return fmt.Errorf("%q is neither auto, none nor an IP address", text)
	}
	*e = External{Addr: addr}
	return nil
}
