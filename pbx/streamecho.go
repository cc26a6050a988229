package pbx

import (
	"context"
	"time"

	"github.com/hometone/hometone/sdp"
)

// StreamEcho implements Channel: the caller's call gets n streams of one kind,
// and each sends back what it hears or sees.
func (ch *channel) StreamEcho(ctx context.Context, n int, kind sdp.Kind) error {
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	l := ch.caller
	var wish []want
	for _, w := range l.present() {
		if w.kind != kind {
			wish = append(wish, want{kind: w.kind})
		}
	}
	if l.mainKind() == kind && n > 0 { // the main stream stays the first
		wish = append([]want{{kind: kind}}, wish...)
		n--
	}
	for range min(n, maxStreams) {
		wish = append(wish, want{kind: kind})
	}
	if len(wish) > 0 && len(wish) != len(l.present()) && l.session != nil && !l.inside {
		l.modify(func() error {
			offer, err := l.offerOf(wish, nil)
			if err != nil {
				return err
			}
			return l.session.ReInvite(offer)
		})
	}
	l.startSink()
	l.rtp.Echo(true)
	defer func() {
		for _, a := range l.asides {
			if a.rtp != nil {
				a.rtp.Echo(false)
			}
		}
		if l.rtp != nil {
			l.rtp.Echo(false)
		}
	}()
	for !ch.gone() {
		for _, a := range l.asides {
			if a.rtp != nil {
				a.rtp.Echo(true)
			}
		}
		if r, ok := ch.takeKey(""); ok && r == '#' {
			return nil
		}
		ch.step(time.Time{})
	}
	return ErrHangup
}
