package sip

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

func withField(t *testing.T, line string) *Request {
	t.Helper()
	return parseRequest(t, "INVITE sip:a@b SIP/2.0\r\n"+line+"\r\n\r\n")
}

// number3 is the shape of most typed accessors.
type number3 = func(*Message) (uint32, bool, error)

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		line string
		get  number3
		want uint32
		good bool
	}{
		{"Expires: 60", (*Message).Expires, 60, true},
		{"Expires: 99999999999", (*Message).Expires, 1<<32 - 1, true},
		{"Expires: Thu, 01 Dec 2040", (*Message).Expires, 0, false},
		{"Min-Expires: 90", (*Message).MinExpires, 90, true},
		{"Max-Forwards: 0068", (*Message).MaxForwards, 68, true},
		{"Max-Forwards: 300", (*Message).MaxForwards, 255, true},
		{"Max-Forwards: -1", (*Message).MaxForwards, 0, false},
		{"Max-Breadth: 60", (*Message).MaxBreadth, 60, true},
		{"RSeq: 988789", (*Message).RSeq, 988789, true},
		{"RSeq: 0", (*Message).RSeq, 0, false}, // RFC 3262 §7.1
		{"Flow-Timer: 120", (*Message).FlowTimer, 120, true},
		{"Min-SE: 90;generic=1", (*Message).MinSE, 90, true},
		{"Min-SE: x", (*Message).MinSE, 0, false},
		{"Retry-After: 18000;duration=3600", (*Message).RetryAfter, 18000, true},
		{"Retry-After: 120 (I'm in a meeting)", (*Message).RetryAfter, 120, true},
		{"Retry-After: 12x", (*Message).RetryAfter, 0, false},
	} {
		n, ok, err := c.get(&withField(t, c.line).Message)
		if !ok || (err == nil) != c.good || c.good && n != c.want {
			t.Errorf("%s: %d %v %v", c.line, n, ok, err)
		}
		if _, ok, err := c.get(&withField(t, "Z: y").Message); ok || err != nil {
			t.Errorf("%s: absent is %v %v", c.line, ok, err)
		}
	}
}

