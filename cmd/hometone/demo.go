package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/sip/siptest/ladder"
)

// voices are the two sentences the phones say, made by scripts/voices.sh.
//
//go:embed voices/caller.wav voices/callee.wav
var voices embed.FS

// demoCommand is the first call: what `make run` shows.
type demoCommand struct {
	Data string `placeholder:"DIR" default:"./hometone-data" help:"Directory for the node's data, its demo configuration and the recordings."`
	Port uint16 `default:"5060" help:"SIP port; a free one is taken if it is in use."`
	Once bool   `help:"End after the call, instead of leaving the node running."`
	JSON bool   `name:"json" help:"Print the result of the call as JSON."`
}

// Help shows examples and the exit codes.
func (demoCommand) Help() string {
	return `Starts a node with two demo extensions (8005 and 8006, random passwords), then two
command-line phones that register and call each other through it, each saying a
sentence of its own. Prints the ladder, what each side heard, loss, jitter and
MOS. Then the node stays up, for your own softphone, until Ctrl-C.

Exit codes: 0 both sides heard each other, 1 they did not or the node cannot run,
2 the data cannot be written or a flag is wrong.

Examples:

  hometone demo
  hometone demo --once --json
  hometone demo --data /var/tmp/first-call --port 5070`
}

// verdict is the outcome of the demo's call for one side.
type verdict struct {
	Phone       string   `json:"phone"`
	Heard       string   `json:"heard"` // the recording
	Correlation float64  `json:"correlation"`
	DelayMs     int64    `json:"delay_ms"`
	Stats       *figures `json:"stats"`
}

// good says whether the right voice arrived.
func (v verdict) good() bool { return v.Correlation > 0.9 }

// Run makes the call, and stays.
func (c *demoCommand) Run(ctx context.Context, t *terminal) error {
	begin := time.Now()
	site, err := prepareDemo(c.Data, c.Port)
	if err != nil {
		return failure{exitUsage, err}
	}
	node, err := startNode(ctx, site)
	if err != nil {
		return failure{exitNegative, err}
	}
	defer node.stop()
	if !c.JSON {
		fmt.Fprintf(t.out, "node up after %.2f s: %s\n", time.Since(begin).Seconds(), strings.Join(node.listen, " "))
		fmt.Fprintf(t.out, "8005 calls 8006; each says a sentence and records what it hears ...\n\n")
	}
	call, err := makeCall(ctx, site)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return failure{exitNegative, fmt.Errorf("%w (the node's log: %s)", err, site.log())}
	}
	if err := c.show(t, call); err != nil {
		return err
	}
	for _, v := range call.verdicts {
		if !v.good() {
			return failure{exitNegative, fmt.Errorf("%s did not hear the other voice", v.Phone)}
		}
	}
	if c.Once {
		return nil
	}
	site.invite(t)
	return node.wait(ctx)
}

// show prints what happened.
func (c *demoCommand) show(t *terminal, call *demoCall) error {
	if c.JSON {
		return t.printJSON(call.verdicts)
	}
	fmt.Fprintln(t.out, call.ladder())
	for _, v := range call.verdicts {
		mark := t.paint(green, "heard the other voice")
		if !v.good() {
			mark = t.paint(red, "did NOT hear the other voice")
		}
		fmt.Fprintf(t.out, "%s %s: correlation %.3f with what was said, %d ms into the recording\n", v.Phone, mark, v.Correlation, v.DelayMs)
		fmt.Fprintf(t.out, "     %s\n     recorded in %s\n", v.Stats, v.Heard)
	}
	return nil
}

// demoCall is what the two phones told.
type demoCall struct {
	messages []demoMessage
	verdicts []verdict
}

// demoMessage is one SIP message between a phone and the node.
type demoMessage struct {
	at       time.Time
	from, to string
	text     string
}

// ladder draws the messages in order of time.
func (c *demoCall) ladder() string {
	slices.SortStableFunc(c.messages, func(a, b demoMessage) int { return a.at.Compare(b.at) })
	var steps []ladder.Step
	for _, m := range c.messages {
		steps = append(steps, ladder.Step{At: m.at.Sub(c.messages[0].at), From: m.from, To: m.to, Text: ladder.Summary([]byte(m.text))})
	}
	return ladder.Draw([]string{"8005", "hometone", "8006"}, steps)
}

// The time a call of the demo may take in all.
const demoPatience = 50 * time.Second

// makeCall runs both phones and judges what they heard.
func makeCall(ctx context.Context, site *demoSite) (*demoCall, error) {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	call := &demoCall{}
	callee, err := startPhone(ctx, site, "8006",
		"register", "auto-answer on", "wait incoming", "wait answered",
		"record "+site.heard("8006"), "play "+site.voice("callee"), "wait played", "wait ended", "quit")
	if err != nil {
		return nil, err
	}
	defer callee.stop()
	if err := callee.waitFor(ctx, "registered"); err != nil {
		return nil, fmt.Errorf("8006 does not register: %w", err)
	}
	caller, err := startPhone(ctx, site, "8005",
		"register", "call 8006", "wait answered",
		"record "+site.heard("8005"), "play "+site.voice("caller"), "wait played", "wait 300ms", "hangup", "quit")
	if err != nil {
		return nil, err
	}
	defer caller.stop()
	for _, p := range []*demoPhone{caller, callee} {
		if err := p.waitEnd(ctx); err != nil {
			return nil, fmt.Errorf("phone %s: %w", p.user, err)
		}
	}
	call.messages = append(caller.messages(), callee.messages()...)
	for _, p := range []struct {
		phone *demoPhone
		voice string
	}{{caller, "callee"}, {callee, "caller"}} {
		v, err := site.judge(p.phone, p.voice)
		if err != nil {
			return nil, err
		}
		call.verdicts = append(call.verdicts, v)
	}
	return call, nil
}

// judge compares what a phone recorded with what the other said.
func (s *demoSite) judge(p *demoPhone, voice string) (verdict, error) {
	heard, err := media.Load(s.heard(p.user))
	if err != nil {
		return verdict{}, fmt.Errorf("phone %s recorded nothing: %w", p.user, err)
	}
	sent, err := media.Load(s.voice(voice))
	if err != nil {
		return verdict{}, err
	}
	l := compare(heard.Samples(), sent.Samples())
	stats := p.stats()
	if stats == nil {
		return verdict{}, errors.New("no figures of the call")
	}
	return verdict{p.user, s.heard(p.user), l.Correlation, l.Delay.Milliseconds(), stats}, nil
}

// heard is where a phone's recording lies.
func (s *demoSite) heard(user string) string {
	return filepath.Join(s.dir, "heard-by-"+user+".wav")
}

// voice is where a sentence lies.
func (s *demoSite) voice(name string) string { return filepath.Join(s.dir, name+".wav") }

// log is where the node writes while the phones call.
func (s *demoSite) log() string { return filepath.Join(s.dir, "node.log") }

// writeVoices puts the sentences where the phones find them.
func (s *demoSite) writeVoices() error {
	for _, name := range []string{"caller", "callee"} {
		sound, err := voices.ReadFile("voices/" + name + ".wav")
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.voice(name), sound, 0o644); err != nil { //nolint:gosec // a recording, not a secret
			return err
		}
	}
	return nil
}
