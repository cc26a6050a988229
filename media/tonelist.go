package media

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The bounds of a list of tones.
const (
	maxCadences = 4096
	highestTone = 4000 // Hz
	longestTone = time.Hour
)

// ParseCadences reads a list of tones as indications.conf and PlayTones have it:
// 480+620/500,0/500,!950/330: one frequency or two in Hz, a slash and milliseconds (without:
// for ever), ! before what is not repeated. f1*f2 is read as f1+f2.
func ParseCadences(list string) (out []Cadence, err error) {
	for item := range strings.SplitSeq(list, ",") {
		if len(out) == maxCadences {
			return nil, fmt.Errorf("media: more than %d tones", maxCadences)
		}
		item = strings.TrimSpace(item)
		c := Cadence{}
		item, c.Once = strings.CutPrefix(item, "!")
		tones, length, timed := strings.Cut(item, "/")
		if timed {
			ms, err := strconv.Atoi(strings.TrimSpace(length))
			if err != nil || ms <= 0 || ms > int(longestTone/time.Millisecond) {
				return nil, fmt.Errorf("media: %q is no number of milliseconds", length)
			}
			c.Duration = time.Duration(ms) * time.Millisecond
		}
		for i, hz := range strings.FieldsFunc(tones, func(r rune) bool { return r == '+' || r == '*' }) {
			v, err := strconv.ParseFloat(strings.TrimSpace(hz), 64)
			if err != nil || !(v >= 0 && v <= highestTone) || i > 1 {
				return nil, fmt.Errorf("media: %q is no tone; write 480+620/500", item)
			}
			c.Hz[i] = v
		}
		if tones == "" {
			return nil, fmt.Errorf("media: %q is no tone; write 480+620/500", item)
		}
		if len(out) > 0 && c.Once && !out[len(out)-1].Once {
			return nil, fmt.Errorf("media: %q: what is not repeated comes first", item)
		}
		out = append(out, c)
	}
	return out, nil
}
