package sip

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// touch reads everything of a message that has an accessor. It exists to show
// that no accessor panics on hostile input.
func touch(req *Request, res *Response) {
	m := message(req, res)
	if m == nil {
		return
	}
	if req != nil {
		_ = req.Validate()
		_ = req.ValidateRegister()
		_, _ = req.ParsedURI()
		_ = NewResponse(req, 400, "").String()
		_ = NewCancel(req).String()
	} else {
		_ = res.Validate()
	}
	for id := range headerCount {
		_, _ = m.Addresses(id)
		for v := range m.Values(id) {
			_, _ = ParseVia(v)
			_, _ = ParseChallenge(v)
			_, _ = ParseCredentials(v)
			if a, err := ParseAddress(v); err == nil {
				_, _ = a.Q()
				_, _ = a.Expires()
				_, _ = a.Instance()
				if u, err := a.ParsedURI(); err == nil {
					_, _ = u.AOR(), u.Equal(u)
					_, _ = u.Push()
				}
			}
		}
	}
	_, _, _ = m.SessionExpires()
	_, _, _ = m.RAck()
	_, _, _ = m.Replaces()
	_, _, _ = m.Event()
	_, _, _ = m.SubscriptionState()
	_, _, _ = m.RetryAfter()
	_, _, _ = m.Date()
	_, _, _ = m.Contacts()
	_, _ = m.History()
	_, _ = m.Diversions()
	_, _ = m.Reasons(), m.Warnings()
	_, _ = m.ContentType()
	_ = m.Accepts("application/sdp")
	_ = m.String()
}

// fillProtos replaces the tags of a PROTOS test case as its SOURCE.txt says.
func fillProtos(pdu string, n int) string {
	head, body, _ := strings.Cut(pdu, "\r\n\r\n")
	return strings.NewReplacer(
		"<To>", "bob@127.0.0.1", "<From>", "alice@127.0.0.1", "<From-Address>", "127.0.0.1",
		"<From-IP>", "127.0.0.1", "<Local-Port>", "5070", "<Call-ID>", strconv.Itoa(n), "<CSeq>", "1",
		"<Branch-ID>", fmt.Sprintf("%09d", n), "<Content-Length>", strconv.Itoa(len(body)),
		"<Teardown-Method>", "CANCEL", "<Content-Length>", strconv.Itoa(len(body)),
	).Replace(head) + "\r\n\r\n" + body
}

// PROTOS c07-sip, all 4,527 cases: no panic, and no case costs more than
// linear time. Case 0 is valid and must stay so behind each.
func TestProtos(t *testing.T) {
	cases := 0
	valid, refused, ignored := 0, 0, 0
	eachPacked(t, func(name, content string) {
		cases++
		for content != "" {
			size, rest, ok := strings.Cut(content, " ")
			n, err := strconv.Atoi(strings.TrimSpace(size))
			if !ok || err != nil || n > len(rest) {
				t.Fatalf("%s: bad case file", name)
			}
			pdu := fillProtos(rest[:n], cases)
			content = rest[n:]
			var req *Request
			var res *Response
			quick(t, name, 200*time.Millisecond, func() {
				req, res, err = Parse(pdu)
				touch(req, res)
			})
			if req != nil && err == nil {
				err = req.Validate()
			}
			switch e, _ := err.(*Error); {
			case err == nil:
				valid++
			case e.Status == 0:
				ignored++
			default:
				refused++
			}
			if err != nil && strings.HasSuffix(name, "0000000") {
				t.Errorf("the valid case is refused: %v", err)
			}
		}
	}, "03-malformed-protos-c07-sip", "testcases.tar.gz")
	listed := strings.Count(strings.TrimSpace(readFile(t, "03-malformed-protos-c07-sip", "groups.tsv")), "\n")
	if cases != listed || cases == 0 {
		t.Errorf("%d cases, %d are listed", cases, listed)
	}
	t.Logf("%d accepted, %d refused, %d ignored", valid, refused, ignored)
}

