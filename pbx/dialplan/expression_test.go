package dialplan

import (
	"strings"
	"testing"
)

// TestExpressions holds what Asterisk documents of $[ ]: operators, their
// binding strength, text against numbers, and what broken expressions become.
func TestExpressions(t *testing.T) {
	cases := []struct{ source, want string }{
		// values keep their spelling
		{"1", "1"}, {"007", "007"}, {"1.50", "1.50"}, {"abc", "abc"}, {`"a b"`, `"a b"`}, {"", ""}, {"  ", ""}, {"192.168.0.1", "192.168.0.1"},
		// arithmetic
		{"1 + 1", "2"}, {"1+1", "2"}, {"2 - 3", "-1"}, {"2*3", "6"}, {"7 / 2", "3.5"}, {"6/2", "3"}, {"7 % 3", "1"}, {"-7 % 3", "-1"}, {"7 % -3", "1"},
		{"1 + 2 * 3", "7"}, {"(1 + 2) * 3", "9"}, {"10 - 4 - 3", "3"}, {"100 / 10 / 2", "5"}, {"2 * 3 % 4", "2"},
		{"0.1 + 0.2", "0.3"}, {"1 / 3", "0.333333333333333333"}, {"2 / 3", "0.666666666666666667"}, {"1.5 * 2", "3"}, {"5.5 % 2", "1.5"},
		{"007 + 1", "8"}, {"1000000 * 1000000", "1000000000000"}, {"999999999999999999 + 1", "1e+18"}, {"1 / 8", "0.125"}, {"1 / 1000000", "1e-06"},
		{"4294967296 * 4294967296", "1.84467440737095516e+19"}, {"${N}", "${N}"}, {"1 / 0", "2147483647"}, {"5 % 0", "0"},
		// text in arithmetic
		{"abc + 1", "1"}, {"1 + abc", "1"}, {"abc + def", "0"}, {"1 - abc", "1"}, {"abc - 1", "-1"}, {"abc * 2", "0"}, {"2 * abc", "0"}, {"abc / 2", "0"}, {"2 / abc", "2147483647"}, {"abc % 2", "0"},
		// unary
		{"-5", "-5"}, {"- 5 + 2", "-3"}, {"--5", "5"}, {"3 - -2", "5"}, {"-abc", "0"}, {"!0", "1"}, {"!1", "0"}, {"!5", "0"}, {"!abc", "1"}, {`!""`, "1"}, {"!0 + 1", "2"}, {"! 1 = 0", "1"},
		// comparisons: numbers as numbers, text byte by byte
		{"1 = 1", "1"}, {"1 == 1", "1"}, {"1 = 01", "1"}, {"1 = 1.0", "1"}, {"1 != 2", "1"}, {"1 != 1", "0"}, {"2 > 10", "0"}, {"10 > 2", "1"}, {"2 < 10", "1"}, {"2 >= 2", "1"}, {"2 <= 1", "0"},
		{"abc = abc", "1"}, {"abc = ABC", "0"}, {"abc < abd", "1"}, {"b > a", "1"}, {`"abc" = "abc"`, "1"}, {`"abc" = abc`, "0"}, {"a1 > 9", "1"}, {"abc != def", "1"}, {"1.5 > 1.4999", "1"}, {"2 > a", "0"},
		{`"" = ""`, "1"}, {`"x" = ""`, "0"},
		// or, and
		{"0 | 5", "5"}, {"3 | 5", "3"}, {`"" | 7`, `""`}, {"abc | 1", "abc"}, {"0 || 0", "0"}, {"1 & 2", "1"}, {"1 && 2", "1"}, {"0 & 2", "0"}, {"1 & 0", "0"}, {"abc & def", "abc"},
		{"1 = 1 & 2 = 2", "1"}, {"1 = 2 | 2 = 2", "1"}, {"0 | 0 & 1", "0"}, {"1 | 0 & 0", "1"}, {"1 + 1 = 2 & 3 > 2", "1"},
		// conditional
		{"1 ? 2 :: 3", "2"}, {"0 ? 2 :: 3", "3"}, {"5 > 3 ? yes :: no", "yes"}, {"abc ? yes :: no", "yes"}, {`"" ? yes :: no`, "no"}, {"1 ? 0 ? a :: b :: c", "b"}, {"0 ? a :: 0 ? b :: c", "c"}, {"0.0 ? a :: b", "b"},
		// regular expressions
		{`"0000000" : "0*"`, "7"}, {"abcdef : abc", "3"}, {"abcdef : def", "0"}, {"abcdef =~ def", "3"}, {`"5551234" : "555(.*)"`, "1234"}, {`"abc" =~ "(b.)"`, "bc"},
		{`"abc" =~ "(x)"`, ""}, {`"abc" =~ "x"`, "0"}, {`"3075551212" : "...(...)"`, "555"}, {`"abc" =~ "["`, ""}, {`"aaa" =~ "a{2}"`, "2"}, {`"SIP/bob-1" =~ "^SIP/([a-z]+)"`, "bob"},
		{`"12a" : "[0-9]+"`, "2"}, {`"a12" : "[0-9]+"`, "0"}, {`"a12" =~ "[0-9]+"`, "2"}, {`2 + "123" : "[0-9]*"`, "5"},
		// joining
		{"abc ~~ def", "abcdef"}, {`"a b" ~~ "c"`, "a bc"}, {"1 ~~ 2", "12"}, {"1 ~~ 2 + 1", "13"},
		// functions of expressions
		{"ABS(5 - 8)", "3"}, {"SQRT(16)", "4"}, {"POW(2,10)", "1024"}, {"FLOOR(2.7)", "2"}, {"CEIL(2.1)", "3"}, {"ROUND(2.5)", "3"}, {"TRUNC(2.9)", "2"}, {"RINT(2.5)", "2"}, {"EXP(0)", "1"}, {"LOG10(1000)", "3"}, {"COS(0)", "1"},
		{"SQRT(16) + 1", "5"}, {"POW(2)", "0"}, {"REMAINDER(5,3)", "-1"}, {"LEN(abcd)", "4"}, {"TOUPPER(abc)", "ABC"},
		// broken ones are 0
		{"1 +", "0"}, {"+ 1", "0"}, {"(1", "0"}, {"1)", "0"}, {"1 2", "0"}, {"1 ? 2", "0"}, {"a b", "0"}, {"= 1", "0"}, {"LEN()", "0"}, {"* 3", "0"},
	}
	e := newEnv()
	for _, c := range cases {
		if got, _ := e.Expression(c.source); got != c.want {
			t.Errorf("$[%s] = %q, documented: %q", c.source, got, c.want)
		}
	}
	if len(cases) < 150 {
		t.Errorf("only %d expressions; at least 150 are promised", len(cases))
	}
}

// TestExpressionErrors proves that a broken expression says what is wrong.
func TestExpressionErrors(t *testing.T) {
	e := newEnv()
	for source, want := range map[string]string{
		"1 +": "unexpected end", "(1": "( is not closed", "1 2": "unexpected '2'", "1 ? 2": "? without ::",
		strings.Repeat("(", 300): "nested more than 200 deep",
	} {
		if _, err := e.Expression(source); err == nil || err.Error() != want {
			t.Errorf("$[%s]: %v, want %s", clip(source), err, want)
		}
	}
}

func FuzzExpression(f *testing.F) {
	for _, s := range []string{"1 + 2 * (3 - 4)", `"a" =~ "(b)" ? 1 :: 2`, "POW(2,10) % 3 ~~ x", "!!1||0&&a", "1/0", "9e99 * 1.5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 4096 {
			return
		}
		e := newEnv()
		first, _ := e.Expression(source)
		if second, _ := e.Expression(source); first != second && !strings.Contains(source, "RAND") && !strings.Contains(source, "INC") && !strings.Contains(source, "DEC") && !strings.Contains(source, "SET") && !strings.Contains(source, "STRFTIME") {
			t.Fatalf("one expression, two results: %q, %q", first, second)
		}
	})
}
