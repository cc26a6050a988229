package app

import (
	"context"
	"time"

	"github.com/hometone/hometone/pbx"
)

// ringing is Ringing(): the caller gets 180.
func ringing(ctx context.Context, ch pbx.Channel, _ string) error {
	return ch.Indicate(ctx, pbx.Ringing)
}

// progress is Progress(): the caller gets 183 with SDP and can hear early media.
func progress(ctx context.Context, ch pbx.Channel, _ string) error {
	return ch.Indicate(ctx, pbx.Progress)
}

// busy is Busy([timeout]): refuses an unanswered caller with 486; an answered
// one hears the busy tone for timeout seconds, or until it hangs up.
func busy(ctx context.Context, ch pbx.Channel, args string) error {
	return refuse(ctx, ch, args, pbx.Busy, pbx.CauseUserBusy)
}

// congestion is Congestion([timeout]): as busy with 503 and the reorder tone.
func congestion(ctx context.Context, ch pbx.Channel, args string) error {
	return refuse(ctx, ch, args, pbx.Congestion, pbx.CauseCongestion)
}

func refuse(ctx context.Context, ch pbx.Channel, args string, what pbx.Indication, cause pbx.Cause) error {
	if err := ch.Indicate(ctx, what); err != nil {
		return err
	}
	d := time.Duration(-1) // until the caller hangs up
	if args != "" {
		t, err := seconds(args)
		if err != nil {
			ch.Log().Warn("timeout ignored", "error", err)
		} else {
			d = t
		}
	}
	if err := ch.Wait(ctx, d); err != nil {
		return err
	}
	return ch.Hangup(cause)
}
