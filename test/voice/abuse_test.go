package voice_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A dialplan that misbehaves costs its own call: an error with file and line, the extension
// h still runs, and a call beside it hears every moment of its sound.
func TestAbuse(t *testing.T) {
	plan := []string{
		"exten => 8006,1,Dial(PJSIP/8006)",
		"exten => loop,1,Goto(loop,1)",
		"exten => nowait,1,Wait(0)",
		"same => n,Goto(nowait,1)",
		"exten => while,1,While(1)",
		"same => n,EndWhile()",
		"exten => deep,1,Gosub(deep,1)",
		"exten => giant,1,Set(X=0123456789abcdef)",
		"same => n(more),Set(X=${X}${X}${X}${X})",
		"same => n,GotoIf($[${LEN(${X})} < 60000]?more)",
		"exten => many,1,Set(N=0)",
		"same => n(more),Set(N=$[${N} + 1])",
		"same => n,Set(V${N}=x)",
		"same => n,GotoIf($[${N} < 5000]?more)",
		"exten => eval,1,Set(D=$)",
		"same => n,Set(A=${D}{EVAL(${D}{A})})",
		"same => n,Set(B=${EVAL(${A})})",
		"exten => regex,1,Set(R=${REGEX(\"^(a+)+$\" " + strings.Repeat("a", 200) + "b)})",
		"same => n,Playback(no/such/prompt)",
		"same => n,Log(NOTICE,@P=${PLAYBACKSTATUS}@)",
		"exten => missing,1,NoSuchApplication(x)",
		"same => n,Log(NOTICE,@P=went on@)",
		"exten => local,1,Dial(Local/local@calls)",
		"exten => h,1,Log(NOTICE,@H=${EXTEN} ${WHAT}@)",
	}
	lineOf := map[string]int{} // first line of an extension
	for i, l := range plan {
		if rest, ok := strings.CutPrefix(l, "exten => "); ok {
			name, _, _ := strings.Cut(rest, ",")
			lineOf[name] = i + 2 // below [calls]
			if name != "h" && name != "8006" {
				plan[i] = strings.Replace(l, ",1,", ",1,Set(WHAT="+name+")\nsame => n,", 1)
			}
		}
	}
	x := featured(t, strings.Join(plan, "\n")+"\n", nil)
	// The lines have moved by those that name the extension.
	lines := strings.Split(readFile(t, x.dir+"/asterisk/extensions.conf"), "\n")
	for i, l := range lines {
		if rest, ok := strings.CutPrefix(l, "exten => "); ok {
			name, _, _ := strings.Cut(rest, ",")
			lineOf[name] = i + 1
		}
	}
	a, b, bad := x.phone("8005"), x.phone("8006"), x.phone("8007")
	in, out := connected(a, "8006", b)
	in.speak(toneA)
	out.hears(toneA, 0.5, "the neighbour is there")
	_ = out.heard()
	began := time.Now()
	for _, c := range []struct{ exten, says string }{
		{"loop", "priorities without a wait"}, {"nowait", "priorities without a wait"}, {"while", "priorities without a wait"}, {"deep", "nested more than 128"},
		{"giant", "cut to the limit"}, {"many", "already has 4096 variables"}, {"eval", "nested more than 32"}, {"regex", "no/such/prompt"},
		{"missing", "NoSuchApplication"}, {"local", ""},
	} {
		start := time.Now()
		from := len(x.log.String())
		call, err := bad.Call(x.ctx, c.exten)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-call.Done():
		case <-time.After(patience):
			t.Fatalf("%s does not end", c.exten)
		}
		x.until(c.exten+": h has run", func() bool { return strings.Contains(x.log.String()[from:], "@H=h "+c.exten+"@") })
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s took %v", c.exten, took)
		}
		log, found := x.log.String()[from:], c.says == ""
		for l := range strings.Lines(log) {
			if c.says != "" && strings.Contains(l, c.says) {
				found = true
				at := strings.Contains(l, "extensions.conf:")
				if on := strings.Contains(l, "channel="); !at && !on {
					t.Errorf("%s: neither the line nor the channel is told: %s", c.exten, l)
				}
				if n, ok := strings.CutPrefix(l[max(strings.Index(l, "extensions.conf:"), 0):], "extensions.conf:"); ok {
					number, _ := strconv.Atoi(strings.TrimRight(strings.Fields(n)[0], "\""))
					if number < lineOf[c.exten] || number > lineOf[c.exten]+5 {
						t.Errorf("%s begins at line %d, told is %d", c.exten, lineOf[c.exten], number)
					}
				}
			}
		}
		if !found {
			t.Errorf("%s: the log does not say %q:\n%s", c.exten, c.says, log)
		}
	}
	if x.variable("P") != "FAILED" {
		t.Errorf("a missing prompt, or an application that is not there: %q", x.variable("P"))
	}
	wall := time.Since(began).Seconds()
	if s := seconds(out.heard(), toneA); s < 0.8*wall-0.3 { // a machine that is late loses some
		t.Errorf("the neighbour has heard %.2f s of %.2f", s, wall)
	}
	in.hangup()
	out.over("the end")
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
