package console

import (
	"errors"
	"fmt"
	"strings"
)

// Node is what the commands ask of a node. Its methods may be called from any
// goroutine and do not block for long.
type Node interface {
	Calls() Answer
	Hangup(channel string) error
	Registrations() Answer
	Endpoints() Answer
	Transports() Answer
	Status() Answer
	Match(context, exten string) (Answer, error)
	Reload() (Answer, error)
	Destinations() Answer
	Destination(action, id string) error // drain, enable or disable
}

// Answer is a table; JSON shows each row as an object.
type Answer struct {
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Command is one line of the table.
type Command struct {
	Words string // "show calls"
	Args  string // how usage shows the arguments
	Help  string
	count int // arguments
	run   func(n Node, args []string) (Answer, error)
}

// Commands is the table of all commands.
func Commands() []Command {
	show := func(f func(Node) Answer) func(Node, []string) (Answer, error) {
		return func(n Node, _ []string) (Answer, error) { return f(n), nil }
	}
	steer := func(action string) func(Node, []string) (Answer, error) {
		return func(n Node, args []string) (Answer, error) { return Answer{}, n.Destination(action, args[0]) }
	}
	return []Command{
		{Words: "show calls", Help: "calls in progress", run: show(Node.Calls)},
		{Words: "show registrations", Help: "phones that are registered", run: show(Node.Registrations)},
		{Words: "show endpoints", Help: "endpoints of pjsip.conf and their states", run: show(Node.Endpoints)},
		{Words: "show transports", Help: "addresses the node listens on", run: show(Node.Transports)},
		{Words: "show status", Help: "version of the node and what it has in hand", run: show(Node.Status)},
		{Words: "show dispatcher", Help: "destinations of the balancer", run: show(Node.Destinations)},
		{Words: "dialplan match", Args: "CONTEXT EXTEN", count: 2, Help: "what somebody reaches who dials EXTEN", run: func(n Node, args []string) (Answer, error) {
			return n.Match(args[0], args[1])
		}},
		{Words: "hangup", Args: "CHANNEL", count: 1, Help: "end a call", run: func(n Node, args []string) (Answer, error) { return Answer{}, n.Hangup(args[0]) }},
		{Words: "reload", Help: "read the configuration again", run: func(n Node, _ []string) (Answer, error) { return n.Reload() }},
		{Words: "dispatcher drain", Args: "DESTINATION", count: 1, Help: "finish its calls, give it no new ones", run: steer("drain")},
		{Words: "dispatcher enable", Args: "DESTINATION", count: 1, Help: "take it into use", run: steer("enable")},
		{Words: "dispatcher disable", Args: "DESTINATION", count: 1, Help: "take it out of use", run: steer("disable")},
		{Words: "help", Help: "this list", run: func(Node, []string) (Answer, error) { return help(), nil }},
	}
}

func help() Answer {
	a := Answer{Columns: []string{"command", "what"}}
	for _, c := range Commands() {
		a.Rows = append(a.Rows, []string{strings.TrimSpace(c.Words + " " + c.Args), c.Help})
	}
	return a
}

// ErrUsage is in the errors about commands that nobody can carry out.
var ErrUsage = errors.New("usage")

// Execute carries out a command, given as its words and arguments.
func Execute(n Node, words []string) (Answer, error) {
	line := strings.Join(words, " ")
	for _, c := range Commands() {
		length := len(strings.Fields(c.Words))
		if len(words) < length || strings.Join(words[:length], " ") != c.Words {
			continue
		}
		if args := words[length:]; len(args) == c.count {
			return c.run(n, args)
		}
		return Answer{}, fmt.Errorf("%w: %s", ErrUsage, strings.TrimSpace(c.Words+" "+c.Args))
	}
	return Answer{}, fmt.Errorf("%w: there is no command %q; help lists them", ErrUsage, line)
}
