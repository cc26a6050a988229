package wire_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// Outcomes of a torture message at a node that is a registrar and a PBX and
// challenges strangers.
const (
	served = "served" // understood: any final answer that does not blame the message's form
	silent = "silent" // responses that match nothing, and what cannot be answered
)

// rfc4475 gives the permitted outcomes: status codes, served or silent. The
// first is what Hometone does, the others are the RFC's alternatives.
var rfc4475 = map[string][]string{
	"wsinv": {served}, "esc01": {served}, "esc02": {"501"}, "longreq": {served}, "semiuri": {served},
	"mpart01": {served}, "noreason": {silent}, "clerr": {"400"}, "scalar02": {"400"}, "quotbal": {"400"},
	"lwsruri": {"400"}, "trws": {"400", served}, "baddate": {"400", served}, "badaspec": {"400", served},
	"badvers": {"505"}, "mismatch02": {"501", "400"}, "badbranch": {"400", served}, "unkscm": {"416"},
	"unksm2": {"400", "401"}, "invut": {"415", "401"}, "multi01": {"400"}, "bcast": {silent}, "cparam01": {"401"},
	"regescrt": {"401"}, "inv2543": {served}, "intmeth": {"501"}, "escnull": {"401"}, "lwsdisp": {"200"},
	"dblreq": {"401"}, "transports": {"200"}, "unreason": {silent}, "badinv01": {"400"}, "ncl": {"400"},
	"scalarlg": {silent}, "ltgtruri": {"400"}, "lwsstart": {"400", served}, "escruri": {"400", served},
	"regbadct": {"400", "401"}, "baddn": {"400", served}, "mismatch01": {"400"}, "bigcode": {silent},
	"insuf": {"400"}, "novelsc": {"416", "404"}, "bext01": {"420"}, "regaut01": {"401"}, "mcl01": {"400"},
	"zeromf": {"200"}, "cparam02": {"401"}, "sdp01": {"401", "406", "400"}, "test": {silent, "400"},
}

var rfc5118 = map[string][]string{
	"ipv6-good": {served}, "port-ambiguous": {served}, "via-received-param-with-delim": {served}, "ipv6-in-sdp": {served},
	"mult-ip-in-sdp": {served}, "ipv6-bug-abnf-3-colons": {served}, "ipv6-bad": {"400"}, "port-unambiguous": {served},
	"via-received-param-no-delim": {served}, "mult-ip-in-header": {served}, "ipv4-mapped-ipv6": {served},
	"ipv6-correct-abnf-2-colons": {served},
}

// Every message of RFC 4475 and RFC 5118, over the wire, gets the outcome the
// RFC asks of a UAS and registrar, and the node goes on serving.
func TestTorture(t *testing.T) {
	for folder, table := range map[string]map[string][]string{"01-torture-rfc4475": rfc4475, "02-torture-rfc5118": rfc5118} {
		files, err := filepath.Glob(filepath.Join(testdata.Path(t, folder), "*.dat"))
		if err != nil || len(files) != len(table) {
			t.Fatalf("%s: %d files (%v), the table has %d", folder, len(files), err, len(table))
		}
		var s *server // of several messages, so it ends with the whole test
		whole, seen := t, make(map[string]bool)
		for i, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".dat")
			t.Run(folder+"/"+name, func(t *testing.T) {
				raw, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				// Several have the same branch and would be retransmissions of each
				// other: the answer goes to where the first one came from.
				if id := transactionID(raw); s == nil || seen[id] {
					s = startNode(whole)
					clear(seen)
				}
				seen[transactionID(raw)] = true
				torture(t, s, source(i), name, raw, table[name])
			})
		}
	}
}

// source is the i-th address that only this run of the tests sends from.
func source(i int) string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 1+pid>>8%250, pid%256, i+1)
}

var branchParam = regexp.MustCompile(`(?i)branch\s*=\s*([^\s;,]+)`)

// transactionID is what RFC 3261 §17.2.3 matches a message by.
func transactionID(raw []byte) string {
	method, _, _ := bytes.Cut(raw, []byte(" "))
	id := string(method)
	for _, part := range []*regexp.Regexp{sentBy, branchParam} {
		if m := part.FindSubmatch(raw); m != nil {
			id += " " + string(bytes.Join(m[1:], []byte(":")))
		}
	}
	return id
}

func torture(t *testing.T, s *server, source, name string, raw []byte, want []string) {
	// RFC 3261 §18.2.2: without rport the answer goes to the sent-by port.
	p := dial(t, source+":"+strconv.Itoa(sentByPort(raw)), s.udp)
	prober := dial(t, "127.0.0.1:0", s.udp)
	p.send(t, raw)
	patience := 2 * time.Second
	if slices.Contains(want, silent) {
		patience = 300 * time.Millisecond
	}
	got := final(p, patience)
	if !slices.ContainsFunc(want, func(w string) bool { return w == got || w == served && understood(got) }) {
		t.Errorf("%s is answered %s, want one of %v", name, got, want)
	}
	s.alive(t, prober, name)
	if name == "dblreq" {
		if extra := p.receive(50 * time.Millisecond); extra != "" {
			t.Errorf("the second request in the datagram is answered: %.40q", extra)
		}
	}
}

// final returns the status of the first final answer, silent if none comes.
func final(p *peer, patience time.Duration) string {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if res := p.receive(time.Until(deadline)); len(res) > 11 && res[8] != '1' {
			return res[8:11]
		}
	}
	return silent
}

func understood(status string) bool {
	return status != silent && !slices.Contains([]string{"400", "413", "414", "416", "420", "500", "501", "505", "513"}, status)
}

var sentBy = regexp.MustCompile(`(?im)^(?:via|v)\s*:\s*SIP\s*/\s*2\.0\s*/\s*[^\s]+\s+(\[[^\]]*\]|[^\s:;,]+)\s*(?::\s*(\d+))?`)

func sentByPort(raw []byte) int {
	if m := sentBy.FindSubmatch(raw); m != nil && len(m[2]) > 0 {
		if port, err := strconv.Atoi(string(m[2])); err == nil && port > 0 && port < 65536 {
			return port
		}
	}
	return 5060
}

// The messages of RFC 5118 are served over IPv6 too.
func TestTortureIPv6(t *testing.T) {
	s := startNode(t)
	p := dial(t, "[::1]:0", s.udp6)
	files, err := filepath.Glob(filepath.Join(testdata.Path(t, "02-torture-rfc5118"), "*.dat"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p.send(t, raw)
		s.alive(t, p, filepath.Base(file))
	}
	if s.udp6.Addr() != netip.IPv6Loopback() {
		t.Errorf("the node listens on %v", s.udp6)
	}
}
