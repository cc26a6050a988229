package pjsip

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config"
)

// str reads a text.
func str[T any](field func(*T) *string) setter[T] {
	return func(o *T, v string) error { *field(o) = v; return nil }
}

// secret reads a password or key.
func secret[T any](field func(*T) *config.Secret) setter[T] {
	return func(o *T, v string) error { *field(o) = config.NewSecret(v); return nil }
}

// list reads a comma-separated list; a later line replaces it.
func list[T any](field func(*T) *[]string) setter[T] {
	return func(o *T, v string) error { *field(o) = commaList(v); return nil }
}

// more reads one value a line and keeps them all.
func more[T any](field func(*T) *[]string) setter[T] {
	return func(o *T, v string) error {
		if v = strings.TrimSpace(v); v != "" {
			*field(o) = append(*field(o), v)
		}
		return nil
	}
}

func commaList(v string) []string {
	var items []string
	for item := range strings.SplitSeq(v, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// boolean reads yes or no.
func boolean[T any](field func(*T) *bool) setter[T] {
	return func(o *T, v string) error {
		if !config.True(v) && !config.False(v) {
			return fmt.Errorf("%q is neither yes nor no", v)
		}
		*field(o) = config.True(v)
		return nil
	}
}

// whole reads a whole number within limits.
func whole[T any](field func(*T) *int, low, high int) setter[T] {
	return func(o *T, v string) error {
		n, err := strconv.Atoi(strings.TrimSpace(v))
		if err != nil {
			return fmt.Errorf("%q is not a whole number", v)
		}
		if n < low || n > high {
			return fmt.Errorf("%d is not between %d and %d", n, low, high)
		}
		*field(o) = n
		return nil
	}
}

// maxSeconds is the longest time an option may name: what fits an Expires
// header (RFC 3261 §20.19).
const maxSeconds = 1<<32 - 1

// seconds reads whole seconds.
func seconds[T any](field func(*T) *time.Duration) setter[T] {
	return func(o *T, v string) error {
		n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 64)
		if err != nil || n > maxSeconds {
			return fmt.Errorf("%q is not a number of seconds", v)
		}
		*field(o) = time.Duration(n) * time.Second
		return nil
	}
}

// fraction reads seconds that may have a fraction.
func fraction[T any](field func(*T) *time.Duration) setter[T] {
	return func(o *T, v string) error {
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err != nil || !(f >= 0 && f <= maxSeconds) {
			return fmt.Errorf("%q is not a number of seconds", v)
		}
		*field(o) = time.Duration(f * float64(time.Second)).Round(time.Millisecond)
		return nil
	}
}

// milliseconds reads whole milliseconds.
func milliseconds[T any](field func(*T) *time.Duration) setter[T] {
	return func(o *T, v string) error {
		n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 32)
		if err != nil {
			return fmt.Errorf("%q is not a number of milliseconds", v)
		}
		*field(o) = time.Duration(n) * time.Millisecond
		return nil
	}
}

// choice reads one of a few words. "a=b" in words makes a another spelling of b.
func choice[T any](field func(*T) *string, words ...string) setter[T] {
	return func(o *T, v string) error {
		for _, word := range words {
			name, meaning, alias := strings.Cut(word, "=")
			if !alias {
				meaning = name
			}
			if strings.EqualFold(strings.TrimSpace(v), name) {
				*field(o) = meaning
				return nil
			}
		}
		return wordError(v, words)
	}
}

// flag is choice where the usual words for yes and no are understood as well.
func flag[T any](field func(*T) *string, words ...string) setter[T] {
	read := choice(field, words...)
	return func(o *T, v string) error {
		switch {
		case config.True(v):
			v = "yes"
		case config.False(v):
			v = "no"
		}
		return read(o, v)
	}
}

func wordError(v string, words []string) error {
	names := make([]string, 0, len(words))
	for _, word := range words {
		name, _, _ := strings.Cut(word, "=")
		names = append(names, name)
	}
	hint := config.DidYouMean(v, names)
	if hint == "" {
		hint = "it is one of " + strings.Join(names, ", ")
	}
	return fmt.Errorf("%q is not known; %s", v, hint)
}

// tos reads a type of service: a number, or the name of a code point; it is
// the value of the whole byte (RFC 2474).
func tos[T any](field func(*T) *int) setter[T] {
	return func(o *T, v string) error {
		name := strings.ToLower(strings.TrimSpace(v))
		if name == "" || config.False(name) && name != "0" {
			*field(o) = -1
			return nil
		}
		for _, p := range codePoints {
			if p.name == name {
				*field(o) = p.code << 2
				return nil
			}
		}
		n, err := strconv.ParseUint(name, 0, 8)
		if err != nil {
			return fmt.Errorf("%q is neither a number from 0 to 255 nor a name such as cs3 or ef", v)
		}
		*field(o) = int(n)
		return nil
	}
}

// codePoints are the differentiated services code points by name (RFC 2474,
// 2597, 3246, 5865, 8622).
var codePoints = [...]struct {
	name string
	code int
}{
	{"cs0", 0}, {"cs1", 8}, {"cs2", 16}, {"cs3", 24}, {"cs4", 32}, {"cs5", 40}, {"cs6", 48}, {"cs7", 56},
	{"af11", 10}, {"af12", 12}, {"af13", 14}, {"af21", 18}, {"af22", 20}, {"af23", 22}, {"af31", 26}, {"af32", 28},
	{"af33", 30}, {"af41", 34}, {"af42", 36}, {"af43", 38}, {"ef", 46}, {"va", 44}, {"le", 1},
}

