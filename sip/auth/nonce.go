package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"sync"
	"time"
)

// A nonce is base64url of: 8 bytes time in Unix milliseconds, 8 random bytes,
// 16 bytes of HMAC-SHA-256 over both and the realm (RFC 7616 §3.3 and §5.4).
const (
	nonceBytes = 32
	nonceClear = 16
	nonceText  = 43 // of base64url without padding
)

// nonceID identifies a nonce in the replay window.
type nonceID [nonceClear]byte

// mint makes nonces and knows its own. It is safe for concurrent use.
type mint struct {
	realm string
	macs  sync.Pool // of hash.Hash, keyed
}

func newMint(realm string, key []byte) *mint {
	key = append([]byte(nil), key...)
	if len(key) == 0 {
		key = make([]byte, 32)
		rand.Read(key) // never fails: it ends the program instead
	}
	return &mint{realm: realm, macs: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (m *mint) mac(dst, clear []byte) []byte {
	h := m.macs.Get().(hash.Hash)
	h.Reset()
	h.Write(clear)
	h.Write([]byte(m.realm))
	dst = h.Sum(dst)
	m.macs.Put(h)
	return dst
}

// issue returns a fresh nonce.
func (m *mint) issue(now time.Time) string {
	var raw [nonceClear + sha256.Size]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(now.UnixMilli()))
	rand.Read(raw[8:nonceClear])
	m.mac(raw[:nonceClear], raw[:nonceClear])
	return base64.RawURLEncoding.EncodeToString(raw[:nonceBytes])
}

// check tells whether we issued the nonce, and when.
func (m *mint) check(nonce string) (id nonceID, issued time.Time, ok bool) {
	var raw [nonceBytes + 4]byte
	if len(nonce) != nonceText {
		return id, issued, false
	}
	n, err := base64.RawURLEncoding.Decode(raw[:], []byte(nonce))
	if err != nil || n != nonceBytes {
		return id, issued, false
	}
	var sum [sha256.Size]byte
	m.mac(sum[:0], raw[:nonceClear])
	if !hmac.Equal(sum[:nonceBytes-nonceClear], raw[nonceClear:nonceBytes]) {
		return id, issued, false
	}
	copy(id[:], raw[:nonceClear])
	return id, time.UnixMilli(int64(binary.BigEndian.Uint64(raw[:8]))), true
}
