package pbx

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx/dialplan"
)

// This file is what Dial's options do besides calling and connecting.

// orHangup is ErrHangup if the channel has ended.
func (ch *channel) orHangup() error {
	if ch.gone() {
		return ErrHangup
	}
	return nil
}

// startRinging tells the caller that it rings: 180, or a tone that option r names.
func (d *dialing) startRinging(ctx context.Context) {
	ch := d.ch
	if name := d.req.Options.rare().RingTone; name != "" {
		if !ch.Answered() {
			_ = ch.Indicate(ctx, Progress)
		}
		err := ch.StartTone(name)
		if err == nil {
			return
		}
		ch.log().Warn("Dial: option r", "tone", name, "error", err)
	}
	_ = ch.Indicate(ctx, Ringing)
}

// disguise shows a callee another caller than there is (options f, u and o).
func (d *dialing) disguise(l *leg) {
	o := d.req.Options.More
	if o == nil {
		return
	}
	if o.OwnID {
		l.party = d.ch.caller.party
		if o.CalleeID != "" {
			l.display, l.number = splitCallerID(o.CalleeID)
		}
	}
	if !o.ForceID || o.ForcedID == "" && !d.forwarded {
		return
	}
	from := party{}
	from.display, from.number = splitCallerID(o.ForcedID)
	if o.ForcedID == "" {
		from.number = d.ch.interp.Position().Exten
	}
	if o.Presentation != "" {
		if err := from.show(o.Presentation); err != nil {
			d.ch.log().Warn("Dial: option u", "error", err)
		}
	}
	l.call.from = &from
}

// keyed looks at the keys that the caller pressed while it rings, and reports whether
// they end the Dial: an extension of one digit with d, disconnect with H.
func (d *dialing) keyed() bool {
	ch, o := d.ch, &d.req.Options
	exits := o.More != nil && o.More.KeyExit
	if !exits && o.Caller&MayDisconnect == 0 {
		return false
	}
	for len(ch.keys) > 0 {
		key, _ := ch.takeKey("")
		if exits {
			where := ch.Get("EXITCONTEXT")
			if where == "" {
				where = ch.interp.Position().Context
			}
			if ch.set.Plan.Exists(where, string(key), 1, ch.caller.number, time.Now()) {
				d.exit = where + "," + string(key) + ",1"
				return true
			}
		}
		if code := ch.features().Map.Disconnect; code != "" && o.Caller&MayDisconnect != 0 {
			ch.caller.typed += string(key)
			if strings.HasSuffix(ch.caller.typed, code) {
				ch.caller.typed = ""
				return true
			}
			if n := len(ch.caller.typed); n > len(code) {
				ch.caller.typed = ch.caller.typed[n-len(code):]
			}
		}
	}
	return false
}

// digitsForProgress sends D's keys to a callee whose call makes progress.
func (d *dialing) digitsForProgress() {
	more := d.req.Options.More
	if more == nil || more.DigitsProgress == "" || d.sentAt != nil {
		return
	}
	for _, b := range d.ch.branches {
		if b.state == legEarly {
			d.sentAt = b
			b.sendKeys(more.DigitsProgress)
			return
		}
	}
}

// sendKeys sends keys with pauses (w: half a second, W: one) without waiting.
func (l *leg) sendKeys(keys string) {
	if l.rtp == nil {
		return
	}
	keys = strings.ReplaceAll(strings.ToUpper(keys), "W", "w")
	if err := l.rtp.SendDTMF(keys, 0, 0); err != nil {
		l.ch.log().Info("keys not sent", "peer", l.name, "error", err)
	}
}

// greet does what comes between the callee's answer and the connection. It
// returns nil if the two are to be connected.
func (d *dialing) greet(ctx context.Context, winner *leg) *verdict {
	goOn, o := d.req.Options.GoOn, d.req.Options.rare()
	if o.AnswerEarly {
		if err := d.ch.answer(winner); err != nil {
			return &verdict{StatusCancel, false, ""}
		}
	}
	if o.Screening.On {
		if v := d.screen(ctx, winner); v != nil {
			return v
		}
	}
	if o.Confirm != nil {
		c, leave := d.booth(winner)
		taken := o.Confirm(ctx, c)
		leave()
		if !taken {
			return &verdict{StatusNoAnswer, !d.ch.gone(), ""}
		}
	}
	if o.AnnounceCallee != "" || o.AnnounceCaller != "" {
		d.announce(ctx, winner)
	}
	if o.BothGo != "" && winner.state == legUp && !d.ch.gone() {
		return d.bothGo(ctx, winner)
	}
	if target := d.req.Options.Subroutine; target != "" && winner.state == legUp {
		c := d.subroutine(ctx, winner, target)
		if v := verdictOf(c.Get("GOSUB_RESULT")); v != nil {
			return v
		}
	}
	if o.DigitsCallee != "" && winner.state == legUp {
		c, leave := d.booth(winner)
		_ = c.SendDigits(ctx, strings.ToUpper(o.DigitsCallee), 0, 250*time.Millisecond) // a hang-up is seen below
		leave()
	}
	if o.DigitsCaller != "" && winner.state == legUp && d.ch.answer(winner) == nil {
		_ = d.ch.SendDigits(ctx, strings.ToUpper(o.DigitsCaller), 0, 250*time.Millisecond)
	}
	if d.ch.gone() {
		return &verdict{StatusCancel, false, ""}
	}
	if winner.state != legUp { // it hung up meanwhile
		return &verdict{StatusAnswer, goOn, ""}
	}
	return nil
}

