package state

import "strings"

// maxKey is the longest key in bytes; escaping may triple it on the wire.
const maxKey = 512

// subject turns a key into the subject it is stored under: prefix plus the key
// with every byte that a subject cannot carry, and the escape sign itself,
// written as %XX. A single '.' between other characters stays, so keys like
// queue.support.3 form a hierarchy that WatchPrefix can follow.
func subject(prefix, key string) (string, error) {
	if key == "" || len(key) > maxKey {
		return "", ErrKey
	}
	var b strings.Builder
	b.Grow(len(prefix) + len(key))
	b.WriteString(prefix)
	for i := range len(key) {
		c := key[i]
		if plain(c) || c == '.' && i > 0 && i < len(key)-1 && key[i-1] != '.' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
	return b.String(), nil
}

const hexDigits = "0123456789ABCDEF"

func plain(c byte) bool {
	switch c {
	case '%', '.', '*', '>', '$':
		return false
	}
	return c > ' ' && c < 0x7f
}

// keyOf is the inverse of subject, without the prefix.
func keyOf(escaped string) string {
	if !strings.Contains(escaped, "%") {
		return escaped
	}
	b := make([]byte, 0, len(escaped))
	for i := 0; i < len(escaped); i++ {
		if escaped[i] == '%' && i+2 < len(escaped) {
			b = append(b, unhex(escaped[i+1])<<4|unhex(escaped[i+2]))
			i += 2
			continue
		}
		b = append(b, escaped[i])
	}
	return string(b)
}

func unhex(c byte) byte {
	if c >= 'A' {
		return c - 'A' + 10
	}
	return c - '0'
}
