package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The telephones of TestAttendedTransfer and their numbers.
var transferUsers = map[string]string{"baresip": "8005", "linphone": "8006", "sipp": "8007"}

// transferNode runs a node with these three; SIPp's contact is fixed and it has no
// password.
func transferNode(t *testing.T, port string) *node {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:%s\n", freePort(t, "udp"))
	b.WriteString(endpointConf("8005") + endpointConf("8006"))
	fmt.Fprintf(&b, "[8007]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=ulaw\naors=8007\n[8007]\ntype=aor\ncontact=sip:8007@127.0.0.1:%s\n", port)
	dir := t.TempDir()
	write(t, dir, "asterisk/pjsip.conf", b.String())
	write(t, dir, "asterisk/extensions.conf", "[calls]\nexten => _800X,1,Dial(PJSIP/${EXTEN})\n")
	return startNodeWith(t, filepath.Join(dir, "asterisk"))
}

// transferer is a telephone that connects the two that it has called.
type transferer interface {
	transfer(transferee, target string)
}

// TestAttendedTransfer has each of baresip, linphone and SIPp connect the other two, in
// both orders: it calls one, then the other, and sends REFER with Replaces (RFC 5589 §7). What the
// two hear then is judged by ear; SIPp sends back what it hears, so that the other one
// hears its own tone.
func TestAttendedTransfer(t *testing.T) {
	for _, order := range [][3]string{
		{"baresip", "linphone", "sipp"}, {"baresip", "sipp", "linphone"},
		{"linphone", "baresip", "sipp"}, {"linphone", "sipp", "baresip"},
		{"sipp", "baresip", "linphone"}, {"sipp", "linphone", "baresip"},
	} {
		t.Run(strings.Join(order[:], " "), func(t *testing.T) {
			port := freePort(t, "udp")
			n := transferNode(t, port)
			untroubled(t, func() string { return attendedOnce(t, n, port, order) })
		})
	}
}

func attendedOnce(t *testing.T, n *node, port string, order [3]string) string {
	t.Helper()
	tones := map[string]float64{"baresip": callerTone, "linphone": calleeTone}
	phones := map[string]phone{}
	var echo *process
	for i, name := range order {
		switch {
		case name != "sipp":
			phones[name] = makers[name](t, n, transferUsers[name], "udp", options{plays: toneFile(t, tones[name]), answers: i > 0})
		case i > 0:
			echo = sipp(t, n, t.TempDir(), "uas", "8007", "udp", port, "-rtp_echo", "-mp", evenPort(t))
		}
	}
	var by transferer
	switch order[0] {
	case "baresip":
		by = phones["baresip"].(*baresip)
	case "linphone":
		by = phones["linphone"].(*linphone)
	default:
		by = &sippTransferer{t, n, port}
	}
	by.transfer(transferUsers[order[1]], transferUsers[order[2]])
	time.Sleep(talk)
	var wrong []string
	for _, name := range order[1:] {
		if phones[name] == nil {
			continue
		}
		phones[name].hangup()
		phones[name].awaitEnded()
		break
	}
	if echo != nil {
		if code := echo.wait(20 * time.Second); code != 0 {
			t.Fatalf("SIPp's side of the call failed: exit %d", code)
		}
	}
	for i, name := range order[1:] {
		if phones[name] == nil {
			continue
		}
		other := order[2-i]
		hz, ok := tones[other]
		if !ok {
			hz = tones[name] // by echo
		}
		if s := judge(t, name, phones[name].heard(), hz, talk-time.Second); s != "" {
			wrong = append(wrong, s)
		}
	}
	return strings.Join(wrong, " ")
}

// transfer has linphone call both and connect them.
func (l *linphone) transfer(transferee, target string) {
	l.t.Helper()
	l.call(transferee)
	l.awaitAnswered()
	l.say("pause")
	l.mark = l.expect(l.mark, 10*time.Second, "is now paused")
	l.call(target)
	l.awaitAnswered()
	l.say("transfer 1 --to-call 2")
	l.mark = l.expect(l.mark, 10*time.Second, "attended transfer")
}

