package interop

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// own is a running `hometone phone`.
type own struct {
	*process
	dir   string
	plays string
	mark  int
}

// newOwn registers a `hometone phone` at a node.
func newOwn(t *testing.T, n *node, user, transport string, o options) phone {
	t.Helper()
	dir := t.TempDir()
	proto := strings.TrimSuffix(transport, "6")
	args := []string{"phone", "--json", "--trace",
		"--account", fmt.Sprintf("sip:%s@%s;transport=%s", user, n.server(transport), proto),
		"--password", user, "--ptime", fmt.Sprintf("%dms", o.ptimeMillis())}
	if o.answers {
		args = append(args, "--auto-answer")
	}
	if transport == "tls" || transport == "wss" {
		args = append(args, "--ca", n.ca())
	}
	p := &own{dir: dir, plays: o.plays}
	p.process = start(t, dir, binary.Path(t), append(args, "register")...)
	p.mark = p.expect(0, 10*time.Second, `"event":"registered"`)
	return p
}

func (p *own) call(user string) { p.say("call %s", user) }

func (p *own) awaitAnswered() {
	p.t.Helper()
	p.mark = p.expect(p.mark, 15*time.Second, `"event":"answered"`)
	p.say("record %s", filepath.Join(p.dir, "heard.wav"))
	p.say("play %s 0", p.plays)
}

func (p *own) hangup() { p.say("hangup") }

func (p *own) awaitEnded() {
	p.t.Helper()
	p.mark = p.expect(p.mark, 10*time.Second, `"event":"ended"`)
}

func (p *own) heard() string {
	p.say("quit")
	p.wait(10 * time.Second)
	return filepath.Join(p.dir, "heard.wav")
}
