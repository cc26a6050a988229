package dialplan

import (
	"crypto/md5"  //nolint:gosec // the dialplan function MD5 is what it says
	"crypto/sha1" //nolint:gosec // the dialplan function SHA1 is what it says
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

func length(_ *Env, args string) (string, error) { return strconv.Itoa(len(args)), nil }

func exists(_ *Env, args string) (string, error) { return oneIf(args != ""), nil }

func isNull(_ *Env, args string) (string, error) { return oneIf(args == ""), nil }

func passThrough(_ *Env, args string) (string, error) { return args, nil }

func toLower(_ *Env, args string) (string, error) { return asciiMap(args, 'A', 'Z', 32), nil }

func toUpper(_ *Env, args string) (string, error) { return asciiMap(args, 'a', 'z', -32), nil }

// asciiMap shifts ASCII letters and leaves every other byte alone.
func asciiMap(s string, from, to byte, by int) string {
	b := []byte(s)
	for i, c := range b {
		if c >= from && c <= to {
			b[i] = byte(int(c) + by)
		}
	}
	return string(b)
}

func trim(left, right bool) func(*Env, string) (string, error) {
	return func(_ *Env, args string) (string, error) {
		const blanks = " \t\r\n"
		if left {
			args = strings.TrimLeft(args, blanks)
		}
		if right {
			args = strings.TrimRight(args, blanks)
		}
		return args, nil
	}
}

func md5Sum(_ *Env, args string) (string, error) {
	sum := md5.Sum([]byte(args)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:]), nil
}

func sha1Sum(_ *Env, args string) (string, error) {
	sum := sha1.Sum([]byte(args)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:]), nil
}

func base64Encode(_ *Env, args string) (string, error) {
	return base64.StdEncoding.EncodeToString([]byte(args)), nil
}

// base64Decode decodes as much as is base64.
func base64Decode(_ *Env, args string) (string, error) {
	args = strings.TrimRight(args, "=")
	if i := strings.IndexFunc(args, func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", r)
	}); i >= 0 {
		args = args[:i]
	}
	if len(args)%4 == 1 {
		args = args[:len(args)-1]
	}
	data, err := base64.RawStdEncoding.DecodeString(args)
	return string(data), err
}

// uriEncode keeps letters, digits and the marks of RFC 2396 §2.3.
func uriEncode(_ *Env, args string) (string, error) {
	var b strings.Builder
	for i := range len(args) {
		c := args[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.!~*'()", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String(), nil
}

func uriDecode(_ *Env, args string) (string, error) {
	b := make([]byte, 0, len(args))
	for i := 0; i < len(args); i++ {
		if args[i] == '%' && i+2 < len(args) {
			if n, err := strconv.ParseUint(args[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(n))
				i += 2
				continue
			}
		}
		b = append(b, args[i])
	}
	return string(b), nil
}

// quote puts text into quotes, with \ before quotes and backslashes.
func quote(_ *Env, args string) (string, error) {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(args) + `"`, nil
}

// csvQuote doubles quotes (RFC 4180 §2).
func csvQuote(_ *Env, args string) (string, error) {
	return `"` + strings.ReplaceAll(args, `"`, `""`) + `"`, nil
}

// keypadHash maps letters as ITU-T E.161 prints them on the keys.
func keypadHash(_ *Env, args string) (string, error) {
	const keys = "22233344455566677778889999"
	var b strings.Builder
	for _, c := range []byte(asciiMap(args, 'a', 'z', -32)) {
		switch {
		case c >= 'A' && c <= 'Z':
			b.WriteByte(keys[c-'A'])
		case c >= '0' && c <= '9':
			b.WriteByte(c)
		case c == ' ', c == '1':
			b.WriteByte('1')
		}
	}
	return b.String(), nil
}

// escaped reads the first character of s, which may be \n, \r, \t, \xHH or \
// before any other, and returns it with what follows.
func escaped(s string) (c byte, rest string) {
	if s[0] != '\\' || len(s) == 1 {
		return s[0], s[1:]
	}
	switch s[1] {
	case 'n':
		return '\n', s[2:]
	case 'r':
		return '\r', s[2:]
	case 't':
		return '\t', s[2:]
	case 'x':
		end := 2
		for end < len(s) && end < 4 && strings.IndexByte("0123456789abcdefABCDEF", s[end]) >= 0 {
			end++
		}
		if n, err := strconv.ParseUint(s[2:end], 16, 8); err == nil {
			return byte(n), s[end:]
		}
	}
	return s[1], s[2:]
}

// unescape reads a whole text with escapes.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for s != "" {
		var c byte
		c, s = escaped(s)
		b = append(b, c)
	}
	return string(b)
}

