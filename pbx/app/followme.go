package app

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/hometone/hometone/config/followme"
	"github.com/hometone/hometone/pbx"
)

// longestName bounds the name that a caller says.
const longestName = 5 * time.Second

// followMe is FollowMe(profile[,options]): calls the numbers of a profile of
// followme.conf, one step after the other, until somebody takes the call by a key. Without
// the profile the dialplan goes on, and so it does if nobody takes it.
//
// Options: a the caller says its name, which callees hear; B(context^exten^priority)
// a subroutine on the caller before, b one on each callee; d does not say that the caller
// should hold; I changes of who is connected are not passed on; N the caller is answered
// only by who takes the call, and hears it ring; n says that nobody was found; s says
// before that the party is not at its desk. l has no effect.
func followMe(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	p := ch.Switchboard().FollowMe(strings.TrimSpace(a[0]))
	if p == nil {
		ch.Log().Warn("FollowMe: followme.conf has no such profile", "profile", a[0])
		return nil
	}
	o, _ := letters(a[1])
	name := ""
	if !o.has('N') {
		said, err := followMeBegin(ctx, ch, p, o)
		if said != "" {
			defer os.Remove(said + ".wav")
		}
		if err != nil {
			return err
		}
		name = said
	}
	for at := 0; at < len(p.Numbers); {
		req, next := followMeStep(p, at)
		at = next
		req.Options = pbx.DialOptions{CalleeFirst: carets(o['b']), Ring: o.has('N')}
		req.Options.CallerFirst = carets(o['B'])
		delete(o, 'B') // once
		req.Options.More = &pbx.MoreDialOptions{Quiet: o.has('I'), Confirm: func(ctx context.Context, callee pbx.Channel) bool { return followMeAsk(ctx, callee, p, name) }}
		if !o.has('N') {
			ch.Studio().StartMusic(p.Music)
		}
		if err := ch.Dial(ctx, req); err != nil {
			return err
		}
		if ch.Get("DIALSTATUS") == string(pbx.StatusAnswer) {
			return ch.Hangup(pbx.CauseNone)
		}
	}
	if o.has('n') && p.Sorry != "" {
		if err := ch.Answer(ctx); err != nil {
			return err
		}
		_, err := pbx.Speak(ctx, ch, "", p.Sorry)
		return err
	}
	return nil
}

// followMeBegin tells the caller what happens and takes its name; said is its file
// without suffix.
func followMeBegin(ctx context.Context, ch pbx.Channel, p *followme.Profile, o optionSet) (said string, err error) {
	if err := ch.Answer(ctx); err != nil {
		return "", err
	}
	if o.has('s') && p.Status != "" {
		if _, err := pbx.Speak(ctx, ch, "", p.Status); err != nil {
			return "", err
		}
	}
	if o.has('a') {
		if said, err = ch.Studio().SpoolPath("followme", "name-"+strings.ReplaceAll(ch.Get("UNIQUEID"), "/", "_")); err != nil {
			return "", err
		}
		if _, err := pbx.Speak(ctx, ch, "", "vm-rec-name", "beep"); err != nil {
			return said, err
		}
		done, err := ch.Studio().Record(ctx, pbx.RecordRequest{Path: said + ".wav", Max: longestName, Silence: 2 * time.Second, Stop: "#"})
		if err != nil {
			ch.Log().Warn("FollowMe: no name recorded", "error", err)
			return "", nil
		}
		if done.HungUp {
			return said, pbx.ErrHangup
		}
	}
	if !o.has('d') && p.Hold != "" {
		_, err = pbx.Speak(ctx, ch, "", p.Hold)
	}
	return said, err
}

// followMeStep is the Dial of the step that begins at a number: all numbers of its order.
func followMeStep(p *followme.Profile, at int) (req *pbx.DialRequest, next int) {
	req = &pbx.DialRequest{}
	order := p.Numbers[at].Order
	for ; at < len(p.Numbers) && p.Numbers[at].Order == order; at++ {
		for _, exten := range p.Numbers[at].Extensions {
			req.Destinations = append(req.Destinations, "Local/"+exten+"@"+p.Context)
		}
		req.Timeout = max(req.Timeout, p.Numbers[at].Timeout)
	}
	return req, at
}

// followMeAsk asks somebody who has answered whether to take the call.
func followMeAsk(ctx context.Context, callee pbx.Channel, p *followme.Profile, name string) bool {
	if !p.Ask {
		return true
	}
	names := []string{p.NoName}
	if name != "" {
		names = []string{p.CallFrom, name}
	}
	for range attempts {
		key, err := pbx.Speak(ctx, callee, string([]rune{p.Take, p.Decline}), append(names, p.Choices)...)
		if key == 0 && err == nil {
			key, err = callee.Digit(ctx, p.KeyTime)
		}
		switch {
		case errors.Is(err, pbx.ErrHangup) || key == p.Decline:
			return false
		case err != nil:
			callee.Log().Warn("FollowMe", "error", err)
			return false
		case key == p.Take:
			if p.Connecting != "" {
				_, _ = pbx.Speak(ctx, callee, "", p.Connecting) // a hang-up is seen by who asks next
			}
			return true
		}
	}
	return false
}
