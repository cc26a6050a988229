package voice_test

import (
	"testing"
	"time"
)

// Pickup takes a call that rings elsewhere: by extension, by mark, by channel, by
// group, and by pickupexten without any dialplan. The telephone that rang is told
// that the call was answered elsewhere.
func TestPickup(t *testing.T) {
	plan := `exten => 8006,1,Set(__PICKUPMARK=desk)
same => n,Dial(PJSIP/8006,20)
exten => 1,1,Pickup(8006@calls)
exten => 2,1,Pickup(desk@PICKUPMARK)
exten => 3,1,PickupChan(PJSIP/8006)
exten => 4,1,Pickup()
exten => 5,1,Set(CHANNEL(pickupgroup)=3)
same => n,Pickup()
exten => 6,1,Pickup(8006)
exten => 7,1,PickupChan(PJSIP/80,p)
`
	extra := map[string]string{
		"8006": "call_group=2-3\nnamed_call_group=sales\n", "8007": "named_pickup_group=sales,home\n",
	}
	for _, number := range []string{"1", "2", "3", "4", "5", "6", "7", "*8"} {
		t.Run(number, func(t *testing.T) {
			x := featuredFor(t, extra, plan, nil)
			a, b, c := x.phone("8005"), x.phone("8006"), x.phone("8007")
			ringing := make(chan *voice, 1)
			go func() { ringing <- a.dial("8006") }() // ends with the answer, or the test
			rang, err := b.Accept(x.ctx)
			if err != nil {
				t.Fatal(err)
			}
			out := c.dial(number)
			out.speak(toneC)
			var in *voice
			select {
			case in = <-ringing:
			case <-time.After(patience):
				t.Fatal("the caller is not connected")
			}
			in.speak(toneA)
			in.hears(toneC, 0.4, "who picked up")
			out.hears(toneA, 0.4, "the caller")
			select {
			case <-rang.Done():
			case <-time.After(patience):
				t.Fatal("the telephone rings on")
			}
			x.until("the CANCEL says that the call was answered elsewhere", func() bool { return b.got("CANCEL sip", "Q.850;cause=26")+b.got("CANCEL sip", "cause=200") > 0 })
			out.hangup()
			in.over("who picked up has hung up")
		})
	}
}

// Where nothing may be picked up the dialplan goes on, and pickupexten is refused.
func TestNothingToPickUp(t *testing.T) {
	x := featuredFor(t, map[string]string{"8006": "call_group=1\n", "8007": "pickup_group=2\n"}, `exten => 8006,1,Dial(PJSIP/8006,20)
exten => 1,1,Pickup()
same => n,Log(NOTICE,@P=went on@)
exten => 2,1,Pickup(8005)
same => n,Log(NOTICE,@P=on@)
`, nil)
	a, b, c := x.phone("8005"), x.phone("8006"), x.phone("8007")
	call, err := a.Call(x.ctx, "8006")
	if err != nil {
		t.Fatal(err)
	}
	rang, err := b.Accept(x.ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Call(x.ctx, "1")
	x.is("P", "went on")
	_, _ = c.Call(x.ctx, "2")
	x.is("P", "on")
	refused, err := c.Call(x.ctx, "*8")
	if err == nil {
		err = refused.WaitAnswered(x.ctx)
	}
	if err == nil {
		t.Error("a call of another group was picked up")
	}
	select {
	case <-rang.Done():
		t.Error("the telephone does not ring any more")
	default:
	}
	_ = call.Hangup(x.ctx)
}