// transfer has baresip call both. Its menu knows blind transfers only, but takes a URI with
// Replaces: it refers the target to the dialog with the transferee.
func (b *baresip) transfer(transferee, target string) {
	b.t.Helper()
	b.call(transferee)
	b.awaitAnswered()
	dialog := b.dialog(transferee)
	b.call(target)
	b.expect(0, 10*time.Second, "sip:"+target+"@")
	b.awaitEvents("CALL_ESTABLISHED", 2)
	b.command("transfer", "sip:"+transferee+"@127.0.0.1?Replaces="+dialog)
}

// dialog names the dialog of baresip's call to a user as the node sees it, escaped for a
// URI, out of the trace of the messages.
func (b *baresip) dialog(user string) string {
	b.t.Helper()
	answer := regexp.MustCompile(`(?s)SIP/2\.0 200 OK\r?\n(.*?)\r?\n\r?\n`)
	for _, m := range answer.FindAllStringSubmatch(b.output(), -1) {
		head := m[1]
		field := func(name string) string {
			_, v, _ := strings.Cut(head, "\n"+name+": ")
			v, _, _ = strings.Cut(v, "\n")
			return strings.TrimSpace(v)
		}
		tag := func(name string) string { _, v, _ := strings.Cut(field(name), ";tag="); return v }
		if strings.Contains(field("CSeq"), "INVITE") && strings.Contains(field("To"), ":"+user+"@") {
			return field("Call-ID") + "%3Bto-tag%3D" + tag("To") + "%3Bfrom-tag%3D" + tag("From")
		}
	}
	b.t.Fatalf("baresip's trace has no 200 to its INVITE to %s", user)
	return ""
}

// awaitEvents waits for the n-th event of a kind.
func (b *baresip) awaitEvents(kind string, n int) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		b.mu.Lock()
		changed, got := b.changed, 0
		for _, e := range b.events {
			if e == kind {
				got++
			}
		}
		b.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-changed:
		case <-b.ended:
			b.t.Fatalf("baresip ended before %s number %d", kind, n)
		case <-time.After(time.Until(deadline)):
			b.t.Fatalf("baresip: no %s number %d", kind, n)
		}
	}
}

// sippTransferer connects two with two SIPps, one for each of its calls.
type sippTransferer struct {
	t    *testing.T
	n    *node
	port string
}

func (s *sippTransferer) transfer(transferee, target string) {
	s.t.Helper()
	dir := s.t.TempDir()
	log := filepath.Join(dir, "dialog.log")
	second := sipp(s.t, s.n, dir, "consult", target, "udp", s.port, "-trace_logs", "-log_file", log, "-mp", evenPort(s.t))
	dialog := ""
	for deadline := time.Now().Add(10 * time.Second); dialog == ""; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatal("SIPp's call to the target is not answered")
		}
		if _, rest, ok := strings.Cut(read(log), "DIALOG "); ok && strings.Contains(rest, "\n") {
			dialog, _, _ = strings.Cut(rest, " ")
		}
	}
	escaped := strings.NewReplacer(";", "%3B", "=", "%3D", "@", "%40").Replace(dialog)
	first := sipp(s.t, s.n, dir, "refer", transferee, "udp", freePort(s.t, "udp"), "-key", "dialog", escaped, "-mp", evenPort(s.t))
	if code := first.wait(20 * time.Second); code != 0 {
		s.t.Fatalf("SIPp's REFER failed: exit %d\n%s", code, read(filepath.Join(dir, "refer.err")))
	}
	if code := second.wait(20 * time.Second); code != 0 {
		s.t.Fatalf("SIPp's call to the target did not end: exit %d", code)
	}
}

// read returns a file, "" while there is none.
func read(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(data)
}

// endpointConf is a telephone of pjsip.conf whose password is its name.
func endpointConf(user string) string {
	return strings.ReplaceAll("[USER]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=ulaw\nauth=USER\naors=USER\n[USER]\ntype=auth\nauth_type=userpass\nusername=USER\npassword=USER\n[USER]\ntype=aor\nmax_contacts=1\n", "USER", user)
}
