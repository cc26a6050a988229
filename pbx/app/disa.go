package app

import (
	"context"
	"crypto/subtle"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// DISA's times and how often a password is asked for.
const (
	disaFirst   = 10 * time.Second
	disaBetween = 5 * time.Second
	disaTries   = 3
)

// disa is DISA(passcode[,context[,callerid[,mailbox[,options]]]]): gives a caller from
// outside the dial tone and calls what it dials in a context, after the passcode and #.
// passcode no-password asks for none. It works only if pbx.allow in hometone.yaml names
// disa: whoever has the passcode makes calls for the owner's money.
//
// Options: n the call is not answered; p # ends the extension.
func disa(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 5)
	passcode, where := strings.TrimSpace(a[0]), strings.TrimSpace(a[1])
	if where == "" {
		where = "disa"
	}
	if !ch.Switchboard().Allows("disa") {
		ch.Log().Error("DISA: not allowed; write disa into pbx.allow of hometone.yaml if that is meant")
		return ch.Hangup(pbx.CauseCallRejected)
	}
	if passcode == "" || strings.ContainsRune(passcode, '/') {
		ch.Log().Error("DISA: no passcode is given, or a file, which is not read; nobody gets through")
		return ch.Hangup(pbx.CauseCallRejected)
	}
	o, _ := letters(a[4])
	if !o.has('n') {
		if err := ch.Answer(ctx); err != nil {
			return err
		}
	}
	defer ch.StopTone()
	if passcode != "no-password" {
		ok, err := disaPass(ctx, ch, passcode)
		if err != nil {
			return err
		}
		if !ok {
			ch.Log().Warn("DISA: wrong passcode")
			_ = ch.StartTone("congestion")
			_ = ch.Wait(ctx, 3*time.Second) // the end of the call is the same
			return ch.Hangup(pbx.CauseCallRejected)
		}
	}
	return disaDial(ctx, ch, where, a[2], o.has('p'))
}

// disaPass asks for the passcode.
func disaPass(ctx context.Context, ch pbx.Channel, passcode string) (bool, error) {
	for range disaTries {
		_ = ch.StartTone("dial")
		got, err := keysUntil(ctx, ch, func(s string) bool { return strings.HasSuffix(s, "#") || len(s) >= maxRead })
		if err != nil {
			return false, err
		}
		got = strings.TrimSuffix(got, "#")
		if subtle.ConstantTimeCompare([]byte(got), []byte(passcode)) == 1 {
			return true, nil
		}
	}
	return false, nil
}

// disaDial takes the extension and goes there.
func disaDial(ctx context.Context, ch pbx.Channel, where, callerID string, pound bool) error {
	_ = ch.StartTone("dial")
	exten, err := keysUntil(ctx, ch, func(s string) bool {
		return pound && strings.HasSuffix(s, "#") || len(s) >= maxRead || !ch.Script().MatchMore(where, s)
	})
	if err != nil {
		return err
	}
	if pound {
		exten = strings.TrimSuffix(exten, "#")
	}
	if exten == "" || ch.Get("VALID_EXTEN("+where+","+exten+",1)") != "1" {
		if ch.Get("VALID_EXTEN("+where+",i,1)") != "1" {
			_ = ch.StartTone("congestion")
			_ = ch.Wait(ctx, 3*time.Second)
			return ch.Hangup(pbx.CauseInvalidNumber)
		}
		_ = ch.Set("INVALID_EXTEN", exten)
		exten = "i"
	}
	if callerID != "" {
		_ = ch.Set("CALLERID(all)", callerID)
	}
	return ch.Script().Goto(where + "," + exten + ",1")
}

// keysUntil collects keys; the first one ends the tone.
func keysUntil(ctx context.Context, ch pbx.Channel, done func(string) bool) (string, error) {
	got, patience := "", disaFirst
	for {
		key, err := ch.Digit(ctx, patience)
		if err != nil || key == 0 {
			return got, err
		}
		ch.StopTone()
		got += string(key)
		patience = disaBetween
		if done(got) {
			return got, nil
		}
	}
}
