package dialplan

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// strptime is STRPTIME(DATETIME,ZONE,FORMAT): seconds since 1970. The format's
// fields are those of C's strptime.
func strptime(e *Env, args string) (string, error) {
	list, err := need(args, 3, 3, "STRPTIME(DATETIME,ZONE,FORMAT)")
	if err != nil {
		return "", err
	}
	at, err := parseTime(arg(list, 0), list[2], e.now().Location())
	if err != nil {
		return "", err
	}
	if zone := arg(list, 1); zone != "" {
		location, err := time.LoadLocation(zone)
		if err != nil {
			return "", fmt.Errorf("time zone %q is not known", zone)
		}
		at.location = location
	}
	return strconv.FormatInt(at.seconds(), 10), nil
}

// moment is what the fields of a format say.
type moment struct {
	year, month, day     int
	hour, minute, second int
	yearDay              int // 0: not given
	century              int // -1: not given
	afternoon, twelve    bool
	epoch                int64
	hasEpoch             bool
	location             *time.Location
}

func (m *moment) seconds() int64 {
	if m.hasEpoch {
		return m.epoch
	}
	hour := m.hour
	if m.twelve {
		if hour %= 12; m.afternoon {
			hour += 12
		}
	}
	year := m.year
	if m.century >= 0 {
		year = m.century*100 + year%100
	}
	if m.yearDay > 0 {
		return time.Date(year, time.January, m.yearDay, hour, m.minute, m.second, 0, m.location).Unix()
	}
	return time.Date(year, time.Month(m.month), m.day, hour, m.minute, m.second, 0, m.location).Unix()
}

// parseTime reads text by a format. What the text has beyond the format is
// ignored, as by C's strptime.
func parseTime(text, format string, location *time.Location) (*moment, error) {
	m := &moment{year: 1900, month: 1, day: 1, century: -1, location: location}
	rest := text
	ok := m.parse(&rest, format, 2)
	if !ok {
		return nil, fmt.Errorf("STRPTIME: %q does not fit %q", clip(text), clip(format))
	}
	return m, nil
}

// parse reads the fields of a format. depth bounds fields made of fields.
func (m *moment) parse(rest *string, format string, depth int) bool {
	for i := 0; i < len(format); i++ {
		c := format[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n':
			*rest = strings.TrimLeft(*rest, " \t\r\n")
		case c != '%' || i+1 == len(format):
			after, ok := strings.CutPrefix(*rest, string([]byte{c}))
			if !ok {
				return false
			}
			*rest = after
		default:
			i++
			if (format[i] == 'E' || format[i] == 'O') && i+1 < len(format) {
				i++
			}
			if !m.field(rest, format[i], depth) {
				return false
			}
		}
	}
	return true
}

// compound are fields made of other fields.
var compound = map[byte]string{
	'c': "%a %b %e %H:%M:%S %Y", 'D': "%m/%d/%y", 'F': "%Y-%m-%d", 'r': "%I:%M:%S %p", 'R': "%H:%M", 'T': "%H:%M:%S", 'x': "%m/%d/%y", 'X': "%H:%M:%S",
}

func (m *moment) field(rest *string, c byte, depth int) bool {
	if format, ok := compound[c]; ok && depth > 0 {
		return m.parse(rest, format, depth-1)
	}
	switch c {
	case 'n', 't':
		*rest = strings.TrimLeft(*rest, " \t\r\n")
		return true
	case '%':
		after, ok := strings.CutPrefix(*rest, "%")
		*rest = after
		return ok
	case 'a', 'A':
		return name(rest, nil, longWeekdays[:])
	case 'b', 'B', 'h':
		return name(rest, &m.month, longMonths[:])
	case 'p', 'P':
		half := 0
		ok := name(rest, &half, []string{"am", "pm"})
		m.afternoon, m.twelve = half == 2, true
		return ok
	case 'Z':
		*rest = strings.TrimLeft(*rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
		return true
	case 'z':
		return m.zone(rest)
	case 's':
		m.hasEpoch = true
		return integer(rest, &m.epoch, 12)
	}
	return m.numeric(rest, c)
}

// numeric reads a field of digits within its range.
func (m *moment) numeric(rest *string, c byte) bool {
	ignored := 0
	f, ok := map[byte]struct {
		into      *int
		low, high int
		width     int
	}{
		'C': {&m.century, 0, 99, 2}, 'd': {&m.day, 1, 31, 2}, 'e': {&m.day, 1, 31, 2}, 'H': {&m.hour, 0, 23, 2}, 'k': {&m.hour, 0, 23, 2},
		'I': {&m.hour, 1, 12, 2}, 'l': {&m.hour, 1, 12, 2}, 'j': {&m.yearDay, 1, 366, 3}, 'm': {&m.month, 1, 12, 2}, 'M': {&m.minute, 0, 59, 2},
		'S': {&m.second, 0, 61, 2}, 'u': {&ignored, 1, 7, 1}, 'w': {&ignored, 0, 6, 1}, 'U': {&ignored, 0, 53, 2}, 'W': {&ignored, 0, 53, 2},
		'V': {&ignored, 1, 53, 2}, 'g': {&ignored, 0, 99, 2}, 'G': {&ignored, 0, 9999, 4}, 'y': {&m.year, 0, 99, 2}, 'Y': {&m.year, 0, 9999, 4},
	}[c]
	var n int64
	if !ok || !integer(rest, &n, f.width) || n < int64(f.low) || n > int64(f.high) {
		return false
	}
	*f.into = int(n)
	switch {
	case c == 'y' && n < 69: // POSIX: 69-99 are 19xx
		m.year = 2000 + int(n)
	case c == 'y':
		m.year = 1900 + int(n)
	case c == 'I' || c == 'l':
		m.twelve = true
	}
	return true
}

// integer reads up to width digits after blanks.
func integer(rest *string, into *int64, width int) bool {
	s := strings.TrimLeft(*rest, " ")
	end := 0
	for end < len(s) && end < width && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	if err != nil {
		return false
	}
	*into, *rest = n, s[end:]
	return true
}

var (
	longWeekdays = [...]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
	longMonths   = [...]string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}
)

// name reads one of the names, or its first three letters, in any case. into
// receives its number from 1.
func name(rest *string, into *int, names []string) bool {
	for i, full := range names {
		for _, n := range []string{full, full[:min(3, len(full))]} {
			if len(*rest) >= len(n) && strings.EqualFold((*rest)[:len(n)], n) {
				*rest = (*rest)[len(n):]
				if into != nil {
					*into = i + 1
				}
				return true
			}
		}
	}
	return false
}

// zone reads +HHMM, -HH:MM or Z.
func (m *moment) zone(rest *string) bool {
	s := strings.TrimLeft(*rest, " ")
	if after, ok := strings.CutPrefix(s, "Z"); ok {
		m.location, *rest = time.UTC, after
		return true
	}
	if s == "" || s[0] != '+' && s[0] != '-' {
		return false
	}
	sign := 1
	if s[0] == '-' {
		sign = -1
	}
	var hours, minutes int64
	s = s[1:]
	if !integer(&s, &hours, 2) {
		return false
	}
	s = strings.TrimPrefix(s, ":")
	if s != "" && s[0] >= '0' && s[0] <= '9' && !integer(&s, &minutes, 2) {
		return false
	}
	m.location, *rest = time.FixedZone("", sign*int(hours*3600+minutes*60)), s
	return true
}
