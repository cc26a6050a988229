package dialplan

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// strftime is STRFTIME([EPOCH][,[ZONE][,FORMAT]]).
func strftime(e *Env, args string) (string, error) {
	list := Args(args, 3)
	at := e.now()
	if text := arg(list, 0); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || seconds > 1e12 || seconds < -1e12 {
			return "", fmt.Errorf("STRFTIME: %q is not a number of seconds", text)
		}
		whole := int64(seconds)
		at = time.Unix(whole, int64((seconds-float64(whole))*1e9))
	}
	at, err := inZone(at, arg(list, 1))
	if err != nil {
		return "", err
	}
	format := "%c"
	if len(list) == 3 && list[2] != "" {
		format = list[2]
	}
	return FormatTime(at, format), nil
}

func inZone(at time.Time, zone string) (time.Time, error) {
	if zone == "" {
		return at, nil
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return at, fmt.Errorf("time zone %q is not known", zone)
	}
	return at.In(location), nil
}

// FormatTime formats as C's strftime in the C locale. Beyond that %q and %1q
// to %6q are fractions of the second.
func FormatTime(at time.Time, format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		if c := format[i]; c >= '1' && c <= '6' && i+1 < len(format) && format[i+1] == 'q' {
			fmt.Fprintf(&b, "%0*d", int(c-'0'), at.Nanosecond()/pow10(9-int(c-'0')))
			i++
			continue
		}
		if (format[i] == 'E' || format[i] == 'O' || format[i] == '-') && i+1 < len(format) {
			i++
		}
		b.WriteString(timeField(at, format[i]))
	}
	return b.String()
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}

// goLayouts are the fields that Go's time package formats the same way.
var goLayouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006", 'd': "02",
	'D': "01/02/06", 'e': "_2", 'F': "2006-01-02", 'H': "15", 'I': "03", 'm': "01", 'M': "04", 'p': "PM", 'P': "pm",
	'r': "03:04:05 PM", 'R': "15:04", 'S': "05", 'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05", 'y': "06", 'Y': "2006",
	'z': "-0700", 'Z': "MST",
}

func timeField(at time.Time, c byte) string {
	if layout, ok := goLayouts[c]; ok {
		return at.Format(layout)
	}
	year, week := at.ISOWeek()
	weekday := int(at.Weekday())
	switch c {
	case 'C':
		return fmt.Sprintf("%02d", at.Year()/100)
	case 'g':
		return fmt.Sprintf("%02d", year%100)
	case 'G':
		return strconv.Itoa(year)
	case 'j':
		return fmt.Sprintf("%03d", at.YearDay())
	case 'k':
		return fmt.Sprintf("%2d", at.Hour())
	case 'l':
		return fmt.Sprintf("%2d", (at.Hour()+11)%12+1)
	case 'n':
		return "\n"
	case 's':
		return strconv.FormatInt(at.Unix(), 10)
	case 't':
		return "\t"
	case 'u':
		return strconv.Itoa((weekday+6)%7 + 1)
	case 'U':
		return fmt.Sprintf("%02d", (at.YearDay()+6-weekday)/7)
	case 'V':
		return fmt.Sprintf("%02d", week)
	case 'w':
		return strconv.Itoa(weekday)
	case 'W':
		return fmt.Sprintf("%02d", (at.YearDay()+6-(weekday+6)%7)/7)
	case 'q':
		return fmt.Sprintf("%03d", at.Nanosecond()/1e6)
	case '%':
		return "%"
	}
	return "%" + string([]byte{c})
}
