package parking

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, text string) (map[string]*Lot, []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "res_parking.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	lots, problems := Load(dir)
	var told []string
	for _, p := range problems {
		told = append(told, p.Error())
	}
	return lots, told
}

// There is a lot default without any file, with the values that Asterisk documents.
func TestDefault(t *testing.T) {
	lots, problems := Load(t.TempDir())
	want := Lot{Name: "default", Context: "parkedcalls", First: 701, Last: 750, Time: 45 * time.Second, ComebackToOrigin: true,
		ComebackDialTime: 30 * time.Second, ComebackContext: "parkedcallstimeout", ParkedPlay: Caller}
	if len(lots) != 1 || *lots["default"] != want || len(problems) > 0 {
		t.Errorf("%+v %v", lots["default"], problems)
	}
	if lots["default"].Extensions() != "" {
		t.Error("a lot without parkext has extensions")
	}
}

func TestLots(t *testing.T) {
	lots, told := load(t, `[general]
[default]
parkext => 700
parkpos => 701-702
parkinghints = yes
findslot => next
[edv]
context = edv
parkext = 800
parkpos = 801-899
parkingtime = 5
comebacktoorigin = no
comebackcontext = lost
courtesytone = beep
parkedplay = both
parkedcalltransfers = caller
parkedcallreparking = callee
parkedcallhangup = both
parkedcallrecording = no
parkedmusicclass = quiet
`)
	if len(told) > 0 {
		t.Fatalf("problems: %v", told)
	}
	want := Lot{Name: "edv", Context: "edv", Exten: "800", First: 801, Last: 899, Time: 5 * time.Second, ComebackDialTime: 30 * time.Second, ComebackContext: "lost",
		CourtesyTone: "beep", ParkedPlay: Both, Transfers: Caller, Reparking: Callee, HangUp: Both, Music: "quiet"}
	if *lots["edv"] != want {
		t.Errorf("edv: %+v", lots["edv"])
	}
	text := "[parkedcalls]\nexten => 700,1,Park(default)\nexten => 701,1,ParkedCall(default,701)\nexten => 701,hint,park:701@parkedcalls\n" +
		"exten => 702,1,ParkedCall(default,702)\nexten => 702,hint,park:702@parkedcalls\n"
	if got := lots["default"].Extensions(); got != text || !lots["default"].Next {
		t.Errorf("extensions:\n%s", got)
	}
}

func TestProblems(t *testing.T) {
	_, told := load(t, "[default]\nparkpos=9-2\nparkpos=1-999999\nparkedplay=all\nfindslot=last\nparkingtime=-1\nwhat=1\n[general]\nparkeddynamic=yes\n")
	for i, line := range []string{":2", ":3", ":4", ":5", ":6", ":7", ":9"} {
		if i >= len(told) || !strings.Contains(told[i], line) {
			t.Fatalf("line %s is not named: %v", line, told)
		}
	}
	_, told = load(t, "[a]\nparkext=700\n[b]\nparkext=800\nparkpos=740-760\n")
	if len(told) != 1 || !strings.Contains(told[0], "lots a and b") {
		t.Errorf("spaces of two lots: %v", told)
	}
}

func FuzzParking(f *testing.F) {
	f.Add("[default]\nparkext=700\nparkpos=701-720\nparkinghints=yes\n[x](default)\n")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "res_parking.conf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		lots, _ := Load(dir)
		for _, l := range lots {
			if l.Last < l.First || l.Last-l.First >= maxSpaces {
				t.Fatalf("spaces %d-%d", l.First, l.Last)
			}
			_ = l.Extensions()
		}
	})
}
