package edge

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/sip"
)

// Use says which calls use a resource of their destination, as the resource list
// of OpenSIPS' load_balance does.
type Use struct {
	Resource string
	Number   string // pattern (path.Match) of the dialled user part; "": every call
}

// readUses reads NAME and NAME=PATTERN.
func readUses(texts []string, n *config.Node) (uses []Use, problems []config.Problem) {
	for i, text := range texts {
		name, pattern, _ := strings.Cut(text, "=")
		if _, err := path.Match(pattern, ""); err != nil || name == "" {
			problems = append(problems, n.At(fmt.Sprintf("edge.resources[%d]", i)).Problem(config.Error,
				"write pstn for every call, or pstn=0* for numbers that begin with 0", "%q is no resource", text))
			continue
		}
		uses = append(uses, Use{name, pattern})
	}
	return uses, problems
}

// uses returns what a request needs of its destination, each name once.
func (s *Settings) uses(req *sip.Request) []string {
	if len(s.Resources) == 0 {
		return nil
	}
	number := ""
	if u, err := req.ParsedURI(); err == nil {
		number = u.Username()
	}
	var names []string
	for _, u := range s.Resources {
		fits := u.Number == ""
		if !fits {
			fits, _ = path.Match(u.Number, number) // checked when it was read
		}
		if fits && !slices.Contains(names, u.Resource) {
			names = append(names, u.Resource)
		}
	}
	return names
}
