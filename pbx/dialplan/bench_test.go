package dialplan

import (
	"context"
	"testing"

	"github.com/hometone/hometone/config"
)

func bigPlan(b *testing.B) *Plan {
	return planOf(b, tenThousand())
}

func BenchmarkLoad10000(b *testing.B) {
	source := tenThousand()
	b.ReportAllocs()
	for b.Loop() {
		doc, _ := config.ParseAsterisk("extensions.conf", source, config.ReadOptions{Dir: "/"})
		Compile(doc)
	}
}

func BenchmarkMatchName(b *testing.B) {
	plan, now := bigPlan(b), noon()
	b.ReportAllocs()
	for b.Loop() {
		plan.Match("c", "11999", 1, "200", now)
	}
}

func BenchmarkMatchPattern(b *testing.B) {
	plan, now := bigPlan(b), noon()
	b.ReportAllocs()
	for b.Loop() {
		plan.Match("c", "9199912", 1, "200", now)
	}
}

func benchmarkSteps(b *testing.B, source string) {
	i, ch := channelOn(planOf(b, source))
	ch.quiet = true
	bench := &benchApps{i}
	i.apps = bench
	i.limits.Steps = 1 << 62
	i.Start(Position{"c", "s", 1})
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		i.Step(ctx)
	}
}

// benchApps does what the real table does for the three applications.
type benchApps struct{ i *Interpreter }

func (a *benchApps) Has(string) bool { return true }

func (a *benchApps) Run(_ context.Context, name, args string) (Result, error) {
	switch name {
	case "Set":
		return Continue, a.i.SetArgs(args)
	case "Goto":
		return Continue, a.i.Goto(args)
	}
	return Continue, nil
}

func BenchmarkStepNoOp(b *testing.B) {
	benchmarkSteps(b, "[c]\nexten => s,1,NoOp(call to ${EXTEN})\nsame => n,Goto(1)\n")
}

func BenchmarkStepSet(b *testing.B) {
	benchmarkSteps(b, "[c]\nexten => s,1,Set(v=${EXTEN})\nsame => n,Goto(1)\n")
}

func BenchmarkStepExpression(b *testing.B) {
	benchmarkSteps(b, "[c]\nexten => s,1,Set(v=$[${PRIORITY} + 1])\nsame => n,Goto(1)\n")
}

func BenchmarkStepGoto(b *testing.B) {
	benchmarkSteps(b, "[c]\nexten => s,1,Goto(c,s,2)\nsame => n,Goto(c,s,1)\n")
}
