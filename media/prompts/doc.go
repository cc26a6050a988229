// Package prompts knows which sound files say a number, a date, a text, in
// English ("en") and Mandarin Chinese ("zh"). Its functions are pure: a value
// goes in, the names of the files that are played one after the other come
// out, named as Asterisk names them (digits/1, letters/a, vm-intro). Nothing
// is played here, and no file is opened.
//
// What each prompt says stands in text/en.txt and text/zh.txt; a test proves
// that every name the grammars can produce is there. scripts/prompts.sh makes
// the sound with a free speech synthesizer. Sound holds the part of it that
// the program carries itself: numbers, dates, and what voice mail,
// conferences and queues cannot do without.
//
// A language is named as in Set(CHANNEL(language)=zh): "zh_CN" and "zh-CN" are
// zh; every language without a grammar of its own is spoken by the English one.
package prompts
