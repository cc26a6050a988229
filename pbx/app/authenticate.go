package app

import (
	"context"
	"crypto/subtle"
	"errors"
	"strconv"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// attempts is how often Authenticate asks.
const attempts = 3

// authenticate is Authenticate(password[,options[,maxdigits[,prompt]]]): asks for
// a password, three times, and hangs up if none was right. Options: a sets the
// account code to it; d takes the password, which begins with a slash, as a
// family of DB(), in which the right passwords are keys; r with d forgets the
// key that was used.
func authenticate(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 4)
	password, options, prompt := strings.TrimSpace(a[0]), a[1], a[3]
	if password == "" {
		ch.Log().Error("Authenticate: no password is given; nobody gets through")
		return ch.Hangup(pbx.CauseCallRejected)
	}
	if prompt == "" {
		prompt = "vm-password"
	}
	most, err := strconv.Atoi(strings.TrimSpace(a[2]))
	if err != nil || most < 1 {
		most = maxRead
	}
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	for range attempts {
		pin, err := collect(ctx, ch, prompt, min(most, maxRead), digitTimeout)
		if err != nil {
			return err
		}
		if pin = strings.TrimSuffix(pin, "#"); pin != "" && right(ch, password, pin, options) {
			return admitted(ctx, ch, pin, options)
		}
		prompt = "vm-invalid-password"
	}
	return ch.Hangup(pbx.CauseCallRejected)
}

// right reports whether a password is the one asked for.
func right(ch pbx.Channel, password, pin, options string) bool {
	if strings.HasPrefix(password, "/") {
		if !strings.Contains(options, "d") {
			ch.Log().Error("Authenticate: passwords are not read from files; use option d for a family of DB()")
			return false
		}
		key := strings.Trim(password, "/") + "/" + pin
		if ch.Get("DB_EXISTS("+key+")") != "1" {
			return false
		}
		if strings.Contains(options, "r") {
			if err := ch.Script().DBDel(key); err != nil {
				ch.Log().Error("Authenticate: the password is not forgotten", "error", err)
				return false // a password for one use must not serve twice
			}
		}
		return true
	}
	return subtle.ConstantTimeCompare([]byte(password), []byte(pin)) == 1
}

// admitted does what follows a right password.
func admitted(ctx context.Context, ch pbx.Channel, pin, options string) error {
	if strings.Contains(options, "a") {
		if err := ch.Set("CDR(accountcode)", pin); err != nil {
			return err
		}
	}
	if _, err := ch.Play(ctx, "auth-thankyou", ""); errors.Is(err, pbx.ErrHangup) {
		return err
	}
	return nil
}
