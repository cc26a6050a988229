package app

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/pbx/dialplan"
)

// originate is Originate(channel,app|exten,arg1[,arg2[,arg3[,timeout[,options]]]]):
// calls a channel and, when it has answered, runs an application (arg1 with the
// arguments arg2) or the dialplan (context, extension, priority) on it. It waits for
// the answer, at most timeout seconds (30), unless option a is given.
//
// Options: a do not wait; c(number) and n(name) who calls; v(name=value[^…])
// variables. ORIGINATE_STATUS is SUCCESS, FAILED, BUSY, CONGESTION, HANGUP or RINGING (time is
// up).
func originate(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 7)
	req := pbx.OriginateRequest{Destination: strings.TrimSpace(a[0]), Timeout: 30 * time.Second}
	if d, err := seconds(a[5]); err == nil && d > 0 {
		req.Timeout = d
	}
	switch strings.ToLower(strings.TrimSpace(a[1])) {
	case "app":
		req.App, req.Args = a[2], a[3]
	case "exten":
		req.Place = dialplan.Position{Context: a[2], Exten: a[3], Priority: 1}
		if n, err := strconv.Atoi(strings.TrimSpace(a[4])); err == nil && n > 0 {
			req.Place.Priority = n
		}
		if req.Place.Exten == "" {
			req.Place.Exten = "s"
		}
	default:
		ch.Log().Warn("Originate: write app or exten", "type", a[1])
		return ch.Set("ORIGINATE_STATUS", "FAILED")
	}
	o, _ := letters(a[6])
	req.Async = o.has('a')
	if o.has('c') || o.has('n') {
		req.CallerID = o['n'] + " <" + o['c'] + ">"
	}
	for v := range strings.SplitSeq(o['v'], "^") {
		if name, value, ok := strings.Cut(v, "="); ok {
			req.Variables = append(req.Variables, dialplan.Variable{Name: strings.TrimSpace(name), Value: value})
		}
	}
	made, err := ch.Switchboard().Originate(ctx, req)
	if errors.Is(err, pbx.ErrHangup) {
		return err
	}
	return ch.Set("ORIGINATE_STATUS", originateStatus(made, err))
}

// originateStatus is what ORIGINATE_STATUS says of an outcome.
func originateStatus(o pbx.Originated, err error) string {
	switch {
	case err == nil:
		return "SUCCESS"
	case o.Status == pbx.StatusBusy:
		return "BUSY"
	case o.Status == pbx.StatusCongestion:
		return "CONGESTION"
	case o.Status == pbx.StatusNoAnswer && o.Cause == pbx.CauseNoAnswer:
		return "RINGING"
	case o.Status == pbx.StatusNoAnswer:
		return "HANGUP"
	}
	return "FAILED"
}
