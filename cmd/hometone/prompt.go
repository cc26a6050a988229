package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/hometone/hometone/console"
)

// prompt is the console on a terminal: commands are typed on its last line, and
// events scroll by above it. The goroutine of run owns it; follow runs beside and
// shares screen, which locks, and wish.
type prompt struct {
	client console.Client
	screen *term.Terminal
	view   view
	wish   chan wish // what follow is to show from now on
	filter console.Filter
	off    bool
	past   *history
}

// wish is what events to show.
type wish struct {
	filter console.Filter
	off    bool
}

// The words behind events that choose a level, and the words that choose calls.
var eventLevels = [...]string{"warnings", "calls", "steps", "all"} // by number of -v

func newPrompt(client console.Client, t *terminal, f console.Filter) *prompt {
	p := &prompt{client: client, filter: f, wish: make(chan wish, 1), past: openHistory()}
	p.screen = term.NewTerminal(keyboard{&interrupts{in: t.in}, t.out}, "> ")
	p.screen.History = p.past
	on := *t
	on.out, on.err = p.screen, p.screen
	p.view = view{t: &on}
	return p
}

// run talks until the user leaves or ctx ends.
func (p *prompt) run(ctx context.Context) error {
	name, greeting, err := p.greet(ctx)
	if err != nil {
		return noNode(err)
	}
	before, err := term.MakeRaw(int(os.Stdin.Fd()))
	if err != nil {
		return fmt.Errorf("the terminal: %w", err)
	}
	defer func() { _ = term.Restore(int(os.Stdin.Fd()), before) }()
	p.screen.SetPrompt(p.view.t.paint(bold, name+"> "))
	p.screen.AutoCompleteCallback = func(line string, pos int, key rune) (string, int, bool) {
		switch key {
		case '\t':
			return p.complete(ctx, line, pos)
		case ctrlR:
			found, ok := p.past.search(line)
			return found, len(found), ok
		}
		return "", 0, false
	}
	fmt.Fprintln(p.screen, greeting)
	var beside sync.WaitGroup
	ctx, stop := context.WithCancel(ctx)
	beside.Go(func() { p.follow(ctx) })
	beside.Go(func() { p.resize(ctx) })
	lines := make(chan typed)
	go p.read(ctx, lines) // ends with the process at the latest: a read of a terminal cannot be called off
	err = p.talk(ctx, lines)
	stop()
	beside.Wait()
	return errors.Join(err, p.past.save())
}

// typed is what has been typed, or why nothing more comes.
type typed struct {
	text string
	err  error
	done chan struct{} // closed when the next line may be read
}

