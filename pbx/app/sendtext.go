package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// sendText is SendText(text): a MESSAGE in the caller's dialog (RFC 3428).
// SENDTEXTSTATUS is SUCCESS, FAILURE or UNSUPPORTED.
func sendText(ctx context.Context, ch pbx.Channel, args string) error {
	t := pbx.Text{Body: args, ContentType: ch.Get("SENDTEXT_CONTENT_TYPE"), From: ch.Get("SENDTEXT_FROM_DISPLAYNAME"), To: ch.Get("SENDTEXT_TO_DISPLAYNAME")}
	if v := ch.Get("SENDTEXT_BODY"); v != "" {
		t.Body = v
	}
	if t.ContentType == "" {
		t.ContentType = "text/plain"
	}
	status := "SUCCESS"
	if err := ch.SendText(ctx, t); err != nil {
		status = "FAILURE"
		ch.Log().Info("SendText: not sent", "error", err)
	}
	return ch.Set("SENDTEXTSTATUS", status)
}
