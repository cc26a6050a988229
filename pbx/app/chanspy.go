package app

import (
	"context"
	"strconv"
	"strings"

	"github.com/hometone/hometone/media/prompts"
	"github.com/hometone/hometone/pbx"
)

// chanSpy is ChanSpy([prefix[:prefix…]][,options]): the caller hears the channels
// whose names begin with a prefix, one after the other; * goes on to the next one.
//
// Options: q quiet, no announcement; b only channels that are connected; o only
// what the channel itself says; w whisper to it; W whisper without hearing; B
// barge, be heard by both; d the keys 4 5 6 listen, whisper and barge; E end with
// the channel; S end when there is none; c(key) for the next channel; x(key) ends;
// X a key goes to the extension of that name; v(-4…4) volume.
func chanSpy(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	o, order := letters(a[1])
	req := pbx.SpyRequest{
		OneSided: o.has('o'), Deaf: o.has('W'), Bridged: o.has('b'), Modes: o.has('d'), Once: o.has('E'), Stop: o.has('S'),
		Next: '*', Exit: o['x'],
	}
	for p := range strings.FieldsFuncSeq(a[0], func(r rune) bool { return r == ':' || r == '&' }) {
		req.Prefixes = append(req.Prefixes, strings.TrimSpace(p))
	}
	switch {
	case o.has('B'):
		req.Mode = pbx.SpyBarge
	case o.has('w') || o.has('W'):
		req.Mode = pbx.SpyWhisper
	}
	if key := o['c']; len(key) == 1 {
		req.Next = rune(key[0])
	}
	if n, err := strconv.Atoi(o['v']); err == nil {
		req.Gain = float64(max(-4, min(n, 4))) * 3
	}
	if o.has('X') {
		req.Exit = strings.ReplaceAll(anyKey, string(req.Next), "")
		if req.Modes {
			req.Exit = strings.NewReplacer("4", "", "5", "", "6", "").Replace(req.Exit)
		}
		req.Exited = func(key rune) { ch.Script().Press(string(key)) }
	}
	if !o.has('q') {
		req.Announce = func(name string) error { return announce(ctx, ch, name) }
	}
	for _, letter := range order {
		if strings.ContainsRune("gnrseuluN", letter) {
			ch.Log().Warn("ChanSpy: option without effect", "option", string(letter))
		}
	}
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	return ch.Studio().Spy(ctx, req)
}

// announce says whom the spy will hear: a beep and the name before the number of
// the channel.
func announce(ctx context.Context, ch pbx.Channel, name string) error {
	_, name, _ = strings.Cut(name, "/")
	if at := strings.LastIndexByte(name, '-'); at > 0 {
		name = name[:at]
	}
	_, err := pbx.Speak(ctx, ch, "", append([]string{"beep"}, prompts.Letters(name)...)...)
	return err
}
