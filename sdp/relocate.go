package sdp

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Relocate copies body to dst and puts new transport addresses in: rtp[i] for
// the i-th m-line, with RTCP on the next port. An invalid address leaves that
// m-line alone, and so does port 0 in the body (a rejected stream). Every byte that
// names no address or port stays as it was: attributes, order, line ends, even
// mistakes. It is what a relay between two strangers does; the description is
// not parsed. Errors wrap ErrSyntax.
func Relocate(dst []byte, body string, rtp []netip.AddrPort) ([]byte, error) {
	if len(body) > maxBody {
		return dst, fmt.Errorf("%w: more than %d bytes", ErrSyntax, maxBody)
	}
	session := sessionAddr(rtp)
	at := -1 // index of the m-line we are in
	var now netip.AddrPort
	for len(body) > 0 {
		line, eol := cutLine(body)
		body = body[len(line)+len(eol):]
		switch {
		case strings.HasPrefix(line, "m="):
			at, now = at+1, netip.AddrPort{}
			f := fieldSpan(line, 1)
			if at < len(rtp) && f.end > f.start && line[f.start:f.end] != "0" {
				now = rtp[at]
			}
			dst = replacePort(dst, line, f, now)
			dst = append(dst, eol...)
			if now.IsValid() && now.Addr() != session && !hasConnection(body) {
				dst = append(appendAddress(append(dst, "c="...), now.Addr()), eol...)
			}
			continue
		case strings.HasPrefix(line, "c=") && at < 0 && session.IsValid():
			dst = appendAddress(append(dst, "c="...), session)
		case strings.HasPrefix(line, "c=") && now.IsValid():
			dst = appendAddress(append(dst, "c="...), now.Addr())
		case strings.HasPrefix(line, "a=rtcp:") && now.IsValid():
			dst = replaceRTCP(dst, line, now)
		default:
			dst = append(dst, line...)
		}
		dst = append(dst, eol...)
	}
	return dst, nil
}

// sessionAddr is the address for a session-level c= line: that of the first stream that moves.
func sessionAddr(rtp []netip.AddrPort) netip.Addr {
	for _, a := range rtp {
		if a.IsValid() {
			return a.Addr()
		}
	}
	return netip.Addr{}
}

// hasConnection says whether the m-line whose attributes follow has a c= of its own.
func hasConnection(rest string) bool {
	for len(rest) > 0 {
		line, eol := cutLine(rest)
		rest = rest[len(line)+len(eol):]
		switch {
		case strings.HasPrefix(line, "c="):
			return true
		case strings.HasPrefix(line, "m="):
			return false
		}
	}
	return false
}

// cutLine returns the first line and its line end.
func cutLine(s string) (line, eol string) {
	i := strings.IndexByte(s, '\n')
	switch {
	case i < 0:
		return s, ""
	case i > 0 && s[i-1] == '\r':
		return s[:i-1], s[i-1 : i+1]
	default:
		return s[:i], s[i : i+1]
	}
}

type span struct{ start, end int }

// fieldSpan finds the n-th blank-separated field of a line.
func fieldSpan(line string, n int) span {
	i := 0
	for {
		for i < len(line) && (line[i] == ' ' || line[i] == '\t') {
			i++
		}
		start := i
		for i < len(line) && line[i] != ' ' && line[i] != '\t' {
			i++
		}
		if n == 0 || i == len(line) {
			if n > 0 {
				start = i
			}
			return span{start, i}
		}
		n--
	}
}

func replacePort(dst []byte, line string, f span, to netip.AddrPort) []byte {
	if !to.IsValid() {
		return append(dst, line...)
	}
	dst = append(dst, line[:f.start]...)
	dst = strconv.AppendUint(dst, uint64(to.Port()), 10)
	if slash := strings.IndexByte(line[f.start:f.end], '/'); slash >= 0 {
		f.end = f.start + slash
	}
	return append(dst, line[f.end:]...)
}

// replaceRTCP writes a=rtcp:<port> and keeps an address only if there was one (RFC 3605).
func replaceRTCP(dst []byte, line string, rtp netip.AddrPort) []byte {
	dst = append(dst, "a=rtcp:"...)
	dst = strconv.AppendUint(dst, uint64(rtp.Port())+1, 10)
	if strings.Contains(line, " ") {
		dst = appendAddress(append(dst, ' '), rtp.Addr())
	}
	return dst
}
