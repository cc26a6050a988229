package prompts

import "strings"

// NounForm is what is put behind the file of a noun that is counted: "s" for English
// plurals, x1 for the genitive singular and x2 for the genitive plural of Slavic
// languages, "" for the base form and for languages that do not inflect.
func NounForm(language string, n int64) string {
	switch {
	case grammarOf(language) == "zh":
		return ""
	case slavic(language):
		return slavicForm(n)
	case n == 1 || n == -1:
		return ""
	}
	return "s"
}

// AdjectiveForm is the same for an adjective of a gender, m, f, n or c; in Slavic
// languages a singular has the gender and a plural is x.
func AdjectiveForm(language string, n int64, gender string) string {
	switch {
	case !slavic(language):
		return ""
	case slavicForm(n) == "":
		return gender
	}
	return "x"
}

// slavic reports whether a language counts as Russian does.
func slavic(language string) bool {
	code, _, _ := strings.Cut(strings.ToLower(language), "_")
	switch code {
	case "ru", "uk", "ua", "be", "pl", "cs", "sk", "sl", "hr", "sr", "bs":
		return true
	}
	return false
}

// slavicForm is "" for one, x1 for a few, x2 for many.
func slavicForm(n int64) string {
	if n < 0 {
		n = -n
	}
	last, tens := n%10, n/10%10
	switch {
	case last == 1 && tens != 1:
		return ""
	case last >= 2 && last <= 4 && tens != 1:
		return "x1"
	}
	return "x2"
}
