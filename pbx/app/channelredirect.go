package app

import (
	"context"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// channelRedirect is ChannelRedirect(channel,[[context,]extension,]priority): sends
// another channel there, whatever it does. CHANNELREDIRECT_STATUS is SUCCESS or
// NOCHANNEL.
func channelRedirect(ctx context.Context, ch pbx.Channel, args string) error {
	name, target, _ := strings.Cut(args, ",")
	status := "SUCCESS"
	if err := ch.Switchboard().Send(ctx, strings.TrimSpace(name), target); err != nil {
		ch.Log().Info("ChannelRedirect: not sent", "channel", name, "target", target, "error", err)
		status = "NOCHANNEL"
	}
	return ch.Set("CHANNELREDIRECT_STATUS", status)
}
