package relay

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tosOf is the type of service of the next packet that a peer receives.
func tosOf(t *testing.T, p *peer) int {
	t.Helper()
	buf, oob := make([]byte, 2048), make([]byte, 128)
	_ = p.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	_, n, _, _, err := p.conn.ReadMsgUDP(buf, oob)
	if err != nil {
		t.Fatal(err)
	}
	list, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_TOS {
			return int(m.Data[0])
		}
	}
	t.Fatal("the packet says nothing of its type of service")
	return 0
}

// Packets are marked as the leg says; a port that is used again by another leg has
// that one's mark.
func TestMark(t *testing.T) {
	r := running(t, Config{DSCP: 8})
	for _, tos := range []int{184, 0, 104, 0} {
		want := tos
		if tos == 0 {
			want = 8 << 2
		}
		a, b := joined(t, r, []Format{pcmu}, []Format{pcmu})
		raw, err := b.conn.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1) }); err != nil {
			t.Fatal(err)
		}
		if err := b.leg.Mark(tos, 5); err != nil {
			t.Fatal(err)
		}
		a.send(frameOf(1))
		if got := tosOf(t, b); got != want {
			t.Errorf("Mark(%d): the packet has %d, want %d", tos, got, want)
		}
		a.leg.Close()
		b.leg.Close()
	}
}
