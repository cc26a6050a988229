package interop

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/sip"
)

// kamailioUnits are the units of kamailio-tests: what is rebuilt of each here, or
// why there is nothing to rebuild. The reply code is the one that its README and
// its configuration name.
var kamailioUnits = map[string]struct {
	run  func(t *testing.T, files map[string][]byte)
	none string
}{
	"thacxx0006": {run: unitSuspended},
	"tulocx0001": {run: unitLocation},
	"ttlsxx0001": {run: unitTLS},
	"tcfgxx0001": {run: unitConfiguration},
	"tcfgxx0003": {run: unitFaulty},
	"tauthx0002": {none: "keys of two proxies checked by a Lua script: there is no script language"},
	"tmodxx0001": {none: "loads Kamailio's own shared libraries"},
	"thacxx0002": {none: "an HTTP client of the routing script"},
	"thacxx0004": {none: "an HTTP client of the routing script"},
	"thttpc0002": {none: "an HTTP client of the routing script"},
	"tgroup0001": {none: "groups of users in a text database, asked by a script"},
	"tasync0001": {none: "variables of the routing script; nothing is routed"},
	"tregex0001": {none: "regular expressions of the routing script; nothing is routed"},
	"tphonu0001": {none: "a library of number plans, asked by a script"},
	"tsjlua0001": {none: "Lua scripts that read a message as JSON"},
	"tregxx0002": {none: "a structure of the script that save() fills"},
	"ttlsxx0003": {none: "two TLS identities at one address: a node has one"},
}

func TestKamailioUnits(t *testing.T) {
	units := make(map[string]map[string][]byte)
	for name, text := range testdata.Archive(t, "11-kamailio-tests", "files.tar.gz") {
		unit, file := filepath.Base(filepath.Dir(name)), filepath.Base(name)
		if units[unit] == nil {
			units[unit] = make(map[string][]byte)
		}
		units[unit][file] = text
	}
	for unit, files := range units {
		known, found := kamailioUnits[unit]
		switch {
		case !found:
			t.Errorf("unit %s is in no table", unit)
		case known.run == nil:
			t.Logf("%s does not apply: %s", unit, known.none)
		default:
			t.Run(unit, func(t *testing.T) { known.run(t, files) })
		}
	}
}

// edgeNode runs a balancer alone in front of a destination.
func edgeNode(t *testing.T, destination string) *node {
	t.Helper()
	dir := t.TempDir()
	return serve(t, dir, write(t, dir, "hometone.yaml", "node: {name: edge, data: ./data}\nconsole: {listen: \"off\"}\n"+
		"sip: {listen: [\"udp://127.0.0.1:"+freePort(t, "udp")+"\", \"tcp://127.0.0.1:"+freePort(t, "tcp")+"\"], external: none}\n"+
		"edge: {destinations: [\""+destination+"\"], algorithm: 8, probe: {off: true}, shield: {off: true}}\n"))
}

// A call whose INVITE the unit's proxy holds back and lets go: 200 at the caller.
func unitSuspended(t *testing.T, files map[string][]byte) {
	dir, port := t.TempDir(), freePort(t, "udp")
	n := edgeNode(t, "sip:127.0.0.1:"+port)
	for _, name := range []string{"uas.xml", "uac.xml"} {
		write(t, dir, name, string(files[name]))
	}
	common := []string{"-m", "1", "-i", "127.0.0.1", "-nostdin", "-timeout", "15s", "-timeout_error"}
	uas := start(t, dir, testdata.Program(t, "sipp"), append([]string{"-sf", "uas.xml", "-p", port}, common...)...)
	uac := start(t, dir, testdata.Program(t, "sipp"), append([]string{n.server("udp"), "-sf", "uac.xml", "-s", "alice", "-p", freePort(t, "udp")}, common...)...)
	if code := uac.wait(20 * time.Second); code != 0 {
		t.Errorf("the caller ends with %d, want the 200 and 0", code)
	}
	if code := uas.wait(20 * time.Second); code != 0 {
		t.Errorf("the callee ends with %d, want 0", code)
	}
}

