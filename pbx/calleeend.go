package pbx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// calleeEnd is why a called channel ended, for HANGUPCAUSE().
type calleeEnd struct {
	name   string
	cause  Cause
	status int // of the refusal; 0 = none
}

// noteEnd keeps why a called leg ended; of many, the latest.
func (ch *channel) noteEnd(l *leg) {
	if len(ch.causes) >= maxBranches {
		ch.causes = ch.causes[1:]
	}
	ch.causes = append(ch.causes, calleeEnd{l.name, l.cause, int(l.status)})
}

// hangupCauseKeys is HANGUPCAUSE_KEYS().
func (ch *channel) hangupCauseKeys(string) (string, error) {
	names := make([]string, 0, len(ch.causes))
	for _, e := range ch.causes {
		names = append(names, e.name)
	}
	return strings.Join(names, ","), nil
}

// readHangupCause is HANGUPCAUSE(channel,type): tech, as SIP 486, or ast, the
// number of the cause.
func (ch *channel) readHangupCause(args string) (string, error) {
	name, kind, _ := strings.Cut(args, ",")
	name = strings.TrimSpace(name)
	i := slices.IndexFunc(ch.causes, func(e calleeEnd) bool { return e.name == name })
	if i < 0 {
		return "", fmt.Errorf("HANGUPCAUSE: no channel %q was called", clip(name))
	}
	e := ch.causes[i]
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "", "tech":
		if e.status == 0 {
			return "", nil
		}
		return "SIP " + strconv.Itoa(e.status), nil
	case "ast":
		return strconv.Itoa(int(e.cause)), nil
	}
	return "", fmt.Errorf("HANGUPCAUSE: write tech or ast, not %q", clip(kind))
}
