package dialplan

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the names of time zones must mean the same on every machine
)

// Timing is a time specification as include, IFTIME and GotoIfTime take it:
// times, weekdays, days of the month, months, and optionally a time zone.
type Timing struct {
	minutes  [24*60/64 + 1]uint64 // one bit per minute of the day
	weekdays uint64               // bit 0 = Sunday
	days     uint64               // bit 1 = the 1st
	months   uint64               // bit 1 = January
	zone     *time.Location       // nil: the zone of the time asked about
}

// ParseTiming parses TIMES,WEEKDAYS,MDAYS,MONTHS[,ZONE]; | may stand for the
// commas. Fields left out are *. Ranges include their end and may wrap;
// several are joined with &.
func ParseTiming(spec string) (*Timing, error) {
	separator := ","
	if !strings.Contains(spec, ",") {
		separator = "|"
	}
	fields := strings.Split(spec, separator)
	if len(fields) > 5 {
		return nil, fmt.Errorf("time %q has more than five fields", spec)
	}
	for len(fields) < 4 {
		fields = append(fields, "*")
	}
	t := &Timing{}
	var err error
	if err = t.parseTimes(fields[0]); err != nil {
		return nil, err
	}
	if t.weekdays, err = parseSet(fields[1], weekdayNames, 0, 6); err != nil {
		return nil, fmt.Errorf("weekdays: %w", err)
	}
	if t.days, err = parseSet(fields[2], nil, 1, 31); err != nil {
		return nil, fmt.Errorf("days of the month: %w", err)
	}
	if t.months, err = parseSet(fields[3], monthNames, 1, 12); err != nil {
		return nil, fmt.Errorf("months: %w", err)
	}
	if len(fields) == 5 && strings.TrimSpace(fields[4]) != "" {
		if t.zone, err = time.LoadLocation(strings.TrimSpace(fields[4])); err != nil {
			return nil, fmt.Errorf("time zone %q is not known", fields[4])
		}
	}
	return t, nil
}

var (
	weekdayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	monthNames   = []string{"", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
)

// Includes reports whether the moment lies within the specification.
func (t *Timing) Includes(now time.Time) bool {
	if t.zone != nil {
		now = now.In(t.zone)
	}
	minute := now.Hour()*60 + now.Minute()
	return t.minutes[minute/64]>>(minute%64)&1 == 1 &&
		t.weekdays>>now.Weekday()&1 == 1 && t.days>>now.Day()&1 == 1 && t.months>>now.Month()&1 == 1
}

func (t *Timing) parseTimes(field string) error {
	for part := range strings.SplitSeq(field, "&") {
		part = strings.TrimSpace(part)
		from, to := 0, 24*60-1
		if part != "*" && part != "" {
			low, high, isRange := strings.Cut(part, "-")
			var err error
			if from, err = parseClock(low); err != nil {
				return err
			}
			to = from
			if isRange {
				if to, err = parseClock(high); err != nil {
					return err
				}
			}
		}
		for m := from; ; m = (m + 1) % (24 * 60) {
			t.minutes[m/64] |= 1 << (m % 64)
			if m == to {
				break
			}
		}
	}
	return nil
}

func parseClock(text string) (int, error) {
	hour, minute, ok := strings.Cut(strings.TrimSpace(text), ":")
	h, err1 := strconv.Atoi(hour)
	m, err2 := strconv.Atoi(minute)
	if !ok || err1 != nil || err2 != nil || h < 0 || h > 23 || m < 0 || m > 59 {
		return 0, fmt.Errorf("%q is not a time of day such as 9:00", text)
	}
	return h*60 + m, nil
}

// parseSet parses names or numbers, ranges and lists of them into bits.
func parseSet(field string, names []string, low, high int) (uint64, error) {
	var bits uint64
	for part := range strings.SplitSeq(field, "&") {
		part = strings.ToLower(strings.TrimSpace(part))
		from, to := low, high
		if part != "*" && part != "" {
			a, b, isRange := strings.Cut(part, "-")
			var err error
			if from, err = parseMember(a, names, low, high); err != nil {
				return 0, err
			}
			to = from
			if isRange {
				if to, err = parseMember(b, names, low, high); err != nil {
					return 0, err
				}
			}
		}
		for i := from; ; i++ {
			if i > high {
				i = low
			}
			bits |= 1 << i
			if i == to {
				break
			}
		}
	}
	return bits, nil
}

func parseMember(text string, names []string, low, high int) (int, error) {
	text = strings.TrimSpace(text)
	for i, name := range names {
		if name != "" && strings.HasPrefix(text, name) {
			return i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high || names != nil && low == 0 {
		return 0, fmt.Errorf("%q is not known", text)
	}
	return n, nil
}
