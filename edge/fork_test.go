package edge

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hometone/hometone/sip"
)

// answer is a response of a branch as the fork sees it.
func answer(status int) *sip.Response {
	req := sip.NewRequest(sip.INVITE, "sip:bob@example.org")
	req.Add(sip.HeaderCSeq, "1 INVITE")
	return sip.NewResponse(req, status, "")
}

// show writes a verdict in a few letters: >180 forwarded, =408 made here,
// X cancel, +2 two branches started.
func show(v verdict) string {
	var out []string
	if v.forward != nil {
		out = append(out, fmt.Sprintf(">%d", v.forward.Status()))
	} else if v.final != 0 {
		out = append(out, fmt.Sprintf("=%d", v.final))
	}
	if v.cancel {
		out = append(out, "X")
	}
	if len(v.start) > 0 {
		out = append(out, fmt.Sprintf("+%d", len(v.start)))
	}
	return strings.Join(out, " ")
}

func groups(sizes ...int) Plan {
	var p Plan
	for _, n := range sizes {
		p.Groups = append(p.Groups, make([]Branch, n))
	}
	return p
}

// Rows of RFC 3261 §16.7 and §16.10: what a fork does with the responses of its
// branches. A step is "branch:status", "branch:!" for a failure, "cancel".
func TestFork(t *testing.T) {
	for _, c := range []struct {
		why   string
		plan  Plan
		steps string
		want  string
	}{
		{"step 5: any provisional other than 100 is forwarded at once", groups(1), "0:100 0:180 0:200", "| >180 | >200"},
		{"step 5: a 2xx is forwarded at once, step 10: the others are cancelled", groups(3), "0:180 1:200 0:487 2:487", ">180 | >200 X | |"},
		{"step 5: every 2xx to an INVITE is forwarded", groups(2), "0:200 1:200", ">200 X | >200"},
		{"step 5: after a 6xx no new branch starts, pending ones are cancelled", groups(2, 1), "0:603 1:487", "X | >603"},
		{"step 6: a 6xx wins over all others", groups(3), "0:486 1:600 2:404", "| X | >600"},
		{"step 6: the lowest class otherwise", groups(3), "0:500 1:486 2:302", "| | >302"},
		{"step 6: within 4xx those that help to try again", groups(3), "0:486 1:401 2:404", "| | >401"},
		{"step 6: 408 says nothing about the callee", groups(2), "0:408 1:486", "| >486"},
		{"step 8: a silent branch counts as 408", groups(1), "0:!", "=408"},
		{"16.9: an unreachable branch counts as 503", groups(1), "0:lost", "=503"},
		{"step 6: 503 only if there is nothing else", groups(2), "0:lost 1:500", "| >500"},
		{"a destination that was replaced and wakes up late rings for nobody", groups(1, 1), "0:! 0:180 1:200", "+1 | | >200"},
		{"but the call it accepts is forwarded", groups(1, 1), "0:! 1:200 0:200", "+1 | >200 | >200"},
		{"a silent branch beside a busy one", groups(2), "0:! 1:486", "| >486"},
		{"the next group starts when the last branch of the first has failed", groups(2, 1), "0:486 1:480 2:200", "| +1 | >200"},
		{"and if all groups fail the best of all goes back", groups(1, 1), "0:486 1:480", "+1 | >486"},
		{"a destination that is silent is replaced", groups(1, 1), "0:! 1:200", "+1 | >200"},
		{"but not once it rang", groups(1, 1), "0:180 0:!", ">180 | =408"},
		{"16.10: CANCEL reaches all pending branches, no new ones start", groups(2, 1), "0:180 cancel 0:487 1:487", ">180 | X | | >487"},
		{"a CANCEL that crosses the 200 changes nothing", groups(1), "0:200 cancel", ">200 |"},
		{"a 200 that crosses the CANCEL is forwarded", groups(1), "cancel 0:200", "X | >200"},
		{"a final response of a branch counts once", groups(2), "0:486 0:486 1:480", "| | >486"},
	} {
		t.Run(c.why, func(t *testing.T) {
			f := &fork{}
			if got, want := show(f.begin(c.plan.Groups)), fmt.Sprintf("+%d", len(c.plan.Groups[0])); got != want {
				t.Fatalf("begins with %q, want %q", got, want)
			}
			var got []string
			for step := range strings.FieldsSeq(c.steps) {
				got = append(got, show(f.step(t, step)))
			}
			if joined := strings.TrimSpace(strings.ReplaceAll(strings.Join(got, " | "), "  ", " ")); joined != strings.TrimSpace(c.want) {
				t.Errorf("%s gives %q, want %q", c.steps, joined, c.want)
			}
		})
	}
}

func (f *fork) step(t *testing.T, step string) verdict {
	t.Helper()
	if step == "cancel" {
		return f.cancel()
	}
	var branch, status int
	if _, err := fmt.Sscanf(step, "%d:!", &branch); err == nil && strings.HasSuffix(step, "!") {
		return f.failed(branch, 408)
	}
	if _, err := fmt.Sscanf(step, "%d:lost", &branch); err == nil && strings.HasSuffix(step, "lost") {
		return f.failed(branch, 503)
	}
	if _, err := fmt.Sscanf(step, "%d:%d", &branch, &status); err != nil {
		t.Fatalf("step %q: %v", step, err)
	}
	return f.response(branch, answer(status))
}

// A destination's answer fails over only if the plan says so.
func TestForkFailover(t *testing.T) {
	only503 := Branch{Failover: func(status int) bool { return status == 503 }}
	for status, want := range map[int]string{503: "+1", 486: ">486", 500: ">500"} {
		f := &fork{}
		f.begin([][]Branch{{only503}, {only503}})
		if got := show(f.response(0, answer(status))); got != want {
			t.Errorf("%d of the first destination gives %q, want %q", status, got, want)
		}
	}
}
