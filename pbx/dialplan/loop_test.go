package dialplan

import (
	"context"
	"encoding/json"
	"testing"
)

func TestLoops(t *testing.T) {
	const counter = "exten => s,1,Set(n=0)\nsame => n,While($[${n} < 3])\nsame => n,Set(n=$[${n} + 1])\n"
	for _, c := range []struct{ name, source, ran string }{
		{"While runs while its condition holds", counter + "same => n,A(${n})\nsame => n,EndWhile()\nsame => n,B()",
			"A(1) A(2) A(3) B()"},
		{"a condition that never holds runs nothing", "exten => s,1,While(0)\nsame => n,A()\nsame => n,EndWhile\nsame => n,B()", "B()"},
		{"loops within loops", counter + "same => n,Set(m=0)\nsame => n,While($[${m} < 2])\nsame => n,Set(m=$[${m} + 1])\nsame => n,A(${n}${m})\nsame => n,EndWhile()\nsame => n,EndWhile()\nsame => n,B()",
			"A(11) A(12) A(21) A(22) A(31) A(32) B()"},
		{"an outer condition that fails skips the inner loop", "exten => s,1,While(0)\nsame => n,While(1)\nsame => n,EndWhile()\nsame => n,A()\nsame => n,EndWhile()\nsame => n,B()", "B()"},
		{"ContinueWhile begins the next round", counter + "same => n,GotoIf($[${n} != 2]?skip)\nsame => n,ContinueWhile()\nsame => n(skip),A(${n})\nsame => n,EndWhile()\nsame => n,B()",
			"A(1) A(3) B()"},
		{"ExitWhile leaves the innermost loop", counter + "same => n,While(1)\nsame => n,A(${n})\nsame => n,ExitWhile()\nsame => n,EndWhile()\nsame => n,EndWhile()\nsame => n,B()",
			"A(1) A(2) A(3) B()"},
		{"If that holds", "exten => s,1,If(1)\nsame => n,A()\nsame => n,Else()\nsame => n,B()\nsame => n,EndIf()\nsame => n,C()", "A() C()"},
		{"If that does not", "exten => s,1,If(0)\nsame => n,A()\nsame => n,Else()\nsame => n,B()\nsame => n,EndIf()\nsame => n,C()", "B() C()"},
		{"If without Else", "exten => s,1,If(0)\nsame => n,A()\nsame => n,EndIf()\nsame => n,C()", "C()"},
		{"the first ElseIf that holds", "exten => s,1,If(0)\nsame => n,A()\nsame => n,ElseIf(0)\nsame => n,B()\nsame => n,ElseIf(1)\nsame => n,C()\nsame => n,ElseIf(1)\nsame => n,D()\nsame => n,Else()\nsame => n,E()\nsame => n,EndIf()\nsame => n,F()", "C() F()"},
		{"no ElseIf after a branch that was taken", "exten => s,1,If(1)\nsame => n,A()\nsame => n,ElseIf(1)\nsame => n,B()\nsame => n,EndIf()\nsame => n,F()", "A() F()"},
		{"branches within branches", "exten => s,1,If(0)\nsame => n,If(1)\nsame => n,A()\nsame => n,Else()\nsame => n,B()\nsame => n,EndIf()\nsame => n,Else()\nsame => n,If(0)\nsame => n,C()\nsame => n,ElseIf(1)\nsame => n,D()\nsame => n,EndIf()\nsame => n,EndIf()\nsame => n,F()", "D() F()"},
		{"ExitIf", "exten => s,1,If(1)\nsame => n,A()\nsame => n,ExitIf()\nsame => n,B()\nsame => n,EndIf()\nsame => n,F()", "A() F()"},
		{"ElseIf in a loop is asked each round", counter + "same => n,If($[${n} = 1])\nsame => n,A()\nsame => n,ElseIf($[${n} = 2])\nsame => n,B()\nsame => n,Else()\nsame => n,C()\nsame => n,EndIf()\nsame => n,EndWhile()\nsame => n,D()", "A() B() C() D()"},
		{"EndWhile without While ends the call", "exten => s,1,EndWhile()\nsame => n,Never()", ""},
		{"While without EndWhile ends the call", "exten => s,1,While(0)\nsame => n,Never()", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			i, ch := channelOn(planOf(t, "[c]\n"+c.source+"\n"))
			ch.hidden = true
			i.Start(Position{"c", "s", 1})
			i.Run(context.Background())
			if ran := ch.log(); ran != c.ran {
				t.Errorf("\n ran %s\nwant %s", ran, c.ran)
			}
		})
	}
}

// TestEndlessLoop proves that a loop without a wait ends its own call.
func TestEndlessLoop(t *testing.T) {
	i, ch := channelOn(planOf(t, "[c]\nexten => s,1,While(1)\nsame => n,EndWhile()\n"))
	ch.quiet = true
	i.Start(Position{"c", "s", 1})
	if outcome := i.Run(context.Background()); outcome != Ended {
		t.Error(outcome)
	}
}

// TestSnapshotWithinIf proves that a channel taken over between If and ElseIf
// goes on as it would have.
func TestSnapshotWithinIf(t *testing.T) {
	plan := planOf(t, "[c]\nexten => s,1,If(0)\nsame => n,A()\nsame => n,ElseIf(1)\nsame => n,B()\nsame => n,EndIf()\n")
	i, _ := channelOn(plan)
	i.Start(Position{"c", "s", 1})
	i.Step(context.Background())
	data, err := json.Marshal(i.State())
	if err != nil {
		t.Fatal(err)
	}
	var s State
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	other, ch := channelOn(plan)
	ch.hidden = true
	other.Restore(s)
	other.Run(context.Background())
	if ch.log() != "B()" {
		t.Error(ch.log())
	}
}

func TestChoose(t *testing.T) {
	i, _ := channelOn(planOf(t, "[c]\nexten => s,1,NoOp()\n"))
	for _, c := range []struct {
		choose     func(string) (string, error)
		args, want string
	}{
		{i.ChooseIf, "1?A(x:y):B(z)", "A(x:y)"}, {i.ChooseIf, "0?A(x:y):B(z)", "B(z)"}, {i.ChooseIf, "0?A(x)", ""}, {i.ChooseIf, "?A():B()", "B()"}, {i.ChooseIf, "A(x)", "error"},
		{i.ChooseIfTime, "11:00-13:00,wed,*,*?A(1)", "A(1)"}, {i.ChooseIfTime, "13:00-14:00,*,*,*?A(1):B(2)", "B(2)"}, {i.ChooseIfTime, "25:00,*,*,*?A(1)", "error"}, {i.ChooseIfTime, "20:00-21:00,*,*,*,Asia/Shanghai?A(1):B()", "A(1)"}, {i.ChooseIfTime, "A()", "error"},
	} {
		got, err := c.choose(c.args)
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.args, got, c.want)
		}
	}
}
