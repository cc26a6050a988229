package dialplan

import "strings"

// Functions returns the names of the functions that a line reads or sets, as far as they
// are written out, in the order written.
func (s *Step) Functions() []string {
	names := s.args.functions(nil)
	switch strings.ToLower(s.App) {
	case "set", "mset":
		if name, _, ok := strings.Cut(s.Args, "("); ok && functionName(name) && strings.Contains(s.Args, "=") && !strings.Contains(name, "=") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

// functions appends those that a template reads.
func (t *template) functions(names []string) []string {
	if t == nil {
		return names
	}
	for i := range t.parts {
		p := &t.parts[i]
		switch {
		case p.kind == reference && p.ref.call:
			if functionName(p.ref.name) {
				names = append(names, p.ref.name)
			}
		case p.kind == nested && len(p.inner.parts) > 0 && p.inner.parts[0].kind == text:
			if name, _, ok := strings.Cut(p.inner.parts[0].text, "("); ok && functionName(name) {
				names = append(names, name)
			}
		}
		names = p.inner.functions(names)
	}
	return names
}

// functionName reports whether a text is nothing but a name.
func functionName(s string) bool {
	s = strings.TrimSpace(s)
	for i := range len(s) {
		if c := s[i]; c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
