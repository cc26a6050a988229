package app

import (
	"context"
	"strings"

	"github.com/hometone/hometone/media/prompts"
	"github.com/hometone/hometone/pbx"
)

// sayAlphaCase is SayAlphaCase(a|n|l|u,text): spells it. Whether a letter is a capital
// is not said: the prompts have no words for it.
func sayAlphaCase(ctx context.Context, ch pbx.Channel, args string) error {
	_, text, _ := strings.Cut(args, ",")
	return say(ctx, ch, prompts.Letters(text))
}
