package app

import (
	"context"

	box "github.com/hometone/hometone/config/voicemail"
	"github.com/hometone/hometone/media/prompts"
	"github.com/hometone/hometone/pbx"
)

// vmSayName is VMSayName(box[@context]): says the name that the owner of a mailbox has
// recorded, or its extension. Without an argument the mailbox of VMAuthenticate.
func vmSayName(ctx context.Context, ch pbx.Channel, args string) error {
	if args == "" {
		args = ch.Get("AUTH_MAILBOX") + "@" + ch.Get("AUTH_CONTEXT")
	}
	b := ch.Voicemail().Box(args)
	if b == nil {
		ch.Log().Warn("VMSayName: no such mailbox in voicemail.conf", "mailbox", args)
		return nil
	}
	return say(ctx, ch, nameOf(ch, b))
}

// nameOf is what says who owns a mailbox.
func nameOf(ch pbx.Channel, b *box.Box) []string {
	if greeting, ok := ch.Voicemail().Greeting(b, "greet"); ok {
		return []string{greeting}
	}
	return append([]string{"vm-extension"}, prompts.Digits(b.Number)...)
}
