package transport

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hometone/hometone/sip"
)

// datagram takes one UDP payload from a socket's reader. data is valid only
// during the call. What is no SIP message is counted and costs no memory. lent
// is the reader's, if messages may be read where they lie; else nil.
func (l *Layer) datagram(f Flow, data []byte, lent *loan) {
	switch {
	case looksLikeSIP(data):
		l.tap(f, false, data)
		if lent == nil || !lent.read(l, f, data) {
			l.message(f, string(data))
		}
	case len(data) <= 4:
		// Phones keep NAT bindings open with empty, CRLF or zero datagrams.
	case isBindingRequest(data):
		var answer [44]byte
		if ln := l.listenerOf(f); ln != nil {
			_ = ln.sendDatagram(l, f, appendBindingSuccess(answer[:0], data, f.remote))
		}
	case isBindingResponse(data):
		// The answer to our own keep-alive.
	default:
		l.count.garbage.Note(func() string { return f.remote.String() })
	}
}

// A loan is where a reader whose handler works inline reads what nobody keeps:
// responses, and the ACKs that go through. It is used again for the next.
type loan struct {
	req sip.Request
	res sip.Response
}

var ack = []byte("ACK ")

// read hands on what need not be kept. It reports false if that is not for it to
// do.
func (d *loan) read(l *Layer, f Flow, data []byte) bool {
	switch {
	case bytes.HasPrefix(data, version):
		err := d.res.Borrow(data)
		if err != nil {
			l.handOn(f, nil, nil, err)
			return true
		}
		l.handOn(f, nil, &d.res, nil)
	case bytes.HasPrefix(data, ack):
		err := d.req.Borrow(data)
		if e, faulty := err.(*sip.Error); faulty && e.Status == 0 { //nolint:errorlint // Borrow's own, as it made it
			l.handOn(f, nil, nil, err)
			return true
		}
		l.handOn(f, &d.req, nil, err)
	default:
		return false
	}
	return true
}

// message parses one message and hands it on. It reports whether src was a
// message at all.
func (l *Layer) message(f Flow, src string) bool {
	req, res, err := sip.Parse(src)
	return l.handOn(f, req, res, err)
}

// handOn hands on what sip.Parse has made of a message.
func (l *Layer) handOn(f Flow, req *sip.Request, res *sip.Response, err error) bool {
	switch {
	case res != nil:
		if err := res.Validate(); err != nil {
			l.count.dropped.Note(func() string { return f.remote.String() + " " + err.Error() })
			return true
		}
		l.handler.ServeResponse(f, res)
	case req != nil:
		if err == nil {
			_ = req.Validate() // remembers what it has read and found; the next layer asks again and answers
		}
		MarkReceived(f, req)
		if f.proto.Secure() {
			l.noteAlias(f, req)
		}
		if err == nil && l.retiring.Load() > 0 {
			err = l.tooLate(f, req)
		}
		l.handler.ServeRequest(f, req, err)
	default:
		l.count.garbage.Note(func() string { return f.remote.String() + " " + err.Error() })
		return false
	}
	return true
}

var version = []byte("SIP/")

// looksLikeSIP is a cheap test that comes before any allocation: the first line
// starts with a token and a space or with "SIP/", and the version is in it.
func looksLikeSIP(data []byte) bool {
	for len(data) > 0 && (data[0] == '\r' || data[0] == '\n') {
		data = data[1:]
	}
	line, _, ok := bytes.Cut(data, []byte{'\n'})
	if !ok || len(line) < len("A a SIP/2") {
		return false
	}
	if bytes.EqualFold(line[:4], version) {
		return true
	}
	line = bytes.TrimRight(line, " \t\r")
	i := bytes.LastIndexByte(line, ' ')
	return i > 0 && len(line) >= i+5 && bytes.EqualFold(line[i+1:i+5], version)
}

// MarkReceived completes the top Via of a request: received if the sent-by is
// not the source address (RFC 3261 §18.2.1), received and rport if the client
// asked for rport (RFC 3581 §4). A received that the sender wrote is replaced.
func MarkReceived(f Flow, req *sip.Request) {
	via, err := req.TopVia()
	if err != nil {
		return
	}
	_, rport := via.RPort()
	addr := f.remote.Addr()
	host, numeric := sip.HostAddr(via.Host)
	same := numeric && host == addr
	if _, has := via.Params.Get("received"); has {
		via.Params = via.Params.Without("received")
	} else if same && !rport {
		return
	}
	text := viaReceived(&via, addr, f.remote.Port(), rport)
	req.SetTopVia(text, via)
}

// viaReceived writes via with received and, if asked for, rport, and makes via say
// the same.
func viaReceived(via *sip.Via, addr netip.Addr, port uint16, rport bool) string {
	params := string(via.Params)
	via.Params = ""
	var buf [256]byte
	b := via.Append(buf[:0])
	start := len(b)
	if rport {
		before, after := cutParam(params, "rport")
		b = append(b, before...)
		b = append(b, ";rport="...)
		b = strconv.AppendUint(b, uint64(port), 10)
		b = append(b, after...)
	} else {
		b = append(b, params...)
	}
	b = append(b, ";received="...)
	b = addr.WithZone("").AppendTo(b)
	text := string(b)
	via.Params = sip.Params(text[start:])
	return text
}

// cutParam splits params around the parameter name, which it leaves out.
func cutParam(params, name string) (before, after string) {
	rest := params
	for rest != "" {
		start := len(params) - len(rest)
		end := strings.IndexByte(rest[1:], ';') + 1
		if end == 0 {
			end = len(rest)
		}
		key, _, _ := strings.Cut(rest[1:end], "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return params[:start], rest[end:]
		}
		rest = rest[end:]
	}
	return params, ""
}

// Reply returns the flow that responses to a request with the top Via via go
// to, if the request came over f (RFC 3261 §18.2.2, RFC 3581 §4): the
// connection, or the source address with the source port if the client asked
// for rport, else with the port of the sent-by. maddr is not followed: it would
// let a stranger aim our answers at anybody.
func (f Flow) Reply(via sip.Via) Flow {
	if f.proto != UDP {
		return f
	}
	if _, rport := via.RPort(); rport {
		return f
	}
	port := via.Port
	if port == 0 {
		port = UDP.DefaultPort()
	}
	return f.WithRemotePort(port)
}
