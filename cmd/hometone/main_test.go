package main

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

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
			for _, name := range []string{"PORT1", "PORT2"} {
				e.Setenv(name, strconv.Itoa(freeTestPort(t)))
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "until": until, "awaits": awaits, "hup": signals(syscall.SIGHUP), "usr1": signals(syscall.SIGUSR1),
		},
	})
}

// liveness is how long a busy machine may take for what must happen.
const liveness = 60 * time.Second

// freeTestPort finds a port that is free for UDP and TCP. It is not one of
// those that the kernel gives to clients, so it stays free until it is used.
func freeTestPort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 20000 + rand.IntN(10000)
		if freePort(uint16(port)) == uint16(port) {
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// exits runs a command and compares its exit code: exits CODE PROGRAM ARGS.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if got := exitCode(ts, args); got != args[0] {
		ts.Fatalf("%v exits %s, want %s", args[1:], got, args[0])
	}
}

// until runs a command again and again until its exit code is the one wanted:
// until CODE PROGRAM ARGS.
func until(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(liveness)
	for got := ""; got != args[0]; {
		if time.Now().After(deadline) {
			ts.Fatalf("%v exits %s, want %s within %v", args[1:], got, args[0], liveness)
		}
		got = exitCode(ts, args)
	}
}

func exitCode(ts *testscript.TestScript, args []string) string {
	if len(args) < 2 {
		ts.Fatalf("usage: exits|until CODE PROGRAM [ARG ...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	if err == nil {
		return "0"
	}
	code, ok := err.(interface{ ExitCode() int })
	if !ok {
		ts.Fatalf("%v: %v", args[1:], err)
	}
	return strconv.Itoa(code.ExitCode())
}

// awaits waits until a file that a program in the background writes holds a
// text: awaits FILE TEXT.
func awaits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: awaits FILE TEXT")
	}
	for deadline := time.Now().Add(liveness); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(ts.MkAbs(args[0])) // there is none at first
		if err == nil && strings.Contains(string(text), args[1]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s has no %q within %v but (%v)\n%s", args[0], args[1], liveness, err, text)
		}
	}
}

// signals makes a command that sends a signal to the program that was started last
// in the background.
func signals(sig syscall.Signal) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, _ bool, _ []string) {
		running := ts.BackgroundCmds()
		if len(running) == 0 {
			ts.Fatalf("nothing runs in the background")
		}
		ts.Check(running[len(running)-1].Process.Signal(sig))
	}
}

// TestCompare proves that the demo can tell a voice from another one, from
// silence and from noise, and finds it late and cut up by a jitter buffer.
func TestCompare(t *testing.T) {
	caller, callee := voice(t, "caller"), voice(t, "callee")
	late := append(make([]int16, 1234), caller...)
	half := len(late) / 2
	slipped := append(append(append([]int16(nil), late[:half]...), late[half-80:half]...), late[half:]...)
	stalled := append(append(append([]int16(nil), late[:half]...), make([]int16, media.Samples(150*time.Millisecond))...), late[half:]...)
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
		{"the same voice, late and held up for 150 ms", stalled, true},
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
