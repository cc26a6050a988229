package pbx

import (
	"context"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/relay"
)

// played notes that what an application plays has ended; music goes on with its
// next piece.
func (l *leg) played(e relay.Event) {
	if e.Source != l.playing {
		return
	}
	l.playing = nil
	if l.music != nil {
		l.nextPiece()
	}
}

// play starts a source towards the leg's peer; nil stops what plays.
func (l *leg) play(src media.Source) {
	l.music = nil
	l.playing = src
	if l.rtp != nil {
		l.rtp.Play(src)
	}
}

// Play implements Channel.
func (ch *channel) Play(ctx context.Context, name, stop string) (rune, error) {
	key, _, err := ch.PlayFrom(ctx, name, 0, stop)
	return key, err
}

// PlayFrom implements Studio.
func (ch *channel) PlayFrom(_ context.Context, name string, from time.Duration, stop string) (key rune, at time.Duration, err error) {
	if ch.gone() {
		return 0, 0, ErrHangup
	}
	clip, err := ch.clip(name, from)
	if err != nil {
		return 0, 0, err
	}
	if ch.caller.rtp == nil || !ch.caller.agreed && ch.caller.state != legUp {
		return 0, 0, relay.ErrClosed
	}
	if stop != "" {
		ch.caller.startSink()
	}
	ch.caller.play(clip.Play(1))
	// The end is announced by the relay; the clip's length is the limit for a
	// peer that cannot hear yet.
	began, length := time.Now(), media.Duration(len(clip.Samples()))
	for !ch.gone() && ch.caller.playing != nil {
		if stop != "" {
			if r, ok := ch.takeKey(stop); ok {
				ch.caller.play(nil)
				return r, from + min(time.Since(began), length), nil
			}
		}
		if !ch.step(began.Add(length + time.Second)) {
			break
		}
	}
	ch.caller.play(nil)
	if ch.gone() {
		return 0, 0, ErrHangup
	}
	return 0, from + length, nil
}

// clip is a sound from a place in it on.
func (ch *channel) clip(name string, from time.Duration) (*media.Clip, error) {
	clip, err := ch.set.Sounds.Load(name, ch.language())
	if err != nil || from <= 0 {
		return clip, err
	}
	all := clip.Samples()
	return media.NewClip(all[min(media.Samples(from), len(all)):]), nil
}

// language is the language of prompts.
func (ch *channel) language() string {
	if ch.lang != "" {
		return ch.lang
	}
	if l := ch.caller.endpoint.Language; l != "" {
		return l
	}
	return "en"
}

// Echo implements Channel.
func (ch *channel) Echo(ctx context.Context) error {
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	ch.caller.startSink()
	ch.caller.rtp.Echo(true)
	defer func() {
		if ch.caller.rtp != nil {
			ch.caller.rtp.Echo(false)
		}
	}()
	for !ch.gone() {
		if r, ok := ch.takeKey(""); ok && r == '#' {
			return nil
		}
		ch.step(time.Time{})
	}
	return ErrHangup
}

// StartTone implements Channel.
func (ch *channel) StartTone(name string) error {
	src, err := tone(name, ch.caller.endpoint.ToneZone)
	if err != nil {
		return err
	}
	ch.caller.play(src)
	return nil
}

// StopTone implements Channel.
func (ch *channel) StopTone() {
	if ch.caller.playing != nil {
		ch.caller.play(nil)
	}
}
