package presence

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// maxDevices bounds the devices a Board keeps, custom ones included.
const maxDevices = 100_000

// A Board holds the states of all devices. Its methods are safe for
// concurrent use and call nobody under its lock.
type Board struct {
	mu       sync.Mutex // guards the following
	devices  map[string]*device
	watchers map[string]map[*Watch]struct{} // by device
}

// device is one entry; names are compared without regard to case.
type device struct {
	base     DeviceState          // without channels
	channels [channelStates]int32 // how many are in each state; of Down none are counted
	busyAt   int                  // this many channels are Busy; 0: never
}

// NewBoard returns a Board that knows no device.
func NewBoard() *Board {
	return &Board{devices: make(map[string]*device), watchers: make(map[string]map[*Watch]struct{})}
}

// A Watch calls a function whenever one of its devices may have changed.
type Watch struct {
	board   *Board
	devices []string
	changed func()
}

// Watch starts to watch the devices of a hint. changed runs on the goroutine
// that changed the device, outside of all locks, and must not block.
func (b *Board) Watch(hint string, changed func()) *Watch {
	w := &Watch{board: b, changed: changed}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range hintDevices(hint) {
		key := strings.ToLower(d)
		w.devices = append(w.devices, key)
		if b.watchers[key] == nil {
			b.watchers[key] = make(map[*Watch]struct{})
		}
		b.watchers[key][w] = struct{}{}
	}
	return w
}

// Stop ends a Watch; it may be called twice. A call of changed that is under way
// goes on.
func (w *Watch) Stop() {
	w.board.mu.Lock()
	defer w.board.mu.Unlock()
	for _, d := range w.devices {
		delete(w.board.watchers[d], w)
		if len(w.board.watchers[d]) == 0 {
			delete(w.board.watchers, d)
		}
	}
	w.devices = nil
}

// change edits a device and tells who watches it, if its state is another one
// then. false: there is no room for one more device.
func (b *Board) change(name string, edit func(*device)) bool {
	key := strings.ToLower(name)
	b.mu.Lock()
	d := b.devices[key]
	if d == nil {
		if len(b.devices) >= maxDevices {
			b.mu.Unlock()
			return false
		}
		d = &device{base: Unknown}
		b.devices[key] = d
	}
	before := d.state()
	edit(d)
	tell := b.toTell(key, d.state() != before)
	b.mu.Unlock()
	for _, w := range tell {
		w.changed()
	}
	return true
}

// toTell are the watches of a device, if something has changed.
func (b *Board) toTell(key string, changed bool) (list []*Watch) {
	if changed {
		for w := range b.watchers[key] {
			list = append(list, w)
		}
	}
	return list
}

// Set gives a device a state: "Custom:door" from the dialplan, or an endpoint
// (Unavailable or NotInUse) as its registration comes and goes. Channels count
// on top of it. It returns false if the Board is full.
func (b *Board) Set(name string, s DeviceState) bool {
	return b.change(name, func(d *device) { d.base = s })
}

// Channel tells that a channel of the device tech/resource, or tech alone if
// resource is empty, goes from one state to another: from ChannelDown when it is new, to ChannelDown when it has gone. It
// is called for every turn of every call, so it costs the same however many
// channels there are, and nothing is allocated for a device that is known.
func (b *Board) Channel(tech, resource string, from, to ChannelState) bool {
	var room [64]byte
	key := appendLower(room[:0], tech)
	if resource != "" {
		key = appendLower(append(key, '/'), resource)
	}
	b.mu.Lock()
	d := b.devices[string(key)]
	if d == nil {
		b.mu.Unlock()
		if to == ChannelDown {
			return true
		}
		return b.change(string(key), func(d *device) { d.move(from, to) })
	}
	before := d.state()
	d.move(from, to)
	var tell []*Watch
	if d.state() != before {
		tell = b.toTell(string(key), true)
	}
	b.mu.Unlock()
	for _, w := range tell {
		w.changed()
	}
	return true
}

// appendLower appends s in lower case; names are compared so.
func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return append(dst, strings.ToLower(s[i:])...)
		}
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// move counts a channel in another state. A device that was removed meanwhile
// has forgotten the channel's first one.
func (d *device) move(from, to ChannelState) {
	if from != ChannelDown && d.channels[from] > 0 {
		d.channels[from]--
	}
	if to != ChannelDown {
		d.channels[to]++
	}
}

// Describe is Set, and says at how many channels the device is Busy
// (device_state_busy_at); 0: never.
func (b *Board) Describe(name string, s DeviceState, busyAt int) bool {
	return b.change(name, func(d *device) { d.base, d.busyAt = s, busyAt })
}

// Expect makes room for n devices on a Board that knows none, so that naming
// them is quick.
func (b *Board) Expect(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.devices) == 0 {
		b.devices = make(map[string]*device, min(n, maxDevices))
	}
}

// Remove forgets a device, for instance one that a reload no longer names.
func (b *Board) Remove(name string) {
	b.change(name, func(d *device) { *d = device{base: Invalid} })
	b.mu.Lock()
	defer b.mu.Unlock()
	if d := b.devices[strings.ToLower(name)]; d != nil && d.channels == ([channelStates]int32{}) {
		delete(b.devices, strings.ToLower(name))
	}
}

// state is what the device is doing: its channels decide if it has any.
func (d *device) state() DeviceState {
	a, calls, ringing := newAggregate(), int32(0), d.channels[ChannelRinging]
	for s, n := range d.channels {
		if n == 0 {
			continue
		}
		a.add(ChannelState(s).device())
		if ChannelState(s) != ChannelRinging {
			calls += n
		}
	}
	switch {
	case calls+ringing == 0:
		return d.base
	case d.busyAt > 0 && calls >= int32(d.busyAt):
		return Busy
	}
	return a.state
}

// State returns the state of a device. Of one that nobody has named it is
// Unknown if it is a custom one, else Invalid.
func (b *Board) State(name string) DeviceState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state(name)
}

func (b *Board) state(name string) DeviceState {
	key := strings.ToLower(name)
	if d := b.devices[key]; d != nil {
		return d.state()
	}
	if strings.HasPrefix(key, "custom:") {
		return Unknown
	}
	return Invalid
}

// Extension returns the state of an extension with this hint.
func (b *Board) Extension(hint string) ExtensionState {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := newAggregate()
	for _, d := range hintDevices(hint) {
		a.add(b.state(d))
	}
	return a.state.extension()
}
