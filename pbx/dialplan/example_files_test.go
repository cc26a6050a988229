package dialplan

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// TestExampleFile proves that the two-extension demo runs as it is: 8005 dials
// 8006.
func TestExampleFile(t *testing.T) {
	dir := filepath.Join(filepath.Dir(testdata.Path(t)), "examples", "asterisk")
	plan, problems := Load(dir)
	for _, p := range problems {
		t.Errorf("the example has no fault, but: %v", p)
	}
	m, ok := plan.Match("from-external", "8006", 1, "8005", time.Now())
	if !ok || m.Extension.Name != "_80XX" {
		t.Fatalf("8006 must reach _80XX, got %+v", m)
	}
	ch := &fakeChannel{}
	i := New(Config{Plan: func() *Plan { return plan }, Apps: ch, Channel: ch, Now: time.Now})
	i.Start(Position{"from-external", "8006", 1})
	if got := i.Run(context.Background()); got != FellThrough {
		t.Errorf("after Dial the plan has no further priority, got %v", got)
	}
	if want := "NoOp() Dial(PJSIP/8006)"; ch.log() != want {
		t.Errorf("applications run: %s, want %s", ch.log(), want)
	}
}
