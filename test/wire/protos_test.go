package wire_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/hometone/hometone/internal/testdata"
)

// The malformed INVITEs of PROTOS c07-sip, each with its teardown
// request; the node answers OPTIONS after every one (the suite's own verdict)
// and holds no more goroutines and memory in the end than before.
func TestPROTOS(t *testing.T) {
	cases := testdata.PROTOS(t)
	if len(cases) < 2000 {
		t.Fatalf("the corpus has %d cases, want the thousands of the published one", len(cases))
	}
	s := startNode(t)
	p := dial(t, "127.0.0.1:0", s.udp)
	port := p.conn.LocalAddr().String()
	port = port[strings.LastIndexByte(port, ':')+1:]
	before := measure()
	for i, c := range cases {
		for _, pdu := range c {
			p.send(t, testdata.FillPROTOS(pdu, i, port))
		}
		s.alive(t, p, "PROTOS case "+strconv.Itoa(i))
	}
	// Transactions of the last 32 s are remembered on purpose; 16 kB for each
	// of the cases is far below what keeping the messages would cost.
	settled(t, before, 64<<20)
}
