package pbx

import "testing"

// RFC 4733 §2.5.1.4: the last packet of an event is sent three times, and all
// packets of an event have one timestamp: one key each.
func TestKeyEvent(t *testing.T) {
	var k keyEvent
	var got []rune
	feed := func(code, flags byte, timestamp uint32) {
		if r, ok := k.add([]byte{code, flags, 0, 160}, timestamp); ok {
			got = append(got, r)
		}
	}
	for _, timestamp := range []uint32{160, 320} {
		feed(5, 10, timestamp)
		feed(5, 10, timestamp)
		feed(5, 0x80|10, timestamp)
		feed(5, 0x80|10, timestamp)
		feed(5, 0x80|10, timestamp)
	}
	feed(11, 0x80, 480)
	feed(200, 0x80, 640) // not a key
	if _, ok := k.add([]byte{1}, 800); ok {
		t.Error("a cut packet gave a key")
	}
	if string(got) != "55#" {
		t.Errorf("got %q, want 55#", string(got))
	}
}

// The forms of INFO that telephones use.
func TestInfoKeys(t *testing.T) {
	for in, want := range map[string]rune{"5": '5', "11": '#', "10": '*', "a": 'A', "x": 0, "": 0, "55": 0} {
		r, ok := keyOf(in)
		if (want != 0) != ok || r != want {
			t.Errorf("%q is %q %v, want %q", in, r, ok, want)
		}
	}
	if v := field("Signal=5\r\nDuration=160\r\n", "signal"); v != "5" {
		t.Errorf("Signal is %q", v)
	}
}
