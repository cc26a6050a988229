package app

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// SendDTMF's times when it is not told: the gap between keys and how long a
// key is held.
const (
	dtmfGap  = 250 * time.Millisecond
	dtmfHold = 100 * time.Millisecond
)

// sendDTMF is SendDTMF(digits[,gap[,hold]]), times in milliseconds; w in digits
// is a pause of half a second.
func sendDTMF(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 3)
	for _, r := range a[0] {
		if !strings.ContainsRune("0123456789*#ABCDabcdwW", r) {
			return fmt.Errorf("SendDTMF: %q is no key", r)
		}
	}
	return ch.SendDigits(ctx, strings.ToUpper(a[0]), milliseconds(a[2], dtmfHold), milliseconds(a[1], dtmfGap))
}

func milliseconds(s string, otherwise time.Duration) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n <= 0 || n > 60_000 {
		return otherwise
	}
	return time.Duration(n) * time.Millisecond
}
