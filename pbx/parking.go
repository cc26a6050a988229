package pbx

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hometone/hometone/config/parking"
	"github.com/hometone/hometone/pbx/presence"
)

// lots are the calls that are parked. A parked call is a channel that waits in
// Park; it leaves its space when it is fetched, its time is over or it hangs up. It is
// safe for concurrent use.
type lots struct {
	mu     sync.Mutex // guards the following
	parked map[string]map[int]*parkedCall
	latest map[string]int // the space used last, by lot
	number uint64
}

// parkedCall is a space that is taken.
type parkedCall struct {
	lot     *parking.Lot
	space   int
	number  uint64   // tells it from all others
	channel *channel // who is parked; nil: the space is reserved
	name    string   // of channel
}

// Errors of parking.
var (
	errNoLot   = errors.New("there is no such parking lot")
	errLotFull = errors.New("the parking lot is full")
	errTaken   = errors.New("the parking space is taken")
)

// reserve takes a space: a certain one, or the next one that findslot says.
func (s *lots) reserve(l *parking.Lot, space int, random bool) (*parkedCall, error) {
	if l == nil {
		return nil, errNoLot
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.parked[l.Name]
	if space != 0 {
		if space < l.First || space > l.Last || taken[space] != nil {
			return nil, errTaken
		}
		return s.put(l, space), nil
	}
	n := l.Last - l.First + 1
	from := 0
	switch last := s.latest[l.Name]; {
	case random:
		from = rand.IntN(n)
	case l.Next && last >= l.First:
		from = last + 1 - l.First
	}
	for i := range n {
		if at := l.First + (from+i)%n; taken[at] == nil {
			return s.put(l, at), nil
		}
	}
	return nil, errLotFull
}

// put needs mu.
func (s *lots) put(l *parking.Lot, space int) *parkedCall {
	if s.parked == nil {
		s.parked, s.latest = map[string]map[int]*parkedCall{}, map[string]int{}
	}
	if s.parked[l.Name] == nil {
		s.parked[l.Name] = map[int]*parkedCall{}
	}
	s.number++
	p := &parkedCall{lot: l, space: space, number: s.number}
	s.parked[l.Name][space], s.latest[l.Name] = p, space
	return p
}

// enter says who stands in a space that was reserved; nil if it is not any more.
func (s *lots) enter(number uint64, ch *channel) *parkedCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, spaces := range s.parked {
		for _, p := range spaces {
			if p.number == number {
				p.channel, p.name = ch, ch.name
				return p
			}
		}
	}
	return nil
}

// leave gives a space back; false: somebody fetches the call already.
func (s *lots) leave(p *parkedCall) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parked[p.lot.Name][p.space] != p {
		return false
	}
	delete(s.parked[p.lot.Name], p.space)
	return true
}

// claim takes a parked call out, that of the lowest space if space is 0; nil if
// there is none.
func (s *lots) claim(lot string, space int) *parkedCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found *parkedCall
	for at, p := range s.parked[lot] {
		if p.channel != nil && (at == space || space == 0 && (found == nil || at < found.space)) {
			found = p
		}
	}
	if found != nil {
		delete(s.parked[lot], found.space)
	}
	return found
}

// channelAt is the name of the channel in a space, "" if nobody is there.
func (s *lots) channelAt(lot string, space int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.parked[lot][space]; p != nil && p.channel != nil {
		return p.name
	}
	return ""
}

// lot is a parking lot by name; "" is the channel's own, or default. Nil if there is none.
func (ch *channel) lot(name string) *parking.Lot {
	for _, n := range []string{name, ch.notes["channel-parkinglot"], ch.Get("PARKINGLOT"), parking.Default} {
		if n != "" {
			return ch.set.Parking[n]
		}
	}
	return nil
}

// parkReserved is the application that a channel which was parked by keys runs:
// Park with a space that is reserved already.
const parkReserved = "Park"

// ParkRequest is what Park is asked to do.
type ParkRequest struct {
	Lot      string // "" = the channel's
	Ring     bool   // r: ringing in the place of music
	Random   bool   // R: any space
	Silent   bool   // s: the space is not told
	Comeback string // c: where the call goes when its time is over; "" = as the lot says
	Time     time.Duration
	HasTime  bool   // t
	Parker   string // the device that is called back; "" = who transferred the call here
	Reserved uint64 // a space that is taken already; 0 = none
	// Announced is called with the space when it is known; nil: nobody is told.
	Announced func(space int)
}