// Messages from the unit tests of 13 other stacks: those that are not bad by
// name parse, and writing is stable.
func TestOtherStacks(t *testing.T) {
	parsed := 0
	eachPacked(t, func(name, src string) {
		req, res, err := Parse(src)
		touch(req, res)
		if m := message(req, res); err == nil && m != nil {
			parsed++
			checkStable(t, name, m)
			return
		}
		lower := strings.ToLower(name)
		for _, word := range []string{"invalid", "bad", "error", "junk", "malformed", "torture", "truncat", "missing"} {
			if strings.Contains(lower, word) {
				return
			}
		}
		// RFC 3261 §18.3: too few bytes of body are an error, and the excerpts
		// of the collection often end early.
		if strings.Contains(err.Error(), "Body Shorter Than Content-Length") {
			return
		}
		if why, ok := otherStacksRefused[name[strings.LastIndexByte(name, '/')+1:]]; !ok {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: refused as it should be: %s", name, why)
		}
	}, "04-sip-messages-unit-tests", "files.tar.gz")
	t.Logf("%d parsed", parsed)
}

// otherStacksRefused are messages whose names do not say that they are broken.
var otherStacksRefused = map[string]string{
	"ghettovoice-gosip-028-.sip":                          "the message from hell: no URI, no fields",
	"jsip-unit-006-testMessageSyntax2.sip":                "a line of white space is no end of the header",
	"pjsip-004-.sip":                                      "CR alone ends no line (RFC 3261 §7)",
	"sipgo-003-TestParseRequest.sip":                      "a header line without colon",
	"sipsorcery-001-CreateInviteRequestWithSdp.sip":       "indented in the source of the test",
	"sipsorcery-003-IncomingCallNoSdpUnitTest.sip":        "indented in the source of the test",
	"sipsorcery-005-IncomingCallNoSdpWithACKUnitTest.sip": "indented in the source of the test",
	"sipsorcery-093-ParseCryptoSIPMessage.sip":            "indented in the source of the test",
}

// The NIST suite's verdicts, message by message and header by header.
func TestNIST(t *testing.T) {
	rows := strings.Split(strings.TrimSpace(readFile(t, "05-torture-nist-jsip", "expected.tsv")), "\n")[1:]
	want := map[string][]string{}
	for _, row := range rows {
		cols := strings.Split(row, "\t")
		want[cols[0]] = cols
	}
	seen := 0
	eachPacked(t, func(name, src string) {
		name = name[strings.LastIndexByte(name, '/')+1:]
		row, ok := want[name]
		if !ok {
			return
		}
		seen++
		accept := acceptNIST(row[1], src)
		if accept == (row[2] == "accept") {
			return
		}
		if why, ok := nistDisagreed[name]; ok {
			t.Logf("%s: %s", name, why)
			return
		}
		t.Errorf("%s (%s): accepted=%v, want %s: %s", name, row[1], accept, row[2], row[4])
	}, "05-torture-nist-jsip", "files.tar.gz")
	if seen != len(rows) {
		t.Errorf("%d of %d files seen", seen, len(rows))
	}
}

// nistDisagreed are verdicts of JAIN-SIP that the RFCs overrule.
var nistDisagreed = map[string]string{
	"006-bad.sip": "its Request-URI is that of 018-ok; both are answered 416",
	"024-ok.sip":  "a response without From, To and Call-ID (RFC 3261 §8.2.6.2)",
	"352-bad.sip": "RFC 4475 §3.1.1.2 says that it is valid",
	"358-ok.sip":  "the file has lost the empty line between its two requests",
}

func acceptNIST(kind, src string) bool {
	switch kind {
	case "sip-url":
		_, err := ParseURI(strings.TrimSpace(src))
		return err == nil
	case "sip-header":
		return acceptHeader(src)
	}
	req, res, err := Parse(src)
	touch(req, res)
	switch {
	case err != nil:
		return err.(*Error).Header == HeaderContentLength && err.(*Error).Reason == "Body Shorter Than Content-Length"
	case req != nil:
		e, _ := req.Validate().(*Error)
		return e == nil || e.Status == 416 // read, and then not served
	}
	return res.Validate() == nil
}

func acceptHeader(line string) bool {
	req, _, err := Parse("OPTIONS sip:a@b SIP/2.0\r\n" + strings.TrimSpace(line) + "\r\n\r\n")
	if err != nil {
		return false
	}
	for id := range headerCount {
		if !req.Has(id) {
			continue
		}
		switch id {
		case HeaderTo, HeaderFrom, HeaderContact, HeaderRoute, HeaderAlertInfo, HeaderErrorInfo:
			_, err = req.Addresses(id)
		case HeaderRetryAfter:
			_, _, err = req.RetryAfter()
		}
		return err == nil
	}
	return false
}

