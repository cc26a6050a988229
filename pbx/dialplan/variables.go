package dialplan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Variable is one variable with its inheritance mark: 0 stays with the
// channel, 1 (written _NAME) passes to the channels it dials, 2 (__NAME)
// passes on from them too.
type Variable struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Inherit uint8  `json:"inherit,omitempty"`
}

// variables are those of one channel. Owned by the channel's goroutine.
type variables struct {
	byName map[string]variable
	serial uint64
}

type variable struct {
	value   string
	inherit uint8
	serial  uint64 // when it was set; orders HASHKEYS and snapshots
}

func (v *variables) get(name string) (string, bool) {
	x, ok := v.byName[name]
	return x.value, ok
}

// set sets a variable; underscores before the name mark inheritance.
func (v *variables) set(name, value string, limits *Limits) error {
	name, inherit := inheritance(name)
	if len(value) > limits.Variable {
		return fmt.Errorf("variable %s: value of %d bytes is over the limit of %d", name, len(value), limits.Variable)
	}
	v.serial++
	if _, known := v.byName[name]; !known && len(v.byName) >= limits.Variables {
		return fmt.Errorf("variable %s: the channel already has %d variables", name, limits.Variables)
	}
	if v.byName == nil {
		v.byName = map[string]variable{}
	}
	v.byName[name] = variable{value, inherit, v.serial}
	return nil
}

func (v *variables) unset(name string) { delete(v.byName, name) }

// inheritance splits the leading underscores off a name.
func inheritance(name string) (string, uint8) {
	if !strings.HasPrefix(name, "_") {
		return name, 0
	}
	if strings.HasPrefix(name, "__") {
		return name[2:], 2
	}
	return name[1:], 1
}

// all returns the variables, the oldest first.
func (v *variables) all() []Variable {
	type entry struct {
		Variable
		serial uint64
	}
	entries := make([]entry, 0, len(v.byName))
	for name, x := range v.byName {
		entries = append(entries, entry{Variable{name, x.value, x.inherit}, x.serial})
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.serial, b.serial) })
	list := make([]Variable, len(entries))
	for i, e := range entries {
		list[i] = e.Variable
	}
	return list
}

// inherited returns what a dialled channel receives: __NAME keeps its mark,
// _NAME loses it.
func (v *variables) inherited() []Variable {
	list := slices.DeleteFunc(v.all(), func(x Variable) bool { return x.Inherit == 0 })
	for i := range list {
		if list[i].Inherit == 1 {
			list[i].Inherit = 0
		}
	}
	return list
}

// Globals are the variables of [globals] and of GLOBAL(), shared by all
// channels of a node. The zero value is empty and ready; it is safe for
// concurrent use.
type Globals struct {
	mu     sync.RWMutex
	byName map[string]string // guarded by mu
}

// maxGlobals bounds the number of global variables.
const maxGlobals = 65_536

// NewGlobals returns the global variables a plan begins with.
func NewGlobals(p *Plan) *Globals {
	g := &Globals{}
	g.Load(p)
	return g
}

// Load sets what the plan's [globals] says, as a reload does. Others stay.
func (g *Globals) Load(p *Plan) {
	for _, v := range p.globals {
		g.set(v.Name, v.Value)
	}
}

// Get returns a global variable.
func (g *Globals) Get(name string) (string, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	value, ok := g.byName[name]
	return value, ok
}

// Set sets a global variable.
func (g *Globals) Set(name, value string) error {
	if !g.set(name, value) {
		return fmt.Errorf("global variable %s: there are already %d", name, maxGlobals)
	}
	return nil
}

// unset forgets a global variable.
func (g *Globals) unset(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.byName, name)
}

func (g *Globals) set(name, value string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byName == nil {
		g.byName = map[string]string{}
	}
	if _, known := g.byName[name]; !known && len(g.byName) >= maxGlobals {
		return false
	}
	g.byName[name] = value
	return true
}

// All returns the global variables, sorted by name.
func (g *Globals) All() []Variable {
	g.mu.RLock()
	defer g.mu.RUnlock()
	list := make([]Variable, 0, len(g.byName))
	for name, value := range g.byName {
		list = append(list, Variable{Name: name, Value: value})
	}
	slices.SortFunc(list, func(a, b Variable) int { return strings.Compare(a.Name, b.Name) })
	return list
}
