package dispatch

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Key is what a request offers to the algorithms that look at it. Only the
// field that the chosen algorithm uses need be set.
type Key struct {
	CallID    string
	From, To  string // URIs without parameters of the header field
	User      string // user part of the Request-URI
	AuthUser  string // user name in (Proxy-)Authorization, "" if none
	Custom    string
	Resources []string
}

// maxMean is how much more than the mean load a destination of BoundedHash may
// have: 1.25 as in the published algorithm's usual setting.
const maxMean = 1.25

// Select appends the destinations for a call to dst and returns it: first the
// one chosen, then the others in the order in which they are to be tried if it
// fails. For Parallel all are to be tried at once. It appends nothing if no
// destination takes calls.
func (s *Set) Select(dst []*Destination, alg Algorithm, key Key, now time.Time) []*Destination {
	v := s.view.Load()
	if len(v.usable) == 0 {
		return dst
	}
	start := len(dst)
	switch alg {
	case HashCallID, HashFrom, HashTo, HashRequestURI, HashCustom:
		dst = byScore(dst, v.usable, hashText(key.text(alg)))
	case HashAuthUser:
		if key.AuthUser != "" {
			dst = byScore(dst, v.usable, hashText(key.AuthUser))
			break
		}
		dst = rotate(dst, v.usable, s.next(v))
	case Priority, Parallel, First:
		dst = append(dst, v.usable...)
	case RoundRobinTie:
		if !v.tie {
			dst = append(dst, v.usable...)
			break
		}
		dst = rotate(dst, v.usable, s.next(v))
	case CallLoad:
		dst = ranked(dst, v.usable, func(d *Destination) (float64, bool) { return -float64(d.Load()), !d.full() })
	case Resources:
		dst = ranked(dst, v.usable, func(d *Destination) (float64, bool) {
			free := d.free(key.Resources)
			return free, free > 0 && !d.full()
		})
	case Tiers:
		top := v.usable[:v.top]
		dst = append(rotate(dst, top, slot(v, v.tier, s.tierTurn.Add(1)-1)), v.usable[v.top:]...)
	case Random:
		dst = rotate(dst, v.usable, int(random()%uint64(len(v.usable))))
	case BoundedHash:
		dst = bounded(byScore(dst, v.usable, hashText(key.CallID)), start)
	default:
		if chosen := s.choose(v, alg); chosen >= 0 {
			dst = rotate(dst, v.usable, chosen)
		}
	}
	if s.slowStart > 0 && alg != Parallel {
		s.spare(dst[start:], now)
	}
	return dst
}

func (k Key) text(alg Algorithm) string {
	switch alg {
	case HashFrom:
		return k.From
	case HashTo:
		return k.To
	case HashRequestURI:
		return k.User
	case HashCustom:
		return k.Custom
	}
	return k.CallID
}

// choose returns the index in v.usable of the destination for the algorithms
// that pick one, -1 if none may take the call.
func (s *Set) choose(v *view, alg Algorithm) int {
	switch alg {
	case Weight:
		return slot(v, v.weights, s.weightTurn.Add(1)-1)
	case RelativeWeight:
		return s.relative(v)
	case TwoChoices:
		return twoChoices(v.usable)
	case Latency:
		return s.latency(v)
	case Overload:
		return s.overload(v)
	}
	return s.next(v)
}

// next is the round robin among the usable destinations.
func (s *Set) next(v *view) int { return int((s.turn.Add(1) - 1) % uint64(len(v.usable))) }

func slot(v *view, slots []*Destination, turn uint64) int {
	if len(slots) == 0 {
		return -1
	}
	return slices.Index(v.usable, slots[turn%uint64(len(slots))])
}

// relative is RelativeWeight: while a destination with cc=1 is slower than
// normally by more ms than its weight, its calls go to the others; if all are,
// the share is inverse to the congestion.
func (s *Set) relative(v *view) int {
	chosen := slot(v, v.relative, s.relativeTurn.Add(1)-1)
	if chosen < 0 || !v.usable[chosen].congested() {
		return chosen
	}
	for range v.relative {
		if other := slot(v, v.relative, s.relativeTurn.Add(1)-1); !v.usable[other].congested() {
			return other
		}
	}
	sum := 0.0
	for _, d := range v.usable {
		sum += 1 / max(d.congestion(), 1)
	}
	at := float64(random()>>11) / (1 << 53) * sum
	for i, d := range v.usable {
		if at -= 1 / max(d.congestion(), 1); at < 0 {
			return i
		}
	}
	return chosen
}

