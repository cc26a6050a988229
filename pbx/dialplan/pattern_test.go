package dialplan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPatterns holds the documented meaning of every pattern character:
// X 0-9, Z 1-9, N 2-9, [list], . one or more of anything, ! zero or more of
// anything; dashes in the number and dashes and blanks in the pattern do not
// count; names without an underscore are taken literally.
func TestPatterns(t *testing.T) {
	pairs := 0
	for _, c := range []struct{ pattern, yes, no string }{
		{"100", "100", "10 1000 1OO 0100 100# 99"},
		{"s", "s", "S ss t"},
		{"*97", "*97", "97 *9 *970 *98"},
		{"alice", "alice", "Alice alic alicex bob"},
		{"100-1", "100-1", "1001 100 100-10"},
		{"_X", "0 1 5 9", "a 10 * # A"},
		{"_x", "0 9", "x 11"},
		{"_Z", "1 5 9", "0 a 11"},
		{"_z", "1 9", "0 z"},
		{"_N", "2 5 9", "0 1 a 22"},
		{"_n", "2 9", "1 n"},
		{"_XX", "00 10 99", "0 100 1a"},
		{"_80XX", "8000 8005 8006 8099", "800 80000 8105 80a5 7005"},
		{"_NXX", "200 555 999", "100 055 20 2000"},
		{"_NXXNXXXXXX", "2125551212 9998887777", "1125551212 2121551212 212555121 21255512121"},
		{"_1NXXNXXXXXX", "12125551212", "2125551212 11125551212"},
		{"_ZXXX", "1000 9999", "0000 100 10000"},
		{"_X.", "10 12 123456789012345 1a 1*", "1 a1 *1"},
		{"_.", "1 a ** s i", ""},
		{"_!", "1 a 12345", ""},
		{"_X!", "1 12 1abc", "a *1"},
		{"_9.", "91 9a 911", "9 8"},
		{"_9!", "9 91 911", "8 19"},
		{"_011.", "0111 01144207", "011 01 112"},
		{"_[1-5]", "1 3 5", "0 6 15 -"},
		{"_[13579]", "1 3 9", "0 2 8 13"},
		{"_[1-35-7]", "1 2 3 5 6 7", "0 4 8"},
		{"_[15-7]", "1 5 7", "2 4 8"},
		{"_555[1-3]", "5551 5553", "5554 555 55511"},
		{"_[2-4]XX", "200 499", "100 500 20"},
		{"_[a-f]X", "a1 f9", "g1 A1 1a"},
		{"_[A-Z]X", "A1 Z9", "a1 11"},
		{"_[*#]X", "*1 #9", "11 *a"},
		{"_*X.", "*12 *99*1", "*1 12"},
		{"_#XX", "#12 #00", "#1 12 #123"},
		{"_+X.", "+4930 +12", "+1 4930 +a1"},
		{"_00Z.", "00491 0012", "001 0001 00"},
		{"_5551212", "5551212 555-1212 5-5-5-1-2-1-2", "5551213 555121"},
		{"_555-1212", "5551212 555-1212", "5551213"},
		{"_1 800 NXX XXXX", "18005551212 1-800-555-1212", "1800155121 18001551212"},
		{"_XXX-XXXX", "5551212 555-1212", "555121 a551212"},
		{"_X-", "1 1-", "12 a"},
		{"_[0-9][0-9]", "00 59", "0 000 a0"},
		{"_[1]", "1", "2 11"},
		{"_[z]", "z", "Z 1"},
		{"_aX", "a1 a9", "b1 A1 a"},
		{"_abc", "abc", "ab abcd Abc"},
		{"_0[1-9].", "012 0999", "01 002 11"},
		{"_7[2-4]!", "72 734 7456789", "7 71 75"},
		{"_NXX[05]", "2005 9990", "2001 1000 200"},
		{"_sip-X", "sip1 s-ip1", "sip sipx"},
	} {
		for _, data := range strings.Fields(c.yes) {
			pairs++
			if !matches(t, c.pattern, data) {
				t.Errorf("%s must match %s", c.pattern, data)
			}
		}
		for _, data := range strings.Fields(c.no) {
			pairs++
			if matches(t, c.pattern, data) {
				t.Errorf("%s must not match %s", c.pattern, data)
			}
		}
	}
	if pairs < 200 {
		t.Errorf("only %d pairs; at least 200 are promised", pairs)
	}
}

