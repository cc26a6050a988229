package voice_test

import "testing"

// Originate calls a telephone and runs an application or the dialplan on it.
func TestOriginate(t *testing.T) {
	x := featured(t, `exten => 1,1,Originate(PJSIP/8006,app,Playback,beep,,20,c(77)n(Bell)v(X=1))
same => n,Log(NOTICE,@O=${ORIGINATE_STATUS}@)
exten => 2,1,Originate(PJSIP/8006,exten,calls,two,1,20,av(WHO=me^Y=2))
same => n,Log(NOTICE,@O=${ORIGINATE_STATUS}@)
exten => two,1,Log(NOTICE,@V=${WHO} ${Y} ${CHANNEL(endpoint)} ${CHANNEL(state)}@)
same => n,Dial(PJSIP/8007)
exten => 3,1,Originate(PJSIP/8006,app,NoOp)
same => n,Log(NOTICE,@O=${ORIGINATE_STATUS}@)
exten => 4,1,Originate(Local/two@calls,app,Playback,beep,,20)
same => n,Log(NOTICE,@O=${ORIGINATE_STATUS}@)
exten => 5,1,Originate(PJSIP/nobody,app,NoOp)
same => n,Log(NOTICE,@O=${ORIGINATE_STATUS}@)
exten => 6,1,Originate(PJSIP/8006,app,NoOp,,,1)
same => n,Log(NOTICE,@O=${ORIGINATE_STATUS}@)
`, nil, "beep")
	a, b, c := x.phone("8005"), x.phone("8006"), x.phone("8007")
	ask := func(number string) {
		t.Helper()
		if _, err := a.Call(x.ctx, number); err != nil {
			t.Fatal(err)
		}
	}
	ask("1")
	called := b.answer()
	if b.got("INVITE sip", "From: \"Bell\" <sip:77@") == 0 {
		t.Error("the call does not come from Bell, 77")
	}
	called.hears(toneSound, 0.3, "Playback")
	called.over("the application has ended")
	x.is("O", "SUCCESS")

	ask("2")
	called = b.answer()
	third := c.answer()
	called.speak(toneB)
	third.speak(toneC)
	called.hears(toneC, 0.4, "who the dialplan called")
	third.hears(toneB, 0.4, "who was called first")
	x.is("V", "me 2 8006 Up")
	called.hangup()
	third.over("the end")

	ask("3")
	refused, err := b.Accept(x.ctx)
	if err == nil {
		err = refused.Reject(x.ctx, 486)
	}
	if err != nil {
		t.Fatal(err)
	}
	x.is("O", "BUSY")

	ask("4")
	third = c.answer()
	third.hears(toneSound, 0.2, "Playback at the other end of a Local channel")
	third.over("the application has ended")
	x.is("O", "SUCCESS")

	ask("5")
	x.is("O", "FAILED")
	ask("6")
	if _, err := b.Accept(x.ctx); err != nil {
		t.Fatal(err)
	}
	x.is("O", "RINGING")
	x.until("nothing is left", func() bool { return x.node.Calls() == 0 })
}

// Page: those who are called hear the caller, and nobody hears them; with d all hear
// each other.
func TestPage(t *testing.T) {
	for _, duplex := range []bool{false, true} {
		options := map[bool]string{false: "q", true: "qd"}[duplex]
		t.Run(options, func(t *testing.T) {
			x := featured(t, "exten => 1,1,Page(PJSIP/8006&PJSIP/8007,"+options+",10)\n", nil)
			a, b, c := x.phone("8005"), x.phone("8006"), x.phone("8007")
			in := a.dial("1")
			in.speak(toneA)
			first, second := b.answer(), c.answer()
			first.speak(toneB)
			second.speak(toneC)
			first.hears(toneA, 0.4, "the caller")
			second.hears(toneA, 0.4, "the caller")
			if duplex {
				in.hears(toneB, 0.3, "the first")
				in.hears(toneC, 0.3, "the second")
				first.hears(toneC, 0.3, "each other")
				second.hears(toneB, 0.3, "each other")
			} else {
				in.deaf(toneB, "nobody hears who is paged")
				first.deaf(toneC, "nobody hears who is paged")
			}
			first.hangup()
			second.hears(toneA, 0.3, "still the caller")
			in.hangup()
			second.over("the caller has hung up")
		})
	}
}

// ChannelRedirect sends a caller or a callee elsewhere; the other one of their call
// goes on as Dial says, or ends.
func TestChannelRedirect(t *testing.T) {
	x := featured(t, `exten => 8006,1,Set(GLOBAL(CALLER)=${CHANNEL})
same => n,Dial(PJSIP/8006,20,U(note)g)
same => n,Log(NOTICE,@D=${DIALSTATUS}@)
same => n,MusicOnHold()
exten => 1,1,ChannelRedirect(${CALLER},calls,beep,1)
same => n,Log(NOTICE,@R=${CHANNELREDIRECT_STATUS}@)
exten => 2,1,ChannelRedirect(${CALLEE},calls,beep,1)
same => n,Log(NOTICE,@R=${CHANNELREDIRECT_STATUS}@)
exten => 3,1,ChannelRedirect(PJSIP/nobody-1,calls,beep,1)
same => n,Log(NOTICE,@R=${CHANNELREDIRECT_STATUS}@)
exten => 4,1,SoftHangup(PJSIP/8005,a)
exten => beep,1,Playback(beep)
same => n,Log(NOTICE,@W=${CHANNEL(endpoint)}@)
same => n,Wait(1)
[note]
exten => s,1,Set(GLOBAL(CALLEE)=${CHANNEL})
same => n,Return()
`, nil, "beep")
	a, b, c := x.phone("8005"), x.phone("8006"), x.phone("8007")
	ask := func(number, want string) {
		t.Helper()
		if _, err := c.Call(x.ctx, number); err != nil {
			t.Fatal(err)
		}
		if want != "" {
			x.is("R", want)
		}
	}
	in, out := connected(a, "8006", b)
	ask("1", "SUCCESS")
	in.hears(toneSound, 0.3, "the caller is elsewhere")
	out.over("its caller has gone")
	x.is("W", "8005")
	in.over("the dialplan has ended")

	in, out = connected(a, "8006", b)
	ask("2", "SUCCESS")
	out.hears(toneSound, 0.3, "the callee is elsewhere")
	in.hears(toneMusic, 0.3, "option g: the caller goes on")
	x.is("W", "8006")
	out.over("the dialplan has ended")
	ask("3", "NOCHANNEL")
	ask("4", "")
	in.over("SoftHangup")
	x.until("nothing is left", func() bool { return x.node.Calls() == 0 })
}