// cos reads a class of service, 0 to 7.
func cos[T any](field func(*T) *int) setter[T] {
	return func(o *T, v string) error {
		if config.False(v) && strings.TrimSpace(v) != "0" {
			*field(o) = -1
			return nil
		}
		return whole(field, 0, 7)(o, v)
	}
}

// networks reads networks and keeps those of all lines.
func networks[T any](field func(*T) *[]netip.Prefix) setter[T] {
	return func(o *T, v string) error {
		for _, item := range commaList(v) {
			p, err := parseNetwork(item)
			if err != nil {
				return err
			}
			*field(o) = append(*field(o), p)
		}
		return nil
	}
}

// parseNetwork reads ADDRESS, ADDRESS/BITS or ADDRESS/MASK.
func parseNetwork(v string) (netip.Prefix, error) {
	host, mask, masked := strings.Cut(v, "/")
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not an IP address or network", v)
	}
	bits := addr.BitLen()
	if masked {
		if bits, err = parseMask(mask, bits); err != nil {
			return netip.Prefix{}, fmt.Errorf("network %q: %w", v, err)
		}
	}
	return netip.PrefixFrom(addr, bits).Masked(), nil
}

func parseMask(mask string, most int) (int, error) {
	if n, err := strconv.Atoi(mask); err == nil {
		if n < 0 || n > most {
			return 0, fmt.Errorf("%d bits are out of range", n)
		}
		return n, nil
	}
	m, err := netip.ParseAddr(mask)
	if err != nil || m.BitLen() != most {
		return 0, fmt.Errorf("%q is not a mask", mask)
	}
	bits := 0
	for _, b := range m.AsSlice() {
		for i := 7; i >= 0; i-- {
			if b>>i&1 == 1 {
				bits++
			}
		}
	}
	if netip.PrefixFrom(m, bits).Masked().Addr() != m {
		return 0, fmt.Errorf("mask %s has a gap", mask)
	}
	return bits, nil
}

// rules reads networks to permit or deny, in the order of the lines. A ! before
// a network turns the meaning around.
func rules[T any](field func(*T) *[]ACLRule, permit bool) setter[T] {
	return func(o *T, v string) error {
		for _, item := range commaList(v) {
			text, negated := strings.CutPrefix(item, "!")
			p, err := parseNetwork(text)
			if err != nil {
				return err
			}
			*field(o) = append(*field(o), ACLRule{Permit: permit != negated, Net: p})
		}
		return nil
	}
}

// rank says what becomes of a codec that a file names.
type rank uint8

const (
	inAll   rank = iota // used, and part of all
	byName              // used where it is named
	lacking             // cannot be negotiated: kept in Missing
)

// codecs Asterisk knows by name, in the order in which all has them.
var codecs = [...]struct {
	name string
	rank rank
}{
	{"codec2", inAll}, {"g723", inAll}, {"ulaw", inAll}, {"alaw", inAll}, {"gsm", inAll}, {"g726", inAll}, {"g726aal2", inAll},
	{"adpcm", inAll}, {"slin", inAll}, {"slin12", inAll}, {"slin16", inAll}, {"slin24", inAll}, {"slin32", inAll}, {"slin44", inAll},
	{"slin48", inAll}, {"slin96", inAll}, {"slin192", lacking}, {"lpc10", inAll}, {"g729", inAll}, {"speex", inAll}, {"speex16", inAll},
	{"speex32", inAll}, {"ilbc", inAll}, {"g722", inAll}, {"siren7", inAll}, {"siren14", inAll}, {"testlaw", lacking}, {"g719", inAll},
	{"opus", inAll}, {"silk8", byName}, {"silk12", byName}, {"silk16", byName}, {"silk24", byName}, {"jpeg", inAll}, {"png", lacking},
	{"h261", inAll}, {"h263", inAll}, {"h263p", inAll}, {"h264", inAll}, {"h265", inAll}, {"mpeg4", inAll}, {"vp8", inAll}, {"vp9", inAll},
	{"av1", byName}, {"t140", lacking}, {"t140red", lacking}, {"t38", lacking}, {"none", lacking},
}

// Codecs are the names that Endpoint.Codecs can have.
func Codecs() []string {
	var names []string
	for _, c := range codecs {
		if c.rank != lacking {
			names = append(names, c.name)
		}
	}
	return names
}

func codecNames() []string {
	names := make([]string, len(codecs))
	for i, c := range codecs {
		names[i] = c.name
	}
	return names
}

// allow reads lines of allow and disallow in their order: names, all, and ! to
// take away. Codecs that Hometone cannot negotiate are kept in Missing.
func allow(permit bool) setter[Endpoint] {
	return func(e *Endpoint, v string) error {
		for _, item := range commaList(v) {
			name, negated := strings.CutPrefix(strings.ToLower(item), "!")
			name, _, _ = strings.Cut(name, ":") // NAME:MILLISECONDS asks for a packet length
			if err := e.allowCodec(name, permit != negated); err != nil {
				return err
			}
		}
		return nil
	}
}

func (e *Endpoint) allowCodec(name string, permit bool) error {
	if name == "all" {
		e.Codecs, e.Missing = nil, nil
		for _, c := range codecs {
			if permit && c.rank == inAll {
				e.Codecs = append(e.Codecs, c.name)
			}
		}
		return nil
	}
	for _, c := range codecs {
		if c.name != name {
			continue
		}
		list := &e.Codecs
		if c.rank == lacking {
			list = &e.Missing
		}
		*list = slices.DeleteFunc(*list, func(c string) bool { return c == name })
		if permit {
			*list = append(*list, name)
		}
		return nil
	}
	return wordError(name, codecNames())
}
