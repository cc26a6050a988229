package dialplan

import (
	"context"
	"testing"
)

// TestSwitch proves where switch => Loopback and Local lead: to another number
// and context, in the order own extensions, switches, includes, while the
// channel stays where it is.
func TestSwitch(t *testing.T) {
	const source = `
[globals]
SITE=branch
[c]
exten => 100,1,Own()
switch => Loopback/9${EXTEN}@branch
switch => Local/@rest/_3XX
switch => Local/${EXTEN:1}@${SITE}/_8X.
include => far
[branch]
exten => 9100,1,Never()
exten => 9200,1,Branch(${EXTEN},${CONTEXT})
exten => 9200,2,Second()
exten => 777,1,Cut()
[rest]
exten => _X.,1,Rest()
[far]
exten => 200,1,Never()
exten => 400,1,Far()
[round]
switch => Loopback/@round
switch => Loopback/${EXTEN}1@square
[square]
switch => Loopback/@round
switch => Loopback/@square
`
	plan := planOf(t, source)
	for exten, want := range map[string]string{
		"100": "Own()", "200": "Branch(200,c) Second()", "300": "Rest()", "400": "Far()", "8777": "Cut()", "500": "",
	} {
		i, ch := channelOn(plan)
		i.Start(Position{"c", exten, 1})
		i.Run(context.Background())
		if ch.log() != want {
			t.Errorf("%s: %s, want %s", exten, ch.log(), want)
		}
	}
	if plan.Exists("round", "1", 1, "", noon()) || plan.CanMatch("round", "1", "", noon()) {
		t.Error("switches that lead to each other find nothing, and end")
	}
	if !plan.CanMatch("c", "20", "", noon()) || !plan.MatchMore("c", "20", "", noon()) || plan.MatchMore("c", "200", "", noon()) || plan.CanMatch("c", "5", "", noon()) {
		t.Error("numbers that are not complete are looked up through switches")
	}
	if plan.FindLabel("c", "200", "x", "", noon()) != 0 {
		t.Error("labels are not looked up through switches")
	}
}

// TestHints proves that hints of patterns name the extension, and that names
// in parentheses are kept apart.
func TestHints(t *testing.T) {
	plan := planOf(t, "[c]\nexten => 100,hint,PJSIP/100&Custom:lamp(Bob)\nexten => _2XX,hint,PJSIP/${EXTEN}&Custom:${EXTEN:1}\n")
	if hint, ok := plan.Hint("c", "100", noon()); !ok || hint != "PJSIP/100&Custom:lamp" || plan.HintName("c", "100", noon()) != "Bob" {
		t.Errorf("%q", hint)
	}
	if hint, _ := plan.Hint("c", "234", noon()); hint != "PJSIP/234&Custom:34" {
		t.Errorf("%q", hint)
	}
}