func matches(t *testing.T, name, data string) bool {
	t.Helper()
	plan, problems := planAndProblems(t, "[c]\nexten => "+name+",1,NoOp()\n")
	for _, p := range problems {
		if p.Severity == 2 {
			t.Fatal(p)
		}
	}
	return plan.Exists("c", data, 1, "", noon())
}

// TestBestMatch proves the order of preference: a name before patterns, then
// the pattern that is more specific at the leftmost difference.
func TestBestMatch(t *testing.T) {
	for _, c := range []struct{ names, dialled, want string }{
		{"_X. 100", "100", "100"},
		{"_XXX _1XX", "100", "_1XX"},
		{"_1XX _XXX", "100", "_1XX"},
		{"_NXX _ZXX _XXX", "200", "_NXX"},
		{"_XXX _ZXX", "100", "_ZXX"},
		{"_XXX _ZXX", "000", "_XXX"},
		{"_X. _XXX", "123", "_XXX"},
		{"_X! _XXX", "123", "_XXX"},
		{"_X! _X.", "123", "_X."},
		{"_X! _X.", "1", "_X!"},
		{"_X _X!", "1", "_X!"},
		{"_. _X.", "12", "_X."},
		{"_! _.", "a", "_."},
		{"_[1-3]XX _[1-5]XX", "200", "_[1-3]XX"},
		{"_[12]X _[13]X", "15", "_[12]X"},
		{"_[13]X _[12]X", "35", "_[13]X"},
		{"_NXX5 _2XXX", "2005", "_2XXX"},
		{"_2XX5 _2005", "2005", "_2005"},
		{"_X5 _1X", "15", "_1X"},
		{"_XX5 _X1X", "115", "_X1X"},
		{"_9X. _9[1-4]X", "912", "_9[1-4]X"},
		{"_00. _0X.", "0049", "_00."},
		{"_0X. _00.", "0149", "_0X."},
		{"_X _[0-9]", "5", "_X"}, // the same set: one pattern place, the first line wins
		{"_80XX _8005 8005", "8005", "8005"},
		{"_80XX _800[5-6]", "8006", "_800[5-6]"},
		{"_XXXX _X0XX _XX0X", "8005", "_X0XX"},
		{"_*9X _*XX", "*97", "_*9X"},
		{"_1234 _123X _12XX _1XXX", "1235", "_123X"},
		{"_1234 _123X _12XX _1XXX", "1244", "_12XX"},
		{"_1234 _123X _12XX _1XXX", "1234", "_1234"},
	} {
		var b strings.Builder
		b.WriteString("[c]\n")
		for _, name := range strings.Fields(c.names) {
			fmt.Fprintf(&b, "exten => %s,1,NoOp()\n", name)
		}
		plan, _ := planAndProblems(t, b.String())
		m, ok := plan.Match("c", c.dialled, 1, "", noon())
		if !ok || m.Extension.Name != c.want {
			t.Errorf("of %s, %s reaches %+v, want %s", c.names, c.dialled, m.Extension, c.want)
		}
	}
}

// TestTrieAgreesWithSorting compares the trie with the plain definition: sort
// all patterns, take the first that matches.
func TestTrieAgreesWithSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"X", "Z", "N", "1", "2", "3", "[1-3]", "[25]", "[13579]", "*"}
	for round := range 300 {
		var names []string
		for range 1 + r.IntN(25) {
			name := "_"
			for range r.IntN(5) {
				name += pieces[r.IntN(len(pieces))]
			}
			name += []string{"", "", ".", "!"}[r.IntN(4)]
			if name != "_" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		if len(names) == 0 {
			continue
		}
		source := "[c]\n"
		for _, n := range names {
			source += "exten => " + n + ",1,NoOp()\n"
		}
		plan, _ := planAndProblems(t, source)
		for range 40 {
			data := ""
			for range r.IntN(6) {
				data += string("0123456789*-"[r.IntN(12)])
			}
			want := firstBySorting(names, data)
			got := ""
			if m, ok := plan.Match("c", data, 1, "", noon()); ok {
				got = m.Extension.Name
			}
			if got != want && !(got != "" && want != "" && samePattern(got, want)) {
				t.Fatalf("round %d: %q reaches %q, sorting says %q, of %v", round, data, got, want, names)
			}
		}
	}
}

func samePattern(a, b string) bool {
	p, _, _ := compilePattern(a[1:])
	q, _, _ := compilePattern(b[1:])
	return p.compare(q) == 0
}

