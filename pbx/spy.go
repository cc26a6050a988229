package pbx

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/relay"
)

// air knows which legs have sound, for those who listen in or take them elsewhere.
// It is safe for concurrent use.
type air struct {
	mu   sync.Mutex // guards the following
	legs map[string]sounding
}

// sounding is a leg with sound. Another goroutine may ask the leg for its owner only.
type sounding struct {
	leg *leg
	rtp *relay.Leg
}

func (a *air) add(l *leg, rtp *relay.Leg) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.legs == nil {
		a.legs = map[string]sounding{}
	}
	a.legs[l.name] = sounding{l, rtp}
}

func (a *air) remove(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.legs, name)
}

// leg returns the sound of a leg, nil if it has none.
func (a *air) leg(name string) *relay.Leg { return a.find(name).rtp }

// find returns the leg of a name, the zero value if there is none.
func (a *air) find(name string) sounding {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.legs[name]
}

// names are the legs whose names begin with a prefix, in order.
func (a *air) names(prefix string) (list []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name := range a.legs {
		if strings.HasPrefix(strings.ToLower(name), strings.ToLower(prefix)) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// SpyMode is how far a spy takes part.
type SpyMode uint8

// The modes.
const (
	SpyListen  SpyMode = iota // hears both
	SpyWhisper                // and is heard by the one who is spied on
	SpyBarge                  // and is heard by both
)

// SpyRequest is what Spy is asked to do.
type SpyRequest struct {
	Prefixes []string // names of channels begin with one of them; none: all
	Mode     SpyMode
	OneSided bool    // only what the one who is spied on says is heard
	Deaf     bool    // nothing is heard: private whispering
	Bridged  bool    // only channels that are connected with somebody
	Modes    bool    // the keys 4, 5 and 6 set the mode
	Once     bool    // ends with the first channel that is spied on
	Stop     bool    // ends when no channel is left
	Exit     string  // keys that end it
	Next     rune    // key for the next channel
	Gain     float64 // of what is heard, dB
	// Announce is called before a channel is spied on; nil: nobody is told.
	Announce func(name string) error
	// Exited is called with a key of Exit.
	Exited func(key rune)
}

// spyLook is how often it is seen whether a channel is still there.
const spyLook = 200 * time.Millisecond

// Spy implements Studio.
func (ch *channel) Spy(ctx context.Context, req SpyRequest) error {
	last := ""
	for !ch.gone() {
		ch.caller.startSink()
		name := ch.target(&req, last)
		if name == "" && req.Stop {
			return nil
		}
		if name == "" {
			last = ""
			if over, err := ch.pause(&req); over || err != nil {
				return err
			}
			continue
		}
		last = name
		if req.Announce != nil {
			if err := req.Announce(name); err != nil {
				return err
			}
		}
		over := ch.spyOn(&req, name)
		if over || req.Once {
			return nil
		}
	}
	return ErrHangup
}

// pause waits for channels to come; true if a key has ended that.
func (ch *channel) pause(req *SpyRequest) (bool, error) {
	if key, ok := ch.takeKey(req.Exit); ok && req.Exit != "" {
		req.exit(key)
		return true, nil
	}
	ch.step(time.Now().Add(spyLook))
	if ch.gone() {
		return true, ErrHangup
	}
	return false, nil
}

func (r *SpyRequest) exit(key rune) {
	if r.Exited != nil {
		r.Exited(key)
	}
}

// target finds whom to spy on after the one with the name last.
func (ch *channel) target(req *SpyRequest, last string) string {
	var all []string
	prefixes := req.Prefixes
	if len(prefixes) == 0 {
		prefixes = []string{""}
	}
	for _, p := range prefixes {
		all = append(all, ch.srv.air.names(p)...)
	}
	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(name string) bool {
		rtp := ch.srv.air.leg(name)
		return rtp == nil || rtp == ch.caller.rtp || req.Bridged && rtp.Joined() == nil
	})
	for _, name := range all {
		if name > last {
			return name
		}
	}
	if len(all) > 0 {
		return all[0]
	}
	return ""
}

// spyOn listens to one channel until it ends or the spy presses a key; true:
// spying is over.
func (ch *channel) spyOn(req *SpyRequest, name string) (over bool) {
	target := ch.srv.air.leg(name)
	if target == nil {
		return false
	}
	s := &spying{ch: ch, ear: ch.caller, req: req, target: target}
	if l := ch.srv.air.find(name).leg; l != nil {
		l.post(spied{1}, false)
		defer l.post(spied{-1}, false)
	}
	defer s.leave()
	s.join()
	for !ch.gone() && ch.srv.air.leg(name) == target {
		for len(ch.keys) > 0 {
			key, _ := ch.takeKey("")
			switch {
			case strings.ContainsRune(req.Exit, key):
				req.exit(key)
				return true
			case key == req.Next:
				return false
			case req.Modes && key >= '4' && key <= '6':
				s.leave()
				req.Mode = SpyMode(key - '4')
				s.join()
			}
		}
		if s.moved() {
			s.leave()
			s.join()
		}
		ch.step(time.Now().Add(spyLook))
	}
	return ch.gone() || req.Bridged && target.Joined() == nil && req.Once
}

// spying is one channel being spied on.
type spying struct {
	ch     *channel
	ear    *leg // who spies
	req    *SpyRequest
	target *relay.Leg
	other  *relay.Leg // barge: whom the target talks with
	stops  []func()
}

// moved reports whether the target is connected with another one than before.
func (s *spying) moved() bool { return s.req.Mode == SpyBarge && s.target.Joined() != s.other }

// join connects the spy's sound.
func (s *spying) join() {
	heard := media.NewBlend()
	heard.Gain(media.Near, s.req.Gain)
	heard.Gain(media.Far, s.req.Gain)
	whispers := s.req.Mode != SpyListen
	s.tap(s.target, func(p relay.Packet) {
		switch {
		case !p.Sent:
			caught(heard.Put, media.Near, p)
		case !whispers && !s.req.OneSided: // else it would be the spy too
			caught(heard.Put, media.Far, p)
		}
	})
	var voices []*media.Blend
	if whispers {
		voices = append(voices, s.speakTo(s.target, heard))
	}
	if s.other = nil; s.req.Mode == SpyBarge {
		if s.other = s.target.Joined(); s.other != nil {
			voices = append(voices, s.speakTo(s.other, nil))
		}
	}
	if len(voices) > 0 {
		s.tap(s.ear.rtp, func(p relay.Packet) {
			if p.Sent {
				return
			}
			for _, v := range voices {
				caught(v.Put, media.Near, p)
			}
		})
	}
	if !s.req.Deaf {
		s.ear.play(heard)
	}
}

// speakTo mixes the spy's voice into what a leg hears; heard, if not nil, gets
// what the leg would hear without.
func (s *spying) speakTo(l *relay.Leg, heard *media.Blend) *media.Blend {
	voice := media.NewBlend()
	stop := l.Overlay(voice, func(p relay.Packet) {
		caught(voice.Put, media.Far, p)
		if heard != nil && !s.req.OneSided {
			caught(heard.Put, media.Far, p)
		}
	})
	s.stops = append(s.stops, stop)
	return voice
}

func (s *spying) tap(l *relay.Leg, see func(relay.Packet)) {
	stop, err := l.Tap(see)
	if err != nil {
		s.ch.log().Warn("ChanSpy: nothing to hear", "error", err)
		return
	}
	s.stops = append(s.stops, stop)
}

// leave takes all of it away.
func (s *spying) leave() {
	for _, stop := range s.stops {
		stop()
	}
	s.stops = nil
	s.ear.play(nil)
}
