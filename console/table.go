package console

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hometone/hometone/config"
)

// Node is what the commands ask of a node. Its methods may be called from any
// goroutine and do not block for long. An HTTP API offers the same.
type Node interface {
	Calls() Answer
	Call(id string) (Answer, error) // a channel's name or a Call-ID
	Registrations() Answer
	Endpoints() Answer
	Endpoint(name string) (Answer, error)
	Dialplan(context string) (Answer, error) // "": all contexts
	Hints() Answer
	Match(context, exten string) (Answer, error)
	Transports() Answer
	Voicemail(mailbox string) (Answer, error) // "": all mailboxes
	Status() Answer
	Version() Answer
	Uptime() Answer
	Originate(endpoint, to string) (Answer, error) // to: EXTEN@CONTEXT
	Hangup(channel string) (Answer, error)
	Reload() (Answer, error)
	LogLevel(level string) (Answer, error) // "": say which it is
	Destinations() Answer
	// Destination gives an order about a destination in a set, "": in all sets.
	Destination(order, set, id string) (Answer, error)
	// Names are what can stand for an argument, for completion; before are the
	// arguments before it.
	Names(kind Kind, before []string) []string
}

// Answer is a table: cells are strings, numbers, booleans or lists of strings.
type Answer struct {
	Columns []string `json:"columns,omitempty"`
	Rows    [][]any  `json:"rows,omitempty"`
	// One says that the rows are names and values of one thing, not many things.
	One bool `json:"one,omitempty"`
	// Note is a sentence for people: what has been done.
	Note string `json:"note,omitempty"`
}

// Add appends a row.
func (a *Answer) Add(cells ...any) { a.Rows = append(a.Rows, cells) }

// About begins an Answer about one thing.
func About() Answer { return Answer{Columns: []string{"what", "value"}, One: true} }

// Note is an Answer for people only.
func Note(format string, args ...any) Answer { return Answer{Note: fmt.Sprintf(format, args...)} }

// Kind is what an argument names.
type Kind uint8

// The kinds of arguments.
const (
	Anything Kind = iota
	Channel
	AnyCall // a channel or a Call-ID
	Context
	Exten
	Endpoint
	Mailbox
	Destination
	Level
	CommandName
)

// Arg is an argument of a command.
type Arg struct {
	Name     string // as usage shows it
	Kind     Kind
	Optional bool
}

// Command is one line of the table.
type Command struct {
	Words string // "show calls"
	Args  []Arg
	Help  string
	run   func(n Node, args []string) (Answer, error)
}

// Usage is how the command is written.
func (c *Command) Usage() string {
	words := []string{c.Words}
	for _, a := range c.Args {
		if a.Optional {
			words = append(words, "["+a.Name+"]")
		} else {
			words = append(words, a.Name)
		}
	}
	return strings.Join(words, " ")
}

// takes reports whether a command takes so many arguments.
func (c *Command) takes(n int) bool {
	least := len(slices.DeleteFunc(slices.Clone(c.Args), func(a Arg) bool { return a.Optional }))
	return n >= least && n <= len(c.Args)
}

