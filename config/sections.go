package config

import (
	"iter"
	"strings"
)

// entryStorage hands out the memory of sections and entries in large pieces,
// because a file of many phones has hundreds of thousands of sections with few
// lines each.
type entryStorage struct {
	sections []Section // not yet handed out
	next     int       // how many come at once
	chunk    []Entry
	last     *Section // its entries end where chunk ends
	start    int      // of last's entries in chunk
}

const (
	entriesPerChunk  = 2048
	sectionsPerChunk = 256
)

// section returns an empty section.
func (m *entryStorage) section() *Section {
	if len(m.sections) == 0 {
		m.next = min(2*m.next+8, sectionsPerChunk) // most files have few
		m.sections = make([]Section, m.next)
	}
	s := &m.sections[0]
	m.sections = m.sections[1:]
	return s
}

// append adds entries to a section.
func (m *entryStorage) append(s *Section, entries ...Entry) {
	m.grow(s, len(entries))
	m.chunk = append(m.chunk, entries...)
	s.Entries = m.chunk[m.start:len(m.chunk):len(m.chunk)]
}

// inherit adds the entries of a template.
func (m *entryStorage) inherit(s *Section, entries []Entry) {
	m.append(s, entries...)
	for i := len(s.Entries) - len(entries); i < len(s.Entries); i++ {
		s.Entries[i].Inherited = true
	}
}

// grow makes s the last section and room for n more entries of it.
func (m *entryStorage) grow(s *Section, n int) {
	if m.last == s && len(m.chunk)+n <= cap(m.chunk) {
		return
	}
	need := len(s.Entries) + n
	if len(m.chunk)+need > cap(m.chunk) {
		m.chunk = make([]Entry, 0, max(entriesPerChunk, 2*need))
	}
	m.last, m.start = s, len(m.chunk)
	m.chunk = append(m.chunk, s.Entries...)
}

// sectionIndex finds sections by name, in any case, in the order of the file.
// It reads on in the list each time it is asked.
type sectionIndex struct {
	chains map[string]int32 // place in ends, by lower-case name
	ends   []chainEnds
	next   []int32 // section → next one of that name; 0 = none
}

// chainEnds are the first and the last section of a name.
type chainEnds struct{ first, final int32 }

// named returns the sections of that name.
func (x *sectionIndex) named(sections []*Section, name string) iter.Seq[*Section] {
	x.update(sections)
	return func(yield func(*Section) bool) {
		chain, ok := x.chains[strings.ToLower(name)]
		if !ok {
			return
		}
		for i := x.ends[chain].first; yield(sections[i]); {
			if i = x.next[i]; i == 0 {
				return
			}
		}
	}
}

func (x *sectionIndex) update(sections []*Section) {
	if x.chains == nil {
		x.chains = map[string]int32{}
	}
	for n := len(x.next); n < len(sections); n++ {
		i, name := int32(n), strings.ToLower(sections[n].Name) //nolint:gosec // fewer than maxEntries sections
		x.next = append(x.next, 0)
		chain, known := x.chains[name]
		if !known {
			x.chains[name] = int32(len(x.ends)) //nolint:gosec // as above
			x.ends = append(x.ends, chainEnds{i, i})
			continue
		}
		x.next[x.ends[chain].final] = i
		x.ends[chain].final = i
	}
}
