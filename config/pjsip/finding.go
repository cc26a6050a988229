package pjsip

import "github.com/hometone/hometone/config"

// subject is what a finding is about: an object, or one option of it.
// Findings of one text about one option of one kind of object are the same.
type subject struct {
	at         config.Pos
	kind, name string
	about      string // option, or what else tells findings apart
}

// on returns the subject of a finding about an option of an object, where the
// file sets it.
func on(o *Object, kind, option string) subject {
	if option == "" {
		return subject{o.Pos, kind, o.Name, ""}
	}
	return subject{o.At(option), kind, o.Name, option}
}

// findingKey tells findings that are the same from others.
type findingKey struct{ kind, about, format string }

// key returns what config.Findings tell them apart by.
func (l *loader) key(s subject, format string) string {
	k := findingKey{s.kind, s.about, format}
	key, known := l.keys[k]
	if !known {
		if l.keys == nil {
			l.keys = map[findingKey]string{}
		}
		key = s.kind + "\x00" + s.about + "\x00" + format
		if len(l.keys) < maxKeys {
			l.keys[k] = key
		}
	}
	return key
}

// maxKeys bounds the keys kept: what a finding is about can be a word of the
// file.
const maxKeys = 10_000

// report keeps a finding. Its text is KIND [NAME] and what format makes.
func (l *loader) report(severity config.Severity, trap string, s subject, hint, format string, args ...any) {
	key := l.key(s, format)
	p := config.Problem{File: s.at.File, Line: s.at.Line, Column: s.at.Column, Severity: severity, Trap: trap, Hint: hint}
	if !l.findings.Told(key) {
		p.Text = "[" + s.name + "]" + s.at.Problem(severity, "", format, args...).Text
		if s.kind != "" {
			p.Text = s.kind + " " + p.Text
		}
	}
	l.findings.Add(key, s.name, p)
}

func (l *loader) errorf(s subject, hint, format string, args ...any) {
	l.report(config.Error, "", s, hint, format, args...)
}

func (l *loader) warnf(s subject, hint, format string, args ...any) {
	l.report(config.Warning, "", s, hint, format, args...)
}

func (l *loader) trap(number string, s subject, hint, format string, args ...any) {
	l.report(config.Warning, number, s, hint, format, args...)
}

// suggest returns the hint of a finding with that format: the known word
// closest to a wrong one. It costs nothing if the finding would not be shown.
func (l *loader) suggest(s subject, format, word string, known func() []string) string {
	if l.findings.Told(l.key(s, format)) {
		return ""
	}
	return config.DidYouMean(word, known())
}