// Commands is the table of all commands.
func Commands() []Command {
	show := func(f func(Node) Answer) func(Node, []string) (Answer, error) {
		return func(n Node, _ []string) (Answer, error) { return f(n), nil }
	}
	about := func(f func(Node, string) (Answer, error)) func(Node, []string) (Answer, error) {
		return func(n Node, args []string) (Answer, error) { return f(n, strings.Join(args, "")) }
	}
	two := func(f func(Node, string, string) (Answer, error)) func(Node, []string) (Answer, error) {
		return func(n Node, args []string) (Answer, error) { return f(n, args[0], args[1]) }
	}
	steer := func(order string) func(Node, []string) (Answer, error) {
		return func(n Node, args []string) (Answer, error) { return n.Destination(order, "", args[0]) }
	}
	one := func(name string, kind Kind) []Arg { return []Arg{{Name: name, Kind: kind}} }
	perhaps := func(name string, kind Kind) []Arg { return []Arg{{Name: name, Kind: kind, Optional: true}} }
	return []Command{
		{Words: "show calls", Help: "calls in progress", run: show(Node.Calls)},
		{Words: "show call", Args: one("ID", AnyCall), Help: "one call: its legs, its sound, where it is in the dialplan", run: about(Node.Call)},
		{Words: "show registrations", Help: "phones that are registered", run: show(Node.Registrations)},
		{Words: "show endpoints", Help: "endpoints of pjsip.conf and their states", run: show(Node.Endpoints)},
		{Words: "show endpoint", Args: one("NAME", Endpoint), Help: "one endpoint: its options and contacts", run: about(Node.Endpoint)},
		{Words: "show dialplan", Args: perhaps("CONTEXT", Context), Help: "the contexts, or what is in one", run: about(Node.Dialplan)},
		{Words: "show hints", Help: "watched extensions and their states", run: show(Node.Hints)},
		{Words: "show voicemail", Args: perhaps("MAILBOX", Mailbox), Help: "mailboxes and their messages, or the messages of one", run: about(Node.Voicemail)},
		{Words: "show transports", Help: "addresses the node listens on", run: show(Node.Transports)},
		{Words: "show status", Help: "what the node has in hand", run: show(Node.Status)},
		{Words: "show version", Help: "version of the node", run: show(Node.Version)},
		{Words: "show uptime", Help: "since when the node runs, and its configuration holds", run: show(Node.Uptime)},
		{Words: "show dispatcher", Help: "destinations of the balancer", run: show(Node.Destinations)},
		{Words: "dialplan match", Args: []Arg{{Name: "CONTEXT", Kind: Context}, {Name: "EXTEN", Kind: Exten}}, Help: "what somebody reaches who dials EXTEN", run: two(Node.Match)},
		{Words: "originate", Args: []Arg{{Name: "ENDPOINT", Kind: Endpoint}, {Name: "EXTEN@CONTEXT"}}, Help: "call an endpoint; when it answers it goes to EXTEN", run: two(Node.Originate)},
		{Words: "hangup", Args: one("CHANNEL", Channel), Help: "end a call", run: about(Node.Hangup)},
		{Words: "reload", Help: "read the configuration again", run: func(n Node, _ []string) (Answer, error) { return n.Reload() }},
		{Words: "log level", Args: perhaps("LEVEL", Level), Help: "say or set the least level that the node logs: debug, info, warn, error", run: about(Node.LogLevel)},
		{Words: "dispatcher drain", Args: one("DESTINATION", Destination), Help: "finish its calls, give it no new ones", run: steer("drain")},
		{Words: "dispatcher enable", Args: one("DESTINATION", Destination), Help: "take it into use", run: steer("enable")},
		{Words: "dispatcher disable", Args: one("DESTINATION", Destination), Help: "take it out of use; it is not probed", run: steer("disable")},
		{Words: "dispatcher trying", Args: one("DESTINATION", Destination), Help: "state T: it takes calls until the next sign tells more", run: steer("trying")},
		{Words: "dispatcher inactive", Args: one("DESTINATION", Destination), Help: "state I: no calls until probes find it well", run: steer("inactive")},
		{Words: "dispatcher probing", Args: one("DESTINATION", Destination), Help: "probe it, even if the configuration does not; its state stays", run: steer("probing")},
		{
			Words: "dispatcher set_state", Args: []Arg{{Name: "STATE"}, {Name: "SET"}, {Name: "DESTINATION", Kind: Destination}},
			Help: "Kamailio's: STATE is a, t, i or d, with p behind it to be probed",
			run:  func(n Node, args []string) (Answer, error) { return n.Destination(args[0], args[1], args[2]) },
		},
		{Words: "help", Args: []Arg{{Name: "COMMAND", Kind: CommandName, Optional: true}}, Help: "this list, or the part that begins with COMMAND", run: help},
	}
}

func help(_ Node, args []string) (Answer, error) {
	a := Answer{Columns: []string{"command", "what"}}
	for _, c := range Commands() {
		if strings.HasPrefix(c.Words, strings.Join(args, " ")) {
			a.Add(c.Usage(), c.Help)
		}
	}
	if len(a.Rows) == 0 {
		return a, unknown(args)
	}
	return a, nil
}

// ErrUsage is in the errors about commands that nobody can carry out.
var ErrUsage = errors.New("usage")

// usage is an error that is ErrUsage, and says what to do in its own words.
type usage string

