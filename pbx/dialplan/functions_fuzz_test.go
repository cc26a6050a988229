package dialplan

import (
	"maps"
	"slices"
	"testing"
)

// FuzzFunctions proves that no function panics or returns more than the limit
// times a small factor, whatever its arguments are.
func FuzzFunctions(f *testing.F) {
	functions := Builtin()
	names := slices.Sorted(maps.Keys(functions))
	for _, args := range []string{"", ",", "x", "x,y,z", `"a,b",c`, "v,%d-%s,%c", "2006-01-02,UTC,%F %T", "{\"a\":[1]},a.0", "v,a.b,.,c", "1,l", "f/k", "a@b", "%999d,1", "0123456789abcdef,x", "\x00\xff,\\x,-", "9223372036854775807,number", "-9223372036854775808,ordinal"} {
		for n := range names {
			f.Add(uint8(n), args, "value") //nolint:gosec // fewer than 256 functions
		}
	}
	plan := planOf(f, "[c]\nexten => _X.,1,Return(${EXTEN})\n")
	f.Fuzz(func(t *testing.T, n uint8, args, value string) {
		if len(args) > 1000 || len(value) > 1000 {
			return
		}
		i := channelNamed("PJSIP/a-1", plan, Services{Database: mapDatabase{}, States: mapStates{}})
		if err := i.Set("v", value); err != nil {
			t.Fatal(err)
		}
		name := names[int(n)%len(names)]
		if functions[name].Write != nil {
			_ = i.Set(name+"("+args+")", value)
		}
		if functions[name].Read != nil {
			if got, _ := i.Call(name, args); len(got) > 8*i.limits.Variable {
				t.Fatalf("%s(%q) has %d bytes", name, args, len(got))
			}
		}
	})
}
