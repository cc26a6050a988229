package calls_test

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/test/live"
)

// idleCalls is how many calls the memory is measured over.
const idleCalls = 1000

// perCall is the most memory an idle answered call may take, heap and stack
// together, everything included: both dialogs, both relay legs and the channel.
const perCall = 14 << 10

// timerT1 is the base of all timers in this test.
const timerT1 = 100 * time.Millisecond

// automaton is a peer that keeps nothing of a call: a socket and templates.
type automaton struct {
	conn *net.UDPConn
	node netip.AddrPort
	buf  []byte
}

func newAutomaton(t testing.TB, node netip.AddrPort, port uint16) *automaton {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadBuffer(8 << 20)
	t.Cleanup(func() { conn.Close() })
	return &automaton{conn: conn, node: node, buf: make([]byte, 65536)}
}

// line returns the value of a header field as it stands.
func line(msg, name string) string {
	_, rest, ok := strings.Cut(msg, "\r\n"+name+": ")
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

func (a *automaton) send(msg string) { _, _ = a.conn.WriteToUDPAddrPort([]byte(msg), a.node) }

func (a *automaton) read(wait time.Duration) string {
	_ = a.conn.SetReadDeadline(time.Now().Add(wait))
	n, _, err := a.conn.ReadFromUDPAddrPort(a.buf)
	if err != nil {
		return ""
	}
	return string(a.buf[:n])
}

const sdpBody = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"

// answerAll answers INVITE and BYE until the socket closes.
func (a *automaton) answerAll() {
	for {
		n, _, err := a.conn.ReadFromUDPAddrPort(a.buf)
		if err != nil {
			return
		}
		a.answer(string(a.buf[:n]))
	}
}

func (a *automaton) answer(msg string) {
	method, _, _ := strings.Cut(msg, " ")
	if method != "INVITE" && method != "BYE" {
		return
	}
	head := "Via: " + line(msg, "Via") + "\r\nFrom: " + line(msg, "From") + "\r\nCall-ID: " + line(msg, "Call-ID") + "\r\nCSeq: " + line(msg, "CSeq") + "\r\n"
	if method == "BYE" {
		a.send("SIP/2.0 200 OK\r\n" + head + "To: " + line(msg, "To") + "\r\nContent-Length: 0\r\n\r\n")
		return
	}
	head += "To: " + line(msg, "To") + ";tag=callee\r\nContact: <sip:b@" + a.conn.LocalAddr().String() + ">\r\n"
	a.send("SIP/2.0 180 Ringing\r\n" + head + "Content-Length: 0\r\n\r\n")
	a.send("SIP/2.0 200 OK\r\n" + head + fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(sdpBody), sdpBody))
}

// request sends a request of call number i.
func (a *automaton) request(method string, i int, seq int, to string) {
	body := ""
	if method == "INVITE" {
		body = sdpBody
	}
	here := a.conn.LocalAddr().String()
	msg := fmt.Sprintf("%s sip:8006@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK-%s-%d-%d\r\nMax-Forwards: 70\r\nFrom: <sip:8005@%s>;tag=a%d\r\nTo: %s\r\nCall-ID: %d@%s\r\nCSeq: %d %s\r\nContact: <sip:a@%s>\r\n",
		method, a.node, here, method, i, seq, here, i, to, i, here, seq, method, here)
	if body != "" {
		msg += "Content-Type: application/sdp\r\n"
	}
	a.send(msg + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
}

// bring answers what comes until the last of the calls first..first+n-1 has
// been answered and acknowledged, and returns their To values.
func (a *automaton) bring(t testing.TB, first, n int) []string {
	t.Helper()
	to := make([]string, n)
	done := 0
	const window = 50
	for sent := 0; done < n; {
		for sent < n && sent-done < window {
			a.request("INVITE", first+sent, 1, "<sip:8006@"+a.node.String()+">")
			sent++
		}
		msg := a.read(5 * time.Second)
		if msg == "" {
			t.Fatalf("%d of %d calls answered, then silence", done, n)
		}
		if !strings.HasPrefix(msg, "SIP/2.0 200") || !strings.HasSuffix(line(msg, "CSeq"), "INVITE") {
			if strings.HasPrefix(msg, "SIP/2.0 ") && msg[8] > '2' {
				t.Fatalf("a call was refused:\n%s", msg)
			}
			continue
		}
		var i int
		_, _ = fmt.Sscanf(line(msg, "Call-ID"), "%d@", &i)
		a.request("ACK", i, 1, line(msg, "To"))
		if to[i-first] == "" {
			to[i-first] = line(msg, "To")
			done++
		}
	}
	return to
}

// used is the memory in use after two collections, in bytes.
func used() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// openCalls starts a node for automatons: no authentication, a fixed contact.
func openCalls(t *testing.T) (h *house, caller *automaton) {
	t.Helper()
	port, calleePort := live.FreePort(t), live.FreePort(t)
	h = openFiles(t, port, map[string]string{
		"pjsip.conf": fmt.Sprintf("[system]\ntype=system\ntimer_t1=100\n[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:%d\n[8005]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=ulaw\n"+
			"[8006]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=ulaw\naors=8006\n[8006]\ntype=aor\ncontact=sip:8006@127.0.0.1:%d\n", port, calleePort),
		"extensions.conf": "[calls]\nexten => 8006,1,Dial(PJSIP/8006)\n",
	})
	callee := newAutomaton(t, h.addr, calleePort)
	go callee.answerAll() // ends when the socket closes
	return h, newAutomaton(t, h.addr, 0)
}

// An idle answered call takes at most perCall bytes and no goroutine.
func TestMemoryOfIdleCalls(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's own memory would be measured")
	}
	h, a := openCalls(t)
	a.bring(t, 0, 50) // pools and tables grow once
	before, goroutines := used(), runtime.NumGoroutine()
	to := a.bring(t, 50, idleCalls)
	time.Sleep(64*timerT1 + time.Second) // INVITE transactions have ended (RFC 6026 Timer L, 64*T1)
	after := used()
	each := (int64(after) - int64(before)) / idleCalls
	t.Logf("%d bytes per idle call (%d calls, %d goroutines)", each, h.Calls(), runtime.NumGoroutine())
	if more := runtime.NumGoroutine() - goroutines; more > idleCalls/10 {
		t.Errorf("%d goroutines more for %d idle calls", more, idleCalls)
	}
	if each > perCall {
		t.Errorf("%d bytes per idle answered call, at most %d", each, perCall)
	}
	for i := range to {
		a.request("BYE", 50+i, 2, to[i])
		if i%50 == 49 {
			time.Sleep(5 * time.Millisecond)
		}
	}
}
