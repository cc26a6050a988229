package media

import (
	"reflect"
	"testing"
	"time"
)

// A list of tones is read as indications.conf has it, and what is played once is not
// repeated.
func TestParseCadences(t *testing.T) {
	got, err := ParseCadences("!950/330, !1400/330,440+480/2000,0/4000")
	want := []Cadence{{Hz: [2]float64{950}, Duration: 330 * time.Millisecond, Once: true}, {Hz: [2]float64{1400}, Duration: 330 * time.Millisecond, Once: true},
		{Hz: [2]float64{440, 480}, Duration: 2 * time.Second}, {Duration: 4 * time.Second}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v, want %v", got, err, want)
	}
	for _, bad := range []string{"", "/20", "x/20", "1+2+3/20", "440/x", "440/0", "9000/20", "440/20,!480/20"} {
		if got, err := ParseCadences(bad); err == nil {
			t.Errorf("%q gives %v", bad, got)
		}
	}
	once, err := ParseCadences("!800/100,!0/100")
	if err != nil {
		t.Fatal(err)
	}
	src := Play(once)
	var loud []int
	for i := range 50 { // of 20 ms
		b, ok := src.Next(nil, "L16", 160)
		if !ok {
			break
		}
		for _, c := range b {
			if c != 0 {
				loud = append(loud, i)
				break
			}
		}
	}
	if !reflect.DeepEqual(loud, []int{0, 1, 2, 3, 4}) {
		t.Errorf("heard in the frames %v, want the first five", loud)
	}
}

// Whatever list there is, it can be played.
func FuzzParseCadences(f *testing.F) {
	f.Add("!950/330,440+480/2000,0/4000")
	f.Fuzz(func(t *testing.T, list string) {
		c, err := ParseCadences(list)
		if err != nil {
			return
		}
		src := Play(c)
		for range 10 {
			if _, ok := src.Next(nil, "PCMU", 160); !ok {
				t.Fatal("a tone ends")
			}
		}
	})
}
