package transaction

import (
	"math/bits"
	"time"
)

// The wheel's resolution is 2^23 ns, about 8.4 ms; its four levels of 64 slots
// reach 39 hours. No timer fires early.
const (
	tickShift   = 23
	levelBits   = 6
	wheelSlots  = 1 << levelBits
	wheelLevels = 4
	wheelReach  = 1<<(levelBits*wheelLevels) - 1 // ticks
)

// A timer is one entry of a wheel, embedded in a transaction. The zero value is
// not set.
type timer struct {
	next, prev *timer
	at         int64 // tick
	slot       uint16
	owner      expirer
}

// An expirer is told that its timer has come.
type expirer interface{ expire(now time.Duration) }

func (t *timer) set() bool { return t.next != nil }

// A wheel is a hierarchical timing wheel (Varghese and Lauck): setting and
// clearing a timer takes constant time. It belongs to one shard.
type wheel struct {
	now   int64 // the next tick to be served
	used  [wheelLevels]uint64
	slots [wheelLevels][wheelSlots]timer // heads of rings
}

func (w *wheel) init() {
	for l := range w.slots {
		for s := range w.slots[l] {
			head := &w.slots[l][s]
			head.next, head.prev = head, head
		}
	}
}

// add sets t, which must not be set, to fire at or shortly after at.
func (w *wheel) add(t *timer, at, now time.Duration) {
	if w.used == [wheelLevels]uint64{} {
		w.now = max(w.now, int64(now>>tickShift)) // nothing was due meanwhile
	}
	t.at = max(int64((at+1<<tickShift-1)>>tickShift), w.now)
	w.link(t)
}

// link puts t on the level where its distance fits.
func (w *wheel) link(t *timer) {
	at := min(t.at, w.now+wheelReach)
	level := 0
	if d := uint64(at - w.now); d >= wheelSlots {
		level = (bits.Len64(d) - 1) / levelBits
	}
	slot := int(at>>(level*levelBits)) & (wheelSlots - 1)
	head := &w.slots[level][slot]
	t.slot = uint16(level<<levelBits | slot)
	t.next, t.prev = head, head.prev
	head.prev.next, head.prev = t, t
	w.used[level] |= 1 << slot
}

// remove clears t if it is set.
func (w *wheel) remove(t *timer) {
	if t.next == nil {
		return
	}
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev = nil, nil
	level, slot := t.slot>>levelBits, t.slot&(wheelSlots-1)
	if head := &w.slots[level][slot]; head.next == head {
		w.used[level] &^= 1 << slot
	}
}

// advance fires the timers that are due at now. They may set timers.
func (w *wheel) advance(now time.Duration) {
	last := int64(now >> tickShift)
	for w.now <= last {
		next := w.nextTick()
		if next > last {
			w.now = last + 1
			return
		}
		w.now = next
		w.cascade(next)
		w.fire(next, now)
		w.now = next + 1
	}
}

// nextTick returns the first tick, from now on, at which something happens: a
// timer of level 0, or the dealing out of an upper slot.
func (w *wheel) nextTick() int64 {
	next := int64(never)
	for level, used := range w.used {
		if used == 0 {
			continue
		}
		shift := level * levelBits
		base := w.now >> shift
		ahead := bits.TrailingZeros64(bits.RotateLeft64(used, -int(base&(wheelSlots-1))))
		at := (base + int64(ahead)) << shift
		if at < w.now { // the current slot of an upper level lies a whole turn ahead
			at += wheelSlots << shift
			rest := used &^ (1 << (base & (wheelSlots - 1)))
			if rest != 0 {
				ahead = bits.TrailingZeros64(bits.RotateLeft64(rest, -int(base&(wheelSlots-1))))
				at = (base + int64(ahead)) << shift
			}
		}
		next = min(next, at)
	}
	return next
}

// cascade deals out the slots of upper levels that begin at tick.
func (w *wheel) cascade(tick int64) {
	for level := wheelLevels - 1; level > 0; level-- {
		shift := level * levelBits
		if tick&(1<<shift-1) != 0 {
			continue
		}
		slot := int(tick>>shift) & (wheelSlots - 1)
		w.deal(level, slot, tick)
	}
}

func (w *wheel) deal(level, slot int, tick int64) {
	if w.used[level]&(1<<slot) == 0 {
		return
	}
	head := &w.slots[level][slot]
	first := head.next
	head.prev.next = nil
	head.next, head.prev = head, head
	w.used[level] &^= 1 << slot
	w.now = tick
	for t := first; t != nil; {
		next := t.next
		w.link(t)
		t = next
	}
}

// fire runs the timers of level 0 at tick.
func (w *wheel) fire(tick int64, now time.Duration) {
	slot := int(tick) & (wheelSlots - 1)
	head := &w.slots[0][slot]
	for head.next != head {
		t := head.next
		w.remove(t)
		t.owner.expire(now)
	}
}

// next returns when advance is to be called next.
func (w *wheel) next() time.Duration {
	tick := w.nextTick()
	if tick == int64(never) {
		return never
	}
	return time.Duration(tick) << tickShift
}