// sipsak registers, and a call without media reaches what it has registered: 200.
func unitLocation(t *testing.T, _ map[string][]byte) {
	n, port, program := startService(t), freePort(t, "udp"), testdata.Program(t, "sipp")
	p := start(t, t.TempDir(), testdata.Program(t, "sipsak"), "-U", "-C", "sip:8005@127.0.0.1:"+port, "-s", "sip:8005@"+n.server("udp"), "-u", "8005", "-a", "8005", "-x", "60")
	if code := p.wait(30 * time.Second); code != 0 {
		t.Errorf("sipsak ends with %d, want 0 for the registration\n%s", code, p.output())
	}
	// sipsak takes its binding away again when it has seen it work.
	register := sipp(t, n, t.TempDir(), "register", "8005", "udp", port)
	if code := register.wait(20 * time.Second); code != 0 {
		t.Fatalf("the phone does not register: %d", code)
	}
	common := []string{"-m", "1", "-i", "127.0.0.1", "-nostdin", "-timeout", "15s", "-timeout_error"}
	uas := start(t, t.TempDir(), program, append([]string{"-sn", "uas", "-p", port}, common...)...)
	uac := start(t, t.TempDir(), program, append([]string{n.server("udp"), "-sn", "uac", "-s", "8005", "-d", "300", "-p", freePort(t, "udp")}, common...)...)
	if code := uac.wait(20 * time.Second); code != 0 {
		t.Errorf("the caller ends with %d, want 0", code)
	}
	if code := uas.wait(20 * time.Second); code != 0 {
		t.Errorf("the phone ends with %d, want 0", code)
	}
}

// A TLS listener with a certificate of its own serves: a phone that checks it
// registers.
func unitTLS(t *testing.T, _ map[string][]byte) {
	newOwn(t, startService(t), "8005", "tls", options{plays: toneFile(t, callerTone)})
}

// The default configuration passes its check.
func unitConfiguration(t *testing.T, _ map[string][]byte) {
	dir := t.TempDir()
	write(t, dir, "dispatcher.list", "1 sip:192.0.2.1 0 1 weight=50\n1 sip:192.0.2.2 0 1 weight=50\n")
	file := write(t, dir, "hometone.yaml", "edge: {dispatcher: ./dispatcher.list, algorithm: 9}\n")
	if p := start(t, dir, binary.Path(t), "check", "-c", file); p.wait(20*time.Second) != 0 {
		t.Errorf("a good configuration is refused: %s", p.output())
	}
}

// A faulty one does not, and the fault is named with its line.
func unitFaulty(t *testing.T, _ map[string][]byte) {
	dir := t.TempDir()
	write(t, dir, "dispatcher.list", "1 sip:192.0.2.1 0 1 weight=50\n1 sip:192.0.2.2 0 one weight=50\n")
	file := write(t, dir, "hometone.yaml", "edge: {dispatcher: ./dispatcher.list, algorithm: 9}\n")
	p := start(t, dir, binary.Path(t), "check", "-c", file)
	if code := p.wait(20 * time.Second); code == 0 || !strings.Contains(p.output(), "dispatcher.list:2") {
		t.Errorf("check ends with %d and says %s; want the fault with its line", code, p.output())
	}
}

// applies are scenarios that were found to pass without an edge; a long run tries
// all the others too.
var applies = []string{
	"saghul/sipp_uac_anonymous", "saghul/sipp_uac_bad_message", "saghul/sipp_uac_bogus_codec", "saghul/sipp_uac_broken_sdp", "saghul/sipp_uac_diversions",
	"saghul/sipp_uac_empty_subject", "saghul/sipp_uac_late_offer", "saghul/sipp_uac_no_c_line_multiple_streams", "saghul/sipp_uac_no_session_c_line",
	"saghul/sipp_uac_dir_inactive", "saghul/sipp_uas_200_no_sdp", "saghul/sipp_uas_double_bye", "saghul/sipp_uas_no_180", "saghul/sipp_uas_basic", "pbertera/Basic/uac",
}

