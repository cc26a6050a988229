package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hometone/hometone/node"
)

// unit is what a unit of systemd is made of.
type unit struct {
	command []string
	user    string
	data    string
	needs   node.Needs
}

// stateDirectory is where systemd keeps the data of services.
const stateDirectory = "/var/lib/"

// writeUnit writes the unit, as systemd.exec(5) and systemd.service(5) describe it.
func writeUnit(u unit) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Written by hometone service install.")
	line("[Unit]\nDescription=Hometone, internet telephony\nWants=network-online.target\nAfter=network-online.target\n")
	line("[Service]\nType=notify\nNotifyAccess=main")
	words := make([]string, len(u.command))
	for i, w := range u.command {
		words[i] = quoteUnit(w)
	}
	line("ExecStart=%s\nExecReload=/bin/kill -HUP $MAINPID", strings.Join(words, " "))
	line("WatchdogSec=30\nRestart=on-failure\nRestartSec=1\nTimeoutStopSec=45\nKillMode=mixed")
	line("LimitNOFILE=1048576\n")
	line("User=%s\nUMask=0077", u.user)
	writable := u.needs.Writes
	if name, ok := strings.CutPrefix(u.data, stateDirectory); ok && name != "" {
		line("StateDirectory=%s\nStateDirectoryMode=0700", quoteUnit(name))
		writable = slices.DeleteFunc(slices.Clone(writable), func(dir string) bool { return dir == u.data || strings.HasPrefix(dir, u.data+"/") })
	}
	for _, dir := range writable {
		line("ReadWritePaths=%s", quoteUnit(dir)) // of the spool and the like
	}
	if u.needs.LowPorts {
		line("AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE")
	} else {
		line("CapabilityBoundingSet=")
	}
	line(`NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target`)
	return b.String()
}

// quoteUnit writes a word as systemd reads it: $ and % mean something there.
func quoteUnit(s string) string {
	s = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$").Replace(s)
	if strings.ContainsAny(s, " \t'\"\\;") {
		return `"` + s + `"`
	}
	return s
}
