package pbx

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"
)

// An errand is what one channel has another one do, on that one's goroutine.
type errand struct {
	do   func(*channel)
	done chan struct{}
}

// errandTime is how long a channel waits for another one, which may be busy
// with something that takes no events.
const errandTime = 2 * time.Second

// errAway means that another channel did not do what it was asked for.
var errAway = errors.New("the other channel does not answer")

// errNoChannel means that there is no channel of a name.
var errNoChannel = errors.New("there is no such channel")

// ask has another channel do something and waits until it has. Meanwhile this
// one does what others ask of it, so that two that ask each other both get their
// answer.
func (ch *channel) ask(other *channel, do func(*channel)) error {
	if other == ch {
		do(ch)
		return nil
	}
	e := errand{do, make(chan struct{})}
	if !other.box.post(mail{what: e}, false) {
		return errNoChannel
	}
	timer := time.NewTimer(errandTime)
	defer timer.Stop()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-e.done:
			return nil
		case <-look.C:
			for _, m := range ch.box.errands() {
				ch.handle(m)
			}
		case <-timer.C:
			return errAway
		}
	}
}

// errands takes the errands out of the queue.
func (m *mailbox) errands() (list []mail) {
	return m.extract(func(e mail) bool {
		_, ok := e.what.(errand)
		return ok
	})
}

// askNamed is ask of the channel of a name.
func (ch *channel) askNamed(name string, do func(*channel)) error {
	other := ch.srv.find(strings.TrimSpace(name))
	if other == nil {
		return errNoChannel
	}
	return ch.ask(other, do)
}

// imports is IMPORT(channel,variable).
func (ch *channel) imports(args string) (value string, err error) {
	name, variable, _ := strings.Cut(args, ",")
	got := make(chan string, 1) // the answer may come when nobody waits for it any more
	err = ch.askNamed(name, func(other *channel) { got <- other.Get(strings.TrimSpace(variable)) })
	if err != nil {
		return "", err
	}
	return <-got, nil
}

// export is Set(EXPORT(channel,variable)=value).
func (ch *channel) export(args, value string) error {
	name, variable, _ := strings.Cut(args, ",")
	failed := make(chan error, 1)
	err := ch.askNamed(name, func(other *channel) { failed <- other.Set(strings.TrimSpace(variable), value) })
	if err != nil {
		return err
	}
	return <-failed
}

// first is the channel that the call began with.
func (ch *channel) first() *channel {
	if ch.master != nil {
		return ch.master
	}
	return ch
}

// readMaster is MASTER_CHANNEL(variable).
func (ch *channel) readMaster(args string) (string, error) {
	got := make(chan string, 1)
	if err := ch.ask(ch.first(), func(other *channel) { got <- other.Get(args) }); err != nil {
		return "", err
	}
	return <-got, nil
}

// writeMaster is Set(MASTER_CHANNEL(variable)=value).
func (ch *channel) writeMaster(args, value string) error {
	failed := make(chan error, 1)
	if err := ch.ask(ch.first(), func(other *channel) { failed <- other.Set(args, value) }); err != nil {
		return err
	}
	return <-failed
}

// readChannels is CHANNELS([expression]).
func (ch *channel) readChannels(args string) (string, error) {
	fits, err := regexp.Compile(args)
	if err != nil || len(args) > maxNote {
		return "", errors.New("CHANNELS: not a regular expression")
	}
	var list []string
	ch.srv.mu.Lock()
	for name := range ch.srv.calls {
		if fits.MatchString(name) {
			list = append(list, name)
		}
	}
	ch.srv.mu.Unlock()
	for _, name := range ch.srv.air.names("") { // called legs are channels too
		if fits.MatchString(name) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	return strings.Join(list, " "), nil
}

// channelExists is CHANNEL_EXISTS(name).
func (ch *channel) channelExists(args string) (string, error) {
	name := strings.TrimSpace(args)
	return oneIf(ch.srv.find(name) != nil || ch.srv.air.find(name).leg != nil), nil
}
