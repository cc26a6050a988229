package load_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/hometone/hometone/test/load"
)

// freeAddr returns a loopback UDP address that nobody uses at the moment.
func freeAddr(t *testing.T) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// The caller and the callee of the generator understand each other without a
// server between them: what it counts against a server is then the server's doing.
func TestCallsBackToBack(t *testing.T) {
	for name, odd := range map[string]int{"plain": 0, "odd endings": 2} {
		t.Run(name, func(t *testing.T) {
			callee := freeAddr(t)
			generator, err := load.NewGenerator(load.Calls{
				Server: callee, Callee: callee, Extension: "8006", User: "8005", Count: 200, Rate: 400,
				Hold: 50 * time.Millisecond, Ringing: true, Drain: time.Second, OddEvery: odd,
			})
			if err != nil {
				t.Fatal(err)
			}
			result, err := generator.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if result.Failed != 0 {
				t.Errorf("%d calls failed, first with %q; want none", result.Failed, result.FirstError)
			}
			// A call whose ACK is lost ends only when its callee gives up, which this one leaves to the server.
			if odd == 0 && result.Completed != 200 {
				t.Errorf("completed %d, want all 200", result.Completed)
			}
			if odd != 0 && result.Cancelled == 0 {
				t.Error("no call was cancelled: the odd endings do not happen")
			}
		})
	}
}
