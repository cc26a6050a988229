package pbx

import "testing"

// The causes of final answers and the answers of causes, as res_pjsip has
// them.
func TestCauses(t *testing.T) {
	in := map[int]Cause{
		401: 21, 403: 21, 404: 1, 405: 127, 407: 21, 408: 18, 409: 41, 410: 22, 411: 127, 413: 127, 414: 127, 415: 127,
		420: 3, 480: 19, 481: 127, 482: 127, 483: 19, 484: 28, 485: 1, 486: 17, 487: 127, 488: 58, 491: 127, 493: 127,
		500: 38, 501: 29, 502: 27, 503: 34, 504: 102, 505: 127, 600: 17, 603: 21, 604: 1, 606: 58,
		400: 127, 499: 127, 580: 34, 699: 127, 200: 16,
	}
	for status, want := range in {
		if got := CauseOfStatus(status); got != want {
			t.Errorf("%d stands for cause %d, want %d", status, got, want)
		}
	}
	out := map[Cause]int{
		0: 603, 1: 404, 2: 404, 3: 404, 16: 603, 17: 486, 18: 408, 19: 480, 20: 480, 21: 403, 22: 410, 27: 502, 28: 484,
		29: 501, 31: 480, 34: 503, 38: 500, 42: 503, 58: 488, 66: 503, 127: 500, 44: 603,
	}
	for cause, want := range out {
		if got := cause.Status(); got != want {
			t.Errorf("cause %d is answered %d, want %d", cause, got, want)
		}
	}
	if c, ok := CauseByName("ast_cause_user_busy"); !ok || c != CauseUserBusy {
		t.Errorf("user_busy is %d %v", c, ok)
	}
}

// DIALSTATUS of several branches: app_dial's order.
func TestTally(t *testing.T) {
	cases := []struct {
		causes []Cause
		want   DialStatus
	}{
		{nil, StatusUnavailable},
		{[]Cause{CauseUserBusy}, StatusBusy},
		{[]Cause{CauseUserBusy, CauseCongestion}, StatusBusy},
		{[]Cause{CauseCongestion, CauseNoRoute}, StatusCongestion},
		{[]Cause{CauseNoRoute}, StatusUnavailable},
		{[]Cause{CauseCallRejected}, StatusUnavailable},
		{[]Cause{CauseNoAnswer}, StatusNoAnswer},
		{[]Cause{CauseUserBusy, CauseNoAnswer}, StatusNoAnswer},
	}
	for _, c := range cases {
		var n tally
		for _, cause := range c.causes {
			n.add(cause)
		}
		if got := n.status(); got != c.want {
			t.Errorf("%v gives %s, want %s", c.causes, got, c.want)
		}
	}
}
