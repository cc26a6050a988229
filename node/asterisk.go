package node

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/pbx/dialplan"
)

// asteriskConf is what asterisk.conf says that has a meaning here: where
// things are ([directories]) and what the system is called ([options]). A name
// that it does not give is "".
type asteriskConf struct {
	directories map[string]string // by name: astdatadir, astspooldir …
	systemName  string
}

// readAsteriskConf reads asterisk.conf beside pjsip.conf, if there is one.
func readAsteriskConf(dir string) (asteriskConf, []config.Problem) {
	c := asteriskConf{directories: map[string]string{}}
	file := filepath.Join(dir, "asterisk.conf")
	if _, err := os.Stat(file); dir == "" || err != nil {
		return c, nil
	}
	doc, problems := config.ReadAsterisk(file, config.ReadOptions{})
	for _, s := range doc.Sections {
		if s.Template { // the sample's [directories](!) is there to be switched on
			continue
		}
		for _, e := range s.Entries {
			switch {
			case s.Name == "directories":
				c.directories[strings.ToLower(e.Name)] = e.Value
			case s.Name == "options" && strings.EqualFold(e.Name, "systemname"):
				c.systemName = e.Value
			}
		}
	}
	return c, problems
}

// directory returns one of [directories]; what is not named lies where
// Asterisk has it: data and database in astvarlibdir.
func (c asteriskConf) directory(name string) string {
	if d := c.directories[name]; d != "" {
		return d
	}
	if name == "astdatadir" || name == "astdbdir" || name == "astkeydir" {
		return c.directories["astvarlibdir"]
	}
	return ""
}

// dataDir is where everything durable is kept: what the command line or
// hometone.yaml names, else below asterisk.conf's astdbdir, so that each
// configuration directory has a database of its own.
func (p *plan) dataDir(cfg Config) string {
	usual := config.Default().Node.Data
	db := p.conf.directories["astdbdir"]
	switch {
	case cfg.Data != "":
		return cfg.Data
	case p.file.Node.Data == usual && db != "":
		return filepath.Join(db, "hometone")
	}
	return p.file.Node.Data
}

// directoryVariables are the variables that tell the dialplan where things are.
var directoryVariables = [...][2]string{
	{"ASTETCDIR", "astetcdir"}, {"ASTCONFDIR", "astetcdir"}, {"ASTMODDIR", "astmoddir"}, {"ASTVARLIBDIR", "astvarlibdir"},
	{"ASTDBDIR", "astdbdir"}, {"ASTKEYDIR", "astkeydir"}, {"ASTDATADIR", "astdatadir"}, {"ASTAGIDIR", "astagidir"},
	{"ASTSPOOLDIR", "astspooldir"}, {"ASTRUNDIR", "astrundir"}, {"ASTLOGDIR", "astlogdir"}, {"ASTSBINDIR", "astsbindir"},
}

// globals are the global variables that a configuration begins with.
func (p *plan) globals() *dialplan.Globals {
	g := dialplan.NewGlobals(p.settings.Plan)
	for _, v := range directoryVariables {
		if d := p.conf.directory(v[1]); d != "" {
			_ = g.Set(v[0], d) // a handful is always possible
		}
	}
	if p.conf.systemName != "" {
		_ = g.Set("SYSTEMNAME", p.conf.systemName)
	}
	return g
}
