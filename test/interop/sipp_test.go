package interop

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/media"
)

// sippTransports maps our words to SIPp's; Debian builds it without TLS.
var sippTransports = map[string]string{"udp": "u1", "tcp": "t1"}

// sipp runs a scenario of testdata against a node, for one call.
func sipp(t *testing.T, n *node, dir, scenario, user, transport, port string, more ...string) *process {
	t.Helper()
	path := testdata.Program(t, "sipp")
	args := []string{
		n.server(transport), "-sf", filepath.Join(testdata.Root(t), "test", "interop", "testdata", scenario+".xml"),
		"-s", user, "-au", "8005", "-ap", "8005", "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", port,
		"-t", sippTransports[transport], "-m", "1", "-nostdin", "-trace_err", "-error_file", filepath.Join(dir, scenario+".err"), "-timeout", "20s", "-timeout_error",
	}
	return start(t, dir, path, append(args, more...)...)
}

// TestSIPpCalls has SIPp register and call `hometone phone`, streaming a tone.
func TestSIPpCalls(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			n := startNode(t)
			untroubled(t, func() string { return sippCalls(t, n, transport) })
		})
	}
}

func sippCalls(t *testing.T, n *node, transport string) string {
	t.Helper()
	dir := t.TempDir()
	raw, _ := media.Sine(callerTone, -10).Next(nil, "PCMU", media.Rate*2)
	if err := os.WriteFile(filepath.Join(dir, "tone.ul"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	callee := newOwn(t, n, "8006", "udp", options{plays: toneFile(t, calleeTone), answers: true})
	if code := sipp(t, n, dir, "register", "8005", transport, freePort(t, "udp")).wait(20 * time.Second); code != 0 {
		t.Fatalf("SIPp did not register: exit %d", code)
	}
	caller := sipp(t, n, dir, "uac", "8006", transport, freePort(t, "udp"))
	callee.awaitAnswered()
	if code := caller.wait(20 * time.Second); code != 0 {
		t.Fatalf("SIPp's call failed: exit %d", code)
	}
	callee.awaitEnded()
	return judge(t, "the called phone", callee.heard(), callerTone, 2*time.Second)
}

// TestSIPpAnswers has `hometone phone` call a registered SIPp that echoes RTP:
// the caller hears its own tone, through the node both ways.
func TestSIPpAnswers(t *testing.T) {
	n := startNode(t)
	untroubled(t, func() string {
		dir, port := t.TempDir(), freePort(t, "udp")
		register := sipp(t, n, dir, "register", "8006", "udp", port, "-au", "8006", "-ap", "8006")
		if code := register.wait(20 * time.Second); code != 0 {
			t.Fatalf("SIPp did not register: exit %d", code)
		}
		return sippAnswers(t, n, dir, "udp", port)
	})
}

// TestSIPpAnswersTCP does the same over TCP, with a contact that the file
// names: the node opens the connection. SIPp cannot register over TCP and be
// called afterwards, since it closes its connection when a scenario ends, and
// with it the node's way to the phone (RFC 5626 §5.3).
func TestSIPpAnswersTCP(t *testing.T) {
	port := freePort(t, "tcp")
	dir := t.TempDir()
	write(t, dir, "asterisk/pjsip.conf", "[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:0\n[8005]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=ulaw\nauth=8005\naors=8005\n"+
		"[8005]\ntype=auth\nauth_type=userpass\nusername=8005\npassword=8005\n[8005]\ntype=aor\nmax_contacts=1\n"+
		"[8006]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=ulaw\naors=8006\n[8006]\ntype=aor\ncontact=sip:8006@127.0.0.1:"+port+"\\;transport=tcp\n")
	write(t, dir, "asterisk/extensions.conf", "[calls]\nexten => 8006,1,Dial(PJSIP/8006)\n")
	n := startNodeWith(t, filepath.Join(dir, "asterisk"), "tcp://127.0.0.1:"+freePort(t, "tcp"))
	untroubled(t, func() string { return sippAnswers(t, n, t.TempDir(), "tcp", port) })
}

// sippAnswers has 8005 call a SIPp that waits for 8006's call on a port.
func sippAnswers(t *testing.T, n *node, dir, transport, port string) string {
	t.Helper()
	uas := sipp(t, n, dir, "uas", "8006", transport, port, "-rtp_echo", "-mp", evenPort(t))
	caller := newOwn(t, n, "8005", "udp", options{plays: toneFile(t, callerTone)})
	caller.call("8006")
	caller.awaitAnswered()
	time.Sleep(talk)
	caller.hangup()
	caller.awaitEnded()
	if code := uas.wait(20 * time.Second); code != 0 {
		t.Fatalf("SIPp's answer failed: exit %d", code)
	}
	return judge(t, "the caller, by echo", caller.heard(), callerTone, talk-time.Second)
}

// evenPort is a free port for RTP, with the three above: SIPp takes them for RTCP and
// for video.
func evenPort(t *testing.T) string {
	t.Helper()
	for range 50 {
		port := freePort(t, "udp")
		n, err := strconv.Atoi(port)
		if err != nil || n%2 != 0 {
			continue
		}
		free := true
		for more := 1; more < 4; more++ {
			c, err := net.ListenPacket("udp", "127.0.0.1:"+strconv.Itoa(n+more))
			if err == nil {
				err = c.Close()
			}
			free = free && err == nil
		}
		if free {
			return port
		}
	}
	t.Fatal("no four ports are free")
	return ""
}

// TestSipsak registers and probes with sipsak.
func TestSipsak(t *testing.T) {
	path := testdata.Program(t, "sipsak")
	n := startNode(t)
	for _, test := range []struct {
		what string
		args []string
		code int
	}{
		{"OPTIONS is answered with 200", []string{"-vv", "-s", "sip:" + n.server("udp")}, 0},
		{"REGISTER with the right password", []string{"-vv", "-U", "-C", "sip:8005@127.0.0.1:5999", "-x", "60", "-a", "8005", "-u", "8005", "-s", "sip:8005@" + n.server("udp")}, 0},
		{"REGISTER with a wrong password", []string{"-vv", "-U", "-C", "sip:8005@127.0.0.1:5999", "-x", "60", "-a", "wrong", "-u", "8005", "-s", "sip:8005@" + n.server("udp")}, 1},
	} {
		t.Run(test.what, func(t *testing.T) {
			p := start(t, t.TempDir(), path, test.args...)
			if code := p.wait(20 * time.Second); (code == 0) != (test.code == 0) {
				t.Errorf("sipsak exits %d, want %d\n%s", code, test.code, p.output())
			}
		})
	}
	// Our own probe says the same as sipsak.
	for uri, want := range map[string]int{"sip:" + n.server("udp"): 0, "sip:127.0.0.1:1;transport=tcp": 3} {
		p := start(t, t.TempDir(), binary.Path(t), "ping", uri, "--timeout", "3s")
		if code := p.wait(10 * time.Second); code != want {
			t.Errorf("hometone ping %s exits %d, want %d\n%s", uri, code, want, p.output())
		}
	}
}