// filter is FILTER(ALLOWED,TEXT): characters, a-z ranges and escapes.
func filter(_ *Env, args string) (string, error) {
	at := separatorAt(args)
	if at < 0 {
		return "", fmt.Errorf("write FILTER(ALLOWED,TEXT)")
	}
	var allowed charset
	for list := args[:at]; list != ""; {
		var from byte
		from, list = escaped(list)
		to := from
		if len(list) > 1 && list[0] == '-' {
			to, list = escaped(list[1:])
		}
		if from <= to {
			allowed.addRange(from, to)
		}
	}
	b := make([]byte, 0, len(args)-at)
	for _, c := range []byte(args[at+1:]) {
		if allowed.has(c) {
			b = append(b, c)
		}
	}
	return string(b), nil
}

// separatorAt finds the first comma that no backslash precedes.
func separatorAt(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ',':
			return i
		}
	}
	return -1
}

// regex is REGEX("EXPRESSION" TEXT).
func regex(_ *Env, args string) (string, error) {
	_, after, ok := strings.Cut(args, `"`)
	end := strings.LastIndexByte(after, '"')
	if !ok || end < 0 {
		return "", fmt.Errorf(`write REGEX("EXPRESSION" TEXT)`)
	}
	if first := strings.IndexByte(after, '"'); first >= 0 {
		end = first
	}
	re, err := compileRegexp(after[:end])
	if err != nil {
		return "", err
	}
	subject := after[end+1:]
	if subject != "" && (subject[0] == ' ' || subject[0] == '\t') {
		subject = subject[1:]
	}
	return oneIf(re.MatchString(subject)), nil
}

// replace is REPLACE(VARIABLE,CHARACTERS[,CHARACTER]).
func replace(e *Env, args string) (string, error) {
	list, err := rawArgs(args, 2, 3, "REPLACE(VARIABLE,CHARACTERS[,CHARACTER])")
	if err != nil {
		return "", err
	}
	find, with := unescape(list[1]), unescape(list[2])
	if find == "" {
		return "", fmt.Errorf("REPLACE: no characters to find")
	}
	var b strings.Builder
	for _, c := range []byte(e.Get(list[0])) {
		switch {
		case strings.IndexByte(find, c) < 0:
			b.WriteByte(c)
		case with != "":
			b.WriteByte(with[0])
		}
	}
	return b.String(), nil
}

// stringReplace is STRREPLACE(VARIABLE,FIND[,WITH[,COUNT]]).
func stringReplace(e *Env, args string) (string, error) {
	list, err := rawArgs(args, 2, 4, "STRREPLACE(VARIABLE,FIND[,WITH[,COUNT]])")
	if err != nil {
		return "", err
	}
	count := -1
	if list[3] != "" {
		n, ok := leadingInt(list[3])
		if !ok || n < 1 {
			return "", fmt.Errorf("STRREPLACE: %q is not a count", list[3])
		}
		count = n
	}
	find := unescape(list[1])
	if find == "" {
		return "", fmt.Errorf("STRREPLACE: no text to find")
	}
	value, with := e.Get(list[0]), unescape(list[2])
	if n := strings.Count(value, find); n > 0 && n*len(with) > e.limits.Variable {
		return "", fmt.Errorf("STRREPLACE: result is over the limit of %d bytes", e.limits.Variable)
	}
	return strings.Replace(value, find, with, count), nil
}

// rawArgs splits at commas that no backslash precedes and leaves quotes and
// escapes alone.
func rawArgs(s string, least, most int, form string) ([]string, error) {
	var list []string
	for len(list)+1 < most {
		at := separatorAt(s)
		if at < 0 {
			break
		}
		list = append(list, s[:at])
		s = s[at+1:]
	}
	list = append(list, s)
	if len(list) < least || list[0] == "" {
		return nil, fmt.Errorf("write %s", form)
	}
	for len(list) < most {
		list = append(list, "")
	}
	return list, nil
}

// ifElse is IF(CONDITION?[TRUE][:FALSE]).
func ifElse(_ *Env, args string) (string, error) {
	parts := SplitArgs(args, '?', 2)
	if len(parts) < 2 || strings.TrimSpace(parts[0]) == "" {
		return "", fmt.Errorf("write IF(CONDITION?TRUE:FALSE)")
	}
	_, branches, _ := strings.Cut(args, "?")
	return either(Condition(strings.TrimSpace(parts[0])), branches), nil
}

// ifTime is IFTIME(TIMES,WEEKDAYS,MDAYS,MONTHS[,ZONE]?[TRUE][:FALSE]).
func ifTime(e *Env, args string) (string, error) {
	spec, branches, ok := strings.Cut(args, "?")
	if !ok {
		return "", fmt.Errorf("write IFTIME(TIMES,WEEKDAYS,MDAYS,MONTHS?TRUE:FALSE)")
	}
	t, err := ParseTiming(spec)
	if err != nil {
		return "", err
	}
	return either(t.Includes(e.now()), branches), nil
}

func either(holds bool, branches string) string {
	parts := SplitArgs(branches, ':', 2)
	if holds {
		return arg(parts, 0)
	}
	return arg(parts, 1)
}
