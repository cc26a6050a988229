package voice_test

import "testing"

// ChanSpy hears both sides of a call; 5 lets the spy be heard by the one who is
// spied on, 6 by both, 4 by nobody.
func TestChanSpy(t *testing.T) {
	x := open(t, nil, "exten => 8006,1,Dial(PJSIP/8006)\nexten => 1,1,ChanSpy(PJSIP/8006,qd)\nexten => 2,1,ChanSpy(PJSIP/8006,qoES)\n", nil)
	a, b, c := x.phone("8005"), x.phone("8006"), x.phone("8007")
	in, out := x.talkTo(a, b, "8006")
	in.speak(500)
	out.speak(900)
	spy := c.dial("1")
	spy.speak(1700)
	spy.hears(500, 0.5, "the caller")
	spy.hears(900, 0.5, "the callee")
	in.deaf(1700, "the spy only listens")
	out.deaf(1700, "the spy only listens")
	spy.press("5")
	out.hears(1700, 0.5, "whisper")
	out.hears(500, 0.5, "the caller beneath the whisper")
	in.deaf(1700, "the whisper is for the callee only")
	spy.hears(500, 0.5, "the caller while whispering")
	spy.press("6")
	in.hears(1700, 0.5, "barge")
	in.hears(900, 0.5, "the callee beneath the barge")
	out.hears(1700, 0.5, "barge")
	spy.press("4")
	in.hears(900, 0.3, "the callee goes on")
	in.deaf(1700, "the spy only listens again")
	spy.hangup()
	out.hears(500, 0.5, "the call goes on without the spy")
	one := c.dial("2")
	one.hears(900, 0.5, "the callee alone")
	one.deaf(500, "option o")
	in.hangup()
	out.over("hung up")
	one.over("option E: the channel has ended")
}
