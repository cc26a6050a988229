package calls_test

import (
	"maps"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/test/live"
)

// stage is a node with telephones that a ladder script plays. Each is an aor
// with a fixed contact; the endpoints are the test's, and need no password.
type stage struct {
	*siptest.Script
	house *house
	peers []*siptest.Peer
}

// openStage starts a node of files, of which extensions.conf gets a context
// [calls], and telephones of the names.
func openStage(t *testing.T, files map[string]string, names ...string) *stage {
	t.Helper()
	port := live.FreePort(t)
	s := &stage{Script: &siptest.Script{Do: map[string]func(){}, Patience: 5 * time.Second}}
	s.Vars = map[string]string{"sut": "127.0.0.1:" + strconv.Itoa(int(port))}
	files = maps.Clone(files)
	conf := "[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:" + strconv.Itoa(int(port)) + "\n" + files["pjsip.conf"] + "\n"
	for _, name := range names {
		c, err := siptest.DialUDP(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port))
		if err != nil {
			t.Fatal(err)
		}
		p := siptest.NewPeer(name, c)
		t.Cleanup(func() { p.Close() })
		s.peers = append(s.peers, p)
		s.Vars[name] = p.Address()
		conf += "[" + name + "]\ntype=aor\nmax_contacts=2\ncontact=sip:" + name + "@" + p.Address() + "\n"
	}
	files["pjsip.conf"] = conf
	files["extensions.conf"] = "[calls]\n" + files["extensions.conf"]
	s.house = openFiles(t, port, files)
	return s
}

// play runs a ladder with all telephones.
func (s *stage) play(t *testing.T, ladder string) {
	t.Helper()
	s.Run(t, ladder, s.peers...)
}

// phones are sections of endpoints of the names, with more options.
func phones(more string, names ...string) string {
	text := ""
	for _, name := range names {
		text += "[" + name + "]\ntype=endpoint\ncontext=calls\naors=" + name + "\nallow=!all,ulaw,alaw\n" + more + "\n"
	}
	return text
}
