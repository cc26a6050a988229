package config

import (
	"iter"
	"strings"
)

// entryStorage hands out the memory of entries in large pieces, because a file
// of many phones has hundreds of thousands of sections with few lines each.
type entryStorage struct {
	chunk []Entry
	last  *Section // its entries end where chunk ends
	start int      // of last's entries in chunk
}

const entriesPerChunk = 2048

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
	first map[string]int32 // by lower-case name
	final map[string]int32 // the last of that name
	next  []int32          // section → next one of that name; 0 = none
}

// named returns the sections of that name.
func (x *sectionIndex) named(sections []*Section, name string) iter.Seq[*Section] {
	x.update(sections)
	return func(yield func(*Section) bool) {
		i, ok := x.first[strings.ToLower(name)]
		for ok && yield(sections[i]) {
			i = x.next[i]
			ok = i != 0
		}
	}
}

func (x *sectionIndex) update(sections []*Section) {
	if x.first == nil {
		x.first, x.final = map[string]int32{}, map[string]int32{}
	}
	for n := len(x.next); n < len(sections); n++ {
		i, name := int32(n), strings.ToLower(sections[n].Name) //nolint:gosec // fewer than maxEntries sections
		x.next = append(x.next, 0)
		if before, known := x.final[name]; known {
			x.next[before] = i
		} else {
			x.first[name] = i
		}
		x.final[name] = i
	}
}
