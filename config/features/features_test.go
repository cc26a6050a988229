package features

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, text string) (*Config, []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "features.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, problems := Load(dir)
	var told []string
	for _, p := range problems {
		told = append(told, p.Error())
	}
	return c, told
}

// Without a file, and where it says nothing, the values are those that Asterisk documents.
func TestDefaults(t *testing.T) {
	c, problems := Load(t.TempDir())
	for name, want := range map[string]string{
		"featuredigittimeout": "1000", "transferdigittimeout": "3", "atxfernoanswertimeout": "15", "atxferdropcall": "no", "atxferloopdelay": "10",
		"atxfercallbackretries": "2", "transferdialattempts": "3", "atxferabort": "*1", "atxfercomplete": "*2", "atxferthreeway": "*3", "atxferswap": "*4", "pickupexten": "*8",
		"xfersound": "beep", "xferfailsound": "beeperr",
	} {
		if got, ok := c.General.Get(name); got != want || !ok {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if c.Map != (Codes{BlindXfer: "#", Disconnect: "*"}) || len(problems) > 0 {
		t.Errorf("featuremap %+v, problems %v", c.Map, problems)
	}
}

func TestFile(t *testing.T) {
	c, told := load(t, `[general]
transferdigittimeout = 7
atxferdropcall = yes
[featuremap]
blindxfer => #1
atxfer => *2
disconnect =>
[applicationmap]
beep => *9,self/callee,Playback(beep,x),waiting
say => #9,peer,SayDigits,"12,3",loud
[pair]
beep => *7
say =>
`)
	if len(told) > 0 {
		t.Errorf("problems: %v", told)
	}
	if c.General.TransferDigitTimeout != 7*time.Second || !c.General.AtxferDropCall {
		t.Errorf("general: %+v", c.General)
	}
	if c.Map != (Codes{BlindXfer: "#1", AtXfer: "*2"}) {
		t.Errorf("featuremap: %+v", c.Map)
	}
	if a := *c.Applications["beep"]; a != (Application{Name: "beep", Code: "*9", ByCallee: true, App: "Playback", Args: "beep,x", Music: "waiting"}) {
		t.Errorf("beep: %+v", a)
	}
	if a := *c.Applications["say"]; a != (Application{Name: "say", Code: "#9", OnPeer: true, ByCaller: true, ByCallee: true, App: "SayDigits", Args: "12,3", Music: "loud"}) {
		t.Errorf("say: %+v", a)
	}
	list := c.Dynamic("pair#nothing")
	if len(list) != 2 || list[0].Code == list[1].Code || list[0].Code != "*7" && list[1].Code != "*7" {
		t.Errorf("the group has %+v", list)
	}
}

func TestProblems(t *testing.T) {
	_, told := load(t, "[general]\nnosuch=1\natxferloopdelay=x\n[featuremap]\nblindxfer=abc\nautomon=*1\n[applicationmap]\na => *1,self\nb => *1,nobody,NoOp\nc => x,self,NoOp\n")
	if len(told) != 7 {
		t.Fatalf("%d problems, want one for each bad line: %v", len(told), told)
	}
	for i, line := range []string{":2", ":3", ":5", ":6", ":8", ":9", ":10"} {
		if !strings.Contains(told[i], line) {
			t.Errorf("%q does not name line %s", told[i], line)
		}
	}
}

func FuzzFeatures(f *testing.F) {
	f.Add("[applicationmap]\nbeep => *9,self/callee,Playback(beep,x),waiting\n[g]\nbeep=*1\n")
	f.Add("[general]\nfeaturedigittimeout=99999999999\n")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "features.conf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, _ := Load(dir)
		for name := range c.Applications {
			_ = c.Dynamic(name)
		}
		if c.General.FeatureDigitTimeout < 0 {
			t.Error("a time below zero")
		}
	})
}
