package house

import (
	"strconv"
	"strings"
	"testing"
)

// floors is the plan of the house: a room may import what lies below it and,
// on its own floor, other files of its own room. Longest prefix wins.
var floors = map[string]int{
	"sip": 0, "sdp": 0, "rtp": 0, "media": 0, "nat/stun": 0, "config": 0, "internal": 0,
	"sip/transport": 1, "sip/auth": 1, "nat/turn": 1, "store": 1, "push": 1,
	"sip/transaction": 2, "nat/ice": 2, "trace": 2, "ha": 2, "sip/siptest": 2,
	"sip/dialog": 3, "relay": 3,
	"edge": 4, "registrar": 4, "pbx": 4, "phone": 4, "console": 4, "monitor": 4,
	"node": 5,
	"cmd":  6, ".": 6,
	"test": 7,
}

// roles never import each other: the consumer declares a small interface and
// node joins them.
var roles = map[string]bool{
	"edge": true, "registrar": true, "pbx": true, "phone": true, "console": true, "monitor": true,
}

// neighbours are the imports between two rooms of floor 0 that the plan
// allows: languages may speak of each other's values, never in a circle.
var neighbours = map[[2]string]string{
	{"rtp", "media"}:      "a phone's stream carries media frames",
	{"media", "internal"}: "everybody may use internal",
}

// floorOf returns the floor of a package and the room it belongs to.
func floorOf(dir string) (floor int, room string, ok bool) {
	for room = dir; ; {
		if f, found := floors[room]; found {
			return f, room, true
		}
		cut := strings.LastIndexByte(room, '/')
		if cut < 0 {
			return 0, "", false
		}
		room = room[:cut]
	}
}

// TestImportsGoDownstairs proves the one rule that keeps the house a house.
func TestImportsGoDownstairs(t *testing.T) {
	tr := load(t)
	for _, s := range tr.sources {
		floor, room, ok := floorOf(s.dir)
		if !ok {
			t.Errorf("%s: this package has no floor; give it one in test/house/floors_test.go and ARCHITECTURE.md", s.path)
			continue
		}
		for _, imp := range s.file.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			if err != nil || !strings.HasPrefix(path, module) {
				continue
			}
			dir := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
			if why := upstairs(s, floor, room, dir); why != "" {
				t.Errorf("%s imports %s: %s", tr.at(s, imp.Pos()), dir, why)
			}
		}
	}
}

// upstairs says why a file of one room must not import dir, or nothing.
func upstairs(s source, floor int, room, dir string) string {
	if dir == "" {
		return "nobody imports the root package, it is documentation"
	}
	theirs, theirRoom, ok := floorOf(dir)
	if !ok {
		return "that package has no floor"
	}
	if theirRoom == "internal" || theirRoom == room {
		return ""
	}
	if s.test && dir == "sip/siptest" {
		return "" // the fake peer is for every room's tests
	}
	if roles[room] && roles[theirRoom] {
		return "roles never import each other; declare a small interface and let node join them"
	}
	if theirs > floor {
		return "floor " + itoa(floor) + " must not import floor " + itoa(theirs)
	}
	if theirs == floor {
		if _, ok := neighbours[[2]string{room, theirRoom}]; !ok {
			return "both live on floor " + itoa(floor) + " and the plan does not join them"
		}
	}
	return ""
}

// TestNobodyShipsTests proves that what a user runs contains no test code.
func TestNobodyShipsTests(t *testing.T) {
	tr := load(t)
	for _, s := range tr.sources {
		if s.test || s.dir == "test" || strings.HasPrefix(s.dir, "test/") {
			continue
		}
		for _, imp := range s.file.Imports {
			path, _ := strconv.Unquote(imp.Path.Value)
			testOnly := path == "testing" || strings.HasPrefix(path, module+"/test/") || path == module+"/internal/testdata"
			if testOnly && s.dir != "internal/testdata" && s.dir != "sip/siptest" && s.dir != "internal/simnet" {
				t.Errorf("%s imports %s, which belongs to tests", tr.at(s, imp.Pos()), path)
			}
		}
	}
}
