package node

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/pbx/app"
	"github.com/hometone/hometone/pbx/dialplan"
)

// unknownUses are warnings about applications, functions and options of Dial that a
// dialplan asks for and that are not there; each is named once, at its first line.
func unknownUses(plan *dialplan.Plan) []config.Problem {
	var apps, functions []string
	for _, a := range app.All() {
		apps = append(apps, a.Name)
	}
	functions = slices.AppendSeq(slices.Collect(maps.Keys(dialplan.Builtin())), maps.Keys(pbx.ChannelFunctions()))
	slices.Sort(functions)
	u := uses{first: map[string]*dialplan.Step{}, lines: map[string]int{}}
	hasApp, hasFunction := set(apps), set(functions)
	for c := range plan.Contexts() {
		for x := range c.Extensions() {
			for s := range x.Steps() {
				if computed := strings.ContainsAny(s.App, "${}"); !computed && !hasApp[strings.ToLower(s.App)] {
					u.add("application "+s.App, s)
				}
				for _, name := range s.Functions() {
					if !hasFunction[strings.ToLower(name)] {
						u.add("function "+name, s)
					}
				}
				for _, letter := range app.UnknownOptions(s.App, s.Args) {
					u.add("option "+string(letter)+" of "+s.App, s)
				}
			}
		}
	}
	var problems []config.Problem
	for _, what := range u.order {
		problems = append(problems, u.problem(what, apps, functions))
	}
	return problems
}

// uses are what a plan uses and does not find, in the order of its lines.
type uses struct {
	first map[string]*dialplan.Step
	lines map[string]int
	order []string
}

func (u *uses) add(what string, s *dialplan.Step) {
	key := what
	if !strings.HasPrefix(what, "option ") { // letters have two cases
		key = strings.ToLower(what)
	}
	if u.first[key] == nil {
		u.first[key] = s
		u.order = append(u.order, what)
	}
	u.lines[key]++
}

// problem is the warning about one of them.
func (u *uses) problem(what string, apps, functions []string) config.Problem {
	kind, name, _ := strings.Cut(what, " ")
	key := what
	if kind != "option" {
		key = strings.ToLower(what)
	}
	s := u.first[key]
	effect, names := "has no effect here", []string(nil)
	switch kind {
	case "application":
		effect, names = "ends the call here", apps
	case "function":
		effect, names = "is empty here", functions
	}
	text := fmt.Sprintf("there is no %s; it %s", what, effect)
	if n := u.lines[key]; n > 1 {
		text += fmt.Sprintf(", and on %d more lines", n-1)
	}
	hint := "docs/dialplan.md lists what there is"
	if names != nil {
		hint = cmp.Or(config.DidYouMean(name, names), hint)
	}
	return config.Problem{File: s.File, Line: s.Line, Severity: config.Warning, Text: text, Hint: hint}
}

// set are names in lower-case letters.
func set(names []string) map[string]bool {
	out := map[string]bool{}
	for _, n := range names {
		out[strings.ToLower(n)] = true
	}
	return out
}
