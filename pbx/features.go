package pbx

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config/features"
	"github.com/hometone/hometone/pbx/dialplan"
)

// This file is what keys do in the middle of a call (features.conf). A leg that
// may do something has codes; the keys of such a leg come to the channel
// instead of going to the other side. Keys that turn out to be no code are passed
// on when that is clear. A code is done by the Dial that connects the two, as
// part of its story, see dialing.act.

// Powers are what one side of a call may do by keys.
type Powers uint8

// The powers.
const (
	MayTransfer   Powers = 1 << iota // t, T
	MayDisconnect                    // h, H
	MayPark                          // k, K
	MayRecord                        // x, X and w, W
)

// deed is what a code does.
type deed uint8

const (
	doBlind deed = iota
	doAttended
	doDisconnect
	doPark
	doRecord
	doApplication
	doAbort // the following while a transfer is under way
	doComplete
	doThreeway
	doSwap
)

// code is keys and what they do.
type code struct {
	keys string
	does deed
	app  *features.Application // of doApplication
}

// act is a code that a leg has keyed.
type act struct {
	by   *leg
	code code
}

// maxActs bounds the codes that wait.
const maxActs = 8

// features is features.conf as FEATURE() and FEATUREMAP() have changed it.
func (ch *channel) features() *features.Config {
	if ch.feature != nil {
		return ch.feature
	}
	if f := ch.set.Features; f != nil {
		return f
	}
	return features.Default()
}

// codesOf are the codes of one side of the call.
func (ch *channel) codesOf(p Powers, caller bool, dynamic string) (list []code) {
	if p == 0 && dynamic == "" {
		return nil
	}
	f := ch.features()
	add := func(may Powers, keys string, does deed) {
		if p&may != 0 && keys != "" {
			list = append(list, code{keys: keys, does: does})
		}
	}
	add(MayTransfer, f.Map.BlindXfer, doBlind)
	add(MayTransfer, f.Map.AtXfer, doAttended)
	add(MayDisconnect, f.Map.Disconnect, doDisconnect)
	add(MayPark, f.Map.ParkCall, doPark)
	add(MayRecord, f.Map.AutoMixMon, doRecord)
	for _, a := range f.Dynamic(dynamic) {
		if caller && a.ByCaller || !caller && a.ByCallee {
			list = append(list, code{keys: a.Code, does: doApplication, app: &a})
		}
	}
	return list
}

// empower gives the two sides of a call their codes.
func (d *dialing) empower(caller, callee *leg) {
	o, ch := &d.req.Options, d.ch
	dynamic := ch.Get("DYNAMIC_FEATURES")
	if c := d.callees[callee]; c != nil && c.Get("DYNAMIC_FEATURES") != "" {
		dynamic += "#" + c.Get("DYNAMIC_FEATURES")
	}
	caller.codes = ch.codesOf(o.Caller, true, dynamic)
	callee.codes = ch.codesOf(o.Callee, false, dynamic)
}

// coded reports whether a leg's keys may be codes now.
func (ch *channel) coded(l *leg) bool {
	return len(l.codes) > 0 && (l.peer != nil || ch.consult != nil && ch.consult.by == l)
}

// typed takes a key of a leg that has codes.
func (ch *channel) typed(l *leg, r rune) {
	if ch.typer != nil && ch.typer != l {
		ch.passTyped()
	}
	l.typed += string(r)
	longer := false
	for _, c := range l.codes {
		if c.keys == l.typed {
			l.typed, ch.typer = "", nil
			if len(ch.acts) < maxActs {
				ch.acts = append(ch.acts, act{l, c})
			}
			return
		}
		longer = longer || strings.HasPrefix(c.keys, l.typed)
	}
	ch.typer, l.typeBy = l, time.Now().Add(ch.features().General.FeatureDigitTimeout)
	if !longer {
		ch.passTyped()
	}
}

// forgetKeys drops what a leg has keyed, and its codes, before it leaves the channel.
func (ch *channel) forgetKeys(l *leg) {
	l.codes, l.typed = nil, ""
	if ch.typer == l {
		ch.typer = nil
	}
}

