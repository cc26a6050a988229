package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// sendURL is SendURL(url[,options]): telephones on SIP show none, as with Asterisk.
func sendURL(_ context.Context, ch pbx.Channel, _ string) error {
	return ch.Set("SENDURLSTATUS", "UNSUPPORTED")
}

// sendImage is SendImage(file), for which the same holds.
func sendImage(_ context.Context, ch pbx.Channel, _ string) error {
	return ch.Set("SENDIMAGESTATUS", "UNSUPPORTED")
}
