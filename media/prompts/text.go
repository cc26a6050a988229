package prompts

import "strings"

// Digits says each digit of a text by itself; * is star and # is pound. What
// is no digit is left out.
func Digits(text string) []string {
	var names []string
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			names = append(names, "digits/"+string(c))
		case c == '*':
			names = append(names, "digits/star")
		case c == '#':
			names = append(names, "digits/pound")
		case c == '-':
			names = append(names, "digits/minus")
		}
	}
	return names
}

// mark returns the name of a character that is neither letter nor digit, or "".
func mark(c rune) string {
	switch c {
	case ' ':
		return "letters/space"
	case '!':
		return "letters/exclaimation-point" // Asterisk's spelling
	case '@':
		return "letters/at"
	case '$':
		return "letters/dollar"
	case '*':
		return "letters/asterisk"
	case '#':
		return "digits/pound"
	case '+':
		return "letters/plus"
	case '-', '_':
		return "letters/dash"
	case '.':
		return "letters/dot"
	case '/':
		return "letters/slash"
	case '=':
		return "letters/equals"
	}
	return ""
}

// Letters spells a text: letters, digits and the marks of addresses.
func Letters(text string) []string {
	return spell(text, func(c rune) string { return "letters/" + string(c) })
}

// Phonetic spells a text by the words of the radio alphabet: Alpha, Bravo ….
func Phonetic(text string) []string {
	return spell(text, func(c rune) string { return "phonetic/" + string(c) + "_p" })
}

func spell(text string, letter func(rune) string) []string {
	var names []string
	for _, c := range strings.ToLower(text) {
		switch {
		case c >= 'a' && c <= 'z':
			names = append(names, letter(c))
		case c >= '0' && c <= '9':
			names = append(names, "digits/"+string(c))
		default:
			if name := mark(c); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}
