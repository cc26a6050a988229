package prompts

import (
	"strconv"
	"strings"
)

func digit(n int64) string { return "digits/" + strconv.FormatInt(n, 10) }

// Number says a whole number: "three hundred twenty", 三百二十.
func Number(language string, n int64) []string {
	var names []string
	u := uint64(n) //nolint:gosec // negated next, so that the smallest number works too
	if n < 0 {
		names = append(names, "digits/minus")
		u = -u
	}
	if u == 0 {
		return append(names, digit(0))
	}
	if grammarOf(language) == "zh" {
		return chinese(names, u, true)
	}
	return english(names, u)
}

// english appends a number above zero.
func english(names []string, n uint64) []string {
	for _, unit := range [...]struct {
		value uint64
		name  string
	}{{1e12, "digits/trillion"}, {1e9, "digits/billion"}, {1e6, "digits/million"}, {1e3, "digits/thousand"}, {100, "digits/hundred"}} {
		if n >= unit.value {
			names = append(english(names, n/unit.value), unit.name)
			n %= unit.value
		}
	}
	if n > 20 {
		names = append(names, digit(int64(n/10*10))) //nolint:gosec // below 100
		n %= 10
	}
	if n > 0 {
		names = append(names, digit(int64(n))) //nolint:gosec // below 21
	}
	return names
}

// chinese appends a number above zero. A gap of zeros is one 零; ten at the
// very beginning is 十, elsewhere 一十; two before 千, 万 and 亿 is 两.
func chinese(names []string, n uint64, first bool) []string {
	for _, unit := range [...]struct {
		value uint64
		name  string
	}{{1e8, "digits/yi"}, {1e4, "digits/wan"}, {1000, "digits/thousand"}, {100, "digits/hundred"}, {10, "digits/10"}} {
		if n < unit.value {
			continue
		}
		switch high := n / unit.value; {
		case high == 2 && unit.value >= 1000:
			names = append(names, "digits/liang")
		case high == 1 && unit.value == 10 && first:
		default:
			names = chinese(names, high, first)
		}
		names = append(names, unit.name)
		rest := n % unit.value
		if rest == 0 {
			return names
		}
		if rest < unit.value/10 {
			names = append(names, digit(0))
		}
		return chinese(names, rest, false)
	}
	return append(names, digit(int64(n))) //nolint:gosec // below ten
}

// Ordinal says the place of something in a row: "twenty first", 第二十一.
func Ordinal(language string, n int64) []string {
	if grammarOf(language) == "zh" {
		return append([]string{"digits/di"}, Number(language, n)...)
	}
	names := Number(language, n)
	if len(names) > 0 {
		last := &names[len(names)-1]
		if *last != digit(0) {
			*last = "digits/h-" + (*last)[len("digits/"):]
		}
	}
	return names
}

// Counted says a number of things that have two words in English and a measure
// word in Chinese: Counted("zh", 2, "minute", "minutes") is 两分钟.
func Counted(language string, n int64, one, many string) []string {
	if grammarOf(language) == "zh" && n == 2 {
		return []string{"digits/liang", one}
	}
	if n == 1 {
		many = one
	}
	return append(Number(language, n), many)
}

// mostMoney bounds an amount, in dollars.
const mostMoney = 1_000_000_000_000

// Money says an amount of dollars and cents, written as 12.50; false if it is none.
func Money(language, amount string) (names []string, ok bool) {
	amount = strings.TrimSpace(amount)
	if rest, negative := strings.CutPrefix(amount, "-"); negative {
		names, ok = Money(language, rest)
		return append([]string{"digits/minus"}, names...), ok && !strings.HasPrefix(rest, "-")
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(amount, "$"), ".")
	dollars, err := strconv.ParseUint("0"+whole, 10, 63)
	cents, wrong := strconv.ParseUint((fraction + "00")[:2], 10, 8)
	if err != nil || wrong != nil || whole+fraction == "" || dollars > mostMoney {
		return nil, false
	}
	counted := func(n uint64, one, many string) []string {
		if n == 1 {
			many = one
		}
		return append(Number(language, int64(n)), many) // at most mostMoney
	}
	if dollars > 0 || cents == 0 {
		names = counted(dollars, "dollar", "dollars")
	}
	if cents > 0 {
		if dollars > 0 {
			names = append(names, "vm-and")
		}
		names = append(names, counted(cents, "cent", "cents")...)
	}
	return names, true
}