// sofia-sip's messages, as stored with bare LF and with CRLF.
func TestSofia(t *testing.T) {
	eachFile(t, "", func(name, src string) {
		for _, text := range []string{src, strings.ReplaceAll(strings.ReplaceAll(src, "\r\n", "\n"), "\n", "\r\n")} {
			req, res, err := Parse(text)
			touch(req, res)
			if m := message(req, res); m != nil && err == nil {
				checkStable(t, name, m)
			} else {
				t.Logf("%s: %v", name, err)
			}
		}
	}, "06-messages-sofia-sip", "sip")
}

// Fuzz seeds of other projects: no panic, no hang.
func TestFuzzSeeds(t *testing.T) {
	n := 0
	eachPacked(t, func(name, src string) {
		n++
		quick(t, name, 100*time.Millisecond, func() {
			req, res, err := Parse(src)
			touch(req, res)
			if m := message(req, res); m != nil && err == nil {
				checkStable(t, name, m)
			}
			cut([]byte(src), 7)
		})
	}, "07-fuzz-seeds", "files.tar.gz")
	if n == 0 {
		t.Error("no seeds")
	}
}

// Every message printed in the SIP RFCs parses, is valid, and is stable.
func TestRFCFlows(t *testing.T) {
	parsed, refused := 0, map[string]string{}
	eachPacked(t, func(name, src string) {
		if !strings.HasSuffix(name, ".sip") {
			return
		}
		req, res, err := Parse(src)
		touch(req, res)
		m := message(req, res)
		if err == nil && req != nil {
			err = req.Validate()
		}
		if err == nil && res != nil {
			err = res.Validate()
		}
		if e, ok := err.(*Error); ok && !strings.HasPrefix(e.Reason, "Missing ") && e.Status != 416 {
			refused[strings.TrimPrefix(name, "./")] = err.Error()
			return
		}
		parsed++ // many are printed without their Via or To
		checkStable(t, name, m)
	}, "08-rfc-flows", "files.tar.gz")
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		section := name[:strings.LastIndexByte(name, '/')]
		why := rfcMisprints[section[:strings.IndexAny(section, "-")]]
		if why == "" {
			t.Errorf("%s: %s", name, refused[name])
		}
	}
	t.Logf("%d parsed, %d refused", parsed, len(refused))
}

// rfcMisprints are sections with messages that the grammar refuses.
var rfcMisprints = map[string]string{
	"rfc3261/23.4.2":  "From: Alice <alice@atlanta.com> has no scheme",
	"rfc3608/6.4.1":   "a folded line of dots",
	"rfc3666/3.2":     "INVITE bob@b.example.com has no scheme",
	"rfc3666/3.6":     "INVITE bob@b.example.com has no scheme",
	"rfc4244/11":      "no blank between UDP and the host",
	"rfc5589/6.1":     "an INVITE with the CSeq of a REFER",
	"rfc5806/8.1":     "an ACK with the CSeq of an INVITE",
	"rfc6873/4.4":     "From: Alice <alice@example.com> has no scheme",
	"rfc7131/3.3":     "a backslash in Via where the line was broken",
	"rfc7131/3.7":     "a backslash in Via where the line was broken",
	"rfc7131/3.9":     "a backslash in To where the line was broken",
	"rfc7315/4.3.2.3": "p1@visited.net as host of Via",
	"rfc7315/4.6.2.3": "p1@home1.net as host of Via",
	"rfc8497/3.7":     "an INVITE with another method in CSeq",
}

// cut feeds a stream to a Framer in pieces and returns the messages.
func cut(stream []byte, piece int) (messages []string, pings int, err error) {
	f := Framer{Accepted: true}
	var buf []byte
	for len(stream) > 0 {
		n := min(piece, len(stream))
		buf, stream = append(buf, stream[:n]...), stream[n:]
		for {
			kind, n, err := f.Next(buf)
			if err != nil {
				return messages, pings, err
			}
			if kind == FrameMessage {
				messages = append(messages, string(bytes.Clone(buf[:n])))
			}
			if kind == FramePing {
				pings++
			}
			buf = buf[n:]
			if kind == FrameNone {
				break
			}
		}
	}
	return messages, pings, nil
}
