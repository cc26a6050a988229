package dialplan

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"strings"
)

// charset is a set of bytes.
type charset [4]uint64

func (s *charset) add(c byte) { s[c>>6] |= 1 << (c & 63) }

func (s *charset) has(c byte) bool { return s[c>>6]>>(c&63)&1 == 1 }

func (s *charset) len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

func (s *charset) addRange(from, to byte) {
	for c := int(from); c <= int(to); c++ {
		s.add(byte(c))
	}
}

// compare orders sets by how specific they are: the smaller set first, then
// the one with the lower first character, then the one that has the lowest
// character in which they differ.
func (s *charset) compare(t *charset) int {
	if n := cmp.Compare(s.len(), t.len()); n != 0 {
		return n
	}
	for i := range s {
		if differ := s[i] ^ t[i]; differ != 0 {
			if s[i]&(differ&-differ) != 0 {
				return -1
			}
			return 1
		}
	}
	return 0
}

// tail says how a pattern ends.
type tail uint8

const (
	exact tail = iota // at its last character
	rest              // with . : one character or more of any kind
	early             // with ! : any characters, and matched as soon as possible
)

// pattern is a compiled extension name that began with _.
type pattern struct {
	sets []charset
	tail tail
}

// compilePattern reads the part of a pattern after the underscore. X, Z and N
// stand for 0-9, 1-9 and 2-9 in either case; [ ] lists characters and ranges;
// blanks and dashes outside brackets do not count. What follows . or ! has no
// meaning; trailing reports that there is such text.
func compilePattern(text string) (p pattern, trailing string, err error) {
	for i := 0; i < len(text); i++ {
		var set charset
		switch c := text[i]; c {
		case ' ', '-':
			continue
		case 'X', 'x':
			set.addRange('0', '9')
		case 'Z', 'z':
			set.addRange('1', '9')
		case 'N', 'n':
			set.addRange('2', '9')
		case '.':
			p.tail = rest
			return p, text[i+1:], nil
		case '!':
			p.tail = early
			return p, text[i+1:], nil
		case '[':
			end := strings.IndexByte(text[i:], ']')
			if end < 0 {
				return p, "", errors.New("[ is not closed by ]")
			}
			if err := set.addList(text[i+1 : i+end]); err != nil {
				return p, "", err
			}
			i += end
		default:
			set.add(c)
		}
		p.sets = append(p.sets, set)
	}
	return p, "", nil
}

// addList adds the characters and ranges between brackets.
func (s *charset) addList(list string) error {
	if list == "" {
		return errors.New("[] holds no character, so it never matches")
	}
	for i := 0; i < len(list); i++ {
		if i+2 < len(list) && list[i+1] == '-' {
			if list[i] > list[i+2] {
				return fmt.Errorf("range %s runs backwards, so it never matches", list[i:i+3])
			}
			s.addRange(list[i], list[i+2])
			i += 2
			continue
		}
		s.add(list[i])
	}
	return nil
}

// match reports whether the pattern fits the whole of data. Dashes in data do
// not count.
func (p pattern) match(data string) bool {
	n := 0
	for i := range len(data) {
		if data[i] == '-' {
			continue
		}
		if n == len(p.sets) {
			return p.tail != exact
		}
		if !p.sets[n].has(data[i]) {
			return false
		}
		n++
	}
	return n == len(p.sets) && p.tail != rest
}

// compare puts the more specific pattern first: at the first place in which
// they differ, characters before ., . before !, ! before the end.
func (p pattern) compare(q pattern) int {
	for i := range min(len(p.sets), len(q.sets)) {
		if c := p.sets[i].compare(&q.sets[i]); c != 0 {
			return c
		}
	}
	if len(p.sets) == len(q.sets) {
		return cmp.Compare(p.tail.order(), q.tail.order())
	}
	return cmp.Compare(len(q.sets), len(p.sets))
}

func (t tail) order() int {
	switch t {
	case rest:
		return 0
	case early:
		return 1
	default:
		return 2
	}
}

// plainName removes what does not count in a pattern: blanks and dashes
// outside brackets. Two patterns that differ only in these are one.
func plainName(name string) string {
	if !strings.HasPrefix(name, "_") || !strings.ContainsAny(name, " -") {
		return name
	}
	var b strings.Builder
	inside := false
	for _, c := range []byte(name) {
		switch c {
		case '[':
			inside = true
		case ']':
			inside = false
		case ' ', '-':
			if !inside {
				continue
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}
