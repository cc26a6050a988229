package node

import (
	"path/filepath"
	"slices"
	"strings"
)

// firstFreePort is the first port that needs no rights.
const firstFreePort = 1024

// Needs are what a node's configuration asks of the system, for its service.
type Needs struct {
	LowPorts bool     // it listens on a port below 1024
	Writes   []string // directories that it writes to, absolute
}

// Needs returns what the configuration in force asks of the system.
func (n *Node) Needs() Needs {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.plan
	needs := Needs{Writes: []string{p.data}}
	for _, l := range p.listen {
		needs.LowPorts = needs.LowPorts || l.addr.Port() > 0 && l.addr.Port() < firstFreePort
	}
	more := []string{p.settings.Spool}
	if path, ok := strings.CutPrefix(p.file.Records.DSN.Reveal(), "sqlite:"); ok && path != ":memory:" {
		more = append(more, filepath.Dir(path))
	}
	for _, dir := range more {
		if abs, err := filepath.Abs(dir); err == nil && dir != "" && !slices.Contains(needs.Writes, abs) {
			needs.Writes = append(needs.Writes, abs)
		}
	}
	return needs
}
