package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is the release this source is, or leads to; CHANGELOG.md has a
// section for it.
const version = "0.1.0"

// versionCommand prints what runs.
type versionCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Help shows examples and the exit codes.
func (versionCommand) Help() string {
	return "Prints the release, Go's version, the system and the commit it was built from.\n\nExit codes: 0, 2 a flag is wrong.\n\nExamples:\n\n  hometone version\n  hometone version --json"
}

// build is what `hometone version --json` prints.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	System   string `json:"system"`
}

func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Revision = s.Value
			}
		}
	}
	return b
}

// Run prints the version.
func (c *versionCommand) Run(t *terminal) error {
	b := thisBuild()
	if c.JSON {
		return t.printJSON(b)
	}
	line := fmt.Sprintf("hometone %s %s %s", b.Version, b.Go, b.System)
	if b.Revision != "" {
		line += " " + b.Revision
	}
	_, err := fmt.Fprintln(t.out, line)
	return err
}