func TestCSeq(t *testing.T) {
	for value, good := range map[string]bool{
		"4711 INVITE": true, "0009\t INVITE": true, "4294967295 X": true,
		"": false, "1": false, "INVITE": false, "4294967296 INVITE": false, "-1 INVITE": false, "1 IN VITE": false,
	} {
		if _, _, err := withField(t, "CSeq: "+value).CSeq(); (err == nil) != good {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// typed compares one structured field with what it should read as.
func typed[T any](t *testing.T, line string, get func(*Message) (T, bool, error), want T) {
	t.Helper()
	got, ok, err := get(&withField(t, line).Message)
	if !ok || err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %+v %v %v, want %+v", line, got, ok, err, want)
	}
	if _, ok, err := get(&withField(t, "Z: y").Message); ok || err != nil {
		t.Errorf("%s: absent is %v %v", line, ok, err)
	}
}

// broken asserts that a malformed field is reported as a 400.
func broken[T any](t *testing.T, line string, get func(*Message) (T, bool, error)) {
	t.Helper()
	_, ok, err := get(&withField(t, line).Message)
	if e, _ := err.(*Error); !ok || e == nil || e.Status != 400 {
		t.Errorf("%s: %v %v, want a 400", line, ok, err)
	}
}

func TestStructured(t *testing.T) {
	typed(t, "RAck: 776656 1 INVITE", (*Message).RAck, RAck{776656, 1, INVITE})
	broken(t, "RAck: 776656 INVITE", (*Message).RAck)
	broken(t, "RAck: 0 1 INVITE", (*Message).RAck)
	typed(t, "x: 4000;refresher=UAC", (*Message).SessionExpires, SessionExpires{4000, "uac", ";refresher=UAC"})
	broken(t, "Session-Expires: 4000;refresher=both", (*Message).SessionExpires)
	typed(t, "Replaces: 425928@phone.example.org;to-tag=7743;from-tag=6472;early-only", (*Message).Replaces,
		DialogRef{"425928@phone.example.org", "7743", "6472", true})
	broken(t, "Replaces: a;to-tag=1", (*Message).Replaces)
	typed(t, "Join: a@b;from-tag=1;to-tag=2", (*Message).Join, DialogRef{"a@b", "2", "1", false})
	typed(t, "Target-Dialog: a;local-tag=l;remote-tag=r", (*Message).TargetDialog, DialogRef{"a", "r", "l", false})
	typed(t, "o: presence.winfo ;id=7;x=y", (*Message).Event, Event{"presence.winfo", "7", ";id=7;x=y"})
	broken(t, "Event: ;id=7", (*Message).Event)
	typed(t, "Subscription-State: Active;expires=3600;retry-after=5;reason=probation", (*Message).SubscriptionState,
		SubscriptionState{"active", "probation", 3600, true, 5, true})
	typed(t, "r: <sip:dave@denver.example.org?Replaces=12345%40192.168.118.3>", (*Message).ReferTo,
		Address{URI: "sip:dave@denver.example.org?Replaces=12345%40192.168.118.3"})
	typed(t, `b: sip:a@b ;cid="20398823.2UWQFN309shb3@r.example"`, (*Message).ReferredBy,
		Address{URI: "sip:a@b", Params: `;cid="20398823.2UWQFN309shb3@r.example"`})
	typed(t, "Date: Sat, 13 Nov 2010 23:29:00 GMT", (*Message).Date, time.Date(2010, 11, 13, 23, 29, 0, 0, time.UTC))
	broken(t, "Date: Fri, 01 Jan 2010 16:00:00 EST", (*Message).Date)
}

// Values are written as they are read.
func TestFormat(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{RAck{1, 2, INVITE}.String(), "1 2 INVITE"},
		{SessionExpires{Interval: 90, Refresher: "uas"}.String(), "90;refresher=uas"},
		{DialogRef{"a", "1", "2", true}.String(), "a;to-tag=1;from-tag=2;early-only"},
		{Event{Package: "dialog", ID: "x"}.String(), "dialog;id=x"},
		{SubscriptionState{State: "terminated", Reason: "timeout", HasRetryAfter: true}.String(), "terminated;reason=timeout;retry-after=0"},
		{SubscriptionState{State: "active", Expires: 60, HasExpires: true}.String(), "active;expires=60"},
		{Reason{"Q.850", 16, "Normal call clearing"}.String(), `Q.850;cause=16;text="Normal call clearing"`},
		{Reason{Protocol: "SIP", Cause: -1}.String(), "SIP"},
		{Warning{301, "isi.edu", "Incompatible"}.String(), `301 isi.edu "Incompatible"`},
		{FormatDate(time.Date(2010, 11, 13, 23, 29, 0, 0, time.UTC)), "Sat, 13 Nov 2010 23:29:00 GMT"},
		{FormatIndex([]int{1, 2, 10}), "1.2.10"},
		{Address{URI: "sip:a@b"}.WithInstance("urn:uuid:1").String(), `<sip:a@b>;+sip.instance="<urn:uuid:1>"`},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

func TestReasons(t *testing.T) {
	got := withField(t, `Reason: SIP ;cause=200 ;text="Call completed elsewhere", Q.850;cause=16, ;x`).Reasons()
	want := []Reason{{"SIP", 200, "Call completed elsewhere"}, {"Q.850", 16, ""}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestWarnings(t *testing.T) {
	got := withField(t, `Warning: 307 isi.edu "Session parameter 'foo' not understood", 301 isi.edu "a, b", x`).Warnings()
	want := []Warning{{307, "isi.edu", "Session parameter 'foo' not understood"}, {301, "isi.edu", "a, b"}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestHistory(t *testing.T) {
	got, err := withField(t, "History-Info: <sip:bob@example.com?Reason=SIP%3Bcause%3D302>;index=1, <sip:carol@x>;index=1.1;mp=1").History()
	if err != nil || len(got) != 2 || !slices.Equal(got[1].Index, []int{1, 1}) || got[1].Tag != "mp" || got[1].From != "1" || got[0].Reason != "SIP;cause=302" {
		t.Fatalf("%+v %v", got, err)
	}
	if s := got[1].String(); s != "<sip:carol@x>;index=1.1;mp=1" {
		t.Error(s)
	}
}

func TestDiversions(t *testing.T) {
	got, err := withField(t, `Diversion: "Bob" <sip:bob@x>;reason=user-busy;counter=2;privacy=off, <sip:a@x>;reason=unconditional`).Diversions()
	if err != nil || len(got) != 2 || got[0].Reason != "user-busy" || got[0].Counter != 2 || got[0].Privacy != "off" || got[1].Counter != 1 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestIdentity(t *testing.T) {
	req := withField(t, "P-Asserted-Identity: \"Cullen Jennings\" <sip:fluffy@cisco.com>, tel:+14085264000\r\nPrivacy: id; critical")
	list, err := req.AssertedIdentity()
	if err != nil || len(list) != 2 || list[1].URI != "tel:+14085264000" || !req.Private("ID") || req.Private("user") {
		t.Errorf("%+v %v", list, err)
	}
}

func TestContact(t *testing.T) {
	a, err := ParseAddress(`<sip:a@b>;q=0.7;expires=60;reg-id=2;+sip.instance="<urn:uuid:1>";pub-gruu="sip:a@b;gr=urn:uuid:1";temp-gruu="sip:t@b;gr"`)
	if err != nil {
		t.Fatal(err)
	}
	if q, err := a.Q(); q != 700 || err != nil {
		t.Error(q, err)
	}
	if urn, ok := a.Instance(); urn != "urn:uuid:1" || !ok {
		t.Error(urn)
	}
	if id, ok := a.RegID(); id != 2 || !ok {
		t.Error(id)
	}
	if u, ok := a.PubGRUU(); u != "sip:a@b;gr=urn:uuid:1" || !ok {
		t.Error(u)
	}
	if u, ok := a.TempGRUU(); u != "sip:t@b;gr" || !ok {
		t.Error(u)
	}
	for q, want := range map[string]int{"1": 1000, "1.0": 1000, "0": 0, "0.05": 50, "0.333": 333, "": -1, "1.1": -1, "2": -1, "0.1234": -1, "x": -1, ".5": -1} {
		got, err := Address{Params: Params(";q=" + q)}.Q()
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("q=%s: %d %v", q, got, err)
		}
	}
	for v, want := range map[string]uint32{"60": 60, "x": 3600, "99999999999999999999": 1<<32 - 1} {
		if got, ok := (Address{Params: Params(";expires=" + v)}).Expires(); !ok || got != want {
			t.Errorf("expires=%s: %d", v, got)
		}
	}
}

func TestContacts(t *testing.T) {
	if _, star, err := withField(t, "Contact: *").Contacts(); !star || err != nil {
		t.Error(star, err)
	}
	if _, _, err := withField(t, "m: *, <sip:a@b>").Contacts(); err == nil {
		t.Error("a star with others is to be refused")
	}
	if list, _, err := withField(t, "Contact: <sip:a@b>\r\nm: sip:c@d;expires=1").Contacts(); err != nil || len(list) != 2 {
		t.Error(list, err)
	}
}

func TestMedia(t *testing.T) {
	req := withField(t, "c: Application / SDP ;charset=utf-8\r\nAccept: text/*;q=0.5, application/sdp;q=0.0\r\nContent-Disposition: Session;handling=Optional")
	if kind, params := req.ContentType(); kind != "application/sdp" || params != ";charset=utf-8" {
		t.Error(kind, params)
	}
	if !req.Accepts("text/plain") || req.Accepts("application/sdp") || req.Accepts("image/png") {
		t.Error("Accept")
	}
	if d := req.ContentDisposition(); d != (Disposition{"session", true}) {
		t.Error(d)
	}
	if !withField(t, "Z: y").Accepts("application/sdp") || withField(t, "Accept:").Accepts("application/sdp") {
		t.Error("RFC 3261 §20.1: no field means SDP, an empty one nothing")
	}
	if d := withField(t, "Content-Type: application/sdp").ContentDisposition(); d.Type != "session" {
		t.Error(d)
	}
}

func TestChallengeFormat(t *testing.T) {
	c := Challenge{Scheme: "Digest", Realm: `a "b"`, Nonce: "n", Opaque: "o", Algorithm: "SHA-256", QOP: []string{"auth", "auth-int"}, Stale: true}
	got, err := ParseChallenge(c.String())
	c.Params = got.Params
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%+v %v, want %+v", got, err, c)
	}
	r := Credentials{Scheme: "Digest", Username: `u"`, Realm: "r,s", Nonce: "n=", URI: "sip:a;b=c,d", Response: "00", Algorithm: "MD5", CNonce: "c", Opaque: "o", QOP: "auth", NC: "0000000a", UserHash: true}
	back, err := ParseCredentials(r.String())
	r.Params = back.Params
	if err != nil || back != r {
		t.Errorf("%+v %v, want %+v", back, err, r)
	}
	if n, ok := back.Count(); n != 10 || !ok {
		t.Errorf("nc %d", n)
	}
	if _, err := ParseCredentials("=x"); err == nil {
		t.Error("credentials without scheme")
	}
}
