// Package statsd reads statsd.conf: the server that the application StatsD sends its
// figures to. Load never fails: what is wrong in the file is a warning with its line. Without
// enabled=yes nothing is sent. Package pbx sends the figures, one datagram each.
package statsd

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/hometone/hometone/config"
)

// Config is statsd.conf; the zero value sends nothing.
type Config struct {
	Server  string // host:port; "" = nothing is sent
	Prefix  string // of all names, without the dot; "" = none
	Newline bool   // ends each figure
}

// defaultPort is StatsD's.
const defaultPort = "8125"

// Load reads statsd.conf in a directory; without the file nothing is sent.
func Load(dir string) (c Config, problems []config.Problem) {
	path := filepath.Join(dir, "statsd.conf")
	doc, problems := config.ReadOptional(path, config.ReadOptions{})
	if doc == nil {
		return c, nil
	}
	server, enabled := "127.0.0.1", false
	for _, s := range doc.Sections {
		for _, e := range s.Entries {
			if s.Template {
				continue
			}
			switch value := strings.TrimSpace(e.Value); strings.ToLower(e.Name) {
			case "enabled":
				enabled = config.True(value)
			case "server":
				server = value
			case "prefix":
				c.Prefix = strings.TrimSuffix(value, ".")
			case "add_newline":
				c.Newline = config.True(value)
			case "meter_support": // meters are not sent
			default:
				problems = append(problems, config.Problem{File: e.File, Line: e.Line, Severity: config.Warning, Text: fmt.Sprintf("[%s] has no option %q", s.Name, e.Name)})
			}
		}
	}
	if !enabled {
		return Config{}, problems
	}
	if c.Server = server; !hasPort(server) {
		c.Server = net.JoinHostPort(strings.Trim(server, "[]"), defaultPort)
	}
	return c, problems
}

// hasPort reports whether an address has a port.
func hasPort(address string) bool {
	host, port, err := net.SplitHostPort(address)
	return err == nil && host != "" && port != ""
}
