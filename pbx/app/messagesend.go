package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// messageSend is MessageSend(destination[,from[,to]]): it sends MESSAGE(body)
// with the headers of MESSAGE_DATA. MESSAGE_SEND_STATUS is SUCCESS, FAILURE,
// INVALID_PROTOCOL or INVALID_URI.
func messageSend(ctx context.Context, ch pbx.Channel, args string) error {
	list := split(args, 3)
	status, err := ch.SendMessage(ctx, list[0], list[1], list[2])
	if err != nil {
		ch.Log().Info("MessageSend", "destination", list[0], "error", err)
	}
	return ch.Set("MESSAGE_SEND_STATUS", status)
}
