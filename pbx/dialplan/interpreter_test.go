package dialplan

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

// story runs a plan from c,s,1 (or another extension) and returns what ran.
func story(t *testing.T, source, exten string) (string, Outcome, *Interpreter, *fakeChannel) {
	t.Helper()
	i, ch := channelOn(planOf(t, source))
	i.Start(Position{"c", exten, 1})
	outcome := i.Run(context.Background())
	return ch.log(), outcome, i, ch
}

func TestStories(t *testing.T) {
	for _, c := range []struct {
		name, source, exten, ran string
		outcome                  Outcome
	}{
		{"priorities run in order and the end falls through", "exten => s,1,A(1)\nsame => n,B(2)\nsame => n+5,C(3)\nsame => n,D()", "s", "A(1) B(2)", FellThrough},
		{"labels and Goto within the extension", "exten => s,1,Goto(end)\nsame => n,Never()\nsame => n(end),A()", "s", "Goto(end) A()", FellThrough},
		{"Goto another extension and context", "exten => s,1,Goto(d,x,2)\n[d]\nexten => x,1,Never()\nexten => x,2,A(${CONTEXT}/${EXTEN}/${PRIORITY})", "s", "Goto(d,x,2) A(d/x/2)", FellThrough},
		{"Goto forward by a number", "exten => s,1,Goto(+2)\nsame => n,Never()\nsame => n,A()", "s", "Goto(+2) A()", FellThrough},
		{"Goto a label elsewhere", "exten => s,1,Goto(x,lab)\nexten => x,1,Never()\nexten => x,n(lab),A()", "s", "Goto(x,lab) A()", FellThrough},
		{"GotoIf true and false", "exten => s,1,Set(v=2)\nsame => n,GotoIf($[${v} = 2]?yes:no)\nsame => n(no),Never()\nsame => n(yes),GotoIf(0?no)\nsame => n,A()", "s", "Set(v=2) GotoIf(1?yes:no) GotoIf(0?no) A()", FellThrough},
		{"GotoIfTime", "exten => s,1,GotoIfTime(11:00-13:00,wed,*,*?noon)\nsame => n,Never()\nsame => n(noon),A()", "s", "GotoIfTime(11:00-13:00,wed,*,*?noon) A()", FellThrough},
		{"a bad Goto ends the call", "exten => s,1,Goto(nowhere)\nsame => n,Never()", "s", "Goto(nowhere)", Ended},
		{"Hangup ends the call", "exten => s,1,Hangup()\nsame => n,Never()", "s", "Hangup()", Ended},
		{"an extension that does not exist goes to i", "exten => i,1,A(${INVALID_EXTEN})", "77", "A(77)", FellThrough},
		{"without i to e", "exten => e,1,A(${EXCEPTION(reason)},${EXCEPTION(exten)})", "77", "A(INVALID,77)", FellThrough},
		{"with neither the caller is told", "exten => s,1,A()", "77", "", NoExtension},
		{"an application that breaks goes to e", "exten => s,1,Break()\nexten => e,1,A(${EXCEPTION(reason)})", "s", "Break() A(ERROR)", FellThrough},
		{"RaiseException", "exten => s,1,RaiseException(odd)\nexten => e,1,A(${EXCEPTION(reason)},${EXCEPTION(exten)})", "s", "RaiseException(odd) A(odd,s)", FellThrough},
		{"RaiseException without e ends the call", "exten => s,1,RaiseException(odd)\nsame => n,Never()", "s", "RaiseException(odd)", Ended},
		{"LOCAL_PEEK and STACK_PEEK", "exten => s,1,Set(v=out)\nsame => n,Gosub(x,1(a))\nexten => x,1,Set(LOCAL(v)=in)\nsame => n,Gosub(y,1(b))\nexten => y,1,A(${ARG1},${LOCAL_PEEK(1,ARG1)},${LOCAL_PEEK(2,v)},${STACK_PEEK(1,l)},${STACK_PEEK(2,e)},${STACK_PEEK(9,e,s)})", "s", "Set(v=out) Gosub(x,1(a)) Set(LOCAL(v)=in) Gosub(y,1(b)) A(b,a,out,c,x,2,s,)", FellThrough},
		{"and ends the call without e", "exten => s,1,Break()\nsame => n,Never()", "s", "Break()", Ended},
		{"Gosub with arguments and a value", "exten => s,1,Gosub(sub,x,1(a,b))\nsame => n,B(${GOSUB_RETVAL},${ARG1},${ARGC})\n[sub]\nexten => x,1,A(${ARG1},${ARG2},${ARGC})\nsame => n,Return(ok)", "s", "Gosub(sub,x,1(a,b)) A(a,b,2) Return(ok) B(ok,,)", FellThrough},
		{"LOCAL ends with Return", "exten => s,1,Set(v=out)\nsame => n,Gosub(x,1)\nsame => n,B(${v})\nexten => x,1,Set(LOCAL(v)=in)\nsame => n,A(${v})\nsame => n,Return()", "s", "Set(v=out) Gosub(x,1) Set(LOCAL(v)=in) A(in) Return() B(out)", FellThrough},
		{"an inner Gosub hides the outer's arguments", "exten => s,1,Gosub(x,1(a,b))\nexten => x,1,Gosub(y,1(c))\nsame => n,B(${ARG1}${ARG2})\nexten => y,1,A(${ARG1}${ARG2})\nsame => n,Return()", "s", "Gosub(x,1(a,b)) Gosub(y,1(c)) A(c) Return() B(ab)", FellThrough},
		{"Return without Gosub ends the call", "exten => s,1,Return()\nsame => n,Never()", "s", "Return()", Ended},
		{"GosubIf takes the branch with its arguments", "exten => s,1,GosubIf(0?x,1(a:b):y,1(c))\nexten => x,1,Never()\nexten => y,1,A(${ARG1})", "s", "GosubIf(0?x,1(a:b):y,1(c)) A(c)", FellThrough},
		{"a digit asks for more", "exten => s,1,Background(5)\nsame => n,Never()", "s", "Background(5)", WantDigits},
		{"arguments end at the last parenthesis", "exten => s,1,A(f(x),(y))", "s", "A(f(x),(y))", FellThrough},
		{"an application without parentheses", "exten => s,1,Answer", "s", "Answer()", FellThrough},
		{"globals, also in names", "exten => ${WHO},1,A(${WHO})", "500", "A(500)", FellThrough},
	} {
		t.Run(c.name, func(t *testing.T) {
			ran, outcome, _, _ := story(t, "[globals]\nWHO=500\n[c]\n"+c.source+"\n", c.exten)
			if ran != c.ran || outcome != c.outcome {
				t.Errorf("%s:\n ran %s (%v)\nwant %s (%v)", c.name, ran, outcome, c.ran, c.outcome)
			}
		})
	}
}

