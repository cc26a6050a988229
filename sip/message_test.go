package sip

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

const invite = "INVITE sip:bob@biloxi.com SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8, SIP/2.0/TCP deep;branch=z9hG4bK2\r\n" +
	"v:SIP/2.0/TLS deepest\r\n" +
	"Max-Forwards: 70\r\n" +
	"t: Bob <sip:bob@biloxi.com>\r\n" +
	"From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n" +
	"i: a84b4c76e66710\r\n" +
	"CSeq: 314159 INVITE\r\n" +
	"X-Own: 1\r\n" +
	"x-own: 2\r\n" +
	"Timestamp: 54.1 0.5\r\n" +
	"Route: <sip:p1;lr>,\r\n <sip:p2;lr>\r\n" +
	"Content-Type: application/sdp\r\n" +
	"l: 4\r\n" +
	"\r\nv=0\n trailing"

func TestGet(t *testing.T) {
	req := parseRequest(t, invite)
	if req.Body() != "v=0\n" || req.CallID() != "a84b4c76e66710" || req.FromTag() != "1928301774" || req.ToTag() != "" {
		t.Errorf("body %q, Call-ID %q, tags %q %q", req.Body(), req.CallID(), req.FromTag(), req.ToTag())
	}
	if n := req.Count(HeaderVia); n != 2 {
		t.Errorf("%d Via lines", n)
	}
	if v := slices.Collect(req.Values(HeaderVia)); len(v) != 3 || v[2] != "SIP/2.0/TLS deepest" {
		t.Errorf("Via %q", v)
	}
	if v := slices.Collect(req.Values(HeaderRoute)); !slices.Equal(v, []string{"<sip:p1;lr>", "<sip:p2;lr>"}) {
		t.Errorf("Route %q", v)
	}
	if req.GetName("X-OWN") != "1" || !req.HasName("l") || req.HasName("Y") || req.GetName("via") == "" {
		t.Error("access by name")
	}
	fields := maps.Collect(req.Fields())
	if len(fields) != 13 || fields["x-own"] != "2" {
		t.Errorf("%d fields", len(fields))
	}
	if stamp, delay, ok := req.Timestamp(); stamp != "54.1" || delay != 500*time.Millisecond || !ok {
		t.Errorf("Timestamp %s %v", stamp, delay)
	}
}

// What is not edited is written byte for byte, in runs around the edits.
func TestEdit(t *testing.T) {
	head, _, _ := strings.Cut(invite, "\r\n\r\n")
	whole := head + "\r\n\r\nv=0\n"
	for _, c := range []struct {
		name     string
		edit     func(*Request)
		old, new string
	}{
		{"nothing", func(*Request) {}, "", ""},
		{"Prepend", func(r *Request) { r.Prepend(HeaderVia, "X") }, "Via: SIP", "Via: X\r\nVia: SIP"},
		{"Prepend at the top", func(r *Request) { r.Prepend(HeaderPath, "X") }, "Via: SIP", "Path: X\r\nVia: SIP"},
		{"Add", func(r *Request) { r.Add(HeaderPath, "X") }, "l: 4\r\n", "l: 4\r\nPath: X\r\n"},
		{"AddName", func(r *Request) { r.AddName("X-New", "X") }, "l: 4\r\n", "l: 4\r\nX-New: X\r\n"},
		{"AddName known", func(r *Request) { r.AddName("o", "X") }, "l: 4\r\n", "l: 4\r\nEvent: X\r\n"},
		{"AddName bad", func(r *Request) { r.AddName("a b", "X") }, "", ""},
		{"Set", func(r *Request) { r.Set(HeaderMaxForwards, "69") }, "70", "69"},
		{"Set all lines", func(r *Request) { r.Set(HeaderVia, "X") },
			"Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8, SIP/2.0/TCP deep;branch=z9hG4bK2\r\nv:SIP/2.0/TLS deepest", "Via: X"},
		{"SetName", func(r *Request) { r.SetName("x-own", "X") }, "X-Own: 1", "x-own: X"},
		{"SetName new", func(r *Request) { r.SetName("X-New", "X") }, "l: 4\r\n", "l: 4\r\nX-New: X\r\n"},
		{"Del", func(r *Request) { r.Del(HeaderTo) }, "t: Bob <sip:bob@biloxi.com>\r\n", ""},
		{"Del none", func(r *Request) { r.Del(HeaderPath) }, "", ""},
		{"DelName", func(r *Request) { r.DelName("X-OWN") }, "X-Own: 1\r\nx-own: 2\r\n", ""},
		{"SetFirst", func(r *Request) { r.SetFirst(HeaderVia, "X") }, "SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8", "X"},
		{"SetURI", func(r *Request) { r.SetURI("sip:x") }, "sip:bob@biloxi.com SIP", "sip:x SIP"},
		{"SetMethod", func(r *Request) { r.SetMethod(ACK) }, "INVITE sip", "ACK sip"},
		{"SetToTag", func(r *Request) { r.SetToTag("x") }, "t: Bob <sip:bob@biloxi.com>", "To: Bob <sip:bob@biloxi.com>;tag=x"},
		{"SetFromTag", func(r *Request) { r.SetFromTag("x") }, "tag=1928301774", "tag=x"},
		{"SetBody", func(r *Request) { r.SetBody("text/plain", "hi") },
			"Content-Type: application/sdp\r\nl: 4\r\n\r\nv=0\n", "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"},
		{"no body", func(r *Request) { r.SetBody("", "") }, "Content-Type: application/sdp\r\nl: 4\r\n\r\nv=0\n", "Content-Length: 0\r\n\r\n"},
		{"injection", func(r *Request) { r.Set(HeaderMaxForwards, "1\r\nX: y") }, "70", "1  X: y"},
		{"SetCSeq", func(r *Request) { r.SetCSeq(7, BYE) }, "314159 INVITE", "7 BYE"},
		{"HeaderOther", func(r *Request) {
			r.Set(HeaderOther, "x")
			r.Add(HeaderOther, "x")
			r.Prepend(HeaderOther, "x")
			r.Del(HeaderOther)
		}, "", ""},
	} {
		req := parseRequest(t, invite)
		kept := req.Clone()
		c.edit(req)
		want := strings.Replace(whole, c.old, c.new, 1)
		if got := req.String(); got != want {
			t.Errorf("%s:\n%q\nwant\n%q", c.name, got, want)
		}
		if kept.String() != whole {
			t.Errorf("%s: the clone changed too", c.name)
		}
	}
}

