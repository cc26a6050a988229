package pbx

import (
	"strings"
	"testing"
)

// No password of Authenticate or DISA is shown, whoever runs these; all else is.
func TestShown(t *testing.T) {
	for _, c := range []struct{ app, args, want string }{
		{"Dial", "PJSIP/disa(1),20", "PJSIP/disa(1),20"},
		{"AUTHENTICATE", "4711,a", "…"},
		{"disa", "4711,office", "…"},
		{"VMAuthenticate", "8006@x", "8006@x"},
		{"ExecIf", `$[${X} > (1)]?Authenticate(${P(1)}4711,a):Playback(x)`, `$[${X} > (1)]?Authenticate(…):Playback(x)`},
		{"ExecIf", `1?Playback(x): disa (4711)`, `1?Playback(x): disa (…)`},
		{"ExecIf", `1?Authenticate(47)11,a):Playback(x)`, `1?Authenticate(…):Playback(x)`},
		{"Exec", `DISA(47(11)`, `DISA(…`},
		{"Exec", `Authenticate(${DB(a/${IF($[(1)]?b)})}))11)`, `Authenticate(…)`},
		{"TryExec", "Authenticate(4711", "Authenticate(…"},
		{"exec", "VMAuthenticate(8006)", "VMAuthenticate(8006)"},
		{"ExecIfTime", "9:00-17:00,mon,*,*?DISA(4711)", "9:00-17:00,mon,*,*?DISA(…)"},
		{"Originate", "PJSIP/x,app,Authenticate,4711,a", "PJSIP/x,app,Authenticate,…"},
	} {
		if got := Shown(c.app, c.args); got != c.want {
			t.Errorf("%s(%s) is shown as %s, want %s", c.app, c.args, got, c.want)
		}
	}
}

// Whatever the text is, what stands behind the name is hidden.
func FuzzMask(f *testing.F) {
	f.Add("1?", ":x")
	f.Fuzz(func(t *testing.T, before, after string) {
		got := mask(before + ",Authenticate(4711)" + after)
		if strings.Count(got, "4711") > strings.Count(before+after, "4711") {
			t.Errorf("shown: %q", got)
		}
	})
}
