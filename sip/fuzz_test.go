package sip

import (
	"testing"
)

func addSeeds(f *testing.F) {
	for _, set := range []string{"01-torture-rfc4475", "02-torture-rfc5118"} {
		eachFile(f, ".dat", func(_, content string) { f.Add(content) }, set)
	}
	f.Add(benchInvite)
	f.Add(invite)
	f.Add("SIP/2.0 200 OK\r\nVia:\r\n\r\n")
}

// FuzzParse: no panic, and parse → write → parse is stable.
func FuzzParse(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, src string) {
		req, res, err := Parse(src)
		touch(req, res)
		if m := message(req, res); m != nil && err == nil {
			checkStable(t, "fuzz", m)
		}
	})
}

// FuzzEdit: an edited message holds what was put in, and no other field changed.
func FuzzEdit(f *testing.F) {
	f.Add(invite, "SIP/2.0/UDP x")
	f.Fuzz(func(t *testing.T, src, value string) {
		req, _, err := Parse(src)
		if req == nil || err != nil {
			return
		}
		count := len(req.fields)
		req.Prepend(HeaderVia, value)
		req.AddName("X-Fuzz", value)
		req.SetToTag("fuzz")
		again, _, err := Parse(req.String())
		if err != nil {
			t.Fatalf("%v\n%q", err, req.String())
		}
		if n := len(again.fields); n != count+2 && n != count+3 {
			t.Fatalf("%d fields became %d\n%q", count, n, req.String())
		}
	})
}

func FuzzURI(f *testing.F) {
	for _, s := range []string{"sip:a:b@c:1;d=e?f=g", "tel:+1-2;x=y", "urn:x", "sip:[::1]:5060;lr", "sips:%00@h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURI(s)
		if err != nil {
			return
		}
		again, err := ParseURI(u.String())
		if err != nil || again != u {
			t.Fatalf("%q: %+v became %+v %v", s, u, again, err)
		}
		if !u.Equal(again) {
			t.Fatalf("%q is not equal to itself", s)
		}
		if aor, err := ParseURI(u.AOR()); err == nil && aor.AOR() != u.AOR() {
			t.Fatalf("%q: %q is not canonical", s, u.AOR())
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{`"a\"b" <sip:a@b;c>;tag=d`, "a b <sip:c>", "sip:a@b;tag=c", "<sip:a>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		again, err := ParseAddress(a.String())
		if err != nil || again.URI != a.URI || again.Tag() != a.Tag() {
			t.Fatalf("%q: %+v became %+v %v", s, a, again, err)
		}
	})
}

func FuzzVia(f *testing.F) {
	f.Add("SIP / 2.0 / UDP a : 5060 ;branch=z9hG4bK;rport")
	f.Add("SIP/2.0/TLS [::1];received=1.2.3.4")
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseVia(s)
		if err != nil {
			return
		}
		again, err := ParseVia(v.String())
		if err != nil || again != v {
			t.Fatalf("%q: %+v became %+v %v", s, v, again, err)
		}
	})
}

func FuzzParams(f *testing.F) {
	f.Add(`;a=b;c;d="e;f"`, "a", "new")
	f.Add(`a="`, "b", `"`)
	f.Fuzz(func(t *testing.T, s, name, value string) {
		p := Params(s)
		for n := range p.All() {
			_, _ = p.Get(n)
		}
		if !IsToken(name) || !p.valid() {
			return
		}
		if p.Without(name).Has(name) {
			t.Fatalf("%q still has %q", p.Without(name), name)
		}
		got, ok := p.WithQuoted(name, value).Get(name)
		if want := Unquote(Quote(value)); !ok || got != want {
			t.Fatalf("%q: %q is %q", p.WithQuoted(name, value), name, got)
		}
	})
}

func FuzzAuth(f *testing.F) {
	f.Add(`Digest realm="a", nonce="b", qop="auth,auth-int", algorithm=MD5, stale=TRUE`)
	f.Add(`Digest username="a", uri="sip:b", response="c", nc=00000001`)
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := ParseChallenge(s); err == nil {
			again, err := ParseChallenge(c.String())
			if err != nil || again.Realm != clean(c.Realm) || again.Nonce != clean(c.Nonce) {
				t.Fatalf("%q: %+v became %+v %v", s, c, again, err)
			}
		}
		if c, err := ParseCredentials(s); err == nil {
			again, err := ParseCredentials(c.String())
			if err != nil || again.Username != clean(c.Username) || again.URI != clean(c.URI) {
				t.Fatalf("%q: %+v became %+v %v", s, c, again, err)
			}
		}
	})
}

// clean is what a quoted string makes of a text.
func clean(s string) string { return Unquote(Quote(s)) }

// FuzzFramer: the frames do not depend on how the stream was cut.
func FuzzFramer(f *testing.F) {
	f.Add([]byte(frameHead+"l: 3\r\n\r\nabc\r\n\r\n"+frameHead), 3)
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		if len(stream) > 1<<14 || piece < 1 || piece > 1<<14 {
			return
		}
		whole, pings1, err1 := cut(stream, len(stream)+1)
		pieces, pings2, err2 := cut(stream, piece)
		if len(whole) != len(pieces) || pings1 != pings2 || (err1 == nil) != (err2 == nil) {
			t.Fatalf("by %d: %d/%d frames, %d/%d pings, %v/%v", piece, len(whole), len(pieces), pings1, pings2, err1, err2)
		}
		for i := range whole {
			if whole[i] != pieces[i] {
				t.Fatalf("frame %d: %q, %q", i, whole[i], pieces[i])
			}
		}
	})
}