// A message with bare LF is read, and written with CRLF (RFC 3261 §7).
func TestBareLF(t *testing.T) {
	bare := strings.ReplaceAll(invite, "\r\n", "\n")
	head, _, _ := strings.Cut(invite, "\r\n\r\n")
	want := strings.NewReplacer("v:SIP", "Via: SIP", "t: ", "To: ", "i: ", "Call-ID: ", "l: 4", "Content-Length: 4", ",\r\n ", ", ").Replace(head) + "\r\n\r\nv=0\n"
	if got := parseRequest(t, bare).String(); got != want {
		t.Errorf("%q\nwant\n%q", got, want)
	}
	mixed := strings.Replace(invite, "70\r\n", "70\n", 1)
	if got := parseRequest(t, mixed).String(); got != want {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

func TestPopFirst(t *testing.T) {
	req := parseRequest(t, invite)
	for _, want := range []string{"pc33", "deep", "deepest"} {
		v, ok := req.PopFirst(HeaderVia)
		via, err := ParseVia(v)
		if !ok || err != nil || !strings.HasPrefix(via.Host, want) {
			t.Errorf("%q %v %v, want %s", v, ok, err, want)
		}
		checkStable(t, want, &req.Message)
	}
	if v, ok := req.PopFirst(HeaderVia); ok || req.Has(HeaderVia) {
		t.Errorf("left over: %q", v)
	}
	req.Add(HeaderRoute, " , ,, <sip:x>,,")
	var all []string
	for v, ok := req.PopFirst(HeaderRoute); ok; v, ok = req.PopFirst(HeaderRoute) {
		all = append(all, v)
	}
	if !slices.Equal(all, []string{"<sip:p1;lr>", "<sip:p2;lr>", "<sip:x>"}) {
		t.Errorf("%q", all)
	}
	if _, ok := req.PopFirst(HeaderOther); ok {
		t.Error("HeaderOther has no first element")
	}
}

// RFC 3261 §8.2.6.2: From, Call-ID, CSeq and Via equal those of the request,
// in the same order.
func TestNewResponse(t *testing.T) {
	req := parseRequest(t, invite)
	res := NewResponse(req, 180, "")
	res.SetToTag("314")
	res.CopyFrom(&req.Message, HeaderRoute)
	res.Add(HeaderContact, "<sip:bob@192.0.2.4>")
	want := "SIP/2.0 180 Ringing\r\n" +
		"Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8, SIP/2.0/TCP deep;branch=z9hG4bK2\r\n" +
		"v:SIP/2.0/TLS deepest\r\n" +
		"To: Bob <sip:bob@biloxi.com>;tag=314\r\n" +
		"From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n" +
		"i: a84b4c76e66710\r\nCSeq: 314159 INVITE\r\n" +
		"Route: <sip:p1;lr>,\r\n <sip:p2;lr>\r\n" +
		"Contact: <sip:bob@192.0.2.4>\r\nContent-Length: 0\r\n\r\n"
	if got := res.String(); got != want {
		t.Errorf("%q\nwant\n%q", got, want)
	}
	if req.ToTag() != "" {
		t.Error("the request changed")
	}
	if !NewResponse(req, 100, "").Has(HeaderTimestamp) || res.Has(HeaderTimestamp) {
		t.Error("§8.2.6.1: a 100 takes Timestamp with it")
	}
	_, parsed, err := Parse(res.String())
	if err != nil || parsed.Status() != 180 || parsed.Reason() != "Ringing" || parsed.Validate() != nil {
		t.Errorf("%v %v", parsed, err)
	}
	parsed.SetStatus(603, "")
	if !strings.HasPrefix(parsed.String(), "SIP/2.0 603 Decline\r\n") || !parsed.Final() || parsed.Success() || parsed.Provisional() {
		t.Errorf("%s", parsed)
	}
}

// RFC 3261 §17.1.1.3 and §9.1: one Via, the Request-URI, Call-ID, From, the CSeq
// number and Route of the INVITE; the To of the response.
func TestNewACKAndCancel(t *testing.T) {
	req := parseRequest(t, invite)
	res := NewResponse(req, 486, "")
	res.SetToTag("x")
	ack, cancel := NewACK(req, res), NewCancel(req)
	for _, r := range []*Request{ack, cancel} {
		if err := r.Validate(); err != nil || r.URI() != req.URI() || r.CallID() != req.CallID() || r.FromTag() != req.FromTag() {
			t.Errorf("%s: %v", r, err)
		}
		vias, routes := slices.Collect(r.Values(HeaderVia)), slices.Collect(r.Values(HeaderRoute))
		if len(vias) != 1 || len(routes) != 2 {
			t.Errorf("%d Via, %d Route", len(vias), len(routes))
		}
		if seq, m, _ := r.CSeq(); seq != 314159 || m != r.Method() {
			t.Errorf("CSeq %d %s", seq, m)
		}
	}
	if ack.ToTag() != "x" || cancel.ToTag() != "" {
		t.Errorf("To tags %q %q", ack.ToTag(), cancel.ToTag())
	}
}

func TestNewRequest(t *testing.T) {
	req := NewRequest(MESSAGE, "sip:bob@biloxi.com")
	req.Add(HeaderVia, Via{Transport: "UDP", Host: "h", Params: Params("").With("branch", NewBranch()).With("rport", "")}.String())
	req.AddNumber(HeaderMaxForwards, 70)
	req.Add(HeaderFrom, Address{Display: `A "B"`, URI: "sip:a@b"}.String())
	req.SetFromTag(NewTag())
	req.Add(HeaderTo, "<sip:bob@biloxi.com>")
	req.Add(HeaderCallID, NewCallID("h"))
	req.SetCSeq(NewCSeq(), MESSAGE)
	req.SetNumber(HeaderExpires, 60)
	req.SetBody("text/plain", "hello")
	again := parseRequest(t, req.String())
	if err := again.Validate(); err != nil || again.Body() != "hello" || again.FromTag() == "" {
		t.Errorf("%s: %v", req, err)
	}
	copied := new(Request)
	again.CopyInto(copied)
	again.SetURI("sip:x")
	if copied.URI() != "sip:bob@biloxi.com" || copied.String() != req.String() {
		t.Errorf("%s", copied)
	}
}

func TestIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 10000 {
		for _, id := range []string{NewBranch(), NewTag(), NewCallID("")} {
			if seen[id] || !IsToken(id) || len(id) < 16 {
				t.Fatalf("%q", id)
			}
			seen[id] = true
		}
		if n := NewCSeq(); n == 0 || n >= 1<<31 {
			t.Fatalf("CSeq %d", n)
		}
	}
	if !strings.HasPrefix(NewBranch(), MagicCookie) {
		t.Error("RFC 3261 §8.1.1.7: a branch starts with the magic cookie")
	}
}

// Every known field is found by its name in any case and by its compact form.
func TestHeaderTable(t *testing.T) {
	for id := HeaderOther + 1; id < headerCount; id++ {
		name := id.String()
		for _, s := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			if got := LookupHeader(s); got != id {
				t.Errorf("%s is %v: choose another factor for nameSlot", s, got)
			}
		}
		if c := headers[id].compact; c != 0 && LookupHeader(string(c)) != id {
			t.Errorf("compact form %c", c)
		}
	}
	for _, s := range []string{"", "Vía", "Z", "q", "Viaa", "ontact", "Content-Lengt"} {
		if got := LookupHeader(s); got != HeaderOther {
			t.Errorf("%q is %v", s, got)
		}
	}
	// The registered compact forms (RFC 3261 §7.3.3 and IANA).
	for form, id := range map[string]HeaderID{
		"a": HeaderAcceptContact, "b": HeaderReferredBy, "c": HeaderContentType, "d": HeaderRequestDisposition,
		"e": HeaderContentEncoding, "f": HeaderFrom, "i": HeaderCallID, "j": HeaderRejectContact, "k": HeaderSupported,
		"l": HeaderContentLength, "m": HeaderContact, "n": HeaderIdentityInfo, "o": HeaderEvent, "r": HeaderReferTo,
		"s": HeaderSubject, "t": HeaderTo, "u": HeaderAllowEvents, "v": HeaderVia, "x": HeaderSessionExpires, "y": HeaderIdentity,
	} {
		if LookupHeader(form) != id || LookupHeader(strings.ToUpper(form)) != id {
			t.Errorf("compact form %s is %v", form, LookupHeader(form))
		}
	}
}

