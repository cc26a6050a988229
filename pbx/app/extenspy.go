package app

import (
	"context"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// extenSpy is ExtenSpy(extension[@context][,options]): ChanSpy for the devices of an
// extension's hint.
func extenSpy(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	exten := strings.TrimSpace(a[0])
	if !strings.Contains(exten, "@") {
		exten += "@" + ch.Get("CONTEXT")
	}
	var prefixes []string
	for d := range strings.SplitSeq(ch.Get("HINT("+exten+")"), "&") {
		if d = strings.TrimSpace(d); d != "" {
			prefixes = append(prefixes, d+"-")
		}
	}
	if len(prefixes) == 0 {
		ch.Log().Warn("ExtenSpy: the extension has no hint", "exten", exten)
		return nil
	}
	return chanSpy(ctx, ch, strings.Join(prefixes, ":")+","+a[1])
}
