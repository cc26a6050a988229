package main

import (
	"math"
	"time"

	"github.com/hometone/hometone/media"
)

// likeness says how much of what was sent arrived.
type likeness struct {
	Correlation float64       // 1 is the very same sound, 0 another one
	Delay       time.Duration // where in the recording the sent sound begins
}

// How far a jitter buffer shifts the sound from one half second to the next:
// a little all the time, and by much when the machine was late for once.
const (
	smallShift = 20 * time.Millisecond
	largeShift = 300 * time.Millisecond
	surely     = 0.9 // correlation from which on no larger shift is looked for
)

// compare finds sent in heard. The recording may begin earlier and end later;
// the sound may have been shifted here and there by a jitter buffer.
func compare(heard, sent []int16) likeness {
	const coarse = 4
	lag := bestLag(decimate(heard, coarse), loudest(decimate(sent, coarse), media.Rate/coarse)) * coarse
	var sum, weight float64
	window := media.Rate / 2
	drift := 0
	for from := 0; from+window <= len(sent); from += window {
		part := sent[from : from+window]
		e := energy(part)
		if e == 0 {
			continue
		}
		best, shift := bestShift(heard, part, lag+from+drift, media.Samples(smallShift))
		if best < surely {
			if far, s := bestShift(heard, part, lag+from+drift, media.Samples(largeShift)); far > best {
				best, shift = far, s
			}
		}
		if best >= surely {
			drift += shift
		}
		sum += best * e
		weight += e
	}
	if weight == 0 {
		return likeness{}
	}
	return likeness{Correlation: sum / weight, Delay: media.Duration(lag)}
}

// bestShift is how far from at, and how well, heard fits part.
func bestShift(heard, part []int16, at, reach int) (best float64, shift int) {
	for s := -reach; s <= reach; s++ {
		from := at + s
		if from < 0 || from+len(part) > len(heard) {
			continue
		}
		if c := correlation(heard[from:from+len(part)], part); c > best {
			best, shift = c, s
		}
	}
	return best, shift
}

// piece is a part of a signal and where it begins there.
type piece struct {
	at      int
	samples []int16
}

// loudest is the part of n samples with the most energy.
func loudest(s []int16, n int) piece {
	if len(s) <= n {
		return piece{0, s}
	}
	best, at := -1.0, 0
	for i := 0; i+n <= len(s); i += n / 8 {
		if e := energy(s[i : i+n]); e > best {
			best, at = e, i
		}
	}
	return piece{at, s[at : at+n]}
}

// bestLag is where the signal that p was cut from begins in s.
func bestLag(s []int16, p piece) int {
	best, at := -1.0, 0
	for i := 0; i+len(p.samples) <= len(s); i++ {
		if c := correlation(s[i:i+len(p.samples)], p.samples); c > best {
			best, at = c, i
		}
	}
	return at - p.at
}

// correlation is the normalized correlation of two signals of one length.
func correlation(a, b []int16) float64 {
	var ab, aa, bb float64
	for i, x := range a {
		y := float64(b[i])
		ab += float64(x) * y
		aa += float64(x) * float64(x)
		bb += y * y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

func energy(s []int16) float64 {
	var e float64
	for _, x := range s {
		e += float64(x) * float64(x)
	}
	return e
}

// decimate averages n samples into one.
func decimate(s []int16, n int) []int16 {
	out := make([]int16, 0, len(s)/n)
	for i := 0; i+n <= len(s); i += n {
		sum := 0
		for _, x := range s[i : i+n] {
			sum += int(x)
		}
		out = append(out, int16(sum/n))
	}
	return out
}
