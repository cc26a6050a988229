package dispatcher

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/internal/testdata"
)

func examples(t *testing.T) string {
	return filepath.Join(filepath.Dir(testdata.Path(t)), "examples")
}

// TestExample proves that Kamailio's own list is read as it is, and that trap
// T1 is named for both of its lines.
func TestExample(t *testing.T) {
	list, problems := Load(filepath.Join(examples(t), "kamailio", "dispatcher.list"))
	if len(problems) > 0 {
		t.Fatalf("the example has no fault: %v", problems)
	}
	if len(list.Set(1)) != 2 || list.Set(1)[0].URI != "sip:192.168.0.1" || list.Set(1)[1].Int("weight", 0) != 50 || list.Set(1)[0].Priority != 1 {
		t.Fatalf("the example was not understood: %+v", list)
	}
	cfg, _ := pjsip.Load(filepath.Join(examples(t), "asterisk"))
	var listeners []config.Address
	for _, tr := range cfg.Transports {
		listeners = append(listeners, tr.Address())
	}
	found := CheckListeners(list, listeners, "pjsip.conf")
	if len(found) != 2 || found[0].Trap != "T1" || found[0].Line != 1 || found[1].Line != 2 {
		t.Fatalf("the PBX binds 5061 and the list means 5060: %v", found)
	}
	if !strings.Contains(found[0].Hint, "sip:192.168.0.1:5061") {
		t.Errorf("the hint should say what to write: %s", found[0].Hint)
	}
	listeners[0].Addr = mustPort(t, "udp://0.0.0.0:5060")
	if found := CheckListeners(list, listeners, "pjsip.conf"); len(found) > 0 {
		t.Errorf("with a listener on 5060 nothing is wrong: %v", found)
	}
}

func mustPort(t *testing.T, text string) netip.AddrPort {
	a, err := config.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return a.Addr
}

func TestParse(t *testing.T) {
	source := `# destinations
1 sip:a.example.org;transport=tls 0x8 10 "duid=a;weight=30; note=x"   # comment

2   sips:[2001:db8::1]:5071 9
3 sip:u@10.0.0.1:5080 0 -1 duid=b;socket=udp:10.0.0.9:5060;maxload=7;;free=yes
`
	list, problems := Parse("d.list", source)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := []Destination{
		{Pos: config.Pos{File: "d.list", Line: 2}, Set: 1, URI: "sip:a.example.org;transport=tls", Flags: Probing, Priority: 10, Attrs: []Attr{{"duid", "a"}, {"weight", "30"}, {"note", "x"}}},
		{Pos: config.Pos{File: "d.list", Line: 4}, Set: 2, URI: "sips:[2001:db8::1]:5071", Flags: Inactive | Probing},
		{Pos: config.Pos{File: "d.list", Line: 5}, Set: 3, URI: "sip:u@10.0.0.1:5080", Priority: -1, Attrs: []Attr{{"duid", "b"}, {"socket", "udp:10.0.0.9:5060"}, {"maxload", "7"}, {"free", "yes"}}},
	}
	if len(list.Destinations) != len(want) {
		t.Fatalf("%d destinations, want %d", len(list.Destinations), len(want))
	}
	for i, d := range list.Destinations {
		if d.Pos != want[i].Pos || d.Set != want[i].Set || d.URI != want[i].URI || d.Flags != want[i].Flags || d.Priority != want[i].Priority || !slices.Equal(d.Attrs, want[i].Attrs) {
			t.Errorf("line %d: %+v, want %+v", d.Line, d, want[i])
		}
	}
}

func TestProblems(t *testing.T) {
	for source, want := range map[string]string{
		"x sip:a":                                `d:1: error: set "x" is not a number (begin the line with a number, such as 1)`,
		"1":                                      `d:1: error: no URI (write SET URI, such as 1 sip:192.0.2.1)`,
		"1 http:a":                               `d:1: error: "http:a" is not a SIP URI (write sip:HOST:PORT)`,
		"1 sip:a:99999":                          `d:1: error: "sip:a:99999": "99999" is not a port (write sip:HOST:PORT;transport=udp)`,
		"1 sip:a weight=50":                      `d:1: error: flags "weight=50" are not a number (write 0, or for instance 8 or 0x8 to probe)`,
		"1 sip:a 0 weight=50":                    `d:1: error: priority "weight=50" is not a number (write a number; attributes come after it)`,
		"1 sip:a 0 0 weight=500":                 `d:1: error: attribute weight=500 is not between 0 and 100`,
		"1 sip:a 0 0 fast":                       `d:1: error: attribute "fast" is not name=value (write name=value;name=value)`,
		"1 sip:a 0 0 a=1 b=2":                    `d:1: error: 6 fields, at most five are known: SET URI FLAGS PRIORITY ATTRIBUTES (put attributes with blanks into quotes)`,
		"1 sip:a 64":                             `d:1: warning: flags 0x40 are not known and have no effect`,
		"1 sip:a 0 0 \"a=b":                      `d:1: error: quote is never closed (close it)`,
		"1 sip:a 0 0 duid=“x”":                   `d:1:18: error: [T13] typographic quote “ (U+201C) instead of plain ASCII (type ")`,
		"# nothing\n":                            `d: warning: no destinations (add lines such as: 1 sip:192.0.2.1:5060 0 1 weight=50)`,
		"1 sip:a 0 0 duid=x\n1 sip:b 0 0 duid=x": `d:2: error: duid=x is already used in line 1 (give each its own)`,
	} {
		_, problems := Parse("d", source)
		if len(problems) != 1 || problems[0].String() != want {
			t.Errorf("%q:\n got %v\nwant %s", source, problems, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1 sip:192.168.0.1 0 1 weight=50\n2 sips:[::1]:5 0x8 1 \"a=b; c=d\" # x")
	f.Fuzz(func(t *testing.T, source string) {
		list, problems := Parse("f", source)
		for _, d := range list.Destinations {
			if d.URI == "" || d.Line < 1 {
				t.Fatalf("destination without URI or line: %+v", d)
			}
		}
		for _, p := range problems {
			if p.Text == "" {
				t.Fatal("a finding says what it found")
			}
		}
	})
}
