package phone

import (
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
)

// TestRefreshIn proves RFC 5626 §4.1's spirit and RFC 3261 §10.2.4: a binding
// is refreshed before it expires, and not by all phones at one moment.
func TestRefreshIn(t *testing.T) {
	for _, granted := range []time.Duration{0, time.Second, 30 * time.Second, time.Hour} {
		seen := make(map[time.Duration]bool)
		for range 100 {
			d := refreshIn(granted)
			seen[d] = true
			if d < time.Second {
				t.Fatalf("granted %v: refresh after %v, a registrar must not be hammered", granted, d)
			}
			if granted > 2*time.Second && d > granted*9/10 {
				t.Fatalf("granted %v: refresh after %v, too late", granted, d)
			}
		}
		if granted >= 30*time.Second && len(seen) < 10 {
			t.Errorf("granted %v: only %d different refresh times in 100", granted, len(seen))
		}
	}
}

// TestRetryAfter proves the back-off of RFC 5626 §4.5 and that Retry-After
// wins.
func TestRetryAfter(t *testing.T) {
	for n, limit := range map[int]time.Duration{1: 30 * time.Second, 2: time.Minute, 4: 4 * time.Minute, 100: 30 * time.Minute} {
		for range 50 {
			if d := retryAfter(n, nil); d < limit/2 || d > limit {
				t.Fatalf("failure %d: wait %v, want between half of %v and all of it", n, d, limit)
			}
		}
	}
	req := sip.NewRequest(sip.REGISTER, "sip:example.org")
	res := sip.NewResponse(req, 503, "")
	res.Set(sip.HeaderRetryAfter, "7")
	if d := retryAfter(1, res); d != 7*time.Second {
		t.Errorf("Retry-After: 7 gives a wait of %v", d)
	}
}

// TestGranted proves where the life of a binding is read from: RFC 3261
// §10.2.4, "the 'expires' parameter of the Contact", ours among others.
func TestGranted(t *testing.T) {
	const ours = "sip:8005@192.0.2.9:5070"
	req := sip.NewRequest(sip.REGISTER, "sip:example.org")
	for name, test := range map[string]struct {
		contacts []string
		expires  string
		want     time.Duration
	}{
		"contact's parameter": {[]string{"<sip:8005@192.0.2.8>;expires=5", "<" + ours + ">;expires=90"}, "600", 90 * time.Second},
		"expires field":       {[]string{"<sip:8005@192.0.2.8>;expires=5"}, "120", 120 * time.Second},
		"nothing said":        {nil, "", time.Minute},
		"garbage":             {[]string{"<" + ours + ">;expires=soon"}, "", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			res := sip.NewResponse(req, 200, "")
			for _, c := range test.contacts {
				res.Add(sip.HeaderContact, c)
			}
			if test.expires != "" {
				res.Set(sip.HeaderExpires, test.expires)
			}
			if got := granted(res, ours, time.Minute); got != test.want {
				t.Errorf("granted %v, want %v", got, test.want)
			}
		})
	}
}
