package siptest

import (
	"fmt"
	"strings"
	"time"
)

// A line is one parsed line of a script.
type line struct {
	number int
	text   string // as written, without the sentence
	why    string // the sentence behind "#"
	peer   string // "" = the only one
	verb   verb
	words  []string // what stands behind the arrow, or the argument
	parts  []part
}

type verb uint8

const (
	verbSend verb = iota + 1
	verbExpect
	verbMaybe
	verbDo
	verbPause
	verbSilence
)

// part is one condition or field behind a "|".
type part struct {
	name  string // without sign and colon
	value string
	sign  byte // '+', '-' or 0
	given bool // there was a colon
}

// parse reads a script. Errors carry the line number.
func parse(script string) ([]line, error) {
	var list []line
	for n, text := range strings.Split(script, "\n") {
		l, err := parseLine(text)
		if err != nil {
			return nil, fmt.Errorf("siptest: line %d: %q: %w", n+1, text, err)
		}
		if l.verb != 0 {
			l.number = n + 1
			list = append(list, l)
		}
	}
	return list, nil
}

func parseLine(text string) (l line, err error) {
	text, l.why = splitWhy(text)
	l.text = strings.TrimSpace(text)
	if l.text == "" {
		return l, nil
	}
	head, rest, _ := strings.Cut(l.text, " | ")
	words := strings.Fields(head)
	if words[0] == "do" || words[0] == "pause" {
		l.verb = map[string]verb{"do": verbDo, "pause": verbPause}[words[0]]
		l.words = words[1:]
		if len(l.words) != 1 {
			return l, fmt.Errorf("%s takes one word", words[0])
		}
		return l, nil
	}
	arrows := map[string]verb{"->": verbSend, "<-": verbExpect, "<-?": verbMaybe, "silence": verbSilence}
	if arrows[words[0]] == 0 {
		l.peer, words = words[0], words[1:]
	}
	if len(words) < 2 || arrows[words[0]] == 0 {
		return l, fmt.Errorf("want an arrow and a message")
	}
	l.verb, l.words = arrows[words[0]], words[1:]
	for p := range strings.SplitSeq(rest, " | ") {
		if p = strings.TrimSpace(p); p != "" {
			l.parts = append(l.parts, parsePart(p))
		}
	}
	return l, nil
}

// splitWhy cuts the sentence: a "#" after a space, so that URIs may hold one.
func splitWhy(text string) (rest, why string) {
	if strings.HasPrefix(strings.TrimSpace(text), "#") {
		return "", ""
	}
	rest, why, ok := strings.Cut(text, " # ")
	if !ok {
		rest, why, _ = strings.Cut(text, "\t# ")
	}
	return rest, strings.TrimSpace(why)
}

func parsePart(s string) (p part) {
	if s[0] == '+' || s[0] == '-' {
		p.sign, s = s[0], s[1:]
	}
	name, value, given := strings.Cut(s, ":")
	p.name, p.value, p.given = strings.TrimSpace(name), strings.TrimSpace(value), given
	return p
}

// get returns the part with this name.
func (l *line) get(name string) (part, bool) {
	for _, p := range l.parts {
		if p.name == name {
			return p, true
		}
	}
	return part{}, false
}

// duration reads a part that holds a time.
func (l *line) duration(name string, otherwise time.Duration) time.Duration {
	if p, ok := l.get(name); ok {
		if d, err := time.ParseDuration(p.value); err == nil {
			return d
		}
	}
	return otherwise
}

// control are the parts that are no header fields.
func control(name string) bool {
	switch name {
	case "uri", "reason", "sdp", "body", "nobody", "new", "call", "within", "after":
		return true
	}
	return false
}