// TestWithoutFallThrough proves that autofallthrough=no waits for digits.
func TestWithoutFallThrough(t *testing.T) {
	_, outcome, i, ch := story(t, "[general]\nautofallthrough=no\n[c]\nexten => s,1,A()\nexten => 12,1,B()\nexten => t,1,T()\nexten => T,1,Abs()\n", "s")
	if outcome != WantDigits {
		t.Fatalf("got %v", outcome)
	}
	if !i.Digits("12") || i.Run(context.Background()) != WantDigits || !i.Timeout(false) || i.Run(context.Background()) != WantDigits || !i.Timeout(true) {
		t.Fatal("12, t and T exist")
	}
	i.Run(context.Background())
	if want := "A() B() T() Abs()"; ch.log() != want {
		t.Errorf("ran %s, want %s", ch.log(), want)
	}
	if i.Digits("99") {
		t.Error("99 does not exist, nor does i")
	}
}

// TestPressed proves that the digit an application heard is handed over once.
func TestPressed(t *testing.T) {
	_, _, i, _ := story(t, "[c]\nexten => s,1,Background(5)\n", "s")
	if i.Pending() != "5" || i.Pending() != "" {
		t.Error("the digit is handed over once")
	}
}

// TestHangupExtension proves that h runs once, with its own budget of steps.
func TestHangupExtension(t *testing.T) {
	_, _, i, ch := story(t, "[c]\nexten => s,1,A()\nexten => h,1,B()\nsame => n,C()\n", "s")
	i.RunHangup(context.Background())
	i.RunHangup(context.Background())
	if want := "A() B() C()"; ch.log() != want {
		t.Errorf("ran %s, want %s", ch.log(), want)
	}
}

// TestLoop proves that a plan that never waits ends its own call, says so,
// and that h still runs.
func TestLoop(t *testing.T) {
	plan := planOf(t, "[c]\nexten => s,1,NoOp()\nsame => n,Goto(1)\nexten => h,1,Bye()\n")
	var log bytes.Buffer
	ch := &fakeChannel{quiet: true}
	ch.interp = New(Config{Plan: func() *Plan { return plan }, Apps: ch, Channel: ch, Now: noon, Logger: slog.New(slog.NewTextHandler(&log, nil)), Limits: Limits{Steps: 1000}})
	ch.interp.Start(Position{"c", "s", 1})
	if got := ch.interp.Run(context.Background()); got != Ended {
		t.Fatalf("got %v", got)
	}
	if !strings.Contains(log.String(), "1000 priorities without a wait") {
		t.Errorf("the log says why: %s", log.String())
	}
	ch.quiet = false
	ch.interp.RunHangup(context.Background())
	if ch.log() != "Bye()" {
		t.Errorf("h runs, got %s", ch.log())
	}
}

