package config

import (
	"fmt"
	"io"
)

// Secret is a password or key from a configuration. It never prints itself:
// every verb of fmt, slog, JSON and YAML shows "[secret]". Reveal is the only
// way to the value, so that each use can be found by name.
type Secret struct{ value string }

const secretMask = "[secret]"

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether no secret is set.
func (s Secret) IsZero() bool { return s.value == "" }

// String returns "[secret]", or "" if none is set.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return secretMask
}

// Format masks the secret under every verb, %#v and wrong ones included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText masks the secret in JSON, YAML and slog output.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
