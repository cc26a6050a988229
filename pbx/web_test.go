package pbx

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"
)

// No way to write an address of the host or of a private network is taken for one of the
// Internet.
func TestWebInside(t *testing.T) {
	for text, want := range map[string]bool{
		"127.0.0.1": true, "127.8.8.8": true, "10.0.0.1": true, "172.16.0.1": true, "192.168.1.1": true, "169.254.169.254": true, "100.64.0.1": true, "0.0.0.0": true,
		"0.1.2.3": true, "198.18.0.1": true, "224.0.0.1": true, "240.0.0.1": true, "255.255.255.255": true, "192.0.0.1": true,
		"::1": true, "::": true, "fe80::1": true, "fd00::1": true, "fc00::1": true, "fec0::1": true, "ff02::1": true, "2001::1": true, "100::1": true,
		"::ffff:127.0.0.1": true, "::ffff:10.0.0.1": true, "::127.0.0.1": true, "64:ff9b::7f00:1": true, "64:ff9b::a9fe:a9fe": true, "64:ff9b:1::1": true, "2002:7f00:1::1": true, "2002:a00:1::": true,
		"8.8.8.8": false, "93.184.216.34": false, "2606:4700::1111": false, "::ffff:8.8.8.8": false, "64:ff9b::808:808": false, "2002:808:808::1": false, "172.32.0.1": false,
	} {
		if got := webInside(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is inside: %v, want %v", text, got, want)
		}
	}
}

// A name or a literal that is allowed and leads inside is refused when the connection is
// made, whatever the name was when it was looked at.
func TestWebRefusesInside(t *testing.T) {
	for _, to := range []string{"http://localhost:1/", "http://[::ffff:127.0.0.1]:1/", "http://[::1]:1/", "http://0.0.0.0:1/", "http://127.1:1/", "http://2130706433:1/", "http://0x7f.1:1/"} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		client := webClient([]string{"http://localhost:1/", "http://127.1:1/", "http://2130706433:1/", "http://0x7f.1:1/"}, &webOptions{})
		_, err := fetch(ctx, client, &webOptions{}, to, "", false)
		cancel()
		if err == nil {
			t.Errorf("%s is fetched", to)
		}
		if literal := to[7] == '[' || to[7] == 'l' || to[7:14] == "0.0.0.0"; literal && !errors.Is(err, errWebForbidden) {
			t.Errorf("%s: %v, want that it is forbidden", to, err)
		}
	}
}
