package dialplan

import "strings"

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokValue
	tokOpen
	tokClose
	tokComma
	tokCondition
	tokElse
	tokOr
	tokAnd
	tokEqual
	tokNotEqual
	tokLess
	tokLessEqual
	tokGreater
	tokGreaterEqual
	tokPlus
	tokMinus
	tokMultiply
	tokDivide
	tokRemainder
	tokNot
	tokMatch
	tokSearch
	tokJoin
)

// token is one word of an expression.
type token struct {
	kind    tokenKind
	text    string
	numeral bool // digits, perhaps with one point and digits
}

func (t token) value() value {
	if t.numeral {
		return value{str: t.text, kind: isNumeral}
	}
	return value{str: t.text}
}

func (t token) describe() string {
	if t.kind == tokEnd {
		return "end"
	}
	return "'" + clip(t.text) + "'"
}

// strength returns how tightly a binary operator binds, 0 for other tokens.
func (t token) strength() int {
	switch t.kind {
	case tokCondition:
		return precCondition
	case tokOr:
		return precOr
	case tokAnd:
		return precAnd
	case tokEqual, tokNotEqual, tokLess, tokLessEqual, tokGreater, tokGreaterEqual:
		return precCompare
	case tokPlus, tokMinus:
		return precSum
	case tokMultiply, tokDivide, tokRemainder:
		return precProduct
	case tokMatch, tokSearch, tokJoin:
		return precMatch
	}
	return 0
}

// operators in order of trial: the longer ones first.
var operators = [...]struct {
	text string
	kind tokenKind
}{
	{"||", tokOr}, {"&&", tokAnd}, {"==", tokEqual}, {"=~", tokSearch}, {"~~", tokJoin}, {">=", tokGreaterEqual},
	{"<=", tokLessEqual}, {"!=", tokNotEqual}, {"::", tokElse},
	{"|", tokOr}, {"&", tokAnd}, {"=", tokEqual}, {">", tokGreater}, {"<", tokLess}, {"+", tokPlus}, {",", tokComma},
	{"-", tokMinus}, {"*", tokMultiply}, {"/", tokDivide}, {"%", tokRemainder}, {"?", tokCondition}, {"!", tokNot},
	{":", tokMatch}, {"(", tokOpen}, {")", tokClose},
}

// scanner cuts an expression into tokens. Characters that belong to none,
// such as brackets, are passed over, as Asterisk does.
type scanner struct {
	source string
	at     int
}

func (s *scanner) next() token {
	for s.at < len(s.source) {
		rest := s.source[s.at:]
		if rest[0] == '"' {
			if end := strings.IndexByte(rest[1:], '"'); end >= 0 {
				s.at += end + 2
				return token{kind: tokValue, text: rest[:end+2]}
			}
		}
		if n := wordLength(rest); n > 0 {
			s.at += n
			return token{kind: tokValue, text: rest[:n], numeral: isNumeralWord(rest[:n])}
		}
		for _, op := range operators {
			if strings.HasPrefix(rest, op.text) {
				s.at += len(op.text)
				return token{kind: op.kind, text: op.text}
			}
		}
		s.at++
	}
	return token{}
}

// wordLength returns the length of the word s begins with. A variable that
// was not substituted belongs to its word as a whole.
func wordLength(s string) int {
	i := 0
	for i < len(s) {
		switch {
		case wordByte(s[i]):
			i++
		case strings.HasPrefix(s[i:], "${"):
			_, after, _ := enclosed(s[i+2:], '{')
			i = len(s) - len(after)
		case s[i] == '$' && i+1 < len(s):
			i += 2
		default:
			return i
		}
	}
	return i
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80 || strings.IndexByte(`.';\_^#@`, c) >= 0
}

func isNumeralWord(s string) bool {
	whole, fraction, point := strings.Cut(s, ".")
	return digits(whole) && (!point || digits(fraction))
}

func digits(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