func TestReasonPhrase(t *testing.T) {
	for status, want := range map[int]string{200: "OK", 487: "Request Terminated", 499: "Bad Request", 699: "Busy Everywhere", 0: "", 700: ""} {
		if got := ReasonPhrase(status); got != want {
			t.Errorf("%d is %q, want %q", status, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	base := strings.TrimSuffix(parseRequest(t, invite).String(), "\r\n\r\nv=0\n")
	for name, src := range map[string]string{
		"fields": base + strings.Repeat("\r\nA: b", MaxFields) + "\r\n\r\n",
		"header": base + "\r\nA: " + strings.Repeat("b", MaxHeaderBytes) + "\r\n\r\n",
		"folded": base + "\r\nA: b" + strings.Repeat("\r\n b", MaxHeaderBytes/3) + "\r\n\r\n",
		"no end": base,
	} {
		req, _, err := Parse(src)
		if e, _ := err.(*Error); req == nil || e == nil || e.Status != 400 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(req.fields) > MaxFields {
			t.Errorf("%s: %d fields", name, len(req.fields))
		}
		if res := NewResponse(req, e400(err), ""); res.CallID() == "" {
			t.Errorf("%s cannot be answered", name)
		}
	}
	req := parseRequest(t, strings.Replace(invite, "sip:bob@biloxi.com", "sip:"+strings.Repeat("b", MaxURIBytes)+"@c", 1))
	if e, _ := req.Validate().(*Error); e == nil || e.Status != 414 {
		t.Errorf("a long Request-URI: %v", e)
	}
}

func e400(err error) int { return err.(*Error).Status }

// No input costs more than linear time: 60 kB of what parsers fear.
func TestLinear(t *testing.T) {
	const n = 60000
	for _, evil := range []string{
		strings.Repeat(",", n), strings.Repeat(";", n), strings.Repeat(`"`, n), strings.Repeat("<", n), strings.Repeat("<>", n/2),
		strings.Repeat(`"",`, n/3), strings.Repeat("<sip:a>,", n/8), "<sip:a" + strings.Repeat(";b", n/2) + ">",
		"<sip:a>" + strings.Repeat(";b=c", n/4), strings.Repeat(`\`, n), strings.Repeat(" ", n) + "x", `"` + strings.Repeat("a", n),
		"<sip:a?" + strings.Repeat("b=c&", n/4) + ">", strings.Repeat("a=b,", n/4), "Digest " + strings.Repeat(`a="b",`, n/6),
		"SIP/2.0/UDP " + strings.Repeat("a/", n/2), strings.Repeat("\r\n ", n/3), strings.Repeat("%", n), "1 " + strings.Repeat("9", n),
	} {
		for _, name := range []string{"Via", "Contact", "Route", "To", "Authorization", "X"} {
			quick(t, fmt.Sprintf("%s with %.12q…", name, evil), 700*time.Millisecond, func() {
				start := time.Now()
				req, res, _ := Parse("INVITE sip:a@b SIP/2.0\r\n" + name + ": " + evil + "\r\n\r\n")
				touch(req, res)
				for req.Has(HeaderRoute) {
					if _, ok := req.PopFirst(HeaderRoute); !ok || time.Since(start) > time.Second {
						break
					}
				}
			})
		}
	}
}

// A datagram that says that it has no body is whole without its empty line;
// one that does not say so may have been cut off.
func TestEmptyLineMissing(t *testing.T) {
	const head = "BYE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:b@h>;tag=1\r\nTo: <sip:a@h>;tag=2\r\nCall-ID: c\r\nCSeq: 1 BYE\r\n"
	req, _, err := Parse(head + "Content-Length: 0\r\n")
	if err != nil || req.Body() != "" || req.String() != head+"Content-Length: 0\r\n\r\n" {
		t.Errorf("complete: %v, written as %q", err, req.String())
	}
	for _, tail := range []string{"", "Content-Length: 5\r\n", "Content-Length: 0\r\nSubject: cut"} {
		if _, _, err := Parse(head + tail); err == nil {
			t.Errorf("%q was taken", tail)
		}
	}
}
