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
	return ch.Dial(ctx, dialRequest(ch, args))
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
		switch letter {
		case 'r':
			o.Ring = true
		case 'R':
			o.RingUntilMedia = true
		case 'g':
			o.GoOn = true
		case 'C':
			o.Reset = true
		case 'c':
			o.Elsewhere = true
		case 'm':
			o.Music, o.MusicClass = true, arg
		case 'S':
			o.AnswerLimit, _ = seconds(arg)
		case 'L':
			first, _, _ := strings.Cut(arg, ":")
			if ms, err := strconv.ParseInt(first, 10, 64); err == nil && ms > 0 {
				o.CallLimit = time.Duration(ms) * time.Millisecond
			}
		case 'b':
			o.CalleeFirst = carets(arg)
		case 'B':
			o.CallerFirst = carets(arg)
		case 'U':
			o.Subroutine = subroutineOf(arg)
		case 'i':
			o.NoForward = true
		case 'I', ',', ' ': // what the callee says of itself is not passed on in a Dial
		default:
			unknown += string(letter)
		}
	}
	return o, unknown
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
