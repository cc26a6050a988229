package dispatch

import "hash/maphash"

// seed is fixed for all nodes and restarts, so that they choose alike; FNV-1a
// with a strong finisher is enough, because an attacker who aims at one
// destination only loads the hash of its own calls.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func hashText(text string) uint64 {
	h := uint64(fnvOffset)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * fnvPrime
	}
	return h
}

// mix spreads all input bits over all output bits (the finisher of SplitMix64).
func mix(h uint64) uint64 {
	h ^= h >> 30
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 27
	h *= 0x94d049bb133111eb
	return h ^ h>>31
}

// score is the rendezvous weight of d for a key: the destination with the
// highest one is chosen, so the loss of one moves only its own keys, and evenly
// to all others.
func (d *Destination) score(key uint64) uint64 { return mix(key ^ d.seed) }

// random returns random bits without a lock: each call of maphash.MakeSeed
// draws from the run-time's per-thread generator.
func random() uint64 { return maphash.Bytes(maphash.MakeSeed(), nil) }
