package config

import "strings"

// DidYouMean returns a hint that names the known word closest to word, or ""
// if none is close.
func DidYouMean(word string, known []string) string {
	best, distance := "", 1+max(1, len(word)/3)
	lower := strings.ToLower(word)
	if len(lower) > 64 {
		return ""
	}
	for _, k := range known {
		if abs(len(k)-len(word)) >= distance {
			continue
		}
		if d := editDistance(lower, strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// editDistance counts insertions, deletions, replacements and swaps of
// neighbours that turn a into b.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
