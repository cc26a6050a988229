package dispatch

import "fmt"

// capWeights applies the rule of the weight attribute: it is a percentage, the
// sum is at most 100 (a destination that exceeds it is left out), and the last
// one fills what is missing to 100.
func (s *Set) capWeights() []error {
	var faults []error
	sum := 0
	var last *Destination
	for _, d := range s.all {
		if sum+d.weight > 100 {
			faults = append(faults, fmt.Errorf("dispatch: set %d: weight=%d of %s exceeds 100 percent together with those before it; the destination gets no calls by weight", s.ID, d.weight, d.URI))
			d.weight = 0
		}
		if sum += d.weight; d.weight > 0 {
			last = d
		}
	}
	if last != nil {
		last.weight += 100 - sum
	}
	return faults
}

// interleave spreads the destinations over as many slots as their weights sum
// to, each at even distances (smooth weighted round robin). Because the slots
// are used in a circle, any run of that many calls splits exactly by weight.
func interleave(all []*Destination, weight func(*Destination) int) []*Destination {
	total := 0
	for _, d := range all {
		total += weight(d)
	}
	credit := make([]int, len(all))
	slots := make([]*Destination, 0, total)
	for range total {
		best := -1
		for i, d := range all {
			if credit[i] += weight(d); weight(d) > 0 && (best < 0 || credit[i] > credit[best]) {
				best = i
			}
		}
		credit[best] -= total
		slots = append(slots, all[best])
	}
	return slots
}
