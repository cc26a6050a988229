package dialplan

import (
	"strings"
	"testing"
)

// TestFunctions holds what Asterisk documents of each function, written as it
// stands in a plan.
func TestFunctions(t *testing.T) {
	cases := []struct{ source, want string }{
		// variables and parts of them
		{"${V}", "123456789"}, {"${V:1}", "23456789"}, {"${V:0:3}", "123"}, {"${V:-4}", "6789"}, {"${V:-4:2}", "67"}, {"${V:2:-2}", "34567"}, {"${V:0:-1}", "12345678"}, {"${V:20}", ""}, {"${V:-20:2}", "12"}, {"${V:0:0}", ""}, {"${V:3:-9}", ""},
		{"${NONE}", ""}, {"a${V}b", "a123456789b"}, {"${${NAME}}", "123456789"}, {"${${NAME}:2:2}", "34"}, {"${LIST:${TWO}:3}", "d,g"},
		{"$V", "$V"}, {"$", "$"}, {"100%", "100%"}, {"${GLOB}", "earth"}, {"${EXTEN}", "8005"}, {"${EXTEN:-2}", "05"}, {"${CONTEXT},${PRIORITY}", "c,1"}, {"${EPOCH}", "1772625600"},
		{"$[${TWO} + 1]", "3"}, {"$[${V:0:1} + $[1 + 1]]", "3"}, {"$[\"${NONE}\" = \"\"]", "1"}, {"${X${TWO}}", "ex two"},
		// text
		{"${LEN(example)}", "7"}, {"${LEN()}", "0"}, {"${LEN(${V})}", "9"}, {"${TOLOWER(ABC dEf1)}", "abc def1"}, {"${TOUPPER(abc)}", "ABC"}, {"${TOUPPER(${TOLOWER(AbC)})}", "ABC"},
		{"${TRIM(  a b )}", "a b"}, {"${LTRIM(  a )}", "a "}, {"${RTRIM(  a )}", "  a"}, {"${PASSTHRU(x,y)}", "x,y"}, {"${EXISTS(a)}${EXISTS()}", "10"}, {"${ISNULL()}${ISNULL(a)}", "10"},
		{`${QUOTE(ab"c"de)}`, `"ab\"c\"de"`}, {`${QUOTE()}`, `""`}, {`${CSV_QUOTE(a"b)}`, `"a""b"`}, {"${KEYPADHASH(Les)}", "537"}, {"${KEYPADHASH(Hello World)}", "43556196753"},
		{"${FILTER(0-9,a1b2c3)}", "123"}, {"${FILTER(a-zA-Z,a1B2)}", "aB"}, {`${FILTER(\x2d\,,1-2,3)}`, "-,"}, {"${FILTER(ab,xaybz)}", "ab"}, {`${FILTER(0-9\-,+49-30)}`, "49-30"},
		{`${REGEX("^[0-9]+$" 123)}`, "1"}, {`${REGEX("^[0-9]+$" 12a)}`, "0"}, {`${REGEX("(abc|def)" xdefx)}`, "1"}, {`${REGEX("a b" xa b)}`, "1"},
		{"${REPLACE(LIST,e)}", "rd,grn,blu"}, {"${REPLACE(LIST,e,*)}", "r*d,gr**n,blu*"}, {"${REPLACE(V,13579,x)}", "x2x4x6x8x"}, {`${REPLACE(LIST,\,,-)}`, "red-green-blue"},
		{"${STRREPLACE(LIST,re,RE)}", "REd,gREen,blue"}, {"${STRREPLACE(LIST,re,RE,1)}", "REd,green,blue"}, {"${STRREPLACE(LIST,green)}", "red,,blue"},
		{"${MD5(hello)}", "5d41402abc4b2a76b9719d911017c592"}, {"${SHA1(hello)}", "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"},
		{"${BASE64_ENCODE(hello world)}", "aGVsbG8gd29ybGQ="}, {"${BASE64_DECODE(aGVsbG8gd29ybGQ=)}", "hello world"}, {"${BASE64_DECODE(aGk)}", "hi"},
		{"${URIENCODE(a b&c/d)}", "a%20b%26c%2Fd"}, {"${URIENCODE(A-z_0.9~)}", "A-z_0.9~"}, {"${URIDECODE(a%20b%2Fc)}", "a b/c"}, {"${URIDECODE(100%)}", "100%"}, {"${URIDECODE(%zz)}", "%zz"},
		// lists
		{`${CUT(DASH,-,2)}`, "bb"}, {`${CUT(DASH,,1)}`, "aa"}, {`${CUT(DASH,-,2-)}`, "bb-cc-dd"}, {`${CUT(DASH,-,-2)}`, "aa-bb"}, {`${CUT(DASH,-,1&3)}`, "aa-cc"}, {`${CUT(DASH,-,2-3)}`, "bb-cc"}, {`${CUT(DASH,-,9)}`, ""}, {`${CUT(LIST,\,,2)}`, "green"}, {`${CUT(DASH,-,1-2&4)}`, "aa-bb-dd"},
		{`${FIELDQTY(LIST,\,)}`, "3"}, {"${FIELDQTY(NONE,-)}", "0"}, {"${FIELDQTY(DASH,-)}", "4"}, {"${FIELDNUM(DASH,-,cc)}", "3"}, {"${FIELDNUM(DASH,-,zz)}", "0"}, {"${LISTFILTER(DASH,-,bb)}", "aa-cc-dd"},
		{"${SORT(one:1,three:3,two:2)}", "one,two,three"}, {"${SORT(b:1.5,a:-2,c:1.25)}", "a,c,b"},
		{"${SHIFT(S1)}+${S1}", "red+green,blue"}, {"${POP(S2)}+${S2}", "blue+red,green"}, {"${SHIFT(S3,-)}+${S3}", "aa+bb-cc-dd"}, {"${POP(ONE)}+${ONE}", "only+"}, {"${SHIFT(NONE)}", ""},
		// numbers
		{"${MATH(8+2)}", "10.000000"}, {"${MATH(123%16,int)}", "11"}, {"${MATH(10/4)}", "2.500000"}, {"${MATH(10/4,i)}", "2"}, {"${MATH(255+0,hex)}", "ff"}, {"${MATH(65+0,char)}", "A"}, {"${MATH(5>3)}", "TRUE"}, {"${MATH(5<3)}", "FALSE"}, {"${MATH(5==5)}", "TRUE"}, {"${MATH(5>=5)}", "TRUE"}, {"${MATH(1<<4,int)}", "16"}, {"${MATH(16>>2,i)}", "4"}, {"${MATH(6AND3,int)}", "2"}, {"${MATH(6OR3,int)}", "7"}, {"${MATH(6XOR3,int)}", "5"}, {"${MATH(-5+2,int)}", "-3"}, {"${MATH(2^10,int)}", "1024"}, {"${MATH(7-9,int)}", "-2"}, {"${MATH(3*4,int)}", "12"},
		{"${INC(TWO)}", "3"}, {"${DEC(TWO)}", "2"}, {"${INC(FRESH)}${INC(FRESH)}", "12"}, {"${RAND(7,7)}", "7"}, {"${MIN(3,5)}", "3"}, {"${MAX(3,5)}", "5"}, {"${ABS(-4)}", "4"},
		// choices
		{"${IF($[1 = 1]?yes:no)}", "yes"}, {"${IF($[1 = 2]?yes:no)}", "no"}, {"${IF(1?yes)}", "yes"}, {"${IF(0?yes)}", ""}, {"${IF(0?:no)}", "no"}, {"${IF(abc?a:b)}", "a"}, {`${IF(1?"a:b":c)}`, "a:b"}, {"${IF($[${TWO} > 1]?${V:0:2}:x)}", "12"},
		{"${IFTIME(11:00-13:00,*,*,*?noon:else)}", "noon"}, {"${IFTIME(13:00-14:00,*,*,*?noon:else)}", "else"}, {"${IFTIME(*,wed,*,*?a:b)}", "a"}, {"${IFTIME(*,*,1-5,mar?a:b)}", "a"}, {"${IFTIME(*,*,*,jan?a:b)}", "b"},
		// time
		{"${STRFTIME(0,UTC,%Y-%m-%d %H:%M:%S)}", "1970-01-01 00:00:00"}, {"${STRFTIME(1772625600,UTC,%a %j %u %p)}", "Wed 063 3 PM"}, {"${STRFTIME(,UTC,%H%M)}", "1200"}, {"${STRFTIME(0,Asia/Shanghai,%H)}", "08"}, {"${STRFTIME(0.25,UTC,%S.%3q)}", "00.250"}, {"${STRFTIME(0,UTC)}", "Thu Jan  1 00:00:00 1970"},
		{"${STRPTIME(2006-03-01 05:30,UTC,%Y-%m-%d %H:%M)}", "1141191000"},
		// variables through functions
		{"${SET(NEW=5)}${NEW}", "55"}, {"${GLOBAL(GLOB)}", "earth"}, {"${EVAL(${INDIRECT})}", "123456789"}, {"${HASH(h,b)}", "2"}, {"${HASH(h,none)}", ""}, {"${HASHKEYS(h)}", "c,b,a"}, {"${HASH(h)}", "3,2,1"},
		// the plan
		{"${DIALPLAN_EXISTS(c)}", "1"}, {"${DIALPLAN_EXISTS(zz)}", "0"}, {"${DIALPLAN_EXISTS(c,8005)}", "1"}, {"${DIALPLAN_EXISTS(c,9)}", "0"}, {"${DIALPLAN_EXISTS(c,8005,lab)}", "1"}, {"${VALID_EXTEN(,8005,2)}", "1"}, {"${VALID_EXTEN(c,8005,9)}", "0"},
		{"${SPRINTF(%d %05.2f %s %x %%,7,3.14159,abc,255)}", "7 03.14 abc ff %"}, {"${SPRINTF(%c%-3s|,65,a)}", "Aa  |"}, {"${SPRINTF(%ld,12x)}", "12"}, {"${SPRINTF(%d)}", ""}, {"${SPRINTF(%9999d,1)}", ""}, {"${SPRINTF(%n,1)}", ""},
		{"${STRBETWEEN(TWO,-)}${STRBETWEEN(X2,-)}", "2e-x- -t-w-o"}, {"${LEN(${UUID()})}", "36"}, {"${EVAL_EXTEN(c,8006,1)}", "8006 in c"}, {"${EVAL_EXTEN(c,8005,1)}", ""},
		{"${BASENAME(/a/b.wav)} ${DIRNAME(/a/b.wav)}", "b.wav /a"}, {"${GLOBAL_EXISTS(GLOB)}${GLOBAL_EXISTS(none)}", "10"},
		{"${AES_DECRYPT(0123456789abcdef,${AES_ENCRYPT(0123456789abcdef,hello world, all)})}", "hello world, all"}, {"${AES_ENCRYPT(0123456789abcdef,hi)}", "X1s+w2liTqcA53hUjfFi2g=="}, {"${AES_ENCRYPT(short,hi)}", ""}, {"${AES_DECRYPT(0123456789abcdef,x)}", ""},
		{"${SAYFILES(120,number)}", "digits/1&digits/hundred&digits/20"}, {"${SAYFILES(21,ordinal)}", "digits/20&digits/h-1"}, {"${SAYFILES(a1)}", "letters/a&digits/1"}, {"${SAYFILES(b,phonetic)}", "phonetic/b_p"}, {"${SAYFILES(1*,digits)}", "digits/1&digits/star"}, {"${SAYFILES(x,number)}", ""},
		// the channel
		{"${CALLERID(num)}", "200"}, {"${CHANNEL}", "PJSIP/8005-1"}, {"${CALLERID(num):1}", "00"}, {"${NOSUCH(x)}", ""}, {"${EXCEPTION(reason)}", ""},
	}
	plan := planOf(t, "[globals]\nGLOB=earth\n[c]\nexten => 8005,1,NoOp()\nexten => 8005,n(lab),NoOp()\nexten => _800X,1,Return(${EXTEN} in ${CONTEXT})\n")
	i, ch := channelOn(plan)
	ch.values = map[string]string{"CALLERID(num)": "200", "CHANNEL": "PJSIP/8005-1"}
	i.Start(Position{"c", "8005", 1})
	for _, set := range []string{"V=123456789", "NAME=V", "LIST=red,green,blue", "S1=red,green,blue", "S2=red,green,blue", "S3=aa-bb-cc-dd", "DASH=aa-bb-cc-dd",
		"TWO=2", "X2=ex two", "ONE=only", "INDIRECT=${V}", "HASH(h,a)=1", "HASH(h,b)=2", "HASH(h,c)=3"} {
		name, value, _ := strings.Cut(set, "=")
		if err := i.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range cases {
		if got := i.Expand(c.source); got != c.want {
			t.Errorf("%s = %q, documented: %q", c.source, got, c.want)
		}
	}
	t.Logf("%d functions and substitutions", len(cases))
}

// TestWriteFunctions proves the functions that Set can write.
func TestWriteFunctions(t *testing.T) {
	i, ch := channelOn(planOf(t, "[c]\n"))
	for _, c := range []struct{ set, read, want string }{
		{`ARRAY(a,b)=1,2`, "${a}${b}", "12"}, {`ARRAY(a,b,d)=x,y`, "${a}${b}${d}", "xy"}, {"GLOBAL(g)=7", "${g}", "7"},
		{"PUSH(l)=a", "${l}", "a"}, {"PUSH(l)=b", "${l}", "a,b"}, {"UNSHIFT(l)=z", "${l}", "z,a,b"}, {"PUSH(m,-)=1", "${m}", "1"}, {"PUSH(m,-)=2", "${m}", "1-2"},
		{"HASH(h,k)=v", "${HASH(h,k)}", "v"}, {"CLEARHASH(h)=", "${HASHKEYS(h)}", ""}, {"_once=1", "${once}", "1"}, {"__twice=2", "${twice}", "2"}, {"CALLERID(name)=Bob", "${CALLERID(name)}", "Bob"}, {"v=a=b", "${v}", "a=b"},
	} {
		if err := i.SetArgs(c.set); err != nil {
			t.Errorf("Set(%s): %v", c.set, err)
		}
		if got := i.Expand(c.read); got != c.want {
			t.Errorf("after Set(%s) %s = %q, want %q", c.set, c.read, got, c.want)
		}
	}
	if ch.values["CALLERID(name)"] != "Bob" {
		t.Error("CALLERID belongs to the channel")
	}
	for _, bad := range []string{"novalue", "LEN(x)=1", "NOSUCH(x)=1", "LOCAL(x)=1"} {
		if err := i.SetArgs(bad); err == nil {
			t.Errorf("Set(%s) must fail", bad)
		}
	}
	got := i.Inherited()
	if len(got) != 2 || got[0] != (Variable{"once", "1", 0}) || got[1] != (Variable{"twice", "2", 2}) {
		t.Errorf("_once passes once, __twice passes on: %+v", got)
	}
}

// TestLimits proves that giant values and deep nesting cost a clear error only.
func TestLimits(t *testing.T) {
	i, _ := channelOn(planOf(t, "[c]\n"))
	if err := i.Set("big", strings.Repeat("x", 64<<10+1)); err == nil {
		t.Error("a value over the limit is refused")
	}
	if err := i.Set("big", strings.Repeat("x", 60<<10)); err != nil {
		t.Error(err)
	}
	if got := i.Expand("${big}${big}${big}"); len(got) != 64<<10 {
		t.Errorf("a text over the limit is cut, got %d bytes", len(got))
	}
	if err := i.Set("loop", "${EVAL(${loop})}"); err != nil {
		t.Fatal(err)
	}
	if got := i.Expand("${EVAL(${loop})}"); got != "" {
		t.Errorf("EVAL of itself ends, got %q", got)
	}
	i.Expand(strings.Repeat("${", 5000))
	i.Expand(strings.Repeat("$[", 5000) + "1" + strings.Repeat("]", 5000))
	for n := range 5000 {
		if err := i.Set(strings.Repeat("v", n%50+1)+string(rune('a'+n%26))+strings.Repeat("w", n/50), "x"); err != nil {
			return
		}
	}
	t.Error("the number of variables has a limit")
}

func FuzzExpand(f *testing.F) {
	for _, s := range []string{"${V:1:2}", "${CUT(LIST,\\,,1-2)}", "$[1 + ${V}]", "${${NAME}}", "${IF($[1]?a:b)}", "${SORT(a:1,b:2)}", "${STRFTIME(1,UTC,%c)}", "${MATH(1<<33)}", "${REPLACE(V,1,x)}", "${EVAL(${V})}"} {
		f.Add(s)
	}
	plan := planOf(f, "[c]\nexten => _X.,1,NoOp()\n")
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 4096 {
			return
		}
		i, _ := channelOn(plan)
		_ = i.Set("V", "123456789")
		_ = i.Set("LIST", "a,b,c")
		_ = i.Set("NAME", "V")
		if got := i.Expand(source); len(got) > 64<<10 {
			t.Fatalf("%d bytes are over the limit", len(got))
		}
	})
}
