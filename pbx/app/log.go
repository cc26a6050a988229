package app

import (
	"context"
	"log/slog"
	"strconv"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// verbose is Verbose([level,]message): a line for the console, level 0 to 4.
func verbose(ctx context.Context, ch pbx.Channel, args string) error {
	level := 0
	message := args
	if a := split(args, 2); len(a[0]) == 1 && a[0][0] >= '0' && a[0][0] <= '9' && strings.Contains(args, ",") {
		level, _ = strconv.Atoi(a[0])
		message = a[1]
	}
	ch.Log().Log(ctx, slog.LevelInfo, message, "verbose", level)
	return nil
}

// logLine is Log(level,message) with NOTICE, WARNING, ERROR, VERBOSE, DTMF or DEBUG.
func logLine(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	level := slog.LevelInfo
	switch strings.ToUpper(strings.TrimSpace(a[0])) {
	case "ERROR":
		level = slog.LevelError
	case "WARNING":
		level = slog.LevelWarn
	case "DEBUG", "DTMF":
		level = slog.LevelDebug
	}
	ch.Log().Log(ctx, level, a[1])
	return nil
}
