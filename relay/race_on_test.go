//go:build race

package relay

// raceEnabled makes loads smaller under the race detector.
const raceEnabled = true
