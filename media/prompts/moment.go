package prompts

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DefaultFormat is how a language says a moment where no format is given:
// "Wednesday March fourth 2026 at three twenty P M", 二零二六年三月四日星期三下午三点二十分.
func DefaultFormat(language string) string {
	if grammarOf(language) == "zh" {
		return "YBdApIM"
	}
	return "ABdY 'digits/at' IMp"
}

// Moment says a moment by a format of SayUnixTime, a letter for each part:
//
//	A a  the day of the week          B b h  the month's name      m  the month's number
//	d e  the day of the month         Y      the year              P p  morning or afternoon
//	I l  the hour, 12 to a day        H k    the hour, 24 to a day M  the minute
//	S    the second                   R      HM                    T  HMS
//	Q    today, yesterday or ABdY     q      like Q, without the word today, and A within a week
//	'name'  another sound file
//
// Blanks mean nothing. now decides what today is; t and now must be in the
// zone that is to be said. An unknown letter is an error.
func Moment(language string, t, now time.Time, format string) ([]string, error) {
	g := grammarOf(language)
	var names []string
	for i := 0; i < len(format); i++ {
		switch c := format[i]; c {
		case ' ', '\t':
		case '\'':
			name, _, closed := strings.Cut(format[i+1:], "'")
			if !closed {
				return nil, fmt.Errorf("prompts: format %q has a quote that is not closed", format)
			}
			names = append(names, name)
			i += len(name) + 1
		default:
			part, ok := momentPart(g, t, now, c)
			if !ok {
				return nil, fmt.Errorf("prompts: format %q: %q is not known", format, c)
			}
			names = append(names, part...)
		}
	}
	return names, nil
}

// momentPart says one letter of a format.
func momentPart(g string, t, now time.Time, c byte) ([]string, bool) {
	switch c {
	case 'A', 'a':
		return []string{"digits/day-" + strconv.Itoa(int(t.Weekday()))}, true
	case 'B', 'b', 'h':
		return []string{"digits/mon-" + strconv.Itoa(int(t.Month())-1)}, true
	case 'm':
		return Number(g, int64(t.Month())), true
	case 'd', 'e':
		return day(g, t.Day()), true
	case 'Y':
		return year(g, t.Year()), true
	case 'P', 'p':
		if t.Hour() < 12 {
			return []string{"digits/a-m"}, true
		}
		return []string{"digits/p-m"}, true
	case 'I', 'l':
		return hour(g, (t.Hour()+11)%12+1), true
	case 'H', 'k':
		return hour(g, t.Hour()), true
	case 'M':
		return minute(g, t.Minute()), true
	case 'S':
		return second(g, t.Second()), true
	case 'R':
		return append(hour(g, t.Hour()), minute(g, t.Minute())...), true
	case 'T':
		return append(append(hour(g, t.Hour()), minute(g, t.Minute())...), second(g, t.Second())...), true
	case 'Q', 'q':
		return relative(g, t, now, c), true
	}
	return nil, false
}

func day(g string, n int) []string {
	if g == "zh" {
		return append(Number(g, int64(n)), "digits/day")
	}
	return Ordinal(g, int64(n))
}

// year says 2026 as two thousand twenty six, 1984 as nineteen eighty four;
// in Chinese digit by digit.
func year(g string, n int) []string {
	switch {
	case g == "zh":
		return append(Digits(strconv.Itoa(n)), "digits/year")
	case n < 1100 || n >= 2000 && n < 2100 || n > 9999:
		return Number(g, int64(n))
	}
	names := Number(g, int64(n/100))
	switch rest := n % 100; {
	case rest == 0:
		return append(names, "digits/hundred")
	case rest < 10:
		return append(names, "digits/oh", digit(int64(rest)))
	default:
		return append(names, Number(g, int64(rest))...)
	}
}

func hour(g string, n int) []string {
	if g != "zh" {
		return Number(g, int64(n))
	}
	return Counted(g, int64(n), "digits/hour", "digits/hour")
}

// minute says "o'clock", "oh five", "twenty"; 整, 零五分, 二十分.
func minute(g string, n int) []string {
	var names []string
	switch {
	case n == 0:
		return []string{"digits/oclock"}
	case n < 10:
		names = []string{"digits/oh", digit(int64(n))}
	default:
		names = Number(g, int64(n))
	}
	if g == "zh" {
		names = append(names, "digits/minute")
	}
	return names
}

func second(g string, n int) []string {
	if g == "zh" {
		return append(Number(g, int64(n)), "digits/second")
	}
	return Counted(g, int64(n), "second", "seconds")
}

// relative says today, yesterday, or the date.
func relative(g string, t, now time.Time, c byte) []string {
	midnight := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	switch days := int(midnight(now).Sub(midnight(t)) / (24 * time.Hour)); {
	case days == 0 && c == 'q':
		return nil
	case days == 0:
		return []string{"digits/today"}
	case days == 1:
		return []string{"digits/yesterday"}
	case c == 'q' && days > 1 && days < 7:
		return []string{"digits/day-" + strconv.Itoa(int(t.Weekday()))}
	}
	order := "ABdY"
	if g == "zh" {
		order = "YBdA"
	}
	var names []string
	for i := range len(order) {
		part, _ := momentPart(g, t, now, order[i]) // the letters are known
		names = append(names, part...)
	}
	return names
}