// SIPp scenarios of others: what passes against a peer that agrees to everything,
// or against SIPp's own caller, passes through the edge too. A scenario that does not pass without the edge (it wants a registrar,
// a second party, a newer SIPp) says nothing about it.
func TestCommunityScenarios(t *testing.T) {
	sipp := testdata.Program(t, "sipp")
	dir := t.TempDir()
	voice, err := os.ReadFile(testdata.Path(t, "20-pcaps", "sipp", "g711a.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	var scenarios []string
	for name, text := range testdata.Archive(t, "13-sipp-community", "files.tar.gz") {
		if base := filepath.Base(name); strings.HasPrefix(base, "pfca_") || !strings.HasPrefix(string(text), "<?xml") && !strings.HasSuffix(base, ".csv") {
			continue // for SIPp 3.7 and later, or no scenario
		}
		write(t, dir, name, string(text))
		if strings.HasSuffix(name, ".xml") && !strings.Contains(name, "/regress/") {
			if os.Getenv(testdata.EnvLong) != "" || slices.Contains(applies, strings.TrimSuffix(name, ".xml")) {
				scenarios = append(scenarios, name)
			}
			for _, place := range []string{"g711a.pcap", "pcap/g711a.pcap"} { // where some of them expect a recording
				write(t, dir, filepath.Join(filepath.Dir(name), place), string(voice))
			}
		}
	}
	applied := make(chan string, len(scenarios))
	t.Run("each", func(t *testing.T) {
		for _, name := range scenarios {
			t.Run(strings.TrimSuffix(name, ".xml"), func(t *testing.T) {
				t.Parallel()
				ends := func(through bool) (code int) {
					for range 2 { // a port that was free may be somebody else's by now
						if code = community(t, sipp, dir, name, through); code == 0 {
							break
						}
					}
					return code
				}
				if bare := ends(false); bare != 0 {
					t.Skipf("it ends with %d without an edge between", bare)
				}
				applied <- name
				if code := ends(true); code != 0 {
					t.Errorf("it ends with %d through the edge, and with 0 without", code)
				}
			})
		}
	})
	t.Logf("%d of %d scenarios apply", len(applied), len(scenarios))
	if len(applied) < 12 {
		t.Errorf("%d scenarios apply, want 12 at least", len(applied))
	}
}

// agreeable takes every call and says yes to every other request, at a port.
func agreeable(t *testing.T, port string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // ends when the socket is closed
		defer close(ended)
		buf := make([]byte, 65536)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			req, _, err := sip.Parse(string(buf[:n]))
			if err != nil || req == nil || req.Method() == sip.ACK {
				continue
			}
			res := sip.NewResponse(req, 200, "")
			res.CopyFrom(&req.Message, sip.HeaderRecordRoute)
			res.SetToTag("yes")
			res.Add(sip.HeaderContact, "<sip:yes@127.0.0.1:"+port+">")
			res.Add(sip.HeaderExpires, "60")
			if req.Method() == sip.INVITE {
				res.SetBody("application/sdp", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0 8\r\n")
			}
			_, _ = conn.WriteTo(res.Bytes(), from)
		}
	}()
	t.Cleanup(func() { conn.Close(); <-ended })
}

// community plays a scenario against the other side and returns how it ended.
func community(t *testing.T, sipp, dir, name string, through bool) int {
	t.Helper()
	port := freePort(t, "udp")
	common := []string{"-m", "1", "-i", "127.0.0.1", "-mi", "127.0.0.1", "-nostdin", "-timeout", "8s", "-timeout_error", "-inf", filepath.Join(dir, "one.csv")}
	if err := os.WriteFile(filepath.Join(dir, "one.csv"), []byte("SEQUENTIAL\n100;127.0.0.1;[authentication username=100 password=100]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	base := filepath.Base(name)
	answers := strings.Contains(base, "uas")
	calls := []string{"-sf", filepath.Join(dir, name)}
	if answers {
		calls = []string{"-sn", "uac", "-d", "500"}
	} else {
		agreeable(t, port)
	}
	target := "127.0.0.1:" + port
	if through {
		target = edgeNode(t, "sip:"+target).server("udp")
	}
	var judged *process
	if answers {
		judged = start(t, filepath.Dir(filepath.Join(dir, name)), sipp, append([]string{"-sf", filepath.Join(dir, name), "-p", port}, common...)...)
	}
	uac := start(t, filepath.Dir(filepath.Join(dir, name)), sipp, append(append([]string{target, "-s", "100", "-p", freePort(t, "udp")}, calls...), common...)...)
	if !answers {
		judged = uac
	}
	code := judged.wait(30 * time.Second)
	uac.end()
	return code
}
