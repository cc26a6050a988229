package sip

import (
	"strings"
	"testing"
)

// portrait is all that can be asked of a message.
func portrait(m *Message) string {
	var b strings.Builder
	b.WriteString(m.String())
	for name, value := range m.Fields() {
		b.WriteString(name + "=" + value + "\n")
	}
	via, _ := m.TopVia()
	_, method, _ := m.CSeq()
	for _, s := range []string{via.String(), m.FromTag(), m.ToTag(), string(m.method), m.uri, m.reason, string(method), m.Body()} {
		b.WriteString(s + "\n")
	}
	return b.String()
}

// lend parses a message where it lies, edits it as a proxy does, takes what Keep
// returns and writes over the bytes.
func lend(t *testing.T, src string, edit func(*Message)) {
	t.Helper()
	data := []byte(src)
	var req Request
	var res Response
	m := &req.Message
	keep := func() *Message { return &req.Keep().Message }
	if isResponse(skipBlank(src)) {
		m, keep = &res.Message, func() *Message { return &res.Keep().Message }
		if res.Borrow(data) != nil {
			return
		}
		_ = res.Validate()
	} else {
		if err := req.Borrow(data); err != nil {
			return
		}
		_ = req.Validate()
	}
	edit(m)
	want, kept := portrait(m), keep()
	if kept.Borrowed() {
		t.Fatalf("what was kept is still borrowed: %q", src)
	}
	for i := range data {
		data[i] = '!'
	}
	if got := portrait(kept); got != want {
		t.Fatalf("kept:\n%s\nwant:\n%s", got, want)
	}
}

func asProxy(m *Message) {
	m.PopFirst(HeaderVia)
	m.Prepend(HeaderRecordRoute, "<sip:edge;lr>")
	if route, ok := m.PopFirst(HeaderRoute); ok {
		m.Add(HeaderRoute, route)
	}
	m.SetToTag("kept")
	m.Add(HeaderSubject, m.Get(HeaderFrom))
}

// TestBorrow: what Keep returns does not change with the bytes that were lent, a
// message without bytes of its own says so, and one that is not borrowed is kept
// as it is.
func TestBorrow(t *testing.T) {
	for _, src := range []string{invite, benchInvite, "\r\n\r\n" + benchInvite, strings.ReplaceAll(benchInvite, "\r\n", "\n"),
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 FOO\r\nX-Other: y\r\n z\r\nContent-Length: 0\r\n\r\n",
		"FOO sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nContent-Length: 0\r\n", // its empty line is missing
	} {
		lend(t, src, func(*Message) {})
		lend(t, src, asProxy)
	}
	data := []byte(benchInvite)
	var req Request
	if err := req.Borrow(data); err != nil || !req.Borrowed() || req.Clone().Borrowed() != true || !NewResponse(&req, 200, "").Borrowed() {
		t.Errorf("borrowed %v, its copy %v, %v", req.Borrowed(), req.Clone().Borrowed(), err)
	}
	own, _, _ := Parse(benchInvite)
	if own.Borrowed() || own.Keep() != own {
		t.Error("a message with a text of its own is not kept as it is")
	}
}

// FuzzBorrow: the same of anything.
func FuzzBorrow(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, src string) {
		lend(t, src, func(*Message) {})
		lend(t, src, asProxy)
	})
}

// BenchmarkBorrow is what a proxy does to read a response that it forwards.
func BenchmarkBorrow(b *testing.B) {
	data := []byte(benchInvite)
	var req Request
	b.ReportAllocs()
	for b.Loop() {
		if req.Borrow(data) != nil {
			b.Fatal()
		}
	}
}
