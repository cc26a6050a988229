package pjsip

import (
	"strings"
	"testing"

	"github.com/hometone/hometone/config"
)

// What an identify section cannot mean is refused with the value's name.
func TestIdentifyFaults(t *testing.T) {
	for line, want := range map[string]string{
		"match=192.0.2.1:0":            "the port",
		"match=192.0.2.1:70000":        "the port",
		"match=192.0.2.0:sip/24":       "the port",
		"match=a b":                    "neither an address",
		"match_header=X-Trunk":         "NAME: VALUE",
		"match_header=X-Trunk: /(red/": "missing closing",
	} {
		_, problems := parse(t, "[a]\ntype=endpoint\n[i]\ntype=identify\nendpoint=a\n"+line+"\n")
		found := false
		for _, p := range problems {
			found = found || strings.Contains(p.Error(), want)
		}
		if !config.HasErrors(problems) || !found {
			t.Errorf("%s: %v, want an error with %q", line, problems, want)
		}
	}
}
