package app

import (
	"context"
	"fmt"

	"github.com/hometone/hometone/media/prompts"
	"github.com/hometone/hometone/pbx"
)

// sayMoney is SayMoney(dollars): says an amount such as 12.50 in dollars and cents.
func sayMoney(ctx context.Context, ch pbx.Channel, args string) error {
	names, ok := prompts.Money(language(ch), args)
	if !ok {
		return fmt.Errorf("SayMoney: %q is no amount such as 12.50", args)
	}
	return say(ctx, ch, names)
}
