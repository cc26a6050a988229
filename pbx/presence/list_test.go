package presence

import (
	"strings"
	"testing"
	"time"
)

// TestResourceList: RFC 4662 §4: "Require: eventlist" in the 200 and in every
// NOTIFY, whose body is multipart/related with an RLMI document first; a list
// within the list is a part of its own, what does not exist is left out.
func TestResourceList(t *testing.T) {
	f := &files{hints: map[string]string{"default/alice": "Custom:alice", "default/bob": "Custom:bob", "default/carol": "Custom:carol"}, lists: map[string]*List{
		"team":   {Name: "team", Event: "presence", Items: []string{"alice", "nobody", "others", "alice"}},
		"others": {Name: "others", Event: "presence", Items: []string{"bob", "team", "carol"}, DisplayNames: true},
		"ghosts": {Name: "ghosts", Event: "presence", Items: []string{"nobody"}},
	}}
	play(t, f, nil, func(t *testing.T, r *rig) {
		r.script.Do["bob"] = func() { r.board.Set("Custom:bob", InUse) }
		const accept = ` | Supported: eventlist | Accept: application/pidf+xml, application/rlmi+xml, multipart/related`
		r.script.Run(t, `
			-> SUBSCRIBE sip:team@{sut} | Event: presence`+accept+`
			<- 200 | Require: eventlist
			<- NOTIFY | Require: eventlist | Content-Type: multipart/related*rlmi+xml* | body: uri="sip:team@192.0.2.1" version="0" fullState="true"
			-> 200
			do bob
			<- NOTIFY | Require: eventlist | body: uri="sip:team@192.0.2.1" version="1" fullState="false" | within: 5s
			-> 200
			-> SUBSCRIBE sip:ghosts@{sut} | new | Event: presence`+accept+`
			<- 500
			-> SUBSCRIBE sip:team@{sut} | new | Event: message-summary`+accept+`
			<- 489
			-> SUBSCRIBE sip:team@{sut} | new | Event: presence | Accept: application/pidf+xml
			<- 404     # a watcher that does not know lists
		`, r.net.Dial("watcher"))
	})
}

// Members of a list: what is there, lists within lists once each, whatever they
// name.
func TestMembersOfLists(t *testing.T) {
	f := &files{hints: map[string]string{"calls/a": "Custom:a", "calls/b": "Custom:b"}, lists: map[string]*List{
		"x": {Name: "x", Event: "presence", Items: []string{"a", "y", "y", "z"}},
		"y": {Name: "y", Event: "presence", Items: []string{"x", "b", "a"}},
		"z": {Name: "z", Event: "presence", Items: []string{"z"}},
	}}
	g := gathering{directory: f, watcher: &Watcher{Context: "calls"}, seen: map[string]bool{}, now: time.Now()}
	var names []string
	var walk func(list []*member)
	walk = func(list []*member) {
		for _, m := range list {
			names = append(names, m.name)
			walk(m.below)
		}
	}
	walk(g.members(f.lists["x"], 0))
	if got := strings.Join(names, " "); got != "a y b" {
		t.Errorf("members %q", got)
	}
}
