//go:build race

package edge

// raced: the race detector makes pools forget at random.
const raced = true
