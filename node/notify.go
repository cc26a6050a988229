package node

import (
	"net"
	"os"
	"strconv"
	"time"
)

// notify tells the service manager how the node stands, by the datagram that
// sd_notify(3) describes: READY=1, RELOADING=1, STOPPING=1, WATCHDOG=1. Without
// a service manager ($NOTIFY_SOCKET) it does nothing.
func notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	if path[0] == '@' { // a name in Linux' abstract space
		path = "\x00" + path[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.Write([]byte(state)) // nobody to tell if this fails
}

// watchdogInterval is how often the service manager wants to hear from us: half
// of $WATCHDOG_USEC; 0 = never.
func watchdogInterval() time.Duration {
	us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || us <= 0 {
		return 0
	}
	return time.Duration(us) * time.Microsecond / 2
}
