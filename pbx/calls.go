package pbx

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/relay"
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

// entry is what of a channel's record may change later on; taken when the
// channel enters, before its goroutine owns the record.
type entry struct {
	from   string
	callID string
	start  time.Time
}

// info is what other goroutines may see of a channel.
func (ch *channel) info(name string) CallInfo {
	return CallInfo{Channel: name, CallID: ch.entered.callID, From: ch.entered.from, To: ch.start.Exten, Context: ch.start.Context, Start: ch.entered.start}
}

// List returns the calls in progress by their start.
func (s *Server) List() []CallInfo {
	s.mu.Lock()
	list := make([]CallInfo, 0, len(s.calls))
	for name, ch := range s.calls {
		list = append(list, ch.info(name))
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

// CallDetail is what an operator sees of one call.
type CallDetail struct {
	CallInfo
	UniqueID string
	State    string // Down, Ring, Ringing, Up
	Answered time.Time
	At       dialplan.Position
	App      string // that runs, or ran last
	AppData  string
	Legs     []LegInfo
	Busy     bool // it did not answer in time: only CallInfo is known
}

// LegInfo is one side of a call.
type LegInfo struct {
	Name   string
	CallID string
	Number string
	Peer   string // name of the leg it is connected with; "" = none
	Codec  string // Asterisk's name
	Sound  relay.Stats
}

// Describe returns the details of a call in progress, by channel or Call-ID; false
// if there is none.
func (s *Server) Describe(id string) (CallDetail, bool) {
	ch, entered := s.search(id)
	if ch == nil {
		return CallDetail{}, false
	}
	got := make(chan CallDetail, 1)
	late := CallDetail{CallInfo: entered, Busy: true}
	if !ch.box.post(mail{what: errand{func(ch *channel) { got <- ch.detail(entered) }, make(chan struct{})}}, false) {
		return CallDetail{}, false // it has ended
	}
	timer := time.NewTimer(errandTime)
	defer timer.Stop()
	select {
	case d := <-got:
		return d, true
	case <-timer.C:
		return late, true
	}
}

// search finds a channel by its name or its caller's Call-ID.
func (s *Server) search(id string) (*channel, CallInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, ch := range s.calls {
		if name == id || ch.entered.callID == id {
			return ch, ch.info(name)
		}
	}
	return nil, CallInfo{}
}

// detail is what Describe tells; on the channel's goroutine.
func (ch *channel) detail(entered CallInfo) CallDetail {
	d := CallDetail{
		CallInfo: entered, UniqueID: ch.cdr.UniqueID, State: ch.stateName(), Answered: ch.cdr.Answer,
		App: ch.cdr.LastApp, AppData: ch.cdr.LastData,
	}
	if ch.interp != nil {
		d.At = ch.interp.Position()
	}
	for _, l := range append([]*leg{ch.caller}, ch.branches...) {
		info := LegInfo{Name: l.name, CallID: l.callID, Number: l.number, Codec: asteriskName(l.format())}
		if l.peer != nil {
			info.Peer = l.peer.name
		}
		if l.rtp != nil {
			info.Sound = l.rtp.Stats()
		}
		d.Legs = append(d.Legs, info)
	}
	return d
}

// LevelStep is the level of the log's lines about steps of the dialplan.
const LevelStep = slog.LevelDebug + 2

// tell writes that an application begins, for those who follow the dialplan.
func (ch *channel) tell(app, args string) {
	if !ch.srv.log.Enabled(context.Background(), LevelStep) {
		return
	}
	at := ch.interp.Position()
	ch.srv.log.LogAttrs(context.Background(), LevelStep, "step", slog.String("call_id", ch.cdr.SIPCallID), slog.String("channel", ch.name),
		slog.String("at", at.Exten+"@"+at.Context+":"+strconv.Itoa(at.Priority)), slog.String("app", app), slog.String("args", Shown(app, args)))
}
