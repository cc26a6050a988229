package calls_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
)

// manyCalls is how many calls are up while the configuration changes.
const manyCalls = 500

// A reload under 500 calls drops none: each goes on with what it began with and is hung
// up by its caller, and new calls follow the new files. The callee's endpoint is gone from
// them, and the extension leads elsewhere.
func TestReloadDropsNoCall(t *testing.T) {
	h, a := openCalls(t)
	to := a.bring(t, 0, manyCalls)
	before := h.Calls()
	dir := filepath.Join(h.dir, "asterisk")
	old, err := os.ReadFile(filepath.Join(dir, "pjsip.conf"))
	if err != nil {
		t.Fatal(err)
	}
	kept, _, _ := strings.Cut(string(old), "[8006]")
	for name, text := range map[string]string{"pjsip.conf": kept, "extensions.conf": "[calls]\nexten => 8006,1,Hangup(17)\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		if problems := h.Reload(); config.HasErrors(problems) {
			t.Fatal(problems)
		}
	}
	if before != manyCalls || h.Calls() != before {
		t.Fatalf("%d calls before, %d after the reload, want %d", before, h.Calls(), manyCalls)
	}
	a.request("INVITE", manyCalls, 1, "<sip:8006@"+a.node.String()+">")
	for msg := ""; !strings.HasPrefix(msg, "SIP/2.0 486"); {
		if msg = a.read(5 * time.Second); msg == "" || strings.HasPrefix(msg, "BYE") {
			t.Fatalf("a new call follows the new files with 486, not %q", msg)
		}
	}
	ended := map[string]bool{}
	const window = 50
	for sent := 0; len(ended) < manyCalls; {
		for ; sent < manyCalls && sent-len(ended) < window; sent++ {
			a.request("BYE", sent, 2, to[sent])
		}
		msg := a.read(5 * time.Second)
		switch {
		case msg == "":
			t.Fatalf("%d of %d calls ended by their callers, then silence", len(ended), manyCalls)
		case strings.HasPrefix(msg, "BYE"):
			t.Fatalf("the node hung up:\n%s", msg)
		case strings.HasSuffix(line(msg, "CSeq"), "BYE") && !strings.HasPrefix(msg, "SIP/2.0 200"):
			t.Fatalf("a BYE is answered:\n%s", msg)
		case strings.HasSuffix(line(msg, "CSeq"), "BYE"):
			ended[line(msg, "Call-ID")] = true
		}
	}
	answered := 0
	for _, r := range h.settled() {
		if r.disposition == "ANSWERED" {
			answered++
		}
	}
	if answered != manyCalls {
		t.Errorf("%d records of answered calls, want %d", answered, manyCalls)
	}
}