func firstBySorting(names []string, data string) string {
	best, bestName := pattern{}, ""
	for _, n := range names {
		p, _, _ := compilePattern(n[1:])
		if p.match(data) && (bestName == "" || p.compare(best) < 0) {
			best, bestName = p, n
		}
	}
	return bestName
}

// TestPartial proves when more digits are waited for.
func TestPartial(t *testing.T) {
	plan := planOf(t, `
[c]
exten => 911,1,NoOp()
exten => _80XX,1,NoOp()
exten => _7X.,1,NoOp()
exten => _6!,1,NoOp()
exten => 6123,1,NoOp()
exten => 5551/100,1,NoOp()
include => d
[d]
exten => 12,1,NoOp()
exten => 1234,1,NoOp()
`)
	for _, c := range []struct {
		digits    string
		can, more bool
	}{
		{"", true, true}, {"9", true, true}, {"91", true, true}, {"911", true, false}, {"9111", false, false},
		{"8", true, true}, {"800", true, true}, {"8005", true, false}, {"80055", false, false}, {"81", false, false},
		{"7", true, true}, {"71", true, true}, {"712", true, true},
		{"6", true, true}, {"61", true, true}, {"6123", true, false}, {"69", true, false},
		{"1", true, true}, {"12", true, true}, {"123", true, true}, {"1234", true, false}, {"3", false, false},
		{"555", false, false},
	} {
		if got := plan.CanMatch("c", c.digits, "", noon()); got != c.can {
			t.Errorf("CanMatch(%q) = %v", c.digits, got)
		}
		if got := plan.MatchMore("c", c.digits, "", noon()); got != c.more {
			t.Errorf("MatchMore(%q) = %v", c.digits, got)
		}
	}
	if !plan.CanMatch("c", "555", "100", noon()) {
		t.Error("the caller 100 has an extension that begins with 555")
	}
}

// TestCallerID proves that a line with a caller id beats the same line
// without, and that an empty one is for callers without a number.
func TestCallerID(t *testing.T) {
	plan := planOf(t, `
[c]
exten => _1XX,1,NoOp(any)
exten => _1XX/_2XX,1,NoOp(two)
exten => _1XX/200,1,NoOp(twohundred)
exten => _1XX/,1,NoOp(none)
exten => 100/200,1,NoOp(exact)
`)
	for caller, want := range map[string]string{"200": "exact", "201": "two", "300": "any", "": "none"} {
		if m, _ := plan.Match("c", "100", 1, caller, noon()); m.Step == nil || m.Step.Args != want {
			t.Errorf("caller %q reaches %+v, want %s", caller, m.Step, want)
		}
	}
	if m, _ := plan.Match("c", "101", 1, "200", noon()); m.Step.Args != "twohundred" {
		t.Errorf("an exact caller id beats a pattern, got %s", m.Step.Args)
	}
}

// TestIncludes proves their order, that own extensions come first, that times
// count, and that circles end.
func TestIncludes(t *testing.T) {
	plan := planOf(t, `
[day]
exten => _X.,1,NoOp(day)
[night]
exten => _X.,1,NoOp(night)
exten => 555,1,NoOp(night555)
[c]
exten => _5XX,1,NoOp(own)
include => night,20:00-6:00,*,*,*
include => day,8:00-18:00,mon-fri,*,*
include => night
[a]
include => b
[b]
include => a
exten => 1,1,NoOp(b)
`)
	check := func(exten, want string, hour int) {
		t.Helper()
		m, ok := plan.Match("c", exten, 1, "", noon().Truncate(24*time.Hour).Add(time.Hour*time.Duration(hour)))
		if !ok || m.Step.Args != want {
			t.Errorf("at %d:00 %s reaches %+v, want %s", hour, exten, m.Step, want)
		}
	}
	check("555", "own", 12)
	check("777", "day", 12)
	check("777", "night", 23)
	check("777", "night", 5)
	check("777", "night", 19)
	if !plan.Exists("a", "1", 1, "", noon()) || plan.Exists("a", "2", 1, "", noon()) {
		t.Error("a circle of includes is searched once")
	}
}

// TestPriorityFromAnother proves that an extension that matches but lacks the
// priority is passed over.
func TestPriorityFromAnother(t *testing.T) {
	plan := planOf(t, "[c]\nexten => 100,1,NoOp(first)\nexten => _X.,1,NoOp(x)\nexten => _X.,2,NoOp(second)\n")
	if m, ok := plan.Match("c", "100", 2, "", noon()); !ok || m.Step.Args != "second" {
		t.Errorf("priority 2 of 100 comes from _X., got %+v", m.Step)
	}
}
