package sip

import (
	"net/netip"
	"strconv"
	"strings"
)

// Via is one element of the Via header field (RFC 3261 §20.42).
type Via struct {
	Protocol  string // "" = "SIP/2.0"
	Transport string // as written: UDP, TCP, TLS, WS, WSS, …
	Host      string // sent-by; IPv6 in brackets
	Port      uint16 // 0 = the transport's default
	Params    Params
}

// ParseVia parses one element. The error is a *Error with status 400.
func ParseVia(s string) (Via, error) {
	v, fault := parseVia(s)
	if fault != "" {
		return Via{}, bad(HeaderVia, fault)
	}
	return v, nil
}

func parseVia(s string) (v Via, fault string) {
	s = trim(s)
	if semi := strings.IndexByte(s, ';'); semi >= 0 {
		s, v.Params = trim(s[:semi]), Params(s[semi:])
	}
	name, s, ok1 := strings.Cut(s, "/")
	version, s, ok2 := strings.Cut(s, "/")
	name, version, s = trim(name), trim(version), trim(s)
	if !ok1 || !ok2 || !IsToken(name) || !IsToken(version) {
		return v, "bad sent-protocol"
	}
	if !equalFold(name, "SIP") || version != "2.0" {
		v.Protocol = name + "/" + version
	}
	end := indexSpace(s)
	if end < 0 {
		return v, "no sent-by"
	}
	v.Transport, s = s[:end], trim(s[end:])
	if !IsToken(v.Transport) {
		return v, "bad transport"
	}
	var ok bool
	if v.Host, v.Port, ok = splitSentBy(s); !ok {
		return v, "bad sent-by"
	}
	return v, ""
}

// splitSentBy parses host [ COLON port ], where white space may stand around
// the colon (RFC 3261 §25.1).
func splitSentBy(s string) (host string, port uint16, ok bool) {
	if host, port, ok = splitHostPort(s); ok {
		return host, port, true
	}
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return "", 0, false
	}
	host, _, ok = splitHostPort(trim(s[:colon]))
	n, numeric := number(trim(s[colon+1:]), 65535)
	return host, uint16(n), ok && numeric && n > 0
}

// Branch returns the branch parameter, or "".
func (v Via) Branch() string {
	b, _ := v.Params.Get("branch")
	return b
}

// RFC3261 reports whether the branch starts with the magic cookie, so that it
// identifies the transaction (RFC 3261 §17.2.3).
func (v Via) RFC3261() bool {
	b := v.Branch()
	return len(b) > len(MagicCookie) && equalFold(b[:len(MagicCookie)], MagicCookie)
}

// Received returns the received parameter as an address; an IPv6 address may
// stand with or without brackets (RFC 5118 §4.5).
func (v Via) Received() (netip.Addr, bool) {
	s, _ := v.Params.Get("received")
	return HostAddr(s)
}

// RPort returns the rport parameter (RFC 3581): whether it is there, and its
// value or 0.
func (v Via) RPort() (port uint16, ok bool) {
	s, ok := v.Params.Get("rport")
	n, _ := number(s, 65535)
	return uint16(n), ok
}

// String writes the element.
func (v Via) String() string {
	var buf [192]byte
	return string(v.Append(buf[:0]))
}

// Append writes the element behind dst.
func (v Via) Append(dst []byte) []byte {
	if v.Protocol == "" {
		dst = append(dst, "SIP/2.0"...)
	} else {
		dst = append(dst, v.Protocol...)
	}
	dst = append(dst, '/')
	dst = append(dst, v.Transport...)
	dst = append(dst, ' ')
	dst = append(dst, v.Host...)
	if v.Port != 0 {
		dst = append(dst, ':')
		dst = strconv.AppendUint(dst, uint64(v.Port), 10)
	}
	return append(dst, v.Params...)
}
