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
type mint struct{ seals sync.Pool } // of *seal

// seal is a keyed hash with the memory of one nonce, which would otherwise be
// allocated for each, since it passes through an interface.
type seal struct {
	hash  hash.Hash
	realm []byte
	raw   [nonceClear + sha256.Size]byte
	text  [nonceText]byte
	sum   [sha256.Size]byte
}

func newMint(realm string, key []byte) *mint {
	key = append([]byte(nil), key...)
	if len(key) == 0 {
		key = make([]byte, 32)
		rand.Read(key) // never fails: it ends the program instead
	}
	return &mint{seals: sync.Pool{New: func() any {
		return &seal{hash: hmac.New(sha256.New, key), realm: []byte(realm)}
	}}}
}

// mac appends the HMAC of the clear part of raw and the realm to dst.
func (s *seal) mac(dst []byte) []byte {
	s.hash.Reset()
	s.hash.Write(s.raw[:nonceClear])
	s.hash.Write(s.realm)
	return s.hash.Sum(dst)
}

// issue returns a fresh nonce.
func (m *mint) issue(now time.Time) string {
	s := m.seals.Get().(*seal)
	defer m.seals.Put(s)
	binary.BigEndian.PutUint64(s.raw[:8], uint64(now.UnixMilli()))
	rand.Read(s.raw[8:nonceClear])
	s.mac(s.raw[:nonceClear])
	base64.RawURLEncoding.Encode(s.text[:], s.raw[:nonceBytes])
	return string(s.text[:])
}

// check tells whether we issued the nonce, and when.
func (m *mint) check(nonce string) (id nonceID, issued time.Time, ok bool) {
	if len(nonce) != nonceText {
		return id, issued, false
	}
	s := m.seals.Get().(*seal)
	defer m.seals.Put(s)
	copy(s.text[:], nonce)
	n, err := base64.RawURLEncoding.Decode(s.raw[:], s.text[:])
	if err != nil || n != nonceBytes {
		return id, issued, false
	}
	sum := s.mac(s.sum[:0])
	if !hmac.Equal(sum[:nonceBytes-nonceClear], s.raw[nonceClear:nonceBytes]) {
		return id, issued, false
	}
	copy(id[:], s.raw[:nonceClear])
	return id, time.UnixMilli(int64(binary.BigEndian.Uint64(s.raw[:8]))), true
}
