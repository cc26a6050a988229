package app

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// dial is Dial(tech/resource[&tech/resource…][,timeout[,options]]).
func dial(ctx context.Context, ch pbx.Channel, args string) error {
	req := dialRequest(ch, args)
	req.Last = true
	return ch.Dial(ctx, req)
}

// dialRequest reads Dial's arguments. What it does not understand is logged and
// left out.
func dialRequest(ch pbx.Channel, args string) *pbx.DialRequest {
	a := split(args, 3)
	req := &pbx.DialRequest{}
	for d := range strings.SplitSeq(a[0], "&") {
		if d = strings.TrimSpace(d); d != "" {
			req.Destinations = append(req.Destinations, d)
		}
	}
	if a[1] != "" {
		// Dial(…,20^…): only the first part, the time to ring, has a meaning.
		first, _, _ := strings.Cut(a[1], "^")
		t, err := seconds(first)
		if err != nil {
			ch.Log().Warn("Dial: timeout ignored", "error", err)
		}
		req.Timeout = t
	}
	options, unknown := dialOptions(a[2])
	req.Options = options
	if unknown != "" {
		ch.Log().Warn("Dial: options without effect yet", "options", unknown)
	}
	return req
}

// dialOptions reads Dial's letters, each of which may have an argument in
// parentheses, and returns those it does not act on.
func dialOptions(s string) (o pbx.DialOptions, unknown string) {
	for s != "" {
		letter := s[0]
		s = s[1:]
		arg := ""
		if strings.HasPrefix(s, "(") {
			arg, s = closing(s[1:])
		}
		if !ringOption(&o, letter, arg) && !callOption(&o, letter, arg) && !keyOption(&o, letter) {
			unknown += string(letter)
		}
	}
	return o, unknown
}

// UnknownOptions returns the letters of a line's options that its application does not
// know: Dial's, and those that RetryDial hands to it. Options that are computed are left
// out.
func UnknownOptions(name, args string) string {
	at := 2
	switch strings.ToLower(name) {
	case "dial":
	case "retrydial":
		at = 5
	default:
		return ""
	}
	options := split(args, at+1)[at]
	if strings.ContainsAny(options, "$") {
		return ""
	}
	_, unknown := dialOptions(options)
	return unknown
}

// ringOption takes a letter about what happens before the answer.
func ringOption(o *pbx.DialOptions, letter byte, arg string) bool {
	switch letter {
	case 'r':
		if o.Ring = true; arg != "" {
			more(o).RingTone = arg
		}
	case 'R':
		o.RingUntilMedia = true
	case 'm':
		o.Music, o.MusicClass = true, arg
	case 'b':
		o.CalleeFirst = carets(arg)
	case 'B':
		o.CallerFirst = carets(arg)
	case 'c':
		o.Elsewhere = true
	case 'Q':
		more(o).ElsewhereCause, _ = causeOf(arg)
	case 'd':
		more(o).KeyExit = true
	case 'i':
		o.NoForward = true
	case 'z':
		more(o).Patient = true
	case 'f':
		more(o).ForceID, more(o).ForcedID = true, arg
	case 'u':
		more(o).Presentation = arg
	case 's':
		more(o).Tag = arg
	case 'o':
		more(o).OwnID, more(o).CalleeID = true, arg
	case 'p':
		more(o).Screening.On = true
	case 'P':
		more(o).Screening.On, more(o).Screening.Remember, more(o).Screening.Family = true, true, arg
	case 'n':
		more(o).Screening.Delete = true
	case 'N':
		more(o).Screening.SkipKnown = true
	case 'j', ',', ' ': // the callees are offered the caller's streams in any case
	default:
		return false
	}
	return true
}

// callOption takes a letter about what happens from the answer on.
func callOption(o *pbx.DialOptions, letter byte, arg string) bool {
	switch letter {
	case 'a':
		more(o).AnswerEarly = true
	case 'A':
		more(o).AnnounceCallee, more(o).AnnounceCaller, _ = strings.Cut(arg, ":")
	case 'C':
		o.Reset = true
	case 'D':
		parts := append(strings.Split(arg, ":"), "", "")
		more(o).DigitsCallee, more(o).DigitsCaller, more(o).DigitsProgress = parts[0], parts[1], parts[2]
	case 'e':
		more(o).CalleeHangup = true
	case 'F':
		more(o).CalleeGoesOn, more(o).CalleePlace = true, arg
	case 'g':
		o.GoOn = true
	case 'G':
		more(o).BothGo = arg
	case 'I':
		more(o).Quiet = true
	case 'L':
		parts := append(strings.Split(arg, ":"), "", "")
		o.CallLimit, o.Warn, o.WarnAgain = wholeMilliseconds(parts[0]), wholeMilliseconds(parts[1]), wholeMilliseconds(parts[2])
	case 'S':
		o.AnswerLimit, _ = seconds(arg)
	case 'U':
		o.Subroutine = subroutineOf(arg)
	default:
		return false
	}
	return true
}

// keyOption takes a letter that lets one of the two do something by keys.
func keyOption(o *pbx.DialOptions, letter byte) bool {
	powers := map[byte]pbx.Powers{'t': pbx.MayTransfer, 'h': pbx.MayDisconnect, 'k': pbx.MayPark, 'w': pbx.MayRecord, 'x': pbx.MayRecord}
	if p, ok := powers[letter]; ok {
		o.Callee |= p
		return true
	}
	p, ok := powers[letter|0x20]
	o.Caller |= p
	return ok
}

// more are the options that few calls have, made when one is needed.
func more(o *pbx.DialOptions) *pbx.MoreDialOptions {
	if o.More == nil {
		o.More = &pbx.MoreDialOptions{}
	}
	return o.More
}

// wholeMilliseconds reads a number of milliseconds; 0 is none.
func wholeMilliseconds(s string) time.Duration {
	ms, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || ms < 0 || ms > 1e11 {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// closing cuts at the parenthesis that closes one already open.
func closing(s string) (inside, rest string) {
	depth := 1
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return s[:i], s[i+1:]
			}
		}
	}
	return s, ""
}

// carets reads a list that stands inside an option, where ^ is the comma.
func carets(s string) string { return strings.ReplaceAll(s, "^", ",") }

// subroutineOf reads U's context[^argument…]: the place is context,s,1.
func subroutineOf(s string) string {
	name, args, _ := strings.Cut(s, "^")
	if name == "" {
		return ""
	}
	return name + ",s,1(" + carets(args) + ")"
}
