package config

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// confusable finds the first character of a line that word processors and
// web pages put where plain ASCII is meant: typographic quotes and dashes,
// blanks that are no blanks, invisible marks, full-width forms (trap T13).
// Beside Chinese, Japanese or Korean text the visible ones are ordinary
// punctuation and only worth a warning.
func confusable(text, raw string, at Pos) (Problem, bool) {
	i := 0
	for i < len(text) && text[i] < utf8.RuneSelf {
		i++
	}
	if i == len(text) {
		return Problem{}, false
	}
	if !utf8.ValidString(text) {
		p := at.Problem(Warning, "save the file as UTF-8", "line is not UTF-8")
		return p, true
	}
	for _, r := range text[i:] {
		l := lookAlike(r)
		if l.name == "" {
			continue
		}
		at.Column = 1 + utf8.RuneCountInString(raw[:max(0, strings.IndexRune(raw, r))])
		p := at.Problem(Error, l.hint(), "%s (U+%04X) instead of plain ASCII", l.name, r)
		p.Trap = "T13"
		if l.ascii != "" && l.ascii != " " && strings.ContainsFunc(text, eastAsian) {
			p.Severity = Warning
		}
		return p, true
	}
	return Problem{}, false
}

func eastAsian(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// likeness is a character's name and the ASCII it is mistaken for; "" if it
// is invisible and should go.
type likeness struct{ name, ascii string }

func (l likeness) hint() string {
	if l.ascii == "" {
		return "remove it"
	}
	if l.ascii == " " {
		return "type an ordinary blank"
	}
	return "type " + l.ascii
}

// lookAlike names a confusable character; its name is empty if r is none.
func lookAlike(r rune) likeness {
	switch {
	case r >= 0xFF01 && r <= 0xFF5E:
		ascii := string(r - 0xFEE0)
		return likeness{fmt.Sprintf("full-width %q", r), ascii}
	case r >= 0x2000 && r <= 0x200A, r == 0x202F, r == 0x205F, r == 0x3000:
		return likeness{"typographic blank", " "}
	case r >= 0x200B && r <= 0x200F, r >= 0x202A && r <= 0x202E, r >= 0x2060 && r <= 0x2064:
		return likeness{"invisible character", ""}
	}
	switch r {
	case 0x00A0:
		return likeness{"no-break space", " "}
	case 0x00AD:
		return likeness{"soft hyphen", ""}
	case 0xFEFF:
		return likeness{"byte order mark", ""}
	case 0x2018, 0x2019, 0x201A, 0x201B, 0x2032, 0x00B4, 0x02BC:
		return likeness{fmt.Sprintf("typographic quote %c", r), "'"}
	case 0x201C, 0x201D, 0x201E, 0x201F, 0x2033:
		return likeness{fmt.Sprintf("typographic quote %c", r), `"`}
	case 0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212:
		return likeness{fmt.Sprintf("typographic dash %c", r), "-"}
	case 0x2026:
		return likeness{"ellipsis …", "..."}
	case 0x037E:
		return likeness{"Greek question mark", ";"}
	case 0x2044, 0x2215:
		return likeness{fmt.Sprintf("fraction slash %c", r), "/"}
	}
	return likeness{}
}

// LookAlike is what other formats' readers use to report trap T13: it looks
// for a confusable character in text, which stands in the line raw at at.
func LookAlike(text, raw string, at Pos) (Problem, bool) { return confusable(text, raw, at) }
