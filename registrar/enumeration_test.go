package registrar

import (
	"slices"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
)

// Known and unknown users are answered alike: the same status, the same fields,
// a challenge of the same shape; for a first request and for wrong
// credentials.
func TestUnknownUsersAreAnsweredAlike(t *testing.T) {
	h := newHouse(t)
	h.users = map[string]string{"alice": "secret"}
	for _, credentials := range []bool{false, true} {
		known, unknown := h.attempt("alice", credentials), h.attempt("mallory", credentials)
		h.expect(known, 401, "a known user without the right password")
		h.expect(unknown, 401, "an unknown user")
		if a, b := shape(known), shape(unknown); !slices.Equal(a, b) {
			t.Errorf("credentials %v: answers differ:\n%v\n%v", credentials, a, b)
		}
	}
	ok := h.request("From: <sip:alice@x>;tag=1", "To: <sip:alice@x>", "Contact: <sip:alice@y>")
	client := auth.NewClient(auth.Credentials{Username: "alice", Secret: auth.Secret{Password: "secret"}})
	if err := client.Answer(ok, h.send(h.request("From: <sip:alice@x>;tag=1", "To: <sip:alice@x>"))); err != nil {
		t.Fatal(err)
	}
	h.expect(h.send(ok), 200, "the right password")
}

// attempt registers as user, with wrong credentials for a real challenge if
// asked for.
func (h *house) attempt(user string, credentials bool) *sip.Response {
	h.Helper()
	lines := []string{"From: <sip:" + user + "@x>;tag=1", "To: <sip:" + user + "@x>", "Contact: <sip:" + user + "@y>"}
	req := h.request(lines...)
	if credentials {
		client := auth.NewClient(auth.Credentials{Username: user, Secret: auth.Secret{Password: "wrong"}})
		if err := client.Answer(req, h.send(h.request(lines...))); err != nil {
			h.Fatal(err)
		}
	}
	return h.send(req)
}

// shape is a response without what is different in any two.
func shape(res *sip.Response) []string {
	shape := []string{res.Reason()}
	for name, value := range res.Fields() {
		switch sip.LookupHeader(name) {
		case sip.HeaderVia, sip.HeaderFrom, sip.HeaderTo, sip.HeaderCSeq, sip.HeaderCallID:
			value = ""
		case sip.HeaderWWWAuthenticate:
			value = value[:min(len(value), 30)] + "…" + string(rune('0'+len(value)%10))
		}
		shape = append(shape, name+": "+value)
	}
	return shape
}

// The time does not tell either: the median over interleaved attempts differs
// by less than a tenth.
func TestUnknownUsersTakeTheSameTime(t *testing.T) {
	h := newHouse(t)
	h.users = map[string]string{"alice": "secret"}
	const rounds = 400
	var ratio float64
	for range 3 { // a busy machine may spoil one measurement
		took := map[string][]time.Duration{}
		for range rounds {
			for _, user := range []string{"alice", "mallo"} {
				lines := []string{"From: <sip:" + user + "@x>;tag=1", "To: <sip:" + user + "@x>", "Contact: <sip:" + user + "@y>"}
				req := h.request(lines...)
				client := auth.NewClient(auth.Credentials{Username: user, Secret: auth.Secret{Password: "wrong"}})
				if err := client.Answer(req, h.send(h.request(lines...))); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				h.r.serve(req, h.flow, func(*sip.Response, bool) {})
				took[user] = append(took[user], time.Since(start))
			}
		}
		slices.Sort(took["alice"])
		slices.Sort(took["mallo"])
		ratio = float64(took["alice"][rounds/2]) / float64(took["mallo"][rounds/2])
		if ratio > 0.9 && ratio < 1.1 {
			return
		}
	}
	t.Errorf("known/unknown user: ratio of the median times %.2f; nobody is to learn who exists", ratio)
}
