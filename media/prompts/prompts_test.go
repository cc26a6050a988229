package prompts

import (
	"io/fs"
	"math"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// short writes names the way the tables do: without digits/ and joined.
func short(names []string) string {
	for i, n := range names {
		names[i] = strings.TrimPrefix(n, "digits/")
	}
	return strings.Join(names, " ")
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		n      int64
		en, zh string
	}{
		{0, "0", "0"}, {1, "1", "1"}, {2, "2", "2"}, {10, "10", "10"}, {11, "11", "10 1"}, {12, "12", "10 2"}, {19, "19", "10 9"}, {20, "20", "2 10"}, {21, "20 1", "2 10 1"}, {30, "30", "3 10"}, {99, "90 9", "9 10 9"},
		{100, "1 hundred", "1 hundred"}, {101, "1 hundred 1", "1 hundred 0 1"}, {110, "1 hundred 10", "1 hundred 1 10"}, {111, "1 hundred 11", "1 hundred 1 10 1"}, {120, "1 hundred 20", "1 hundred 2 10"}, {200, "2 hundred", "2 hundred"}, {222, "2 hundred 20 2", "2 hundred 2 10 2"}, {999, "9 hundred 90 9", "9 hundred 9 10 9"},
		{1000, "1 thousand", "1 thousand"}, {1001, "1 thousand 1", "1 thousand 0 1"}, {1010, "1 thousand 10", "1 thousand 0 1 10"}, {1100, "1 thousand 1 hundred", "1 thousand 1 hundred"}, {1101, "1 thousand 1 hundred 1", "1 thousand 1 hundred 0 1"}, {2000, "2 thousand", "liang thousand"}, {2026, "2 thousand 20 6", "liang thousand 0 2 10 6"}, {2200, "2 thousand 2 hundred", "liang thousand 2 hundred"},
		{10_000, "10 thousand", "1 wan"}, {10_001, "10 thousand 1", "1 wan 0 1"}, {10_100, "10 thousand 1 hundred", "1 wan 0 1 hundred"}, {11_000, "11 thousand", "1 wan 1 thousand"}, {12_345, "12 thousand 3 hundred 40 5", "1 wan liang thousand 3 hundred 4 10 5"}, {20_000, "20 thousand", "liang wan"}, {22_000, "20 2 thousand", "liang wan liang thousand"}, {100_000, "1 hundred thousand", "10 wan"}, {120_000, "1 hundred 20 thousand", "10 2 wan"}, {220_000, "2 hundred 20 thousand", "2 10 2 wan"}, {100_010, "1 hundred thousand 10", "10 wan 0 1 10"},
		{1_000_000, "1 million", "1 hundred wan"}, {1_000_001, "1 million 1", "1 hundred wan 0 1"}, {10_000_000, "10 million", "1 thousand wan"}, {12_345_678, "12 million 3 hundred 40 5 thousand 6 hundred 70 8", "1 thousand 2 hundred 3 10 4 wan 5 thousand 6 hundred 7 10 8"},
		{100_000_000, "1 hundred million", "1 yi"}, {100_100_000, "1 hundred million 1 hundred thousand", "1 yi 0 1 10 wan"}, {100_000_001, "1 hundred million 1", "1 yi 0 1"}, {200_000_000, "2 hundred million", "liang yi"}, {1_000_000_000, "1 billion", "10 yi"}, {1_000_000_000_000, "1 trillion", "1 wan yi"},
		{-1, "minus 1", "minus 1"}, {-12, "minus 12", "minus 10 2"}, {-2000, "minus 2 thousand", "minus liang thousand"},
	} {
		if got := short(Number("en", c.n)); got != c.en {
			t.Errorf("en %d: %s, want %s", c.n, got, c.en)
		}
		if got := short(Number("zh_CN", c.n)); got != c.zh {
			t.Errorf("zh %d: %s, want %s", c.n, got, c.zh)
		}
	}
}