// Bridge connects the caller with a channel that waits, or that is in a call.
func TestBridge(t *testing.T) {
	x := featured(t, `exten => wait,1,Set(GLOBAL(WAITS)=${CHANNEL})
same => n,BridgeWait()
exten => 8006,1,Dial(PJSIP/8006,20,U(note))
exten => 1,1,Bridge(${WAITS})
same => n,Log(NOTICE,@B=${BRIDGERESULT}@)
exten => back,1,Set(GLOBAL(WAITS)=${CHANNEL})
same => n,Set(kept=own)
same => n,BridgeWait()
same => n,Log(NOTICE,@R=${kept}${PRIORITY}@)
same => n,Echo()
exten => 6,1,Bridge(${WAITS})
exten => 7,1,Bridge(${WAITS},x)
exten => 2,1,Bridge(${CALLEE})
exten => 3,1,Bridge(PJSIP/nobody)
same => n,Log(NOTICE,@B=${BRIDGERESULT}@)
exten => 4,1,Bridge(${CHANNEL})
same => n,Log(NOTICE,@B=${BRIDGERESULT}@)
exten => 5,1,BridgeAdd(${CALLEE})
[note]
exten => s,1,Set(GLOBAL(CALLEE)=${CHANNEL})
same => n,Return()
`, nil)
	a, b, c := x.phone("8005"), x.phone("8006"), x.phone("8007")
	waits := a.dial("wait")
	waits.speak(toneA)
	waits.hears(toneMusic, 0.3, "music")
	with := c.dial("1")
	with.speak(toneC)
	with.hears(toneA, 0.4, "who waited")
	waits.hears(toneC, 0.4, "who came")
	waits.hangup()
	x.is("B", "SUCCESS")
	with.over("the dialplan goes on, and ends")

	// Who was taken goes on where it was, with its own variables, but not with x.
	waits = a.dial("back")
	waits.speak(toneA)
	waits.hears(toneMusic, 0.3, "music")
	with = c.dial("6")
	with.hears(toneA, 0.4, "who waited")
	with.hangup()
	x.is("R", "own4")
	waits.hears(toneA, 0.4, "its own echo: it has gone on")
	waits.hangup()
	waits = a.dial("back")
	waits.speak(toneA)
	waits.hears(toneMusic, 0.3, "music")
	with = c.dial("7")
	with.hears(toneA, 0.4, "who waited")
	with.hangup()
	waits.over("option x")

	in, out := connected(a, "8006", b)
	in.speak(toneA)
	out.speak(toneB)
	third := c.dial("5")
	third.speak(toneC)
	third.hears(toneA, 0.3, "BridgeAdd")
	third.hears(toneB, 0.3, "BridgeAdd")
	in.hears(toneC, 0.3, "BridgeAdd")
	out.hears(toneC, 0.3, "BridgeAdd")
	third.hangup()
	with = c.dial("2")
	with.speak(toneC)
	with.hears(toneB, 0.4, "the callee")
	out.hears(toneC, 0.4, "who took it")
	in.over("its callee has gone")
	with.hangup()
	out.over("the end")

	for number, want := range map[string]string{"3": "NONEXISTENT", "4": "LOOP"} {
		if _, err := c.Call(x.ctx, number); err != nil {
			t.Fatal(err)
		}
		x.is("B", want)
	}
	x.until("nothing is left", func() bool { return x.node.Calls() == 0 })
}

// BlindTransfer and AttendedTransfer in [applicationmap] transfer whom the side that
// pressed the keys talks with.
func TestTransferApplications(t *testing.T) {
	for _, attended := range []bool{false, true} {
		keys := map[bool]string{false: "*5", true: "*6"}[attended]
		t.Run(keys, func(t *testing.T) {
			x := featured(t, "exten => 8006,1,Set(__DYNAMIC_FEATURES=blind#attended)\nsame => n,Dial(PJSIP/8006)\nexten => 8007,1,Dial(PJSIP/8007)\n", map[string]string{
				"features.conf": "[applicationmap]\nblind => *5,self,BlindTransfer(8007,calls)\nattended => *6,self,AttendedTransfer(8007)\n",
			})
			a, b, c := x.phone("8005"), x.phone("8006"), x.phone("8007")
			in, out := connected(a, "8006", b)
			in.speak(toneA)
			out.press(keys)
			third := c.answer()
			third.speak(toneC)
			if attended {
				out.speak(toneB)
				third.hears(toneB, 0.3, "who transfers")
				out.hangup()
			} else {
				out.over("transferred")
			}
			in.hears(toneC, 0.4, "the third")
			third.hears(toneA, 0.4, "the transferred one")
			in.hangup()
			third.over("the end")
		})
	}
}
