//go:build !race

package edge

// raced is false without the race detector.
const raced = false
