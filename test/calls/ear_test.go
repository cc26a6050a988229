package calls_test

import (
	"encoding/binary"
	"maps"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hometone/hometone/media"
)

// ear is the RTP side of a peer: it sends tones and listens for them.
type ear struct {
	conn *net.UDPConn
	out  chan struct{}  // closed when the reader has ended
	says netip.AddrPort // what its session description says instead of its address; zero: that
	ssrc uint32
	from atomic.Uint32 // SSRC of the latest packet heard

	mu       sync.Mutex // guards the following
	remote   netip.AddrPort
	packets  int
	payloads map[byte]int // packets by payload type
	samples  []int16      // of G.711 packets, in order of arrival
	events   []byte       // telephone-events that ended, by code
	lastMark uint32       // timestamp of the last event
	sent     int          // packets this ear has sent: its sequence goes on
}

// newEar opens an ear on an address of this host.
func newEar(t *testing.T, node netip.Addr) *ear {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(node, 0)))
	if err != nil {
		t.Fatal(err)
	}
	e := &ear{conn: conn, out: make(chan struct{}), payloads: map[byte]int{}}
	e.ssrc = uint32(e.addr().Port())
	go e.listen() // ends when the socket is closed
	t.Cleanup(func() { conn.Close(); <-e.out })
	return e
}

func (e *ear) addr() netip.AddrPort { return e.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (e *ear) listen() {
	defer close(e.out)
	buf := make([]byte, 2048)
	for {
		n, _, err := e.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if n > 12 && buf[0]>>6 == 2 {
			e.from.Store(binary.BigEndian.Uint32(buf[8:]))
			e.take(buf[1]&0x7f, binary.BigEndian.Uint32(buf[4:]), buf[12:n])
		}
	}
}

func (e *ear) take(pt byte, timestamp uint32, payload []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.packets++
	e.payloads[pt]++
	switch pt {
	case 0:
		e.samples = media.ULaw.Decode(e.samples, payload)
	case 8:
		e.samples = media.ALaw.Decode(e.samples, payload)
	case 101:
		if len(payload) >= 4 && payload[1]&0x80 != 0 && timestamp != e.lastMark {
			e.lastMark = timestamp
			e.events = append(e.events, payload[0])
		}
	}
}

// follow takes the address to send to from a session description.
func (e *ear) follow(t *testing.T, body string) {
	t.Helper()
	var host, port string
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if v, ok := strings.CutPrefix(line, "c=IN IP"); ok && host == "" {
			_, host, _ = strings.Cut(v, " ")
		}
		if v, ok := strings.CutPrefix(line, "m=audio "); ok {
			port, _, _ = strings.Cut(v, " ")
		}
	}
	n, err := strconv.Atoi(port)
	a, err2 := netip.ParseAddr(host)
	if err != nil || err2 != nil || n == 0 {
		t.Fatalf("no address in the session description:\n%s", body)
	}
	e.mu.Lock()
	e.remote = netip.AddrPortFrom(a, uint16(n))
	e.mu.Unlock()
}

// reset forgets what has been heard.
func (e *ear) reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.packets, e.samples, e.events = 0, nil, nil
	e.payloads = map[byte]int{}
}

// heard is how many packets have come since reset.
func (e *ear) heard() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.packets
}

// speak sends a tone for a while in real time, 20 ms a packet.
func (e *ear) speak(hertz float64, pt byte, packets int) {
	e.mu.Lock()
	remote, first := e.remote, e.sent
	e.sent += packets
	e.mu.Unlock()
	law := media.ULaw
	if pt == 8 {
		law = media.ALaw
	}
	start := time.Now()
	for n := range packets {
		i := first + n
		pcm := make([]int16, 160)
		for j := range pcm {
			pcm[j] = int16(8000 * math.Sin(2*math.Pi*hertz*float64(i*160+j)/8000))
		}
		head := make([]byte, 12, 172)
		head[0], head[1] = 0x80, pt
		binary.BigEndian.PutUint16(head[2:], uint16(i+1))
		binary.BigEndian.PutUint32(head[4:], uint32(i*160))
		binary.BigEndian.PutUint32(head[8:], e.ssrc)
		_, _ = e.conn.WriteToUDPAddrPort(law.Encode(head, pcm), remote)
		time.Sleep(time.Until(start.Add(time.Duration(n+1) * 20 * time.Millisecond)))
	}
}

// press sends one key as RFC 4733 does: three packets at the end.
func (e *ear) press(code byte) {
	e.mu.Lock()
	remote, first := e.remote, e.sent
	e.sent += 6
	e.mu.Unlock()
	timestamp := uint32(first * 160)
	for i := range 6 {
		p := make([]byte, 16)
		p[0], p[1] = 0x80, 101
		if i == 0 {
			p[1] |= 0x80
		}
		binary.BigEndian.PutUint16(p[2:], uint16(first+i+1))
		binary.BigEndian.PutUint32(p[4:], timestamp)
		binary.BigEndian.PutUint32(p[8:], e.ssrc)
		p[12], p[13] = code, 10
		if i >= 3 {
			p[13] |= 0x80
		}
		binary.BigEndian.PutUint16(p[14:], uint16(min(i+1, 4)*160))
		_, _ = e.conn.WriteToUDPAddrPort(p, remote)
		time.Sleep(5 * time.Millisecond)
	}
}

// pressed are the keys that have come, as event codes.
func (e *ear) pressed() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]byte(nil), e.events...)
}

// types are the packets by payload type.
func (e *ear) types() map[byte]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.payloads)
}

// tone is the share of the heard energy that is at a frequency (Goertzel), 0
// if there was no sound.
func (e *ear) tone(hertz float64) float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(e.samples) / 160 * 160
	if n == 0 {
		return 0
	}
	coefficient := 2 * math.Cos(2*math.Pi*hertz/8000)
	var share, frames float64
	for at := 0; at+160 <= n; at += 160 {
		var s1, s2, total float64
		for _, v := range e.samples[at : at+160] {
			s0 := float64(v) + coefficient*s1 - s2
			s2, s1 = s1, s0
			total += float64(v) * float64(v)
		}
		power := s1*s1 + s2*s2 - coefficient*s1*s2
		frames++
		if total > 0 {
			share += min(1, power/(total*80))
		}
	}
	return share / frames
}
