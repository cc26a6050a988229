package presence

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestAggregate: several devices in one hint, as Asterisk combines them.
func TestAggregate(t *testing.T) {
	for _, c := range []struct {
		devices []DeviceState
		want    ExtensionState
	}{
		{nil, ExtensionUnavailable},
		{[]DeviceState{Unknown}, Idle},
		{[]DeviceState{NotInUse}, Idle},
		{[]DeviceState{InUse}, ExtensionInUse},
		{[]DeviceState{Busy}, ExtensionBusy},
		{[]DeviceState{Invalid}, ExtensionUnavailable},
		{[]DeviceState{Unavailable}, ExtensionUnavailable},
		{[]DeviceState{Ringing}, ExtensionRinging},
		{[]DeviceState{RingInUse}, ExtensionInUse | ExtensionRinging},
		{[]DeviceState{OnHold}, ExtensionHeld},
		{[]DeviceState{Unavailable, NotInUse}, Idle},
		{[]DeviceState{NotInUse, InUse}, ExtensionInUse},
		{[]DeviceState{InUse, Busy}, ExtensionBusy},
		{[]DeviceState{Ringing, InUse}, ExtensionInUse | ExtensionRinging},
		{[]DeviceState{OnHold, Ringing}, ExtensionInUse | ExtensionRinging},
		{[]DeviceState{OnHold, InUse}, ExtensionInUse},
		{[]DeviceState{NotInUse, OnHold}, ExtensionHeld},
		{[]DeviceState{Ringing, NotInUse, Unavailable}, ExtensionRinging},
		{[]DeviceState{Invalid, Unknown}, Idle},
	} {
		b, hint := NewBoard(), ""
		for i, s := range c.devices {
			name := fmt.Sprintf("PJSIP/%d", i)
			hint += "&" + name
			b.Set(name, s)
		}
		if got := b.Extension(hint + ",CustomPresence:x"); got != c.want {
			t.Errorf("%v: %v, want %v", c.devices, got, c.want)
		}
	}
}

// TestChannels: the state of an endpoint by its registration and channels.
func TestChannels(t *testing.T) {
	b := NewBoard()
	if s := b.State("PJSIP/100"); s != Invalid {
		t.Errorf("never named: %v", s)
	}
	if s := b.State("Custom:door"); s != Unknown {
		t.Errorf("custom: %v", s)
	}
	b.Expect(1)
	b.Describe("PJSIP/100", Unavailable, 2)
	b.Expect(1) // forgets nobody
	channels := map[string]ChannelState{}
	for i, step := range []struct {
		channel string
		state   ChannelState
		want    DeviceState
	}{
		{"a", ChannelRinging, Ringing},
		{"a", ChannelUp, InUse},
		{"a", ChannelHeld, OnHold},
		{"b", ChannelRinging, RingInUse},
		{"b", ChannelUp, Busy}, // the second call of two
		{"a", ChannelDown, InUse},
		{"b", ChannelBusy, Busy},
		{"b", ChannelCalling, InUse},
		{"b", ChannelDown, Unavailable},
		{"b", ChannelDown, Unavailable},
	} {
		b.Channel("pjsip", "100", channels[step.channel], step.state) // names do not care about case
		channels[step.channel] = step.state
		if got := b.State("PJSIP/100"); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	b.Channel("PJSIP", "100", ChannelDown, ChannelUp)
	b.Remove("PJSIP/100")
	b.Channel("PJSIP", "100", ChannelUp, ChannelDown) // of a call that outlived a reload
	if s := b.State("PJSIP/100"); s != Invalid {
		t.Errorf("removed: %v", s)
	}
	for s := Unknown; s <= OnHold; s++ {
		if ParseDeviceState(s.String()) != s {
			t.Errorf("%v does not survive its name", s)
		}
	}
}

// TestWatch: a Watch hears changes of state only, and nothing after Stop; the
// lock is not held while it does.
func TestWatch(t *testing.T) {
	b, n := NewBoard(), 0
	w := b.Watch("PJSIP/1&Custom:x", func() { n++; _ = b.Extension("PJSIP/1") })
	b.Set("PJSIP/1", NotInUse)
	b.Set("PJSIP/1", NotInUse)
	b.Set("custom:X", InUse)
	b.Set("PJSIP/2", InUse)
	if n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
	w.Stop()
	w.Stop()
	b.Set("PJSIP/1", InUse)
	if n != 2 || len(b.watchers) != 0 {
		t.Error("it goes on after Stop")
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				x := b.Watch("PJSIP/1", func() {})
				b.Channel("PJSIP", "1", ChannelDown, ChannelUp)
				b.Channel("PJSIP", "1", ChannelUp, ChannelDown)
				x.Stop()
			}
		})
	}
	group.Wait()
	if s := b.State("PJSIP/1"); s != InUse {
		t.Errorf("after all: %v", s)
	}
}

// TestPace: a burst, then one a second, and the burst again after a rest.
func TestPace(t *testing.T) {
	var p pace
	now := time.Unix(1000, 0)
	for i := range paceBurst {
		if w := p.take(now); w != 0 {
			t.Fatalf("token %d waits %v", i, w)
		}
	}
	if w := p.take(now.Add(300 * time.Millisecond)); w != 700*time.Millisecond {
		t.Errorf("wait %v", w)
	}
	if w := p.take(now.Add(time.Second)); w != 0 {
		t.Errorf("after a second: %v", w)
	}
	if w := p.take(now.Add(time.Second)); w == 0 {
		t.Error("two tokens for one second")
	}
	now = now.Add(time.Minute)
	for range paceBurst {
		if p.take(now) != 0 {
			t.Fatal("no burst after a rest")
		}
	}
}

// TestPublications: RFC 3903 §6 as a machine.
func TestPublications(t *testing.T) {
	p := newPublications()
	now := time.Unix(1000, 0)
	put := func(match string, expires time.Duration, body string) (string, int) {
		r := publishing{topic: "presence/a", publisher: "a", match: match, expires: expires}
		if body != "" {
			r.state = &publication{body: body}
		}
		tag, _, status := p.publish(now, r)
		return tag, status
	}
	if _, status := put("", time.Hour, ""); status != 400 {
		t.Error("an initial publication MUST have a body")
	}
	one, _ := put("", time.Hour, "one")
	two, status := put(one, time.Hour, "")
	if status != 200 || two == one || p.last("presence/a") != "one" {
		t.Error("a refresh keeps the state under a new entity-tag")
	}
	if _, status := put(one, time.Hour, "x"); status != 412 {
		t.Error("an old entity-tag MUST be refused with 412")
	}
	three, _ := put(two, time.Hour, "two")
	if p.last("presence/a") != "two" || len(p.byTag) != 1 {
		t.Error("a modification replaces the state")
	}
	if _, status := put(three, 0, ""); status != 200 || len(p.byTag)+len(p.byTopic)+len(p.publisher) != 0 {
		t.Error("Expires 0 removes the state")
	}
	for i := range maxPerPublisher {
		put("", time.Duration(i+1)*time.Minute, "x")
	}
	if _, status := put("", time.Hour, "x"); status != 503 {
		t.Error("publications of one publisher are bounded")
	}
	topics, next := p.expire(now.Add(3 * time.Minute))
	if len(topics) != 3 || !next.Equal(now.Add(4*time.Minute)) {
		t.Errorf("expired %d, next %v", len(topics), next)
	}
}