// passTyped gives keys that are no code to the other side.
func (ch *channel) passTyped() {
	l := ch.typer
	ch.typer = nil
	keys := l.typed
	if l.typed = ""; l.peer == nil {
		return
	}
	for _, r := range keys {
		l.peer.sendKey(r, 0)
	}
}

// typedLate passes keys on when no more have come.
func (ch *channel) typedLate(now time.Time) {
	if ch.typer != nil && !now.Before(ch.typer.typeBy) {
		ch.passTyped()
	}
}

// act does the code that was keyed first, and reports whether there was one.
func (d *dialing) act(ctx context.Context) bool {
	ch := d.ch
	if len(ch.acts) == 0 {
		return false
	}
	a := ch.acts[0]
	ch.acts = ch.acts[1:]
	if !ch.owns(a.by) || a.by.peer == nil { // it may belong to another goroutine by now
		return true
	}
	ch.event("feature keyed")
	switch a.code.does {
	case doBlind:
		d.blind(ctx, a.by)
	case doAttended:
		d.attended(ctx, a.by)
	case doDisconnect:
		if a.by == ch.caller {
			ch.end(CauseNormalClearing, a.by.name)
			return true
		}
		a.by.hangUp(CauseNormalClearing)
	case doPark:
		d.park(ctx, a.by)
	case doRecord:
		d.toggleRecording(ctx, a.by)
	case doApplication:
		d.runFeature(ctx, a.by, a.code.app)
	}
	return true
}

// booth is a channel that plays to one side of the call and takes its keys while
// the other side waits: the channel itself for its caller, one of the called leg's
// own otherwise.
func (d *dialing) booth(l *leg) (c *channel, leave func()) {
	if l == d.ch.caller {
		d.ch.keys = nil
		return d.ch, func() { d.ch.keys = nil }
	}
	c = d.calleeChannel(l)
	l.ch, c.keys = c, nil
	return c, func() {
		if l.ch == c {
			l.ch = d.ch
		}
	}
}

// apart has the two sides wait: other hears music.
func (d *dialing) apart(by *leg, class string) (other *leg) {
	other = by.peer
	d.ch.part(by, other)
	by.rtp.KeepEvents(false)
	if class == "" {
		class = other.endpoint.MusicOnHold
		if other == d.ch.caller && d.ch.musicClass != "" {
			class = d.ch.musicClass
		}
	}
	other.startMusic(class)
	return other
}

// together connects the two again.
func (d *dialing) together(a, b *leg) {
	if a.state != legUp || b.state != legUp {
		return
	}
	if err := d.ch.join(a, b); err != nil {
		d.ch.log().Warn("sound not connected", "error", err)
	}
}

// askTransfer has a side dial the extension to transfer to. "": it gave up.
func (d *dialing) askTransfer(ctx context.Context, by *leg) (exten, where string) {
	c, leave := d.booth(by)
	defer leave()
	where = by.transferContext()
	f := d.ch.features().General
	for attempt := range max(f.TransferDialAttempts, 1) {
		if _, err := Speak(ctx, c, "", f.TransferAnnounceSound); err != nil {
			return "", where
		}
		exten, err := c.dialled(ctx, where, f.TransferDigitTimeout)
		if err != nil {
			return "", where
		}
		if exten != "" && d.ch.set.Plan.Exists(where, exten, 1, d.ch.caller.number, time.Now()) {
			return exten, where
		}
		sound := f.TransferRetrySound
		if attempt+1 == max(f.TransferDialAttempts, 1) || exten == "" {
			sound = f.TransferInvalidSound
		}
		if _, err := Speak(ctx, c, "", sound); err != nil || exten == "" {
			return "", where
		}
	}
	return "", where
}

// dialled collects an extension of a context: until no longer one can follow, #
// is pressed or time is up.
func (ch *channel) dialled(ctx context.Context, where string, between time.Duration) (string, error) {
	exten := ""
	for len(exten) < maxKeys {
		key, err := ch.Digit(ctx, between)
		if err != nil {
			return "", err
		}
		if key == 0 || key == '#' {
			break
		}
		exten += string(key)
		if !ch.set.Plan.MatchMore(where, exten, ch.caller.number, time.Now()) {
			break
		}
	}
	return exten, nil
}