// Park implements Switchboard.
func (ch *channel) Park(ctx context.Context, req ParkRequest) error {
	p, err := ch.takeSpace(&req)
	if err != nil {
		return err
	}
	if err := ch.Answer(ctx); err != nil {
		ch.srv.lots.leave(p)
		return err
	}
	parker := req.Parker
	for _, name := range []string{"BLINDTRANSFER", "ATTENDEDTRANSFER"} {
		if v := ch.Get(name); parker == "" && v != "" {
			parker = deviceOf(v)
			req.Silent = true
		}
	}
	if parker == "" {
		parker = deviceOf(ch.name)
	}
	_ = ch.Set("PARKINGSLOT", strconv.Itoa(p.space))
	lamp := "park:" + strconv.Itoa(p.space) + "@" + p.lot.Context
	ch.light(lamp, presence.ChannelDown, presence.ChannelUp)
	defer ch.light(lamp, presence.ChannelUp, presence.ChannelDown)
	ch.log().Info("parked", "lot", p.lot.Name, "space", p.space, "by", parker)
	if req.Announced != nil {
		req.Announced(p.space)
	}
	if !req.Silent {
		if _, err := Speak(ctx, ch, "", digitSounds(strconv.Itoa(p.space))...); err != nil {
			ch.srv.lots.leave(p)
			return err
		}
	}
	if !ch.stand(p, &req) {
		return ErrHangup
	}
	return ch.comeBack(ctx, p, parker, req.Comeback)
}

// takeSpace finds the space to park in.
func (ch *channel) takeSpace(req *ParkRequest) (*parkedCall, error) {
	if req.Reserved != 0 {
		if p := ch.srv.lots.enter(req.Reserved, ch); p != nil {
			return p, nil
		}
		return nil, errTaken
	}
	space := 0
	if want := ch.Get("PARKINGEXTEN"); want != "" {
		n, err := strconv.Atoi(want)
		if err != nil {
			return nil, fmt.Errorf("PARKINGEXTEN=%s is not a space: %w", clip(want), errTaken)
		}
		space = n
	}
	p, err := ch.srv.lots.reserve(ch.lot(req.Lot), space, req.Random)
	if err != nil {
		return nil, err
	}
	return ch.srv.lots.enter(p.number, ch), nil
}

// stand waits in the space; true if its time is over.
func (ch *channel) stand(p *parkedCall, req *ParkRequest) bool {
	if req.Ring {
		_ = ch.StartTone("ring")
	} else {
		ch.StartMusic(p.lot.Music)
	}
	var until time.Time
	switch {
	case req.HasTime && req.Time > 0:
		until = time.Now().Add(req.Time)
	case !req.HasTime && p.lot.Time > 0:
		until = time.Now().Add(p.lot.Time)
	}
	for !ch.gone() {
		if ch.step(until) {
			continue
		}
		if ch.srv.lots.leave(p) {
			ch.StopTone()
			return true
		}
		until = time.Now().Add(errandTime) // whoever fetches the call is about to
		p = &parkedCall{lot: p.lot, space: p.space}
		ch.srv.lots.again(p, ch)
	}
	ch.srv.lots.leave(p)
	return false
}

// again puts a call back whose claim may come to nothing.
func (s *lots) again(p *parkedCall, ch *channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parked[p.lot.Name][p.space] == nil {
		p.channel, p.name = ch, ch.name
		s.parked[p.lot.Name][p.space] = p
	}
}

// light tells the board about a lamp that is not a telephone's.
func (ch *channel) light(lamp string, from, to presence.ChannelState) {
	if b := ch.srv.cfg.Board; b != nil {
		b.Channel(lamp, "", from, to)
	}
}

// deviceOf is the device of a channel's name: PJSIP/8005 of PJSIP/8005-0000002a.
func deviceOf(name string) string {
	if at := strings.LastIndexByte(name, '-'); at > 0 {
		return name[:at]
	}
	return name
}

// parkDial is the context in which the dialplan may say how somebody is called
// back who has parked a call.
const parkDial = "park-dial"

