package dialplan

import (
	"slices"
	"strings"
)

// trie holds the patterns of one context so that a depth-first walk meets the
// matching ones in Asterisk's order: the most specific first, decided at the
// leftmost place in which two patterns differ.
type trie struct {
	edges []edge       // most specific first
	dot   []*Extension // patterns that end here with .
	bang  []*Extension // … with !
	end   []*Extension // … with nothing
}

type edge struct {
	set  charset
	next *trie
}

// leaf returns the list a pattern's extensions go into, making the way.
func (t *trie) leaf(p pattern) *[]*Extension {
	for i := range p.sets {
		set := &p.sets[i]
		at, found := slices.BinarySearchFunc(t.edges, set, func(e edge, s *charset) int { return e.set.compare(s) })
		if !found {
			t.edges = slices.Insert(t.edges, at, edge{*set, &trie{}})
		}
		t = t.edges[at].next
	}
	switch p.tail {
	case rest:
		return &t.dot
	case early:
		return &t.bang
	default:
		return &t.end
	}
}

// finder is one look-up of an extension. It lives on the caller's stack.
type finder struct {
	exten, callerID string
	priority        int    // 0: look for label
	label           string // "": look for priority
	found           *Extension
	step            *Step
}

// try looks for the priority or label among extensions of one pattern, those
// with a caller id first.
func (f *finder) try(extensions []*Extension) bool {
	for _, x := range extensions {
		if x.matchCallerID && !x.callerIDMatches(f.callerID) {
			continue
		}
		if step := x.lookup(f.priority, f.label); step != nil {
			f.found, f.step = x, step
			return true
		}
	}
	return false
}

// descend walks the patterns that fit the rest of the extension from i.
func (f *finder) descend(t *trie, i int) bool {
	for i < len(f.exten) && f.exten[i] == '-' {
		i++
	}
	if i == len(f.exten) {
		return f.try(t.bang) || f.try(t.end)
	}
	for e := range t.edges {
		if t.edges[e].set.has(f.exten[i]) && f.descend(t.edges[e].next, i+1) {
			return true
		}
	}
	return f.try(t.dot) || f.try(t.bang)
}

// verdict is what a look-up of partial numbers finds.
type verdict uint8

const (
	none  verdict = iota
	yes           // it can match
	final         // a pattern ending in ! decided that nothing longer counts
)

// partial looks, in order, for an extension that the digits so far begin. With
// longer set, only one that needs more digits counts.
func (f *finder) partial(t *trie, i int, longer bool) verdict {
	for i < len(f.exten) && f.exten[i] == '-' {
		i++
	}
	if i == len(f.exten) {
		return f.partialEnd(t, longer)
	}
	for e := range t.edges {
		if t.edges[e].set.has(f.exten[i]) {
			if v := f.partial(t.edges[e].next, i+1, longer); v != none {
				return v
			}
		}
	}
	if f.try(t.dot) {
		return yes
	}
	return f.bangVerdict(t, longer)
}

func (f *finder) bangVerdict(t *trie, longer bool) verdict {
	if !f.try(t.bang) {
		return none
	}
	if longer {
		return final
	}
	return yes
}

// partialEnd decides where the digits end inside the trie.
func (f *finder) partialEnd(t *trie, longer bool) verdict {
	for e := range t.edges {
		if f.any(t.edges[e].next) {
			return yes
		}
	}
	if f.try(t.dot) {
		return yes
	}
	if v := f.bangVerdict(t, longer); v != none {
		return v
	}
	if !longer && f.try(t.end) {
		return yes
	}
	return none
}

// any reports whether some extension below t can be reached by this caller.
func (f *finder) any(t *trie) bool {
	if f.try(t.dot) || f.try(t.bang) || f.try(t.end) {
		return true
	}
	for e := range t.edges {
		if f.any(t.edges[e].next) {
			return true
		}
	}
	return false
}

// literals are the names of a context without patterns, lower case and
// sorted, for look-ups by prefix.
type literals []string

// withPrefix returns the names that begin with prefix, compared without case.
func (l literals) withPrefix(prefix string) []string {
	prefix = strings.ToLower(prefix)
	from, _ := slices.BinarySearch(l, prefix)
	to := from
	for to < len(l) && strings.HasPrefix(l[to], prefix) {
		to++
	}
	return l[from:to]
}
