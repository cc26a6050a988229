package app

import (
	"context"
	"strconv"
	"strings"

	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/sdp"
)

// streamEcho is StreamEcho([number[,audio|video]]): all streams of the call send back
// what comes on them, after the call has been given that many of a kind; video
// if none is named.
func streamEcho(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	n, err := strconv.Atoi(strings.TrimSpace(a[0]))
	if err != nil || n < 1 {
		n = 1
	}
	kind := sdp.Video
	if strings.EqualFold(strings.TrimSpace(a[1]), "audio") {
		kind = sdp.Audio
	}
	return ch.StreamEcho(ctx, n, kind)
}
