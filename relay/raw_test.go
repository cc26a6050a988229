package relay

import (
	"net"
	"testing"
	"time"
)

// UDPTL goes from one Raw leg to the other as it is, from the peer only; RTP and
// UDPTL never meet.
func TestRaw(t *testing.T) {
	r := running(t, Config{})
	la, lb := open(t, r, nil), open(t, r, nil)
	a, b := newPeer(t, la, 1, 0), newPeer(t, lb, 2, 0)
	raw := func(p *peer) Description {
		return Description{Remote: p.addr(), Symmetric: true, Send: true, Recv: true, Raw: true}
	}
	la.Set(raw(a))
	lb.Set(raw(b))
	if err := r.Join(la, lb); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	for seq := range byte(50) {
		sent := []byte{0, seq, 3, 0x80, 200, seq, 0, 0} // a byte of 200 in it looks like RTCP
		if _, err := a.conn.WriteToUDPAddrPort(sent, la.Addr()); err != nil {
			t.Fatal(err)
		}
		_ = b.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
		n, err := b.conn.Read(buf)
		if err != nil || string(buf[:n]) != string(sent) {
			t.Fatalf("sent % x, got % x (%v)", sent, buf[:n], err)
		}
	}
	stranger, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	for seq := range byte(20) {
		if _, err := stranger.WriteToUDPAddrPort([]byte{0, seq, 1, 9, 9, 9}, la.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "a stranger's packets are dropped", func() bool { return la.Stats().Drops.Source == 20 })
	if s := lb.Stats(); s.Sent != 50 || s.Received != 0 {
		t.Errorf("sent %d and received %d, want 50 and 0", s.Sent, s.Received)
	}
	lb.Set(both(b.addr(), pcmu)) // one side has gone back to sound
	if _, err := a.conn.WriteToUDPAddrPort([]byte{0, 50, 1, 2, 3, 4}, la.Addr()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "UDPTL has no way to RTP", func() bool { return lb.Stats().Drops.Format == 1 })
}
