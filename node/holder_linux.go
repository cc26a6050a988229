package node

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// holder names the program that has a port open, as far as this process may
// see: "asterisk (pid 812) has it". "" if nobody is found.
func holder(network string, port uint16) string {
	sockets := map[string]bool{}
	for _, table := range []string{network, network + "6"} {
		socketsAt("/proc/net/"+table, port, sockets)
	}
	if len(sockets) == 0 {
		return ""
	}
	files, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, file := range files {
		link, err := os.Readlink(file) // fails for processes of others
		if err != nil || !sockets[link] {
			continue
		}
		process := filepath.Dir(filepath.Dir(file))
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("%s (pid %s) has it", strings.TrimSpace(string(name)), filepath.Base(process))
	}
	return ""
}

// socketsAt collects the sockets at a local port from a table of proc(5), as the
// links of file descriptors write them: socket:[INODE].
func socketsAt(table string, port uint16, sockets map[string]bool) {
	f, err := os.Open(table)
	if err != nil {
		return
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// sl local_address rem_address st queues timer retrnsmt uid timeout inode …
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 {
			continue
		}
		_, hex, _ := strings.Cut(fields[1], ":")
		n, err := strconv.ParseUint(hex, 16, 16)
		const listening = "0A"
		if err == nil && uint16(n) == port && (fields[3] == listening || strings.Contains(table, "udp")) {
			sockets["socket:["+fields[9]+"]"] = true
		}
	}
}
