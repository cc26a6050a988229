// Package rtp reads rtp.conf: the UDP ports that sound is sent from and received
// at. The other options of the file are known; those that would change something
// here are named by a warning. The node gives the range to its relay unless
// hometone.yaml has one of its own; each stream takes an even port and the next.
package rtp

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hometone/hometone/config"
)

// The ports of Asterisk when the file leaves one of them out.
const (
	firstPort = 5000
	lastPort  = 31000
)

// harmless are options whose default is what Hometone does, with that value.
var harmless = map[string]string{
	"rtpchecksums": "yes", "dtmftimeout": "3000", "rtcpinterval": "5000", "strictrtp": "yes", "probation": "4",
	"srtpreplayprotection": "yes", "icesupport": "yes", "stun_software_attribute": "yes",
}

// Load reads rtp.conf in dir. nil: the file is not there, or names no ports.
func Load(dir string) (*config.PortRange, []config.Problem) {
	path := filepath.Join(dir, "rtp.conf")
	doc, problems := config.ReadOptional(path, config.ReadOptions{})
	if doc == nil {
		return nil, nil
	}
	ports, more := read(doc)
	return ports, append(problems, more...)
}

func read(doc *config.Document) (*config.PortRange, []config.Problem) {
	ports, set := config.PortRange{Min: firstPort, Max: lastPort}, false
	var problems []config.Problem
	for _, s := range doc.Sections {
		if s.Name != "general" {
			continue
		}
		for _, e := range s.Entries {
			switch name := strings.ToLower(e.Name); name {
			case "rtpstart", "rtpend":
				n, err := strconv.ParseUint(strings.TrimSpace(e.Value), 10, 16)
				if err != nil || n < 1024 {
					problems = append(problems, e.Pos.Problem(config.Error, "write a port from 1024 to 65535", "%s=%s is no port", name, e.Value))
					continue
				}
				if set = true; name == "rtpstart" {
					ports.Min = uint16(n)
				} else {
					ports.Max = uint16(n)
				}
			default:
				if want, ok := harmless[name]; !ok || !strings.EqualFold(strings.TrimSpace(e.Value), want) {
					problems = append(problems, e.Pos.Problem(config.Warning, "", "%s=%s has no effect", name, e.Value))
				}
			}
		}
		if first := (int(ports.Min) + 1) &^ 1; set && first+1 > int(ports.Max) {
			problems = append(problems, s.Pos.Problem(config.Error, "make the range larger: each stream takes an even port and the next", "rtpstart=%d and rtpend=%d hold no pair of ports", ports.Min, ports.Max))
			set = false
		}
	}
	if !set {
		return nil, problems
	}
	return &ports, problems
}
