package app

import (
	"context"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// privacyManager is PrivacyManager([maxretries[,minlength[,options[,context]]]]): a
// caller without a number is asked for one. PRIVACYMGRSTATUS is SUCCESS or FAILED.
func privacyManager(ctx context.Context, ch pbx.Channel, args string) error {
	if ch.Get("CALLERID(num)") != "" {
		return ch.Set("PRIVACYMGRSTATUS", "SUCCESS")
	}
	a := split(args, 4)
	tries, least := wholeNumber(a[0], 3), wholeNumber(a[1], 10)
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	if _, err := playAll(ctx, ch, "privacy-unident", ""); err != nil {
		return err
	}
	for range min(tries, 10) {
		got, err := collect(ctx, ch, "privacy-prompt", maxRead, digitTimeout)
		if err != nil {
			return err
		}
		got = strings.TrimSuffix(got, "#")
		if len(got) >= least && (a[3] == "" || ch.Get("VALID_EXTEN("+a[3]+","+got+",1)") == "1") {
			if _, err := playAll(ctx, ch, "privacy-thankyou", ""); err != nil {
				return err
			}
			_ = ch.Set("CALLERID(num)", got)
			_ = ch.Set("CALLERID(name)", "Privacy Manager")
			return ch.Set("PRIVACYMGRSTATUS", "SUCCESS")
		}
		if _, err := playAll(ctx, ch, "privacy-incorrect", ""); err != nil {
			return err
		}
	}
	return ch.Set("PRIVACYMGRSTATUS", "FAILED")
}
