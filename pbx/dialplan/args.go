package dialplan

import "strings"

// Args splits an application's arguments as Asterisk does: at commas outside
// quotes, parentheses and, for expressions that were kept, brackets. Quotes
// are removed and a backslash keeps the character after it. With most > 0 the
// last argument is the whole rest.
func Args(s string, most int) []string { return SplitArgs(s, ',', most) }

// SplitArgs is Args with another separator.
func SplitArgs(s string, separator byte, most int) []string {
	if s == "" {
		return nil
	}
	var list []string
	start, depth, quoted, literal := 0, 0, false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			literal = true
			i++
		case c == '"':
			quoted, literal = !quoted, true
		case quoted:
		case c == '(' || c == '[':
			depth++
		case (c == ')' || c == ']') && depth > 0:
			depth--
		case c == separator && depth == 0 && (most <= 0 || len(list)+1 < most):
			list = append(list, unquote(s[start:i], literal))
			start, literal = i+1, false
		}
	}
	return append(list, unquote(s[start:], literal))
}

// unquote removes quotes and the backslashes before other characters.
func unquote(s string, needed bool) string {
	if !needed {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b = append(b, s[i])
		case s[i] == '"':
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}

// arg returns the i-th argument without surrounding blanks, or "".
func arg(list []string, i int) string {
	if i >= len(list) {
		return ""
	}
	return strings.TrimSpace(list[i])
}

// Condition is how GotoIf and its relatives read a condition: empty is false,
// text that begins with a number is false if that is zero, other text is true.
func Condition(s string) bool {
	if s == "" {
		return false
	}
	if n, ok := leadingInt(s); ok {
		return n != 0
	}
	return true
}