// blind is the blind transfer by keys.
func (d *dialing) blind(ctx context.Context, by *leg) {
	ch := d.ch
	other := d.apart(by, "")
	exten, where := d.askTransfer(ctx, by)
	if by.state != legUp || other.state != legUp || ch.gone() {
		return
	}
	if exten == "" {
		d.together(by, other)
		by.say(ch.features().General.XferFailSound)
		return
	}
	by.peer, other.peer = other, by // sendOff parts them
	other.play(nil)
	by.sendOff(dialplan.Position{Context: where, Exten: exten, Priority: 1}, "")
	ch.dismiss(by, false)
}

// say plays a short sound to a side over what it hears.
func (l *leg) say(name string) {
	if name == "" || l.rtp == nil {
		return
	}
	clip, err := l.ch.set.Sounds.Load(name, l.ch.language())
	if err != nil {
		l.ch.log().Warn("not played", "file", name, "error", err)
		return
	}
	l.rtp.Overlay(clip.Play(1), nil)
}

// park is the parking by keys: the side that keyed is told the space and ends, the
// other one is parked.
func (d *dialing) park(ctx context.Context, by *leg) {
	ch := d.ch
	other := by.peer
	lot := ch.lot("")
	p, err := ch.srv.lots.reserve(lot, 0, false)
	if err != nil {
		ch.log().Info("not parked", "error", err)
		by.say(ch.features().General.XferFailSound)
		return
	}
	d.apart(by, lot.Music)
	c, leave := d.booth(by)
	_, _ = Speak(ctx, c, "", digitSounds(strconv.Itoa(p.space))...) // it may hang up before the end
	leave()
	args := fmt.Sprintf("%s,s,%s,%d", lot.Name, device(by.endpoint), p.number)
	switch {
	case other.state != legUp || ch.ending && other == ch.caller:
		ch.srv.lots.leave(p)
		return
	case other == ch.caller:
		ch.sendTo(destination{app: parkReserved, args: args})
	case !ch.settle(ctx, other, destination{Position: ch.interp.Position(), app: parkReserved, args: args}):
		ch.srv.lots.leave(p)
		d.together(by, other)
		return
	}
	by.hangUp(CauseNormalClearing)
	if by == ch.caller {
		ch.end(CauseNormalClearing, by.name)
	}
}

// digitSounds are the files that say digits.
func digitSounds(s string) (names []string) {
	for _, r := range s {
		names = append(names, "digits/"+string(r))
	}
	return names
}

// oneTouch is the button of a telephone that records: INFO with Record: on or off
// (one_touch_recording). It does what record_on_feature and record_off_feature name.
func (l *leg) oneTouch(record string) {
	ch := l.ch
	on := strings.EqualFold(record, "on")
	if !l.endpoint.OneTouchRecord || l.peer == nil || ch.dialing == nil || len(ch.acts) >= maxActs || !on && !strings.EqualFold(record, "off") {
		return
	}
	name := l.endpoint.RecordOff
	if on {
		name = l.endpoint.RecordOn
	}
	if strings.EqualFold(name, "automixmon") || strings.EqualFold(name, "automon") {
		if on != (ch.touch != "") {
			ch.acts = append(ch.acts, act{l, code{does: doRecord}})
		}
		return
	}
	for _, a := range ch.features().Dynamic(name) {
		ch.acts = append(ch.acts, act{l, code{does: doApplication, app: &a}})
	}
}

