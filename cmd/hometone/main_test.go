package main

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/media"
)

// TestMain lets the scripts run the command itself, as a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"hometone": main})
}

// TestScripts runs testdata/script: what an operator types, what is printed,
// which exit code comes back ($WANT is compared by `exits`).
func TestScripts(t *testing.T) {
	examples := testdata.Path(t, "..", "examples")
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("EXAMPLES", examples)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": exits, "hup": hup},
	})
}

// exits runs a command and compares its exit code: exits CODE PROGRAM ARGS.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG ...]")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		code, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("%v: %v", args[1:], err)
		}
		got = string(rune('0' + code.ExitCode()))
	}
	if got != args[0] {
		ts.Fatalf("%v exits %s, want %s", args[1:], got, args[0])
	}
}

// hup sends SIGHUP to the program that was started last in the background.
func hup(ts *testscript.TestScript, _ bool, _ []string) {
	running := ts.BackgroundCmds()
	if len(running) == 0 {
		ts.Fatalf("nothing runs in the background")
	}
	ts.Check(running[len(running)-1].Process.Signal(syscall.SIGHUP))
}

// TestCompare proves that the demo can tell a voice from another one, from
// silence and from noise, and finds it late and cut up by a jitter buffer.
func TestCompare(t *testing.T) {
	caller, callee := voice(t, "caller"), voice(t, "callee")
	late := append(make([]int16, 1234), caller...)
	half := len(late) / 2
	slipped := append(append(append([]int16(nil), late[:half]...), late[half-80:half]...), late[half:]...)
	noise := make([]int16, len(late))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = int16(random.IntN(20000) - 10000)
	}
	for _, test := range []struct {
		name  string
		heard []int16
		same  bool
	}{
		{"the same voice", caller, true},
		{"the same voice, late", late, true},
		{"the same voice, late and slipped by 10 ms", slipped, true},
		{"the other voice", callee, false},
		{"silence", make([]int16, len(late)), false},
		{"noise", noise, false},
		{"nothing", nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := compare(test.heard, caller)
			if good := (verdict{Correlation: l.Correlation}).good(); good != test.same {
				t.Errorf("correlation %.3f, so heard = %v, want %v", l.Correlation, good, test.same)
			}
			if math.IsNaN(l.Correlation) {
				t.Error("the correlation is not a number")
			}
		})
	}
	if l := compare(late, caller); media.Samples(l.Delay) < 1226 || media.Samples(l.Delay) > 1242 {
		t.Errorf("the voice begins %v into the recording, want 154 ms", l.Delay)
	}
}

// voice reads a sentence of the demo.
func voice(t *testing.T, name string) []int16 {
	t.Helper()
	sound, err := voices.ReadFile("voices/" + name + ".wav")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name+".wav")
	if err := os.WriteFile(path, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	clip, err := media.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return clip.Samples()
}
