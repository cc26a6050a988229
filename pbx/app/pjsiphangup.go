package app

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/sip"
)

// pjsipHangup is PJSIPHangup(status): refuses a call with a SIP status from 400 to 699, a
// number or its name without blanks in any case (Decline, RequestTerminated).
func pjsipHangup(_ context.Context, ch pbx.Channel, args string) error {
	status, ok := sipStatus(args)
	if !ok {
		return fmt.Errorf("PJSIPHangup: %q is no status from 400 to 699", args)
	}
	return ch.Switchboard().Refuse(status)
}

// sipStatus reads a status.
func sipStatus(text string) (int, bool) {
	text = strings.TrimSpace(text)
	if n, err := strconv.Atoi(text); err == nil {
		return n, n >= 400 && n <= 699
	}
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= 'A' && r <= 'Z' {
				return r + 'a' - 'A'
			}
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, s)
	}
	for n := 400; n < 700; n++ {
		if reason := sip.ReasonPhrase(n); reason != "" && text != "" && plain(reason) == plain(text) {
			return n, true
		}
	}
	return 0, false
}
