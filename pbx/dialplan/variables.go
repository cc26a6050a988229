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

// variables are those of one channel. Owned by the channel's goroutine. A call
// has a handful, which a list holds in a third of a map's memory; a map finds them
// when they are many.
type variables struct {
	list   []variable
	index  map[string]int // place in list by name; nil while they are few
	serial uint64
}

// fewVariables is how many are looked through one by one.
const fewVariables = 16

type variable struct {
	name    string
	value   string
	inherit uint8
	serial  uint64 // when it was set; orders HASHKEYS and snapshots
}

// find returns the variable of a name, nil if there is none. It is valid until
// another one is set or unset.
func (v *variables) find(name string) *variable {
	if v.index != nil {
		if i, ok := v.index[name]; ok {
			return &v.list[i]
		}
		return nil
	}
	for i := range v.list {
		if v.list[i].name == name {
			return &v.list[i]
		}
	}
	return nil
}

func (v *variables) get(name string) (string, bool) {
	if x := v.find(name); x != nil {
		return x.value, true
	}
	return "", false
}

// set sets a variable; underscores before the name mark inheritance.
func (v *variables) set(name, value string, limits *Limits) error {
	name, inherit := inheritance(name)
	if len(value) > limits.Variable {
		return fmt.Errorf("variable %s: value of %d bytes is over the limit of %d", name, len(value), limits.Variable)
	}
	if v.find(name) == nil && len(v.list) >= limits.Variables {
		return fmt.Errorf("variable %s: the channel already has %d variables", name, limits.Variables)
	}
	v.put(name, value, inherit)
	return nil
}

// put sets a variable whatever the limits say.
func (v *variables) put(name, value string, inherit uint8) {
	v.serial++
	if x := v.find(name); x != nil {
		x.value, x.inherit, x.serial = value, inherit, v.serial
		return
	}
	if v.list == nil {
		v.list = make([]variable, 0, 4)
	}
	v.list = append(v.list, variable{name, value, inherit, v.serial})
	switch {
	case v.index != nil:
		v.index[name] = len(v.list) - 1
	case len(v.list) > fewVariables:
		v.index = make(map[string]int, 2*fewVariables)
		for i := range v.list {
			v.index[v.list[i].name] = i
		}
	}
}

// unset forgets a variable; the last one takes its place.
func (v *variables) unset(name string) {
	x := v.find(name)
	if x == nil {
		return
	}
	last := len(v.list) - 1
	*x = v.list[last]
	if v.index != nil {
		v.index[x.name] = v.index[name]
		delete(v.index, name)
	}
	v.list[last] = variable{}
	v.list = v.list[:last]
}

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
	sorted := slices.Clone(v.list)
	slices.SortFunc(sorted, func(a, b variable) int { return cmp.Compare(a.serial, b.serial) })
	list := make([]Variable, len(sorted))
	for i, x := range sorted {
		list[i] = Variable{x.name, x.value, x.inherit}
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
