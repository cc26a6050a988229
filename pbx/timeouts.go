package pbx

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// patience is how long the channel waits for keys, and whether it was told.
type patience struct {
	first   time.Duration // for the first key of an extension: TIMEOUT(response)
	between time.Duration // for another one: TIMEOUT(digit)
}

// digits returns the times with their defaults.
func (p patience) digits() (first, between time.Duration) {
	first, between = p.first, p.between
	if first <= 0 {
		first = firstDigit
	}
	if between <= 0 {
		between = betweenDigit
	}
	return first, between
}

// readTimeout is TIMEOUT(absolute|digit|response) in seconds.
func (ch *channel) readTimeout(args string) (string, error) {
	first, between := ch.patience.digits()
	var d time.Duration
	switch strings.ToLower(strings.TrimSpace(args)) {
	case "absolute":
		if ch.limit.IsZero() {
			return "0", nil
		}
		d = max(time.Until(ch.limit), 0)
	case "digit":
		d = between
	case "response":
		d = first
	default:
		return "", fmt.Errorf("TIMEOUT(%s): write absolute, digit or response", clip(args))
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 3, 64), nil
}

// writeTimeout is Set(TIMEOUT(…)=seconds); of absolute, 0 takes it away.
func (ch *channel) writeTimeout(args, value string) error {
	v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || v != v || v > 1e8 {
		return fmt.Errorf("TIMEOUT(%s): %q is not a number of seconds", clip(args), clip(value))
	}
	d := time.Duration(max(v, 0) * float64(time.Second))
	switch strings.ToLower(strings.TrimSpace(args)) {
	case "absolute":
		ch.limit = time.Time{}
		if d > 0 {
			ch.limit = time.Now().Add(d)
		}
	case "digit":
		ch.patience.between = d
	case "response":
		ch.patience.first = d
	default:
		return fmt.Errorf("TIMEOUT(%s): write absolute, digit or response", clip(args))
	}
	return nil
}
