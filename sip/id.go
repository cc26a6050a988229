package sip

import (
	"crypto/rand"
	"sync"
)

// MagicCookie starts the branch of every transaction of RFC 3261 (§8.1.1.7).
const MagicCookie = "z9hG4bK"

// NewBranch returns a fresh Via branch: the magic cookie and 80 random bits.
func NewBranch() string { return randomText(MagicCookie, 16, "") }

// AppendBranch is NewBranch behind dst.
func AppendBranch(dst []byte) []byte { return appendRandom(append(dst, MagicCookie...), 16) }

// NewTag returns a fresh From or To tag with 80 random bits; RFC 3261 §19.3
// asks for at least 32.
func NewTag() string { return randomText("", 16, "") }

// NewCallID returns a fresh Call-ID with 120 random bits, with "@host" behind
// if host is not empty (RFC 3261 §8.1.1.4).
func NewCallID(host string) string {
	if host != "" {
		host = "@" + host
	}
	return randomText("", 24, host)
}

// NewCSeq returns a first sequence number below 2^31 that leaves room to count
// (RFC 3261 §8.1.1.5).
func NewCSeq() uint32 {
	b := entropy.Get().(*entropyBuffer)
	defer entropy.Put(b)
	p := b.take(2)
	return 1 + (uint32(p[0])<<8|uint32(p[1]))&0x7fff
}

const idAlphabet = "abcdefghijkmnpqrstuvwxyz23456789" // 32 letters, 5 bits each

func randomText(prefix string, n int, suffix string) string {
	var room [64]byte
	return string(append(appendRandom(append(room[:0], prefix...), n), suffix...))
}

func appendRandom(dst []byte, n int) []byte {
	b := entropy.Get().(*entropyBuffer)
	defer entropy.Put(b)
	for _, c := range b.take(n) {
		dst = append(dst, idAlphabet[c&31])
	}
	return dst
}

// entropyBuffer hands out bytes of crypto/rand, read 1 kB at a time because a
// call per identifier costs more than the identifier.
type entropyBuffer struct {
	buf  [1024]byte
	used int
}

func (b *entropyBuffer) take(n int) []byte {
	if b.used+n > len(b.buf) {
		rand.Read(b.buf[:]) // never fails: it ends the program instead
		b.used = 0
	}
	p := b.buf[b.used : b.used+n]
	b.used += n
	return p
}

// entropy holds buffers that no caller shares.
var entropy = sync.Pool{New: func() any { b := new(entropyBuffer); b.used = len(b.buf); return b }}