func (d *Destination) congested() bool {
	return d.congestionControl && d.congestion() > float64(max(d.weight, d.rweight))
}

// best returns the index of the highest value among the eligible; the first of
// equals, -1 if none is eligible.
func best(all []*Destination, value func(*Destination) (float64, bool)) int {
	chosen, highest := -1, math.Inf(-1)
	for i, d := range all {
		if v, eligible := value(d); eligible && v > highest {
			chosen, highest = i, v
		}
	}
	return chosen
}

func twoChoices(all []*Destination) int {
	bits := random()
	a, b := int(bits%uint64(len(all))), int((bits>>32)%uint64(len(all)))
	if a == b {
		b = (a + 1) % len(all)
	}
	if all[a].full() || !all[b].full() && all[b].Load() < all[a].Load() {
		a = b
	}
	if all[a].full() {
		return best(all, func(d *Destination) (float64, bool) { return -float64(d.Load()), !d.full() })
	}
	return a
}

// latency is the round robin among those of the highest adjusted priority.
func (s *Set) latency(v *view) int {
	highest, count := math.MinInt, 0
	for _, d := range v.usable {
		switch p := d.adjustedPriority(); {
		case p > highest:
			highest, count = p, 1
		case p == highest:
			count++
		}
	}
	turn := int((s.latencyTurn.Add(1) - 1) % uint64(max(count, 1)))
	for i, d := range v.usable {
		if d.adjustedPriority() != highest {
			continue
		}
		if turn == 0 {
			return i
		}
		turn--
	}
	return 0 // a latency changed between the two passes
}

// overload is the round robin that lets pass only ocrate percent (at least
// ocmin) of what a destination would get.
func (s *Set) overload(v *view) int {
	for range v.usable {
		i := s.next(v)
		d := v.usable[i]
		rate := uint32(max(d.ocRate, d.ocMin))
		if n := d.overloads.Add(1); n*rate/100 != (n-1)*rate/100 {
			return i
		}
	}
	return -1
}

// ranked appends the eligible destinations, the highest value first, equals as
// configured. What is not eligible does not get the call by failover either.
func ranked(dst, all []*Destination, value func(*Destination) (float64, bool)) []*Destination {
	start := len(dst)
	for _, d := range all {
		if _, eligible := value(d); eligible {
			dst = append(dst, d)
		}
	}
	slices.SortStableFunc(dst[start:], func(a, b *Destination) int {
		x, _ := value(a)
		y, _ := value(b)
		return cmp.Compare(y, x)
	})
	return dst
}

// rotate appends all destinations in a circle from the chosen one on.
func rotate(dst, all []*Destination, chosen int) []*Destination {
	return append(append(dst, all[chosen:]...), all[:chosen]...)
}

// byScore appends all destinations, the highest rendezvous score first.
func byScore(dst, all []*Destination, key uint64) []*Destination {
	key = mix(key)
	start := len(dst)
	dst = append(dst, all...)
	slices.SortFunc(dst[start:], func(a, b *Destination) int {
		if x, y := a.score(key), b.score(key); x != y {
			if x > y {
				return -1
			}
			return 1
		}
		return 0
	})
	return dst
}

// bounded moves destinations with more than maxMean times the mean load behind
// the others, keeping the order of the hash (consistent hashing with bounded loads).
func bounded(dst []*Destination, start int) []*Destination {
	chosen := dst[start:]
	total := int64(1)
	for _, d := range chosen {
		total += d.Load()
	}
	limit := int64(math.Ceil(maxMean * float64(total) / float64(len(chosen))))
	slices.SortStableFunc(chosen, func(a, b *Destination) int {
		x, y := a.Load() >= limit || a.full(), b.Load() >= limit || b.full()
		switch {
		case x == y:
			return 0
		case x:
			return 1
		}
		return -1
	})
	return dst
}

// spare lets a destination in slow start take only its grown share: what is
// too much for it goes to the next in order.
func (s *Set) spare(chosen []*Destination, now time.Time) {
	if len(chosen) < 2 {
		return
	}
	d := chosen[0]
	up := d.live.upSince.Load()
	if up == 0 {
		return
	}
	warm := float64(now.UnixNano()-up) / float64(s.slowStart)
	if warm >= 1 {
		d.live.upSince.CompareAndSwap(up, 0)
		return
	}
	share := uint64(max(warm, 0.05) * 1000)
	if n := d.live.warming.Add(1); n*share/1000 == (n-1)*share/1000 {
		copy(chosen, chosen[1:])
		chosen[len(chosen)-1] = d
	}
}
