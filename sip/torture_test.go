package sip

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A verdict is the status an element answers with, or one of these.
const (
	accepted = 200
	dropped  = 0
)

// role is what a torture outcome depends on.
type role struct{ registrar bool }

// judge does with a datagram what a user agent server (RFC 3261 §8.2) or a
// registrar (§10.3) does before it acts.
func judge(src string, r role) int {
	req, res, err := Parse(src)
	if res != nil {
		err = res.Validate()
	}
	if req != nil && err == nil {
		err = req.Validate()
	}
	if req != nil && err == nil && r.registrar && req.Method() == REGISTER {
		err = req.ValidateRegister()
	}
	if err != nil {
		return err.(*Error).Status
	}
	if req == nil {
		return accepted
	}
	return judgeRole(req, r)
}

func judgeRole(req *Request, r role) int {
	allowed := []Method{INVITE, ACK, BYE, CANCEL, OPTIONS, SUBSCRIBE, NOTIFY, MESSAGE}
	if r.registrar {
		allowed = append(allowed, REGISTER)
	}
	switch {
	case !req.Method().Known():
		return 501
	case !slices.Contains(allowed, req.Method()):
		return 405
	case req.Unsupported(HeaderRequire, "path", "gruu", "outbound") != "":
		return 420
	}
	if req.Method() != INVITE || r.registrar {
		return accepted
	}
	if kind, _ := req.ContentType(); kind != "" && kind != "application/sdp" && !strings.HasPrefix(kind, "multipart/") {
		return 415
	}
	if !req.Accepts("application/sdp") {
		return 406
	}
	return accepted
}

type torture struct {
	Section string
	Title   string
	Expect  map[string]string
}

var code = regexp.MustCompile(`\b[2-6](\d\d|xx)\b`)

// outcomes lists what an expectation allows, best first.
func outcomes(text string) []int {
	var list []int
	if strings.Contains(text, "accept") && !strings.Contains(text, "acceptable") || strings.Contains(text, "tolera") {
		list = append(list, accepted)
	}
	for _, word := range []string{"ignore", "infer", "normal", "forward", "RFC 2543 matching"} {
		if strings.Contains(text, word) {
			list = append(list, accepted)
		}
	}
	if strings.HasPrefix(text, "drop") || strings.HasPrefix(text, "discard") {
		list = append(list, dropped)
	}
	for _, c := range code.FindAllString(text, -1) {
		if c == "2xx" {
			list = append(list, accepted)
			continue
		}
		n, _ := strconv.Atoi(c)
		list = append(list, n)
	}
	return list
}

// RFC 4475: each message has the outcome the RFC asks for, per role.
func TestTortureRFC4475(t *testing.T) {
	var expected map[string]torture
	if err := json.Unmarshal([]byte(readFile(t, "01-torture-rfc4475", "expected.json")), &expected); err != nil {
		t.Fatal(err)
	}
	for name, want := range expected {
		t.Run(name, func(t *testing.T) {
			src := readFile(t, "01-torture-rfc4475", name)
			text, r := want.Expect["any"], role{registrar: strings.HasPrefix(src, "REGISTER")}
			for _, key := range []string{"udp", "uac"} {
				if s, ok := want.Expect[key]; ok {
					text = s
				}
			}
			if s, ok := want.Expect["uas"]; ok {
				text, r = s, role{}
			} else if s, ok := want.Expect["registrar"]; ok {
				text, r = s, role{registrar: true}
			} else if s, ok := want.Expect["registrar without auth"]; ok {
				text, r = s, role{registrar: true}
			}
			if name == "bcast.dat" { // the parser has nothing against it: the Via check is the transport's
				text = "accept"
			}
			allowed := outcomes(text)
			if len(allowed) == 0 {
				t.Fatalf("expectation %q not understood", text)
			}
			if got := judge(src, r); !slices.Contains(allowed, got) {
				t.Errorf("§%s %s: got %d, the RFC asks for %q %v", want.Section, want.Title, got, text, allowed)
			}
		})
	}
}

