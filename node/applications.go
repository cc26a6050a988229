package node

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/pbx/app"
	"github.com/hometone/hometone/pbx/dialplan"
)

// unknownApplications are warnings about applications that a dialplan asks for and
// that are not there; each is named once, at its first line.
func unknownApplications(plan *dialplan.Plan) (problems []config.Problem) {
	var names []string
	known := map[string]bool{}
	for _, a := range app.All() {
		names = append(names, a.Name)
		known[strings.ToLower(a.Name)] = true
	}
	first := map[string]*dialplan.Step{}
	lines := map[string]int{}
	var order []string
	for c := range plan.Contexts() {
		for x := range c.Extensions() {
			for s := range x.Steps() {
				name := strings.ToLower(s.App)
				if known[name] || strings.ContainsAny(name, "${}") { // computed: known when it runs
					continue
				}
				if first[name] == nil {
					first[name] = s
					order = append(order, name)
				}
				lines[name]++
			}
		}
	}
	for _, name := range order {
		s := first[name]
		text := fmt.Sprintf("there is no application %s; the line is skipped", s.App)
		if n := lines[name]; n > 1 {
			text = fmt.Sprintf("there is no application %s; this line and %d more are skipped", s.App, n-1)
		}
		problems = append(problems, config.Problem{
			File: s.File, Line: s.Line, Severity: config.Warning, Text: text, Hint: cmp.Or(config.DidYouMean(s.App, names), "docs/dialplan.md lists what there is"),
		})
	}
	return problems
}
