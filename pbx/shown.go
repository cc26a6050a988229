package pbx

import "strings"

// Shown are the arguments of an application as people may see them, on the console,
// in records and logs: without the passwords that Authenticate and DISA have, also
// where another application runs these.
func Shown(app, args string) string {
	switch {
	case secretive(app):
		return "…"
	case strings.EqualFold(app, "Exec"), strings.EqualFold(app, "TryExec"), strings.EqualFold(app, "ExecIf"),
		strings.EqualFold(app, "ExecIfTime"), strings.EqualFold(app, "Originate"):
		return mask(args)
	}
	return args
}

// secretive reports whether an application has a password among its arguments.
func secretive(app string) bool {
	return strings.EqualFold(app, "Authenticate") || strings.EqualFold(app, "DISA")
}

// mask hides the arguments of the secretive applications in a text that names them:
// in NAME(…) to the bracket that ends it, in NAME,… to the end.
func mask(text string) string {
	var b strings.Builder
	for {
		at := strings.IndexAny(text, "(,")
		if at < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:at+1])
		word := strings.TrimSpace(text[:at])
		word = word[strings.LastIndexAny(word, "?:,() \t")+1:]
		open := text[at] == '('
		text = text[at+1:]
		if !secretive(word) {
			continue
		}
		b.WriteString("…")
		if !open {
			return b.String()
		}
		text = text[ending(text):]
	}
}

// ending is where the arguments end whose bracket is open: at the bracket that closes it,
// unless more follows at once: then a bracket was part of a password, and what ends it is
// the last one before a colon, a comma, a blank or the end.
func ending(text string) int {
	at := bracket(text)
	for at+1 < len(text) && !strings.ContainsRune(":, \t", rune(text[at+1])) {
		next := strings.IndexByte(text[at+1:], ')')
		if next < 0 {
			return len(text)
		}
		at += 1 + next
	}
	return at
}

// bracket is where the bracket closes that is open at the beginning of a text; its
// length if it does not.
func bracket(text string) int {
	depth := 1
	for i, c := range []byte(text) {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			return i
		}
	}
	return len(text)
}