// The outcomes that the RFC leaves open, as this package decides them.
func TestTortureDecisions(t *testing.T) {
	for name, want := range map[string]int{
		"wsinv.dat": 200, "intmeth.dat": 501, "esc01.dat": 200, "esc02.dat": 501, "escnull.dat": 200,
		"lwsdisp.dat": 200, "longreq.dat": 200, "dblreq.dat": 200, "semiuri.dat": 200, "transports.dat": 200,
		"mpart01.dat": 200, "unreason.dat": 200, "noreason.dat": 200, "badinv01.dat": 400, "clerr.dat": 400,
		"ncl.dat": 400, "scalar02.dat": 400, "scalarlg.dat": 0, "quotbal.dat": 400, "ltgtruri.dat": 400,
		"lwsruri.dat": 400, "lwsstart.dat": 400, "trws.dat": 400, "escruri.dat": 400, "baddate.dat": 200,
		"regbadct.dat": 400, "badaspec.dat": 200, "baddn.dat": 400, "badvers.dat": 505, "mismatch01.dat": 400,
		"mismatch02.dat": 501, "bigcode.dat": 0, "badbranch.dat": 200, "insuf.dat": 400, "unkscm.dat": 416,
		"novelsc.dat": 416, "unksm2.dat": 400, "bext01.dat": 420, "invut.dat": 415, "regaut01.dat": 200,
		"multi01.dat": 400, "mcl01.dat": 400, "zeromf.dat": 200, "cparam01.dat": 200, "cparam02.dat": 200,
		"regescrt.dat": 200, "sdp01.dat": 406, "inv2543.dat": 200, "test.dat": 400,
	} {
		src := readFile(t, "01-torture-rfc4475", name)
		if got := judge(src, role{registrar: strings.HasPrefix(src, "REGISTER")}); got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
}

// What can be accepted is also written back byte for byte.
func TestTortureWrite(t *testing.T) {
	for _, set := range []string{"01-torture-rfc4475", "02-torture-rfc5118"} {
		eachFile(t, ".dat", func(name, src string) {
			req, res, err := Parse(src)
			m := message(req, res)
			if err != nil || m == nil {
				return
			}
			checkStable(t, name, m)
			if m.Has(HeaderContentLength) && !strings.HasPrefix(skipBlank(src), strings.TrimSuffix(m.String(), "\r\n")) {
				t.Errorf("%s: an untouched message is written with changes", name)
			}
		}, set)
	}
}

// RFC 5118: IPv6 in every place.
func TestTortureRFC5118(t *testing.T) {
	var expected map[string]struct{ Section, Expect string }
	if err := json.Unmarshal([]byte(readFile(t, "02-torture-rfc5118", "expected.json")), &expected); err != nil {
		t.Fatal(err)
	}
	for name, e := range expected {
		want := accepted
		if strings.HasPrefix(e.Expect, "400") {
			want = 400
		}
		src := readFile(t, "02-torture-rfc5118", name)
		if got := judge(src, role{registrar: true}); got != want {
			t.Errorf("%s §%s: got %d, want %q", name, e.Section, got, e.Expect)
		}
	}
}

func parseRequest(t testing.TB, src string) *Request {
	t.Helper()
	req, _, err := Parse(src)
	if err != nil || req == nil {
		t.Fatalf("parse: %v", err)
	}
	return req
}

func TestTortureIPv6Details(t *testing.T) {
	uri := func(name string) URI {
		req := parseRequest(t, readFile(t, "02-torture-rfc5118", name))
		u, err := req.ParsedURI()
		if err != nil {
			t.Fatal(name, err)
		}
		return u
	}
	if u := uri("port-ambiguous.dat"); u.Host != "[2001:db8::10:5070]" || u.Port != 0 {
		t.Errorf("§4.3: host %s port %d, want all of it as host", u.Host, u.Port)
	}
	if u := uri("port-unambiguous.dat"); u.Host != "[2001:db8::10]" || u.Port != 5070 {
		t.Errorf("§4.4: host %s port %d", u.Host, u.Port)
	}
	for _, name := range []string{"via-received-param-no-delim.dat", "via-received-param-with-delim.dat"} {
		req := parseRequest(t, readFile(t, "02-torture-rfc5118", name))
		via, err := req.TopVia()
		if addr, ok := via.Received(); err != nil || !ok || addr.String() != "2001:db8::9:255" {
			t.Errorf("§4.5 %s: received = %v %v %v", name, addr, ok, err)
		}
	}
	good, bug := uri("ipv6-correct-abnf-2-colons.dat"), uri("ipv6-bug-abnf-3-colons.dat")
	a, ok1 := good.Addr()
	b, ok2 := bug.Addr()
	if !ok1 || !ok2 || a != b {
		t.Errorf("§4.10: %v and %v are to be the same address", a, b)
	}
}

func TestTortureDetails(t *testing.T) {
	get := func(name string) *Request { return parseRequest(t, readFile(t, "01-torture-rfc4475", name)) }

	req := get("wsinv.dat")
	if n := len(slices.Collect(req.Values(HeaderVia))); n != 3 {
		t.Errorf("wsinv: %d Via elements, want 3", n)
	}
	if seq, m, err := req.CSeq(); seq != 9 || m != INVITE || err != nil {
		t.Errorf("wsinv: CSeq %d %s %v", seq, m, err)
	}
	if n, _, _ := req.MaxForwards(); n != 68 {
		t.Errorf("wsinv: Max-Forwards %d, want 68", n)
	}
	if v := req.GetName("newfangledheader"); v != "newfangled value continued newfangled value" {
		t.Errorf("wsinv: a folded value reads %q", v)
	}
	contacts, _, err := req.Contacts()
	if q, _ := contacts[0].Q(); len(contacts) != 1 || q != 330 || err != nil {
		t.Errorf("wsinv: contacts %v %v", contacts, err)
	}
	if from, _ := req.From(); from.Display != `J Rosenberg \"` || from.Tag() != "98asjd8" {
		t.Errorf("wsinv: From %+v", from)
	}
	vias := slices.Collect(req.Values(HeaderVia))
	if v, err := ParseVia(vias[1]); err != nil || v.Host != "spindle.example.com" || v.Branch() != "z9hG4bK9ikj8" || v.Transport != "TCP" {
		t.Errorf("wsinv: second Via %+v %v", v, err)
	}

	req = get("escnull.dat")
	contacts, _, _ = req.Contacts()
	u1, _ := contacts[0].ParsedURI()
	u2, _ := contacts[1].ParsedURI()
	if len(contacts) != 2 || u1.Equal(u2) || u1.Username() != "\x00" {
		t.Errorf("escnull: contacts %+v are to be distinct", contacts)
	}

	req = get("semiuri.dat")
	if u, err := req.ParsedURI(); err != nil || u.Username() != "user;par=u@example.net" {
		t.Errorf("semiuri: user %q %v", u.Username(), err)
	}

	req = get("intmeth.dat")
	if to, err := req.To(); err != nil || to.Display != "BEL:\x07 NUL:\x00 DEL:\x7f" {
		t.Errorf("intmeth: To %+q %v", to, err)
	}

	req = get("mpart01.dat")
	if len(req.Body()) != 553 || !strings.Contains(req.Body(), "\x00") {
		t.Errorf("mpart01: body of %d bytes, want 553 with NUL", len(req.Body()))
	}

	req = get("dblreq.dat")
	if req.Method() != REGISTER || req.Body() != "" {
		t.Errorf("dblreq: %s with body %q", req.Method(), req.Body())
	}

	req = get("bext01.dat")
	if s := req.Unsupported(HeaderRequire); s != "nothingSupportsThis, nothingSupportsThisEither" {
		t.Errorf("bext01: Unsupported %q", s)
	}
	if s := req.Unsupported(HeaderProxyRequire); s != "noProxiesSupportThis, norDoAnyProxiesSupportThis" {
		t.Errorf("bext01: Unsupported of the proxy %q", s)
	}

	req = get("cparam01.dat")
	if c, _, _ := req.Contact(); !c.Params.Has("unknownparam") {
		t.Errorf("cparam01: %+v", c)
	}
	req = get("regescrt.dat")
	if c, _, _ := req.Contact(); c.URI != "sip:user@example.com?Route=%3Csip:sip.example.com%3E" {
		t.Errorf("regescrt: %+v", c)
	}
}

// Every message that another stack (sip.js of kirm) could parse is read alike.
func TestTortureOracle(t *testing.T) {
	type uriParams struct {
		URI    string
		Params map[string]any
	}
	type oracle struct {
		Method  string
		URI     string
		Status  int
		Headers struct {
			To, From uriParams
			CallID   string `json:"call-id"`
			CSeq     struct {
				Seq    uint32
				Method string
			}
			Via []struct {
				Host     string
				Port     *uint16
				Protocol string
				Params   map[string]any
			}
		}
	}
	messages, compared := make(map[string]string), 0
	eachFile(t, ".dat", func(name, text string) { messages[strings.TrimSuffix(name, ".dat")] = text }, "01-torture-rfc4475")
	eachFile(t, ".json", func(name, text string) {
		var want oracle
		if json.Unmarshal([]byte(text), &want) != nil {
			return // mpart01.json holds raw binary
		}
		name = strings.TrimSuffix(name, ".json")
		src, ok := messages[name]
		if !ok {
			return // a message of the other stack's own
		}
		if name == "esc02" { // the other stack unescapes the method, which RFC 4475 §3.1.1.5 forbids
			want.Method, want.Headers.CSeq.Method = "RE%47IST%45R", "RE%47IST%45R"
		}
		compared++
		req, res, err := Parse(src)
		m := message(req, res)
		if err != nil {
			t.Logf("%s: %v", name, err)
			return
		}
		if req != nil && (string(req.Method()) != want.Method || req.URI() != want.URI) {
			t.Errorf("%s: start line %s %s", name, req.Method(), req.URI())
		}
		if seq, method, err := m.CSeq(); err != nil || seq != want.Headers.CSeq.Seq || string(method) != want.Headers.CSeq.Method {
			t.Errorf("%s: CSeq %d %s %v", name, seq, method, err)
		}
		if m.CallID() != want.Headers.CallID {
			t.Errorf("%s: Call-ID %q, want %q", name, m.CallID(), want.Headers.CallID)
		}
		if to, err := m.To(); err != nil || to.URI != want.Headers.To.URI {
			t.Errorf("%s: To %q %v, want %q", name, to.URI, err, want.Headers.To.URI)
		}
		vias := slices.Collect(m.Values(HeaderVia))
		if len(vias) != len(want.Headers.Via) {
			t.Errorf("%s: %d Via, want %d", name, len(vias), len(want.Headers.Via))
			return
		}
		for i, w := range want.Headers.Via {
			v, err := ParseVia(vias[i])
			branch, _ := w.Params["branch"].(string)
			if err != nil || v.Host != w.Host || v.Transport != w.Protocol || v.Branch() != branch {
				t.Errorf("%s: Via %d %+v %v, want %+v", name, i, v, err, w)
			}
		}
	}, "01-torture-rfc4475", "parsed-kirm")
	if compared == 0 {
		t.Error("no message of the material was compared")
	}
}
