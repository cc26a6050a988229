package sdp

import "strings"

// ordinary reports whether a body needs no mending: plain ASCII, only types of
// lines that nearly every phone sends, each written as RFC 8866 §5 has it. Such
// a body is read as it stands; pion, which stands behind everything else, would
// find the same in it (FuzzOrdinary). False says nothing about a body except
// that it has to go the longer way.
func ordinary(body string) bool {
	if len(body) > maxBody || !printable(body) {
		return false
	}
	const once = "osct"
	var seen, session [len(once)]bool
	for rest, n, streams := body, 0, 0; rest != ""; n++ {
		line, eol := cutLine(rest)
		rest = rest[len(line)+len(eol):]
		if n == 0 {
			if line != "v=0" {
				return false
			}
			continue
		}
		if n == maxLines || len(line) < 2 || line[1] != '=' || strings.IndexByte(line, '\r') >= 0 {
			return false
		}
		kind := line[0]
		if kind != 's' && (len(line) < 3 || line[2] == ' ' || line[len(line)-1] == ' ') {
			return false
		}
		if kind == 'm' {
			if streams == 0 {
				session = seen
			}
			if streams++; streams > maxStreams {
				return false
			}
			seen = [len(once)]bool{}
		} else if i := strings.IndexByte(once, kind); i >= 0 {
			if seen[i] || streams > 0 && kind != 'c' {
				return false
			}
			seen[i] = true
		}
		if !ordinaryLine(kind, line[2:]) {
			return false
		}
	}
	// Without a stream seen is still the session's; such a body goes the longer way.
	return session[0] && session[3]
}

// printable reports whether a body is ASCII without control characters other
// than line ends.
func printable(body string) bool {
	for i := range len(body) {
		if b := body[i]; (b < ' ' || b > '~') && b != '\r' && b != '\n' {
			return false
		}
	}
	return true
}

// ordinaryLine judges the value of a line; all but s= do not begin or end blank.
func ordinaryLine(kind byte, value string) bool {
	switch kind {
	case 's':
		return true
	case 'o': // <username> <sess-id> <sess-version> IN <addrtype> <unicast-address>
		_, rest, _ := strings.Cut(value, " ")
		id, rest, _ := strings.Cut(rest, " ")
		version, rest, _ := strings.Cut(rest, " ")
		return digits(id) && digits(version) && ordinaryConnection(rest)
	case 'c':
		return ordinaryConnection(value)
	case 't':
		start, stop, _ := strings.Cut(value, " ")
		return digits(start) && digits(stop)
	case 'b':
		_, n, _ := strings.Cut(value, ":")
		return digits(n) && bandwidth(value)
	case 'a':
		name, _, _ := strings.Cut(value, ":")
		return name != "" && name[len(name)-1] != ' '
	case 'm':
		return ordinaryStream(value)
	}
	return false
}

// digits reports whether s is a number that surely fits 64 bits.
func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && len(s) < 20
}

// ordinaryConnection wants "IN IP4 <address>" or "IN IP6 <address>"; one with a
// TTL or a range is for others to read.
func ordinaryConnection(value string) bool {
	address, ok := strings.CutPrefix(value, "IN IP4 ")
	if !ok {
		address, ok = strings.CutPrefix(value, "IN IP6 ")
	}
	return ok && address != "" && strings.IndexByte(address, ' ') < 0 && strings.IndexByte(address, '/') < 0
}

// ordinaryStream wants <media> <port> <proto> <fmt> … with single blanks.
func ordinaryStream(value string) bool {
	if strings.Contains(value, "  ") || strings.Count(value, " ") < 3 || strings.Count(value, " ") > maxFormats+2 {
		return false
	}
	_, rest, _ := strings.Cut(value, " ")
	port, _, _ := strings.Cut(rest, " ")
	return digits(port) && len(port) <= 5 && (port[0] != '0' || port == "0") && (len(port) < 5 || port <= "65535")
}
