package relay

import "golang.org/x/sys/unix"

// mark is how the packets of a pair of sockets are marked for the network.
type mark struct {
	tos int // the byte of IPv4 or IPv6 traffic class (RFC 2474); 0: as Config.DSCP says
	cos int // priority, which a VLAN device turns into a class of service, 0-7
}

// Mark sets how the leg's packets are marked: the type of service as a byte, 0 for what
// Config.DSCP says, and the priority of the frames. It holds until the leg is closed.
// An error is the system's: priority 7 is for privileged processes.
func (l *Leg) Mark(tos, cos int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := mark{max(tos, 0), max(cos, 0)}
	if l.closed || l.pair.mark == m {
		return nil
	}
	level, name := unix.IPPROTO_IP, unix.IP_TOS
	if l.pair.local.Addr().Is6() {
		level, name = unix.IPPROTO_IPV6, unix.IPV6_TCLASS
	}
	value := m.tos
	if value == 0 {
		value = int(l.relay.config.DSCP) << 2
	}
	for _, fd := range [...]int{l.pair.rtp, l.pair.rtcp} {
		if err := unix.SetsockoptInt(fd, level, name, value); err != nil {
			return err
		}
		// After IP_TOS, which sets the priority too.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, m.cos); err != nil {
			return err
		}
	}
	l.pair.mark = m
	return nil
}
