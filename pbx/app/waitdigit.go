package app

import (
	"context"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// waitDigit is WaitDigit([seconds[,digits]]): waits for one key, of digits if these are
// named. WAITDIGITSTATUS is DTMF with the key in WAITDIGITRESULT, TIMEOUT, or CANCEL
// when the caller hung up.
func waitDigit(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	limit := 5 * time.Second
	if d, err := seconds(a[0]); err == nil {
		limit = d
	}
	_ = ch.Set("WAITDIGITRESULT", "")
	for end := time.Now().Add(limit); ; {
		key, err := ch.Digit(ctx, max(time.Until(end), 0))
		switch {
		case err != nil:
			_ = ch.Set("WAITDIGITSTATUS", "CANCEL")
			return err
		case key == 0:
			return ch.Set("WAITDIGITSTATUS", "TIMEOUT")
		case a[1] == "" || strings.ContainsRune(a[1], key):
			_ = ch.Set("WAITDIGITRESULT", string(key))
			return ch.Set("WAITDIGITSTATUS", "DTMF")
		}
	}
}
