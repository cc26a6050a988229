package prompts

import (
	"embed"
	"io/fs"
	"iter"
	"strings"
)

//go:embed sound
var sound embed.FS

//go:embed text/en.txt text/zh.txt
var texts embed.FS

// Sound returns the sound files that the program carries, LANGUAGE/NAME.ulaw: 8
// kHz G.711 µ-law without a header.
func Sound() fs.FS {
	sub, err := fs.Sub(sound, "sound")
	if err != nil {
		panic("prompts: " + err.Error()) // the name is a constant
	}
	return sub
}

// Languages returns the languages that have prompts and a grammar.
func Languages() []string { return []string{"en", "zh"} }

// Spoken returns the language, one of Languages, in which another is spoken.
func Spoken(language string) string { return grammarOf(language) }

// grammarOf returns the language whose grammar speaks for another.
func grammarOf(language string) string {
	language, _, _ = strings.Cut(strings.ToLower(language), "_")
	language, _, _ = strings.Cut(language, "-")
	if language == "zh" || language == "cmn" || language == "cn" {
		return "zh"
	}
	return "en"
}

// Texts returns the names of a language's prompts and what each one says.
func Texts(language string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		data, err := texts.ReadFile("text/" + grammarOf(language) + ".txt")
		if err != nil {
			return // the files are embedded for each language
		}
		for line := range strings.Lines(string(data)) {
			name, text, ok := strings.Cut(strings.TrimSpace(line), " ")
			if ok && !strings.HasPrefix(name, "#") && !yield(name, text) {
				return
			}
		}
	}
}
