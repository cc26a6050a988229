package registrar

import (
	"testing"

	"github.com/hometone/hometone/sip"
)

// RFC 3261 §8.2.7: whoever has not proved himself leaves no transaction, known
// or not; the answer to one who has is kept for his repetitions.
func TestStrangersLeaveNoTransaction(t *testing.T) {
	h := newHouse(t)
	h.users = map[string]string{"alice": "secret"}
	for _, c := range []struct {
		why      string
		lines    []string
		status   int
		stranger bool
	}{
		{"no credentials", []string{"From: <sip:alice@biloxi.example.com>;tag=1", "To: <sip:alice@biloxi.example.com>"}, 401, true},
		{"unknown user", []string{"From: <sip:nobody@biloxi.example.com>;tag=1", "To: <sip:nobody@biloxi.example.com>"}, 401, true},
		{"extension", []string{"Require: nothing"}, 420, true},
		{"known", []string{"Contact: <sip:bob@192.0.2.201>"}, 200, false},
		{"known, refused", []string{"Contact: *"}, 400, false},
	} {
		answers := make(chan struct {
			status   int
			stranger bool
		}, 1)
		h.r.serve(h.request(c.lines...), h.flow, func(res *sip.Response, stranger bool) {
			answers <- struct {
				status   int
				stranger bool
			}{res.Status(), stranger}
		})
		if got := <-answers; got.status != c.status || got.stranger != c.stranger {
			t.Errorf("%s: %d, stranger %v; want %d, %v", c.why, got.status, got.stranger, c.status, c.stranger)
		}
	}
}