// comeBack is what becomes of a parked call that nobody has fetched.
func (ch *channel) comeBack(ctx context.Context, p *parkedCall, parker, where string) error {
	flat := strings.ReplaceAll(parker, "/", "_")
	for name, value := range map[string]string{"PARKING_SPACE": strconv.Itoa(p.space), "PARKEDLOT": p.lot.Name, "PARKER": parker, "PARKER_FLAT": flat} {
		_ = ch.Set(name, value)
	}
	ch.log().Info("parked call comes back", "space", p.space, "to", parker)
	exists := func(context, exten string) bool {
		return ch.set.Plan.Exists(context, exten, 1, ch.caller.number, time.Now())
	}
	switch {
	case where != "":
		return ch.interp.Goto(where)
	case p.lot.ComebackToOrigin && exists(parkDial, flat):
		return ch.interp.Goto(parkDial + "," + flat + ",1")
	case p.lot.ComebackToOrigin:
		err := ch.Dial(ctx, &DialRequest{Destinations: []string{parker}, Timeout: p.lot.ComebackDialTime, Options: DialOptions{Callee: powersOf(p.lot, parking.Who.Caller), Caller: powersOf(p.lot, parking.Who.Callee)}})
		if err != nil {
			return err
		}
		return ch.Hangup(CauseNoAnswer)
	}
	for _, exten := range []string{flat, "s"} {
		if exists(p.lot.ComebackContext, exten) {
			return ch.interp.Goto(p.lot.ComebackContext + "," + exten + ",1")
		}
	}
	if exists("default", "s") {
		return ch.interp.Goto("default,s,1")
	}
	return ch.Hangup(CauseNoAnswer)
}

// powersOf is what a lot lets one side of a call do that was parked.
func powersOf(l *parking.Lot, side func(parking.Who) bool) (p Powers) {
	for _, w := range []struct {
		who parking.Who
		may Powers
	}{{l.Transfers, MayTransfer}, {l.Reparking, MayPark}, {l.HangUp, MayDisconnect}, {l.Recording, MayRecord}} {
		if side(w.who) {
			p |= w.may
		}
	}
	return p
}

// Unpark implements Switchboard.
func (ch *channel) Unpark(ctx context.Context, lotName string, space int) error {
	lot := ch.lot(lotName)
	if lot == nil {
		return errNoLot
	}
	p := ch.srv.lots.claim(lot.Name, space)
	if p == nil {
		return errNoChannel
	}
	l, err := ch.fetch(p.channel)
	if err != nil {
		return err
	}
	l.left = nil // it was parked; nothing goes on behind that
	_ = ch.Set("PARKEDCHANNEL", l.name)
	ch.log().Info("parked call fetched", "space", p.space, "peer", l.name)
	if lot.CourtesyTone != "" && lot.ParkedPlay.Caller() && ch.Answered() {
		_, _ = Speak(ctx, ch, "", lot.CourtesyTone) // a hang-up is seen below
	}
	o := DialOptions{Caller: powersOf(lot, parking.Who.Caller), Callee: powersOf(lot, parking.Who.Callee)}
	if lot.CourtesyTone != "" && lot.ParkedPlay.Callee() {
		l.say(lot.CourtesyTone)
	}
	return ch.talkTo(ctx, l, o)
}

// parkGetChannel is PARK_GET_CHANNEL(space[,lot]).
func (ch *channel) parkGetChannel(args string) (string, error) {
	at, name, _ := strings.Cut(args, ",")
	space, err := strconv.Atoi(strings.TrimSpace(at))
	lot := ch.lot(strings.TrimSpace(name))
	if err != nil || lot == nil {
		return "", fmt.Errorf("PARK_GET_CHANNEL(%s): write SPACE[,LOT]", clip(args))
	}
	return ch.srv.lots.channelAt(lot.Name, space), nil
}

// ParkedCall is what an operator sees of a space that is taken.
type ParkedCall struct {
	Lot     string
	Space   int
	Channel string
}

// Parked returns the calls that are parked, by lot and space.
func (s *Server) Parked() (list []ParkedCall) {
	s.lots.mu.Lock()
	defer s.lots.mu.Unlock()
	for lot, spaces := range s.lots.parked {
		for at, p := range spaces {
			if p.channel != nil {
				list = append(list, ParkedCall{lot, at, p.name})
			}
		}
	}
	slices.SortFunc(list, func(a, b ParkedCall) int {
		if c := strings.Compare(a.Lot, b.Lot); c != 0 {
			return c
		}
		return a.Space - b.Space
	})
	return list
}

// showSpaces puts the spaces that have hints on the board.
func (s *Server) showSpaces(set *Settings) {
	if s.cfg.Board == nil {
		return
	}
	for _, l := range set.Parking {
		for n := l.First; l.Hints && l.Exten != "" && n <= l.Last; n++ {
			s.cfg.Board.Set("park:"+strconv.Itoa(n)+"@"+l.Context, presence.NotInUse)
		}
	}
}