func (u usage) Error() string { return string(u) }

// Is makes errors.Is find ErrUsage.
func (u usage) Is(target error) bool { return target == ErrUsage }

// Misused is an error about a command that nobody can carry out.
func Misused(format string, args ...any) error { return usage(fmt.Sprintf(format, args...)) }

// Execute carries out a command, given as its words and arguments. Errors that
// are ErrUsage say how it is written.
func Execute(n Node, words []string) (Answer, error) {
	if len(words) > 0 && words[0] == "?" {
		words[0] = "help"
	}
	for _, c := range Commands() {
		args, ok := c.fits(words)
		if !ok {
			continue
		}
		if c.Words == "help" { // of a command of several words
			args = slices.DeleteFunc([]string{strings.Join(args, " ")}, func(s string) bool { return s == "" })
		}
		if c.takes(len(args)) {
			return c.run(n, args)
		}
		return Answer{}, Misused("usage: %s", c.Usage())
	}
	return Answer{}, unknown(words)
}

// fits reports whether a command line is of a command, and returns its arguments.
func (c *Command) fits(words []string) (args []string, ok bool) {
	own := strings.Fields(c.Words)
	if len(words) < len(own) || !slices.Equal(words[:len(own)], own) {
		return nil, false
	}
	return words[len(own):], true
}

// unknown says what to do about a command that does not exist.
func unknown(words []string) error {
	line := strings.Join(words, " ")
	if own := ours(line); own != "" {
		return Misused("there is no command %q; here it is: %s", line, own)
	}
	var begin, all []string
	for _, c := range Commands() {
		all = append(all, c.Words)
		if len(words) > 0 && strings.HasPrefix(c.Words, words[0]+" ") {
			begin = append(begin, c.Words)
		}
	}
	near := words
	if len(near) > 2 {
		near = near[:2]
	}
	hint := config.DidYouMean(strings.Join(near, " "), all)
	switch {
	case hint != "":
	case len(begin) > 0:
		hint = "there are: " + strings.Join(begin, ", ")
	default:
		hint = "help lists them"
	}
	return Misused("there is no command %q; %s", line, hint)
}

// ours is the command that does what one of Asterisk's, Kamailio's or rtpengine's
// does, "" if there is none.
func ours(line string) string {
	for _, c := range [...][2]string{
		{"core show channels", "show calls"}, {"core show channel", "show call ID"}, {"core show calls", "show calls"},
		{"core show hints", "show hints"}, {"core show uptime", "show uptime"}, {"core show version", "show version"},
		{"core show help", "help"}, {"core set verbose", "events calls, events steps or events all"}, {"core set debug", "log level debug"},
		{"core reload", "reload"}, {"module reload", "reload"}, {"dialplan reload", "reload"}, {"pjsip reload", "reload"}, {"voicemail reload", "reload"},
		{"core stop", "systemctl stop hometone"}, {"core restart", "systemctl restart hometone"},
		{"dialplan show", "show dialplan [CONTEXT]"}, {"voicemail show", "show voicemail [MAILBOX]"},
		{"pjsip show endpoints", "show endpoints"}, {"pjsip list endpoints", "show endpoints"}, {"pjsip show endpoint", "show endpoint NAME"},
		{"pjsip show contacts", "show registrations"}, {"pjsip list contacts", "show registrations"}, {"pjsip show aors", "show registrations"},
		{"pjsip show transports", "show transports"}, {"pjsip list transports", "show transports"}, {"pjsip show channels", "show calls"},
		{"pjsip set logger", "hometone console -vvvv"},
		{"channel originate", "originate ENDPOINT EXTEN@CONTEXT"}, {"channel request hangup", "hangup CHANNEL"}, {"soft hangup", "hangup CHANNEL"}, {"logger set level", "log level LEVEL"},
		{"dispatcher list", "show dispatcher"}, {"dispatcher.list", "show dispatcher"}, {"dispatcher.set_state", "dispatcher set_state STATE SET DESTINATION"}, {"dispatcher.reload", "reload"}, {"show channels", "show calls"}, {"show contacts", "show registrations"},
	} {
		if line == c[0] || strings.HasPrefix(line, c[0]+" ") {
			return c[1]
		}
	}
	return ""
}
