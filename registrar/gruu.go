package registrar

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/hometone/hometone/sip"
)

// A public GRUU (RFC 5627 §3.1.1) is the AOR with the instance in the gr
// parameter. A temporary GRUU (§3.1.2) has a user part that nobody else can
// read or make: the AOR, the instance and the Call-ID of the registration,
// sealed with AES-GCM. So none has to be remembered, every REGISTER hands out
// a fresh one, and all of them die when the instance registers under another
// Call-ID (§4.2) or not at all.

const tempPrefix = "tgruu."

// gruuKey is the length of the sealing key in bytes.
const gruuKey = 32

// sealer makes and opens temporary GRUUs.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) (*sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead}, nil
}

func newKey() []byte {
	key := make([]byte, gruuKey)
	_, _ = rand.Read(key) // never fails since Go 1.24
	return key
}

// mark is what a temporary GRUU knows of the instance and the Call-ID: enough
// of a hash to compare.
func mark(s string) string {
	sum := sha256.Sum256([]byte(s))
	return string(sum[:8])
}

func (s *sealer) user(aor, instance, callID string) string {
	plain := mark(instance) + mark(callID) + aor
	return tempPrefix + base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, []byte(plain), nil)) //nolint:gosec // the AEAD makes its own nonce
}

// open returns what user was made of.
func (s *sealer) open(user string) (aor, instance, callID string, ok bool) {
	text, ok := strings.CutPrefix(user, tempPrefix)
	if !ok {
		return "", "", "", false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", "", "", false
	}
	plain, err := s.aead.Open(nil, nil, sealed, nil)
	if err != nil || len(plain) < 16 {
		return "", "", "", false
	}
	return string(plain[16:]), string(plain[:8]), string(plain[8:16]), true
}

// publicGRUU returns the public GRUU of an instance of the AOR in to.
func publicGRUU(to sip.URI, instance string) string {
	u := sip.URI{Scheme: to.Scheme, User: to.User, Host: to.Host, Port: to.Port}
	return u.String() + ";gr=" + sip.EscapeParam(instance)
}

func (s *sealer) temporaryGRUU(to sip.URI, b *Binding) string {
	u := sip.URI{Scheme: to.Scheme, User: s.user(b.AOR, b.Instance, b.CallID), Host: to.Host, Port: to.Port}
	return u.String() + ";gr"
}

// LookupGRUU returns the bindings that a GRUU of ours leads to, as Lookup (RFC
// 5627 §5.2): those of one instance. ok is false if uri is no GRUU of this
// registrar; a GRUU whose instance is not registered has no bindings (480).
// The name of the AOR in the user part is the caller's to find for a public
// GRUU, so it is an argument.
func (r *Registrar) LookupGRUU(uri sip.URI, aor string) (list []Binding, ok bool) {
	instance, ok := uri.GRUU()
	if !ok {
		return nil, false
	}
	fits := func(b *Binding) bool { return b.Instance == instance }
	if instance == "" {
		name, im, cm, valid := r.sealer.Load().open(uri.Username())
		if !valid {
			return nil, false
		}
		aor = name
		fits = func(b *Binding) bool { return mark(b.Instance) == im && mark(b.CallID) == cm }
	}
	for _, b := range r.Lookup(aor) {
		if fits(&b) {
			list = append(list, b)
		}
	}
	return list, true
}

// ownGRUU reports whether uri, a Contact registered for the AOR in to, is a
// GRUU of that AOR, which would lead to itself.
func (r *Registrar) ownGRUU(to, uri sip.URI) bool {
	if !strings.EqualFold(to.Host, uri.Host) {
		return false
	}
	if uri.User == to.User {
		return true
	}
	_, _, _, ok := r.sealer.Load().open(uri.Username())
	return ok
}
