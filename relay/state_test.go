package relay

import (
	"encoding/json"
	"testing"
	"time"
	"unsafe"
)

// TestRestore: a leg goes on in another relay, and its peer hears the same stream.
func TestRestore(t *testing.T) {
	first := running(t, Config{PortMin: 36400, PortMax: 36499, Spares: -1})
	a, b := joined(t, first, []Format{pcmu}, []Format{pcmu})
	for range 5 {
		a.send(frameOf(1))
	}
	var last uint16
	var ssrc uint32
	for range 5 {
		h, _ := b.must("before")
		last, ssrc = h.Sequence, h.SSRC
	}
	// The snapshot travels as JSON.
	var states [2]State
	for i, l := range []*Leg{a.leg, b.leg} {
		raw, err := json.Marshal(l.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &states[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := first.Restore(states[0], nil); err == nil {
		t.Error("the ports are still in use")
	}
	a.leg.Close()
	b.leg.Close()
	time.Sleep(100 * time.Millisecond)

	second := running(t, Config{PortMin: 36400, PortMax: 36499})
	var legs [2]*Leg
	for i, s := range states {
		l, err := second.Restore(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		if l.Addr() != s.Local {
			t.Errorf("restored on %v, was on %v", l.Addr(), s.Local)
		}
		legs[i] = l
	}
	if err := second.Join(legs[0], legs[1]); err != nil {
		t.Fatal(err)
	}
	for range 20 { // BYE of RTCP and such may have come between
		a.send(frameOf(2))
		h, payload := b.must("after")
		if payload[0] != 2 {
			continue
		}
		if step := h.Sequence - last; h.SSRC != ssrc || step == 0 || step > 100 {
			t.Errorf("%+v after sequence %d of %#x", h, last, ssrc)
		}
		break
	}
	thief := newPeer(t, legs[0], 0x666, 0)
	for range 10 {
		thief.send(frameOf(6))
	}
	b.mustNot("who the peer is was restored, too")
}

// TestLegSize: an idle leg costs little memory.
func TestLegSize(t *testing.T) {
	if size := unsafe.Sizeof(Leg{}); size > 1280 {
		t.Errorf("a leg has %d octets", size)
	} else {
		t.Logf("a leg has %d octets", size)
	}
}
