package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// statsD is StatsD(type,name,value[,sample rate]): sends a figure to the server of
// statsd.conf: g a gauge (+ or - before the value changes it), c a counter, ms a time, s a
// value of a set. With a sample rate from 0 to 1 only that share of the figures is sent.
func statsD(_ context.Context, ch pbx.Channel, args string) error {
	text, err := figure(args)
	if err != nil {
		return fmt.Errorf("StatsD: %w", err)
	}
	if text == "" {
		return nil
	}
	sent, err := ch.Switchboard().SendStatistic(text)
	if err != nil {
		return fmt.Errorf("StatsD: %w", err)
	}
	if !sent {
		ch.Log().Debug("StatsD: statsd.conf has no enabled=yes")
	}
	return nil
}

// figure is what is sent; "" if this one is not.
func figure(args string) (string, error) {
	a := split(args, 4)
	kind, name, value, rate := strings.TrimSpace(a[0]), strings.TrimSpace(a[1]), strings.TrimSpace(a[2]), strings.TrimSpace(a[3])
	if name == "" || strings.ContainsAny(name, ":|@ \t\r\n") {
		return "", fmt.Errorf("%q is no name of a figure", name)
	}
	switch kind {
	case "g", "c", "ms":
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			return "", fmt.Errorf("%q is not a whole number", value)
		}
	case "s":
		if value == "" || strings.ContainsAny(value, ":|\r\n") {
			return "", fmt.Errorf("%q is no value of a set", value)
		}
	default:
		return "", fmt.Errorf("%q is not g, c, ms or s", kind)
	}
	text := name + ":" + value + "|" + kind
	if rate == "" {
		return text, nil
	}
	share, err := strconv.ParseFloat(rate, 64)
	if err != nil || !(share >= 0 && share <= 1) {
		return "", fmt.Errorf("%q is no sample rate from 0 to 1", rate)
	}
	if share < 1 {
		if rand.Float64() >= share {
			return "", nil
		}
		text += "|@" + rate
	}
	return text, nil
}
