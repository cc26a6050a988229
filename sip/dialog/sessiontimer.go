package dialog

import (
	"strconv"
	"time"

	"github.com/hometone/hometone/sip"
)

// minSessionExpires is the smallest session interval there is: 90 seconds
// (RFC 4028 §4).
const minSessionExpires = 90 * time.Second

// sessionTimer is the state of RFC 4028 for one session. It is pure.
type sessionTimer struct {
	want     time.Duration // interval we ask for; 0 = session timers are off
	min      time.Duration // smallest interval anybody named so far (Min-SE)
	interval time.Duration // in force; 0 = the session does not expire
	refresh  bool          // we are the refresher
}

func newSessionTimer(want, min time.Duration) sessionTimer {
	if want <= 0 {
		return sessionTimer{}
	}
	t := sessionTimer{want: max(want, minSessionExpires), min: max(min, minSessionExpires)}
	t.want = max(t.want, t.min)
	return t
}

// on reports whether we do session timers at all.
func (t *sessionTimer) on() bool { return t.want > 0 }

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// writeRequest adds the fields of a session refresh request (RFC 4028 §7.1,
// §7.4). refresher is "uac", "uas" or "" for the peer to choose.
func (t *sessionTimer) writeRequest(req *sip.Request, refresher string) {
	if !t.on() {
		return
	}
	v := seconds(max(t.want, t.min, t.interval))
	if t.interval > 0 {
		v = seconds(max(t.interval, t.min))
	}
	if refresher != "" {
		v += ";refresher=" + refresher
	}
	req.Set(sip.HeaderSessionExpires, v)
	// "The Min-SE header field MUST be present if its value is not 90 seconds" in
	// a retry after 422 (§7.3); the default says the same as its absence.
	if t.min > minSessionExpires {
		req.Set(sip.HeaderMinSE, seconds(t.min))
	}
}

// role names ourselves in a refresh request that we send: the roles stay as
// they are (§7.4).
func (t *sessionTimer) role() string {
	switch {
	case t.interval == 0:
		return ""
	case t.refresh:
		return "uac"
	}
	return "uas"
}

// tooSmall takes a 422: the interval grows to the Min-SE it names, and the
// request may be tried again (§7.3).
func (t *sessionTimer) tooSmall(res *sip.Response) bool {
	sec, ok, err := res.MinSE()
	least := time.Duration(sec) * time.Second
	if !t.on() || !ok || err != nil || least <= t.min && least <= max(t.want, t.interval) || sec > 1<<30 {
		return false
	}
	t.min, t.want = least, max(t.want, least)
	if t.interval > 0 {
		t.interval = max(t.interval, least)
	}
	return true
}

// agreed takes the 2xx to our session refresh request (§7.2).
func (t *sessionTimer) agreed(res *sip.Response) {
	if !t.on() {
		return
	}
	se, ok, err := res.SessionExpires()
	if !ok || err != nil || se.Interval == 0 {
		// The peer does not know session timers. "If the UAC wishes to have a
		// session timer, it MUST perform the refreshes" itself (§7.2).
		t.interval, t.refresh = max(t.want, t.min), true
		return
	}
	t.interval = max(time.Duration(se.Interval)*time.Second, minSessionExpires)
	t.refresh = se.Refresher != "uas"
}

// refused checks a session refresh request: an interval below our minimum is
// answered with 422 and Min-SE, if the peer knows what that is (§9).
func (t *sessionTimer) refused(req *sip.Request) bool {
	se, ok, err := req.SessionExpires()
	return t.on() && ok && err == nil && time.Duration(se.Interval)*time.Second < t.min &&
		req.HasToken(sip.HeaderSupported, "timer")
}

// accept takes a session refresh request that we answer with 2xx and writes
// the answer's fields (§9 and its table 2).
func (t *sessionTimer) accept(req *sip.Request, res *sip.Response) {
	if !t.on() {
		return
	}
	supported := req.HasToken(sip.HeaderSupported, "timer") || req.HasToken(sip.HeaderRequire, "timer")
	se, asked, err := req.SessionExpires()
	asked = asked && err == nil
	interval := max(t.want, t.min)
	if sec, ok, err := req.MinSE(); ok && err == nil && sec < 1<<30 {
		interval = max(interval, time.Duration(sec)*time.Second) // a floor that the answer must respect
	}
	if asked && time.Duration(se.Interval)*time.Second < interval {
		interval = max(time.Duration(se.Interval)*time.Second, minSessionExpires)
	}
	refresher := "uas"
	if supported {
		refresher = "uac"
		if asked && se.Refresher != "" {
			refresher = se.Refresher
		}
	}
	t.interval, t.refresh = interval, refresher == "uas"
	res.Set(sip.HeaderSessionExpires, seconds(interval)+";refresher="+refresher)
	if refresher == "uac" {
		// "If the refresher parameter is uac, the UAS MUST place a Require header
		// field with the value timer into the response" (§9).
		res.Add(sip.HeaderRequire, "timer")
	}
}

// deadlines returns when we refresh (zero: we do not) and when the session has
// expired, counted from the last 2xx. The refresher refreshes at half of the
// interval; the other side gives up "min(32 seconds, a third of the interval)"
// before the end (§7.4, §10).
func (t *sessionTimer) deadlines(now time.Time) (refresh, expiry time.Time) {
	if t.interval == 0 {
		return
	}
	expiry = now.Add(t.interval - min(32*time.Second, t.interval/3))
	if t.refresh {
		refresh = now.Add(t.interval / 2)
	}
	return refresh, expiry
}
