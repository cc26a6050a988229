package interop

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// ask runs a console command at a node and returns its rows.
func (n *node) ask(words ...string) (rows []map[string]string) {
	n.t.Helper()
	p := start(n.t, n.dir, binary.Path(n.t), append([]string{"console", "--json"}, words...)...)
	if code := p.wait(20 * time.Second); code != 0 {
		n.t.Fatalf("%s exits %d: %s", strings.Join(words, " "), code, p.output())
	}
	for _, line := range strings.Split(strings.TrimSpace(p.output()), "\n") {
		var row map[string]any
		if json.Unmarshal([]byte(line), &row) != nil {
			continue
		}
		texts := make(map[string]string)
		for name, value := range row {
			texts[name] = fmt.Sprint(value)
		}
		rows = append(rows, texts)
	}
	return rows
}

// What an operator does for an upgrade: one exchange is drained, its call goes on
// and ends, new calls go to the other; then it comes back. A watched table shows
// each step.
func TestOperatorDrains(t *testing.T) {
	n := startService(t)
	callee := newOwn(t, n, "8006", "udp", options{plays: toneFile(t, calleeTone), answers: true})
	caller := newOwn(t, n, "8005", "udp", options{plays: toneFile(t, callerTone)})
	watch := start(t, n.dir, binary.Path(t), "console", "show", "dispatcher", "--watch")
	watch.expect(0, 10*time.Second, "active")
	caller.call("8006")
	caller.awaitAnswered()
	callee.awaitAnswered()

	var busy, idle string
	for _, row := range n.ask("show", "dispatcher") {
		if row["calls"] == "1" {
			busy = row["destination"]
		} else {
			idle = row["destination"]
		}
	}
	if busy == "" || idle == "" {
		t.Fatalf("one call, and the destinations have %v", n.ask("show", "dispatcher"))
	}
	n.ask("dispatcher", "drain", busy)
	mark := watch.expect(0, 10*time.Second, "draining")
	state := func(where string) (state, calls string) {
		for _, row := range n.ask("show", "dispatcher") {
			if row["destination"] == where {
				return row["state"], row["calls"]
			}
		}
		return "", ""
	}
	if s, c := state(busy); s != "draining" || c != "1" {
		t.Errorf("%s is %s with %s calls, want draining with the call it has", busy, s, c)
	}
	caller.hangup()
	caller.awaitEnded()
	callee.awaitEnded()
	if s, c := state(busy); s != "draining" || c != "0" {
		t.Errorf("%s is %s with %s calls after the end, want draining with none", busy, s, c)
	}
	for range 2 { // round robin would take both
		caller.call("8006")
		caller.awaitAnswered()
		callee.awaitAnswered()
		if _, c := state(idle); c != "1" {
			t.Errorf("%s has %s calls, want the new one", idle, c)
		}
		caller.hangup()
		caller.awaitEnded()
		callee.awaitEnded()
	}
	n.ask("dispatcher", "disable", busy)
	watch.expect(mark, 10*time.Second, "disabled")
	n.ask("dispatcher", "enable", busy)
	if s, _ := state(busy); s != "active" {
		t.Errorf("%s is %s, want active", busy, s)
	}
	if p := start(t, n.dir, binary.Path(t), "console", "dispatcher", "drain", "sip:192.0.2.99"); p.wait(20*time.Second) != 1 {
		t.Errorf("an unknown destination was drained: %s", p.output())
	}
	if p := start(t, n.dir, binary.Path(t), "console", "reload", "--watch"); p.wait(20*time.Second) != 2 {
		t.Errorf("a reload was watched: %s", p.output())
	}
}