// announce plays option A's sounds to the two sides at the same time.
func (d *dialing) announce(ctx context.Context, winner *leg) {
	o, ch := d.req.Options.rare(), d.ch
	names := strings.Split(o.AnnounceCaller, "&")
	play := func() {
		for len(names) > 0 && ch.caller.playing == nil && ch.caller.state == legUp {
			clip, err := ch.clip(strings.TrimSpace(names[0]), 0)
			if names = names[1:]; err == nil {
				ch.caller.play(clip.Play(1))
			} else {
				ch.log().Warn("Dial: option A", "error", err)
			}
		}
	}
	if o.AnnounceCaller == "" || ch.answer(winner) != nil {
		names = nil
	}
	play()
	if o.AnnounceCallee != "" {
		c, leave := d.booth(winner)
		_, _ = Speak(ctx, c, "", strings.Split(o.AnnounceCallee, "&")...) // a hang-up is seen by who asks next
		leave()
	}
	for !ch.gone() && winner.state == legUp && (len(names) > 0 || o.AnnounceCaller != "" && ch.caller.playing != nil) {
		play()
		if !ch.step(time.Now().Add(time.Minute)) {
			break
		}
	}
}

// bothGo sends the caller to a priority and the callee to the one behind it (option G).
func (d *dialing) bothGo(ctx context.Context, winner *leg) *verdict {
	ch := d.ch
	at, err := ch.interp.Target(carets(d.req.Options.rare().BothGo))
	if err != nil {
		ch.log().Warn("Dial: option G", "error", err)
		return &verdict{StatusAnswer, true, ""}
	}
	next := at
	next.Priority++
	if !ch.settle(ctx, winner, place(next)) {
		return &verdict{StatusCongestion, true, ""}
	}
	return &verdict{StatusAnswer, true, at.Context + "," + at.Exten + "," + strconv.Itoa(at.Priority)}
}

// carets reads a place in an option, where ^ is the comma.
func carets(s string) string { return strings.ReplaceAll(s, "^", ",") }

// peerAfter does what options e and F ask for when the call is over.
func (d *dialing) peerAfter(ctx context.Context, peer *leg) {
	ch, o := d.ch, d.req.Options.rare()
	at := ch.interp.Position()
	if o.CalleeGoesOn && peer.state == legUp && ch.caller.state == legGone && ch.owns(peer) {
		next := dialplan.Position{Context: at.Context, Exten: at.Exten, Priority: at.Priority + 1}
		if o.CalleePlace != "" {
			p, err := ch.interp.Target(carets(o.CalleePlace))
			if err != nil {
				ch.log().Warn("Dial: option F", "error", err)
				return
			}
			next = p
		}
		ch.settle(ctx, peer, place(next))
		return
	}
	if ch.restart(ctx, peer) {
		return
	}
	if o.CalleeHangup {
		c := d.calleeChannel(peer)
		c.ending, c.afterwards = true, true
		c.interp.Start(at)
		c.interp.RunHangup(ctx)
	}
}

// armWarning sets when the caller is told that its call is about to end (option L).
func (d *dialing) armWarning(limit time.Duration) {
	if w := d.req.Options.Warn; w > 0 && w < limit {
		d.warnAt = d.answered.Add(limit - w)
	}
	if file := d.ch.Get("LIMIT_CONNECT_FILE"); file != "" {
		d.tellLimit(file)
	}
}

// warn tells the end of the call if it is time to, and reports whether the call goes on.
func (d *dialing) warn() bool {
	now := time.Now()
	if d.warnAt.IsZero() || now.Before(d.warnAt) || !d.until.IsZero() && !now.Before(d.until) {
		if !d.until.IsZero() && !now.Before(d.until) {
			if file := d.ch.Get("LIMIT_TIMEOUT_FILE"); file != "" {
				d.tellLimit(file)
			}
			return false
		}
		return true
	}
	file := d.ch.Get("LIMIT_WARNING_FILE")
	if file == "" {
		file = "timeleft"
	}
	d.tellLimit(file)
	if again := d.req.Options.WarnAgain; again > 0 {
		d.warnAt = d.warnAt.Add(again)
	} else {
		d.warnAt = time.Time{}
	}
	return true
}

// tellLimit plays a sound over the call to those whom LIMIT_PLAYAUDIO_CALLER (yes unless
// set) and LIMIT_PLAYAUDIO_CALLEE name.
func (d *dialing) tellLimit(file string) {
	caller, callee := d.ch.Get("LIMIT_PLAYAUDIO_CALLER"), d.ch.Get("LIMIT_PLAYAUDIO_CALLEE")
	if caller == "" && callee == "" || isYes(caller) {
		d.ch.caller.say(file)
	}
	if isYes(callee) {
		d.peer.say(file)
	}
}

func isYes(s string) bool {
	switch strings.ToLower(s) {
	case "yes", "true", "1", "on", "y", "t":
		return true
	}
	return false
}