// read reads lines until the terminal ends.
func (p *prompt) read(ctx context.Context, lines chan<- typed) {
	for {
		text, err := p.screen.ReadLine()
		if errors.Is(err, term.ErrPasteIndicator) {
			err = nil
		}
		l := typed{text, err, make(chan struct{})}
		select {
		case lines <- l:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
		<-l.done
	}
}

// talk carries out what is typed.
func (p *prompt) talk(ctx context.Context, lines <-chan typed) error {
	p.wish <- wish{p.filter, p.off}
	for {
		select {
		case <-ctx.Done():
			fmt.Fprintln(p.screen)
			return nil
		case l := <-lines:
			switch words := strings.Fields(l.text); {
			case errors.Is(l.err, io.EOF):
				fmt.Fprintln(p.screen)
				return nil
			case l.err != nil:
				return l.err
			case len(words) == 0:
			case words[0] == "quit" || words[0] == "exit":
				return nil
			case words[0] == "events":
				p.events(words[1:])
			default:
				p.do(ctx, words)
			}
			close(l.done)
		}
	}
}

// greet asks the node who it is.
func (p *prompt) greet(ctx context.Context) (name, greeting string, err error) {
	reply, err := p.client.Do(ctx, []string{"show", "version"})
	if err != nil {
		return "", "", err
	}
	facts := map[string]string{}
	if reply.Answer != nil {
		for _, row := range reply.Answer.Rows {
			facts[fmt.Sprint(row[0])] = printable(fmt.Sprint(row[1]))
		}
	}
	greeting = fmt.Sprintf("Hometone %s, node %s. Tab completes, help lists the commands, events says what to show, Ctrl-D leaves.", facts["version"], facts["node"])
	return facts["node"], greeting, nil
}

// patient is how long the node may take before the wait is talked about.
const patient = progressDelay

// do carries out a command of the node.
func (p *prompt) do(ctx context.Context, words []string) {
	slow := time.AfterFunc(patient, func() { fmt.Fprintln(p.screen, "waiting for the node …") })
	reply, err := p.client.Do(ctx, words)
	slow.Stop()
	if err != nil {
		p.fault(err)
		return
	}
	if reply.Error == "" && words[0] == "help" && len(words) == 1 {
		reply.Answer.Add("events [LEVEL|call ID|user NAME|any]", "what to show meanwhile: off, "+strings.Join(eventLevels[:], ", "))
		reply.Answer.Add("quit", "leave")
	}
	_ = p.view.reply(reply) // the terminal's own errors end reading
	if reply.Error != "" {
		p.fault(errors.New(reply.Error))
	}
}

func (p *prompt) fault(err error) {
	fmt.Fprintln(p.screen, p.view.t.paint(red, printable(err.Error())))
}

// events changes what is shown, or says what is.
func (p *prompt) events(words []string) {
	f, off := p.filter, p.off
	switch {
	case len(words) == 0:
	case words[0] == "off" && len(words) == 1:
		off = true
	case words[0] == "any" && len(words) == 1:
		f.Call, f.User = "", ""
	case words[0] == "call" && len(words) == 2:
		f.Call, f.User, off = words[1], "", false
	case words[0] == "user" && len(words) == 2:
		f.Call, f.User, off = "", words[1], false
	case len(words) == 1 && slices.Contains(eventLevels[:], words[0]):
		f.Level, off = console.Verbosity(slices.Index(eventLevels[:], words[0])+1), false
	default:
		p.fault(fmt.Errorf("usage: events off|%s, events call ID, events user NAME, events any", strings.Join(eventLevels[:], "|")))
		return
	}
	if p.filter, p.off = f, off; len(words) > 0 {
		p.wish <- wish{f, off}
	}
	fmt.Fprintln(p.screen, p.showing())
}

// showing says what events are shown.
func (p *prompt) showing() string {
	text := "events: "
	for n, name := range eventLevels {
		if !p.off && console.Verbosity(n+1) == p.filter.Level {
			text += name
		}
	}
	switch {
	case p.off:
		text += "off"
	case p.filter.Call != "":
		text += " of call " + printable(p.filter.Call)
	case p.filter.User != "":
		text += " of user " + printable(p.filter.User)
	}
	return text
}

// again is how often a node that has gone is looked for.
const again = time.Second

// follow shows events as wished until ctx ends. A node that goes away is waited
// for.
func (p *prompt) follow(ctx context.Context) {
	now, away := wish{off: true}, false
	for {
		sub, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		switch w := now; {
		case w.off:
		case away:
			time.AfterFunc(again, func() { ended <- p.back(sub) })
		default:
			go func() { ended <- p.client.Follow(sub, w.filter, p.view.reply) }() // ends with sub
		}
		select {
		case <-ctx.Done():
			stop()
			return
		case now = <-p.wish:
		case err := <-ended:
			if gone := err != nil; gone != away {
				away = gone
				p.presence(away)
			}
		}
		stop()
	}
}

// back returns nil when the node answers again.
func (p *prompt) back(ctx context.Context) error {
	_, err := p.client.Do(ctx, []string{"show", "version"})
	return err
}

func (p *prompt) presence(away bool) {
	if away {
		p.fault(errors.New("the node has gone; waiting for it to come back"))
	} else {
		fmt.Fprintln(p.screen, "the node is back")
	}
}

// resize tells the editor how wide the terminal is.
func (p *prompt) resize(ctx context.Context) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	defer signal.Stop(changed)
	for {
		if w, h, err := term.GetSize(int(os.Stdout.Fd())); err == nil && w > 0 {
			_ = p.screen.SetSize(w, h)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