// toggleRecording begins or ends the recording by one touch.
func (d *dialing) toggleRecording(_ context.Context, by *leg) {
	ch := d.ch
	f := ch.features().General
	if ch.touch != "" {
		ch.StopMonitor(ch.touch)
		ch.touch = ""
		if stop := ch.Get("TOUCH_MIXMONITOR_MESSAGE_STOP"); stop != "" {
			by.say(stop)
		}
		return
	}
	format := ch.Get("TOUCH_MIXMONITOR_FORMAT")
	if format == "" {
		format = "wav"
	}
	prefix := ch.Get("TOUCH_MIXMONITOR_PREFIX")
	if prefix == "" {
		prefix = "auto"
	}
	name := ch.Get("TOUCH_MIXMONITOR")
	if name == "" {
		name = ch.caller.number + "-" + by.peerOr(ch.caller).number
	}
	path, err := ch.SpoolPath("monitor", fmt.Sprintf("%s-%d-%s.%s", prefix, time.Now().Unix(), strings.ReplaceAll(name, "/", "-"), format))
	if err == nil {
		ch.touch, err = ch.Monitor(MonitorRequest{Mixed: path})
	}
	if err != nil {
		ch.log().Warn("not recorded", "error", err)
		by.say(f.RecordingFailSound)
		return
	}
	_ = ch.Set("TOUCH_MIXMONITOR_OUTPUT", path)
	ch.log().Info("recording", "file", path, "by", by.name)
	for _, l := range []*leg{by, by.peer} {
		l.say(f.CourtesyTone)
	}
	if start := ch.Get("TOUCH_MIXMONITOR_MESSAGE_START"); start != "" {
		by.say(start)
	}
}

// peerOr is who the leg talks with, or instead.
func (l *leg) peerOr(instead *leg) *leg {
	if l.peer != nil && l == instead {
		return l.peer
	}
	return l
}

// runFeature runs an application of [applicationmap] on one side while the other
// one hears music.
func (d *dialing) runFeature(ctx context.Context, by *leg, a *features.Application) {
	on := by
	if a.OnPeer {
		on = by.peer
	}
	other := d.apart(on, a.Music)
	c, leave := d.booth(on)
	if c != d.ch {
		_ = c.Set("DYNAMIC_PEERNAME", by.name)
	}
	_ = d.ch.Set("DYNAMIC_FEATURENAME", a.Name)
	d.inFeature = on
	if err := c.Exec(ctx, a.App, c.interp.Expand(a.Args)); err != nil && !errors.Is(err, ErrHangup) {
		d.ch.log().Warn("feature", "name", a.Name, "application", a.App, "error", err)
	}
	leave()
	d.inFeature = nil
	if w := d.wish; w != nil && on.state == legUp && other.state == legUp {
		d.wish = nil
		d.grant(ctx, w, on, other)
		return
	}
	if c != d.ch && c.ending { // Hangup, on that side
		on.hangUp(CauseNormalClearing)
	}
	d.together(on, other)
}

// grant does the transfer that an application on one side has asked for: all that
// that side talks with goes elsewhere.
func (d *dialing) grant(ctx context.Context, w *transferWish, on, other *leg) {
	if w.attended {
		d.consultWith(ctx, on, other, w.exten, w.context)
		return
	}
	on.peer, other.peer = other, on // sendOff parts them
	other.play(nil)
	on.sendOff(dialplan.Position{Context: w.context, Exten: w.exten, Priority: 1}, "")
	d.ch.dismiss(on, false)
}

// readFeature is FEATURE(option).
func (ch *channel) readFeature(args string) (string, error) {
	if strings.EqualFold(args, "inherit") {
		return map[bool]string{true: "yes", false: "no"}[ch.featureInherit], nil
	}
	v, ok := ch.features().General.Get(args)
	if !ok {
		return "", fmt.Errorf("FEATURE(%s) is not known", clip(args))
	}
	return v, nil
}

// writeFeature is Set(FEATURE(option)=value): for this channel.
func (ch *channel) writeFeature(args, value string) error {
	if strings.EqualFold(args, "inherit") {
		ch.featureInherit = isYes(value)
		return nil
	}
	return ch.ownFeatures().General.Set(args, value)
}

// readFeatureMap is FEATUREMAP(feature).
func (ch *channel) readFeatureMap(args string) (string, error) {
	v, ok := ch.features().Map.Get(args)
	if !ok {
		return "", fmt.Errorf("FEATUREMAP(%s) is not known", clip(args))
	}
	return v, nil
}

// writeFeatureMap is Set(FEATUREMAP(feature)=keys): for this channel.
func (ch *channel) writeFeatureMap(args, value string) error {
	return ch.ownFeatures().Map.Set(args, value)
}

// ownFeatures is a copy of the options that only this channel has.
func (ch *channel) ownFeatures() *features.Config {
	if ch.feature == nil {
		own := *ch.features()
		ch.feature = &own
	}
	return ch.feature
}
