package pbx

import (
	"slices"
	"strings"
	"time"
)

// CallInfo is what an operator sees of a call: how it came in.
type CallInfo struct {
	Channel string
	CallID  string
	From    string // number
	To      string // extension dialled
	Context string
	Start   time.Time
}

// info is taken when the channel enters, before its goroutine owns it.
func (ch *channel) info() CallInfo {
	return CallInfo{CallID: ch.cdr.SIPCallID, From: ch.cdr.Src, To: ch.start.Exten, Context: ch.start.Context, Start: ch.cdr.Start}
}

// List returns the calls in progress by their start.
func (s *Server) List() []CallInfo {
	s.mu.Lock()
	list := make([]CallInfo, 0, len(s.calls))
	for name, ch := range s.calls {
		c := ch.entered
		c.Channel = name
		list = append(list, c)
	}
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b CallInfo) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		return strings.Compare(a.Channel, b.Channel)
	})
	return list
}

// Hangup asks a channel to end; false if there is none of that name.
func (s *Server) Hangup(name string) bool {
	ch := s.find(name)
	return ch != nil && ch.box.post(mail{what: released{CauseNormalClearing}}, false)
}
