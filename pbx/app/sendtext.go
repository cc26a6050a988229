package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// sendText is SendText(text): a MESSAGE in the caller's dialog (RFC 3428).
// SENDTEXTSTATUS is SUCCESS, FAILURE or UNSUPPORTED.
func sendText(ctx context.Context, ch pbx.Channel, args string) error {
	text := args
	if v := ch.Get("SENDTEXT_BODY"); v != "" {
		text = v
	}
	kind := ch.Get("SENDTEXT_CONTENT_TYPE")
	if kind == "" {
		kind = "text/plain"
	}
	status := "SUCCESS"
	if err := ch.SendText(ctx, kind, text); err != nil {
		status = "FAILURE"
		ch.Log().Info("SendText: not sent", "error", err)
	}
	return ch.Set("SENDTEXTSTATUS", status)
}