// TestDeepGosub proves that recursion ends with a clear error.
func TestDeepGosub(t *testing.T) {
	ran, outcome, i, _ := story(t, "[c]\nexten => s,1,Gosub(s,1)\n", "s")
	if outcome != Ended || i.StackDepth() != 128 || strings.Count(ran, "Gosub") != 129 {
		t.Errorf("%v with %d levels", outcome, i.StackDepth())
	}
}

// TestCancelled proves that the end of the context ends Run.
func TestCancelled(t *testing.T) {
	i, _ := channelOn(planOf(t, "[c]\nexten => s,1,A()\n"))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	i.Start(Position{"c", "s", 1})
	if got := i.Run(ctx); got != Ended {
		t.Errorf("got %v", got)
	}
}

// TestReload proves that a running channel takes the new plan at its next step.
func TestReload(t *testing.T) {
	plan := planOf(t, "[c]\nexten => s,1,A()\nsame => n,Old()\n")
	next := planOf(t, "[c]\nexten => s,1,A()\nsame => n,New()\n")
	ch := &fakeChannel{}
	i := New(Config{Plan: func() *Plan { return plan }, Apps: ch, Channel: ch, Now: noon})
	i.Start(Position{"c", "s", 1})
	i.Step(context.Background())
	plan = next
	i.Run(context.Background())
	if want := "A() New()"; ch.log() != want {
		t.Errorf("ran %s, want %s", ch.log(), want)
	}
}

// TestSnapshot proves that State, written as JSON and read back elsewhere,
// continues the story, inside a Gosub with local variables too.
func TestSnapshot(t *testing.T) {
	source := "[c]\nexten => s,1,Set(__v=out)\nsame => n,Gosub(x,1(a))\nsame => n,End(${v},${ARG1},${GOSUB_RETVAL})\nexten => x,1,Set(LOCAL(v)=in)\nsame => n,A(${v},${ARG1})\nsame => n,Return(r)\n"
	plan := planOf(t, source)
	for cut := range 6 {
		first, before := channelOn(plan)
		first.Start(Position{"c", "s", 1})
		for range cut {
			first.Step(context.Background())
		}
		data, err := json.Marshal(first.State())
		if err != nil {
			t.Fatal(err)
		}
		var s State
		if err := json.Unmarshal(data, &s); err != nil {
			t.Fatal(err)
		}
		second, after := channelOn(plan)
		second.Restore(s)
		if !reflect.DeepEqual(second.State(), first.State()) {
			t.Fatalf("restored state differs:\n%+v\n%+v", second.State(), first.State())
		}
		second.Run(context.Background())
		got := strings.TrimSpace(before.log() + " " + after.log())
		if want := "Set(__v=out) Gosub(x,1(a)) Set(LOCAL(v)=in) A(in,a) Return(r) End(out,,r)"; got != want {
			t.Errorf("cut after %d steps: %s, want %s", cut, got, want)
		}
		if in := second.Inherited(); len(in) != 1 || in[0].Value != "out" {
			t.Errorf("inheritance survives: %+v", in)
		}
	}
}

// TestArgs holds how arguments are split.
func TestArgs(t *testing.T) {
	for _, c := range []struct {
		source string
		most   int
		want   []string
	}{
		{"", 0, nil}, {"a", 0, []string{"a"}}, {"a,b,c", 0, []string{"a", "b", "c"}}, {"a,,c", 0, []string{"a", "", "c"}}, {"a,b,c", 2, []string{"a", "b,c"}},
		{`"a,b",c`, 0, []string{"a,b", "c"}}, {"f(a,b),c", 0, []string{"f(a,b)", "c"}}, {`a\,b,c`, 0, []string{"a,b", "c"}}, {"a,", 0, []string{"a", ""}}, {"[a,b],c", 0, []string{"[a,b]", "c"}},
		{"PJSIP/a&PJSIP/b,20,tT", 0, []string{"PJSIP/a&PJSIP/b", "20", "tT"}}, {"a)b,c", 0, []string{"a)b", "c"}},
	} {
		if got := Args(c.source, c.most); !reflect.DeepEqual(got, c.want) {
			t.Errorf("Args(%q, %d) = %q, want %q", c.source, c.most, got, c.want)
		}
	}
}

func TestCondition(t *testing.T) {
	for source, want := range map[string]bool{"": false, "0": false, "00": false, "1": true, "-1": true, "abc": true, "0abc": false, "2x": true} {
		if Condition(source) != want {
			t.Errorf("Condition(%q) must be %v", source, want)
		}
	}
}
