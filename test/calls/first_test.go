package calls_test

import "testing"

// A phone speaks at the moment it answers, before the node has read its answer: every
// packet is heard, the first too.
func TestFirstPacketsAreHeard(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	for range 20 {
		caller.ear.reset()
		out := caller.call("8006", caller.describe(""))
		in := callee.incoming()
		done := make(chan struct{})
		go func() { // ends with its packets
			defer close(done)
			callee.ear.speak(770, firstPT(callee), 5)
		}()
		in.answer()
		out.answered("the callee has answered")
		<-done
		if !eventually(func() bool { return caller.ear.heard() >= 5 }) {
			t.Errorf("%d of the 5 packets that the callee has sent with its answer are heard", caller.ear.heard())
		}
		out.bye()
		in.hungUp("the caller has hung up")
	}
}
