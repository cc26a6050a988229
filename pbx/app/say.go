package app

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/media/prompts"
	"github.com/hometone/hometone/pbx"
)

// language is the language in which a channel is spoken to.
func language(ch pbx.Channel) string { return ch.Get("CHANNEL(language)") }

// say answers the call and speaks.
func say(ctx context.Context, ch pbx.Channel, names []string) error {
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	_, err := pbx.Speak(ctx, ch, "", names...)
	return err
}

// sayDigits is SayDigits(digits): each digit, star, pound and minus by itself.
func sayDigits(ctx context.Context, ch pbx.Channel, args string) error {
	return say(ctx, ch, prompts.Digits(args))
}

// sayAlpha is SayAlpha(text): spells it.
func sayAlpha(ctx context.Context, ch pbx.Channel, args string) error {
	return say(ctx, ch, prompts.Letters(args))
}

// sayPhonetic is SayPhonetic(text): spells it as Alpha, Bravo, Charlie ….
func sayPhonetic(ctx context.Context, ch pbx.Channel, args string) error {
	return say(ctx, ch, prompts.Phonetic(args))
}

// sayNumber is SayNumber(number[,gender]); the languages that are spoken here
// have no gender in numbers.
func sayNumber(ctx context.Context, ch pbx.Channel, args string) error {
	return sayBy(ctx, ch, args, prompts.Number)
}

// sayOrdinal is SayOrdinal(number[,gender]): first, second, third ….
func sayOrdinal(ctx context.Context, ch pbx.Channel, args string) error {
	return sayBy(ctx, ch, args, prompts.Ordinal)
}

// sayBy speaks a number by a grammar.
func sayBy(ctx context.Context, ch pbx.Channel, args string, grammar func(language string, n int64) []string) error {
	n, err := strconv.ParseInt(strings.TrimSpace(split(args, 2)[0]), 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a whole number", args)
	}
	return say(ctx, ch, grammar(language(ch), n))
}

// sayUnixTime is SayUnixTime([seconds since 1970][,time zone][,format][,options]):
// the moment, now if none is given. With option j a key goes to that extension.
func sayUnixTime(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 4)
	now := time.Now()
	at := now
	if text := strings.TrimSpace(a[0]); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || seconds < -1e11 || seconds > 1e11 {
			return fmt.Errorf("SayUnixTime: %q is not a time", text)
		}
		at = time.Unix(int64(seconds), 0)
	}
	zone := time.Local
	if name := strings.TrimSpace(a[1]); name != "" {
		z, err := time.LoadLocation(name)
		if err != nil {
			return fmt.Errorf("SayUnixTime: %w", err)
		}
		zone = z
	}
	format := a[2]
	if format == "" {
		format = prompts.DefaultFormat(language(ch))
	}
	names, err := prompts.Moment(language(ch), at.In(zone), now.In(zone), format)
	if err != nil {
		return fmt.Errorf("SayUnixTime: %w", err)
	}
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	stop := ""
	if strings.Contains(a[3], "j") {
		stop = anyKey
	}
	key, err := pbx.Speak(ctx, ch, stop, names...)
	if key != 0 {
		ch.Script().Press(string(key))
	}
	return err
}
