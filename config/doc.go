// Package config reads what operators write: hometone.yaml, and the files of
// the programs Hometone takes the place of, exactly as those programs read
// them. It knows syntax only; each room gives meaning to its own section.
//
// LoadNode decodes hometone.yaml into a Node. The decoder walks the parsed
// tree itself, so that every unknown key, wrong type and undefined
// environment variable is reported at once, each with file, line, column and
// a hint, instead of one error a run.
//
// ReadAsterisk reads Asterisk's configuration syntax: sections, templates
// (!), inheritance (a,b), additions (+), = and =>, += , line and block
// comments, escaped semicolons, #include and #tryinclude with patterns.
// Every value knows the file and line it came from. Sub-packages pjsip and
// dispatcher, and pbx/dialplan, build on it.
//
// Nothing here fails half-way: readers return what they understood and a
// list of Problem values. A Problem says where, how bad, what, and what to
// do; HasErrors tells whether the result may be used. Passwords and keys are
// of type Secret, which no format verb, logger or encoder can print.
//
// All results are immutable values, owned by nobody: a reload reads anew,
// compares (Changed) and swaps. Limits on lines, sizes, nesting and inherited
// entries keep a broken file from costing more than its size deserves.
package config
