package node

import (
	"context"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
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

// reloading is the state that begins a reload; systemd wants to know when that was.
func reloading() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return "RELOADING=1"
	}
	return "RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(now.Nano()/int64(time.Microsecond), 10)
}

// watch tells the service manager at intervals that the node lives, as long as
// alive says so before ctx ends. A node that hangs says nothing, and is restarted.
func watch(ctx context.Context, alive func(context.Context) bool) error {
	interval := watchdogInterval()
	if interval == 0 {
		return nil
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	looked := make(chan bool, 1)
	for looking := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if !looking {
				looking = true
				go func() { looked <- alive(ctx) }() // ends with the answer; a node that hangs is killed
			}
		case ok := <-looked:
			if looking = false; ok {
				notify("WATCHDOG=1")
			}
		}
	}
}

// alive reports whether the node's own loops and locks answer: every shard of the
// transactions, the dialogs, the registrar and the exchange. It waits for as long
// as that takes.
func (r *rooms) alive(ctx context.Context) bool {
	if !r.shards.Alive(ctx) {
		return false
	}
	r.status()
	return true
}
