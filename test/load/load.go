// Package load is the traffic generator of the benchmarks and of the endurance
// run: registrations, calls and RTP at a fixed rate over loopback UDP.
//
// It shares no code with the SIP rooms it measures, so that a mistake there
// cannot hide behind the same mistake here, and it is small: messages are
// templates, answers are recognised by a few byte searches. It speaks just
// enough SIP to be a correct peer (RFC 3261 §17 retransmissions, digest MD5 of
// RFC 7616, ACK for every final response to an INVITE).
//
// Every generator owns its sockets and goroutines and ends them before its Run
// returns; each run is bounded by its rate and its duration.
package load

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
)

// socketBuffer is the size in bytes asked of the kernel for each generator
// socket, so that a pause of the generator is not counted as the server's loss.
const socketBuffer = 8 << 20

// Latencies collects round-trip times. Its zero value is ready to use.
type Latencies struct {
	mu      sync.Mutex // guards samples
	samples []time.Duration
}

func (l *Latencies) add(d time.Duration) {
	l.mu.Lock()
	l.samples = append(l.samples, d)
	l.mu.Unlock()
}

// Quantile returns the time below which the share q (0 to 1) of the samples
// lies, 0 if there are none.
func (l *Latencies) Quantile(q float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.samples) == 0 {
		return 0
	}
	slices.Sort(l.samples)
	return l.samples[min(int(q*float64(len(l.samples))), len(l.samples)-1)]
}

func listen(addr netip.AddrPort) (*net.UDPConn, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("load: open a socket on %v: %w", addr, err)
	}
	// The kernel caps both at rmem_max and wmem_max; a smaller buffer is no error.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	return conn, nil
}

func localAddr(conn *net.UDPConn) netip.AddrPort {
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// header returns the value of the first header line that starts with name
// (given as "Name: " in the server's spelling or its compact form), nil if none.
func header(msg []byte, names ...string) []byte {
	for _, name := range names {
		at := indexFold(msg, "\r\n"+name+":")
		if at < 0 {
			continue
		}
		value := msg[at+len(name)+3:]
		end := bytes.Index(value, []byte("\r\n"))
		if end < 0 {
			return nil
		}
		return bytes.TrimSpace(value[:end])
	}
	return nil
}

// indexFold finds an ASCII text whatever its case. The exact spelling is tried
// first because that is what nearly every message holds.
func indexFold(msg []byte, text string) int {
	if at := bytes.Index(msg, []byte(text)); at >= 0 {
		return at
	}
	return bytes.Index(bytes.ToLower(msg), bytes.ToLower([]byte(text)))
}

// headers returns every line of that name whole, each with its line end.
func headers(msg []byte, name string) []byte {
	var all []byte
	prefix := []byte("\r\n" + name + ":")
	for {
		at := bytes.Index(msg, prefix)
		if at < 0 {
			return all
		}
		line := msg[at+2:]
		end := bytes.Index(line, []byte("\r\n"))
		if end < 0 {
			return all
		}
		all = append(all, line[:end+2]...)
		msg = line[end:]
	}
}

// status returns the status code of a response, 0 for a request.
func status(msg []byte) int {
	if len(msg) < 12 || !bytes.HasPrefix(msg, []byte("SIP/2.0 ")) {
		return 0
	}
	code, err := strconv.Atoi(string(msg[8:11]))
	if err != nil {
		return 0
	}
	return code
}

// method returns the method of a request or, for a response, of its CSeq.
func method(msg []byte) string {
	if status(msg) != 0 {
		cseq := header(msg, "CSeq")
		return string(cseq[bytes.LastIndexByte(cseq, ' ')+1:])
	}
	if end := bytes.IndexByte(msg, ' '); end > 0 {
		return string(msg[:end])
	}
	return ""
}

// quoted returns the value of name="value" in a challenge.
func quoted(challenge []byte, name string) string {
	at := bytes.Index(challenge, []byte(name+`="`))
	if at < 0 {
		return ""
	}
	value := challenge[at+len(name)+2:]
	end := bytes.IndexByte(value, '"')
	if end < 0 {
		return ""
	}
	return string(value[:end])
}

func md5hex(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// authorization answers a 401 or 407 with digest MD5 and returns the header
// line with its end (RFC 7616 §3.4); qop=auth is used where the challenge has it.
func authorization(res []byte, user, password, method, uri string) (string, bool) {
	name := "Authorization"
	challenge := header(res, "WWW-Authenticate")
	if status(res) == 407 {
		name, challenge = "Proxy-Authorization", header(res, "Proxy-Authenticate")
	}
	realm, nonce := quoted(challenge, "realm"), quoted(challenge, "nonce")
	if nonce == "" {
		return "", false
	}
	ha1 := md5hex(user + ":" + realm + ":" + password)
	ha2 := md5hex(method + ":" + uri)
	line := name + `: Digest username="` + user + `",realm="` + realm + `",nonce="` + nonce + `",uri="` + uri + `",algorithm=MD5`
	if opaque := quoted(challenge, "opaque"); opaque != "" {
		line += `,opaque="` + opaque + `"`
	}
	if bytes.Contains(challenge, []byte("qop=")) {
		const cnonce = "0a4f113b"
		response := md5hex(ha1 + ":" + nonce + ":00000001:" + cnonce + ":auth:" + ha2)
		return line + `,qop=auth,nc=00000001,cnonce="` + cnonce + `",response="` + response + "\"\r\n", true
	}
	return line + `,response="` + md5hex(ha1+":"+nonce+":"+ha2) + "\"\r\n", true
}

// pace calls start for every unit that is due at rate units a second until
// count units have started; it sleeps a millisecond at a time.
func pace(rate float64, count int, start func(i int)) {
	begin := time.Now()
	for done := 0; done < count; {
		due := min(int(time.Since(begin).Seconds()*rate)+1, count)
		for ; done < due; done++ {
			start(done)
		}
		time.Sleep(time.Millisecond)
	}
}
