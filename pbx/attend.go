package pbx

import (
	"context"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/relay"
)

// attendLook is how often Attend tells what it hears.
const attendLook = 20 * time.Millisecond

// Attend implements Studio.
func (ch *channel) Attend(_ context.Context, req AttendRequest) (rune, error) {
	if ch.gone() {
		return 0, ErrHangup
	}
	activity := media.NewActivity(0, time.Now())
	ear := ch.listen(func(_ *relay.Leg, p relay.Packet) {
		if c := media.CodecOf(p.Encoding, p.ClockRate); !p.Sent && c != media.NoCodec {
			activity.Put(c, p.Payload, time.Now())
		}
	})
	defer ear.end()
	if err := ear.follow(); err != nil {
		return 0, err
	}
	ch.caller.startSink()
	if req.Play != "" {
		clip, err := ch.clip(req.Play, 0)
		if err != nil {
			return 0, err
		}
		ch.caller.play(clip.Play(1))
		defer func() { ch.caller.play(nil) }()
	}
	began := time.Now()
	for !ch.gone() {
		if key, ok := ch.takeKey(req.Stop); ok && req.Stop != "" {
			return key, nil
		}
		now := time.Now()
		over := req.Limit > 0 && now.Sub(began) >= req.Limit || req.Play != "" && ch.caller.playing == nil
		if req.Heard(activity.State(now)) || over {
			return 0, nil
		}
		ch.step(now.Add(attendLook))
		if err := ear.follow(); err != nil {
			return 0, err
		}
	}
	return 0, ErrHangup
}