func TestOrdinalAndCounted(t *testing.T) {
	for _, c := range []struct {
		n      int64
		en, zh string
	}{{1, "h-1", "di 1"}, {2, "h-2", "di 2"}, {12, "h-12", "di 10 2"}, {20, "h-20", "di 2 10"}, {21, "20 h-1", "di 2 10 1"}, {30, "h-30", "di 3 10"}, {100, "1 h-hundred", "di 1 hundred"}, {3000, "3 h-thousand", "di 3 thousand"}} {
		if got := short(Ordinal("en", c.n)); got != c.en {
			t.Errorf("en %d: %s, want %s", c.n, got, c.en)
		}
		if got := short(Ordinal("zh", c.n)); got != c.zh {
			t.Errorf("zh %d: %s, want %s", c.n, got, c.zh)
		}
	}
	for n, want := range map[int64][2]string{0: {"0 minutes", "0 minutes"}, 1: {"1 minute", "1 minute"}, 2: {"2 minutes", "liang minute"}, 12: {"12 minutes", "10 2 minutes"}} {
		if en, zh := short(Counted("en", n, "minute", "minutes")), short(Counted("zh", n, "minute", "minutes")); en != want[0] || zh != want[1] {
			t.Errorf("%d: %s, %s, want %v", n, en, zh, want)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{short(Digits("01-9*#x")), "0 1 minus 9 star pound"},
		{short(Letters("aB3 c@d.e")), "letters/a letters/b 3 letters/space letters/c letters/at letters/d letters/dot letters/e"},
		{short(Letters("$-_+=/*#!é中")), "letters/dollar letters/dash letters/dash letters/plus letters/equals letters/slash letters/asterisk pound letters/exclaimation-point"},
		{short(Phonetic("Ax9")), "phonetic/a_p phonetic/x_p 9"}, {short(Digits("")), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

func TestMoment(t *testing.T) {
	now := time.Date(2026, time.March, 4, 15, 20, 7, 0, time.UTC) // a Wednesday
	at := func(s string) time.Time {
		m, err := time.Parse("2006-01-02 15:04:05", s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct{ language, when, format, want string }{
		{"en", "2026-03-04 15:20:07", "", "day-3 mon-2 h-4 2 thousand 20 6 at 3 20 p-m"},
		{"zh", "2026-03-04 15:20:07", "", "2 0 2 6 year mon-2 4 day day-3 p-m 3 hour 2 10 minute"},
		{"en", "1984-12-31 00:00:00", "ABdYIMp", "day-1 mon-11 30 h-1 19 80 4 12 oclock a-m"},
		{"zh", "1984-12-31 02:00:00", "", "1 9 8 4 year mon-11 3 10 1 day day-1 a-m liang hour oclock"},
		{"en", "1905-01-20 09:05:01", "dY HMS", "h-20 19 oh 5 9 oh 5 1 second"}, {"en", "1900-01-01 12:30:00", "Yp", "19 hundred p-m"}, {"en", "2000-01-01 00:00:00", "Y", "2 thousand"}, {"en", "2150-01-01 00:00:00", "Y", "20 1 50"},
		{"zh", "2026-03-04 09:05:09", "HMS", "9 hour oh 5 minute 9 second"}, {"zh", "2026-03-04 12:00:00", "R", "10 2 hour oclock"},
		{"en", "2026-03-04 01:02:03", "T", "1 oh 2 3 seconds"}, {"en", "2026-03-04 00:00:00", "m 'vm-received' k", "3 vm-received 0"},
		{"en", "2026-03-04 23:59:59", "Q", "today"}, {"en", "2026-03-04 00:00:00", "q", ""}, {"zh", "2026-03-03 00:00:00", "Q", "yesterday"}, {"en", "2026-03-01 10:00:00", "q", "day-0"}, {"en", "2026-03-01 10:00:00", "Q", "day-0 mon-2 h-1 2 thousand 20 6"}, {"zh", "2025-03-01 10:00:00", "q", "2 0 2 5 year mon-2 1 day day-6"}, {"en", "2026-03-05 10:00:00", "Q", "day-4 mon-2 h-5 2 thousand 20 6"},
	} {
		if c.format == "" {
			c.format = DefaultFormat(c.language)
		}
		names, err := Moment(c.language, at(c.when), now, c.format)
		if got := short(names); err != nil || got != c.want {
			t.Errorf("%s %s %s: %s %v, want %s", c.language, c.when, c.format, got, err, c.want)
		}
	}
	for _, bad := range []string{"x", "'open", "A%"} {
		if _, err := Moment("en", now, now, bad); err == nil {
			t.Errorf("format %s must be refused", bad)
		}
	}
}

// TestEveryNameIsThere proves that the lists have every prompt that the
// grammars can ask for.
func TestEveryNameIsThere(t *testing.T) {
	for _, language := range Languages() {
		have := map[string]bool{}
		for name, text := range Texts(language) {
			if have[name] || strings.TrimSpace(text) == "" || path.Clean(name) != name || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "/") {
				t.Errorf("%s: %s %q", language, name, text)
			}
			have[name] = true
		}
		if len(have) < 400 {
			t.Errorf("%s: %d prompts", language, len(have))
		}
		var names []string
		numbers := []int64{math.MaxInt64, math.MinInt64}
		for n := range int64(2300) {
			numbers = append(numbers, n, n*1001, n*10_007, -n)
		}
		for range 2000 {
			numbers = append(numbers, rand.Int64N(1<<uint(rand.IntN(62)+1))) //nolint:gosec // any numbers will do
		}
		for _, n := range numbers {
			names = append(names, Number(language, n)...)
			names = append(names, Counted(language, n, "minute", "minutes")...)
			if money, ok := Money(language, strconv.FormatInt(n, 10)+".07"); ok {
				names = append(names, money...)
			}
			if n > 0 && n < 1e12 {
				names = append(names, Ordinal(language, n)...)
			}
		}
		now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
		for i := range 5000 {
			moment, err := Moment(language, now.Add(-time.Duration(i)*37*time.Hour-time.Duration(i)*61*time.Second), now, "ABmdYPIHMSRTQq "+DefaultFormat(language))
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, moment...)
		}
		for c := rune(0); c < 300; c++ {
			names = append(append(append(names, Digits(string(c))...), Letters(string(c))...), Phonetic(string(c))...)
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if !have[name] {
				t.Errorf("%s: %s is asked for and not in the list", language, name)
			}
		}
	}
}

// TestSound proves that the program carries the numbers, and nothing that the
// lists do not name but tones.
func TestSound(t *testing.T) {
	tones := []string{"beep", "beeperr", "ascending-2tone", "descending-2tone", "confbridge-join", "confbridge-leave"}
	total := 0
	for _, language := range Languages() {
		have := map[string]bool{}
		err := fs.WalkDir(Sound(), language, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if info.Size() < 400 || info.Size() > 200_000 {
				t.Errorf("%s has %d octets", file, info.Size())
			}
			total += int(info.Size())
			have[strings.TrimSuffix(strings.TrimPrefix(file, language+"/"), ".ulaw")] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{}
		for name := range Texts(language) {
			known[name] = true
			if strings.HasPrefix(name, "digits/") && !have[name] {
				t.Errorf("%s: the program does not carry %s", language, name)
			}
		}
		for name := range have {
			if !known[name] && !slices.Contains(tones, name) {
				t.Errorf("%s: %s is not in the list", language, name)
			}
		}
		for _, name := range tones {
			if !have[name] {
				t.Errorf("%s: no %s", language, name)
			}
		}
	}
	if total > 8<<20 {
		t.Errorf("%d octets of sound", total)
	}
}

func FuzzMoment(f *testing.F) {
	f.Add("zh", int64(1_772_625_600), "ABdY 'digits/at' IMp")
	f.Fuzz(func(t *testing.T, language string, seconds int64, format string) {
		at := time.Unix(seconds%1e11, 0).UTC()
		names, err := Moment(language, at, at, format)
		if err == nil && len(names) > 30*len(format) {
			t.Fatalf("%d names for %q", len(names), format)
		}
		Number(language, seconds)
		Letters(format)
	})
}

// Amounts are dollars and cents; nouns and adjectives take the form of the number.
func TestMoneyAndForms(t *testing.T) {
	for amount, want := range map[string]string{
		"1": "1 dollar", "12.50": "12 dollars vm-and 50 cents", "0.01": "1 cent", "0": "0 dollars", "$3.4": "3 dollars vm-and 40 cents", ".99": "90 9 cents", "-2": "minus 2 dollars",
		"1.999": "1 dollar vm-and 90 9 cents",
	} {
		if names, ok := Money("en", amount); !ok || short(names) != want {
			t.Errorf("%s: %s, want %s", amount, short(names), want)
		}
	}
	for _, bad := range []string{"", ".", "x", "1.x", "--1", "-", "99999999999999999999"} {
		if names, ok := Money("en", bad); ok {
			t.Errorf("%q gives %v", bad, names)
		}
	}
	for _, c := range []struct {
		language  string
		n         int64
		noun, adj string
	}{{"en", 1, "", ""}, {"en", 2, "s", ""}, {"en_GB", 0, "s", ""}, {"zh", 5, "", ""}, {"ru", 1, "", "f"}, {"ru", 3, "x1", "x"}, {"pl", 12, "x2", "x"}, {"ru", 21, "", "f"}, {"ru", 25, "x2", "x"}} {
		if noun, adj := NounForm(c.language, c.n), AdjectiveForm(c.language, c.n, "f"); noun != c.noun || adj != c.adj {
			t.Errorf("%s %d: %q %q, want %q %q", c.language, c.n, noun, adj, c.noun, c.adj)
		}
	}
}
