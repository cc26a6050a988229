package config

import (
	"slices"
	"testing"
)

// TestPlacesOfSeveralFiles proves that places told together keep their files,
// lines and names, whatever file the place before is in.
func TestPlacesOfSeveralFiles(t *testing.T) {
	want := []Place{
		{Pos{File: "a.conf", Line: 1}, "u1"}, {Pos{File: "a.conf", Line: 2}, "u2"}, {Pos{File: "b.conf", Line: 3}, "u3"}, {Pos{File: "b.conf", Line: 4}, "u4"},
		{Pos{File: "b.conf", Line: 5}, "u5"}, {Pos{Line: 6}, "u6"}, {Pos{Line: 7}, "u7"}, {Pos{File: "a.conf", Line: 8}, ""},
	}
	for alone := 1; alone < len(want); alone++ {
		f := Findings{Alone: alone}
		for _, p := range want {
			f.Add("kind", p.Name, p.Problem(Warning, "", "text of %s", p.Name))
		}
		list := f.Problems()
		if len(list) != 1 || list[0].Pos() != want[0].Pos {
			t.Fatalf("alone %d: %v", alone, list)
		}
		if got := slices.Collect(list[0].Also.All()); !slices.Equal(got, want[1:]) {
			t.Errorf("alone %d: got %v, want %v", alone, got, want[1:])
		}
	}
}
