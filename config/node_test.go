package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const whole = `node:    {name: n1, data: ./data}
sip:     {listen: ["udp://0.0.0.0:5060", "tls://[::]:5061", "wss://0.0.0.0:8443/ws"], external: auto}
pbx:     {asterisk: ./asterisk}
edge:    {dispatcher: ./dispatcher.list, set: 1, algorithm: 9, probe: {interval: 100ms, rise: 2, fall: 3}}
media:   {ports: 10000-20000, external: 192.0.2.1}
turn:    {listen: ["udp://0.0.0.0:3478"], realm: example.org, secret: "${TURN_SECRET}"}
tls:     {cert: c.pem, key: k.pem}
cluster: {servers: ["nats://10.0.0.1:4222"], peers: [a:1, b:1]}
ha:      {vip: 192.0.2.4/24, interface: eth0, router_id: 51, advert: 100ms}
push:
  webhook: {url: "https://x.example", secret: file:hook.key}
records: {dsn: "sqlite:calls.db"}
console: {listen: 127.0.0.1:8080}
monitor: {metrics: 127.0.0.1:9090, alarms: []}
`

func environment(name string) (string, bool) {
	v, ok := map[string]string{"TURN_SECRET": "s3cret"}[name]
	return v, ok
}

// TestWholeFile proves that every key of the design is understood.
func TestWholeFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hook.key"), []byte("hookkey\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, problems := ParseNode(filepath.Join(dir, "hometone.yaml"), whole, environment)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, c := range []struct{ what, got, want any }{
		{"listen", fmt.Sprint(n.SIP.Listen), "[udp://0.0.0.0:5060 tls://[::]:5061 wss://0.0.0.0:8443/ws]"},
		{"external", n.SIP.External.Auto, true}, {"media address", n.Media.External.Addr.String(), "192.0.2.1"},
		{"ports", n.Media.Ports, PortRange{10000, 20000}}, {"probe interval", n.Edge.Probe.Interval, 100 * time.Millisecond}, {"probe rise", n.Edge.Probe.Rise, 2}, {"probe fall", n.Edge.Probe.Fall, 3},
		{"environment", n.TURN.Secret.Reveal(), "s3cret"}, {"file", n.Push.Webhook.Secret.Reveal(), "hookkey"},
		{"default priority", n.HA.Priority, 100}, {"relative path", n.PBX.Asterisk, filepath.Join(dir, "asterisk")}, {"data", n.Node.Data, filepath.Join(dir, "data")},
		{"place", n.At("edge.algorithm").Line, 4}, {"absent role", Default().Edge == nil, true},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}

// TestNodeProblems holds the messages of a wrong file, word for word.
func TestNodeProblems(t *testing.T) {
	for source, want := range map[string]string{
		"nod: {name: x}":                                        "h.yaml:1:1: error: unknown key nod (did you mean node?)",
		"sip:\n  lisen: []":                                     "h.yaml:2:3: error: unknown key sip.lisen (did you mean listen?)",
		"console: {zzz: 1}":                                     "h.yaml:1:11: error: unknown key console.zzz (known here: listen)",
		"node: 5":                                               "h.yaml:1:7: error: node must be a section with keys (write key: value lines below it)",
		"node: {name: [a]}":                                     "h.yaml:1:14: error: node.name must be a single value",
		"edge: {set: x, dispatcher: d}":                         `h.yaml:1:13: error: edge.set: "x" is not a whole number`,
		"ha: {advert: 100}":                                     `h.yaml:1:14: error: ha.advert: "100" has no unit; write 100s or 100ms`,
		"ha: {vip: 192.0.2.1/33}":                               `h.yaml:1:11: error: ha.vip: netip.ParsePrefix("192.0.2.1/33"): prefix length out of range`,
		"sip: {listen: [upd://1]}":                              `h.yaml:1:16: error: sip.listen[0]: "upd://1": protocol "upd" is none of udp, tcp, tls, ws, wss did you mean udp?`,
		"sip: {listen: [0.0.0.0]}":                              `h.yaml:1:16: error: sip.listen[0]: "0.0.0.0" has no protocol; write for instance udp://0.0.0.0`,
		"sip: {listen: ['tcp://h:1']}":                          `h.yaml:1:16: error: sip.listen[0]: "tcp://h:1": "h" is not an IP address`,
		"media: {ports: 1-2}":                                   `h.yaml:1:16: error: media.ports: "1-2" holds no two pairs of ports`,
		"turn: {secret: '${NOPE}'}":                             "h.yaml:1:16: error: turn.secret: environment variable NOPE is not set (export it before starting)",
		"turn: {realm: x}":                                      `h.yaml:1:7: error: turn: no secret; anybody could relay through this node (add secret: "${TURN_SECRET}")`,
		"edge: {set: 2}":                                        "h.yaml:1:7: error: edge: no destinations (add dispatcher: ./dispatcher.list)",
		"sip: {dns: [ns.example.org]}":                          `h.yaml:1:13: error: sip.dns[0]: "ns.example.org" is not an IP address (write ADDRESS or ADDRESS:PORT, for instance 192.0.2.53)`,
		"edge: {dispatcher: d, probe: {interval: 1ms}}":         "h.yaml:1:41: error: edge.probe.interval: 1ms is below 100ms",
		"sip: {listen: ['udp://1.2.3.4:5', 'udp://0.0.0.0:5']}": "h.yaml:1:35: error: sip.listen[1] and sip.listen[0] need the same port: udp://0.0.0.0:5, udp://1.2.3.4:5 (give one of them another port)",
		"tls: {cert: x}":                                        "h.yaml:1:6: error: tls: a certificate needs its key (give both cert and key, or none)",
		"cluster: {peers: [b:1]}":                               "h.yaml:1:18: warning: [T12] cluster.peers: two nodes have no majority when one is lost (add a third node; a small witness without calls is enough)",
		"records: {dsn: 'mysql:x'}":                             "h.yaml:1:16: error: records.dsn: not a database that is supported (write sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME)",
		"node: {name: “n1”}":                                    `h.yaml:1:14: error: [T13] typographic quote “ (U+201C) instead of plain ASCII (type ")`,
		"node: [":                                               "h.yaml:1:7: error: YAML: sequence end token ']' not found",
		"node: {name: a}\n---\nnode: {name: b}":                 "h.yaml:3:5: error: file has more than one document (remove the --- line)",
		"console: {listen: here}":                               `h.yaml:1:19: error: console.listen: "here" is not an IP address (write ADDRESS:PORT, for instance 127.0.0.1:8080)`,
	} {
		_, problems := ParseNode("h.yaml", source, environment)
		if len(problems) == 0 || problems[0].String() != want {
			t.Errorf("%s:\n got %v\nwant %s", source, problems, want)
		}
	}
	if _, problems := ParseNode("h.yaml", "# only a comment\n", environment); len(problems) > 0 {
		t.Errorf("an empty file is a node with defaults: %v", problems)
	}
}

// TestAllProblemsAtOnce proves that one run shows everything.
func TestAllProblemsAtOnce(t *testing.T) {
	_, problems := ParseNode("h.yaml", "a: 1\nnode: {b: 1, name: [x]}\nmedia: {ports: x}\n", environment)
	if len(problems) != 4 {
		t.Errorf("four faults, %d named: %v", len(problems), problems)
	}
}

// TestSecretNeverPrints proves it for every way of printing.
func TestSecretNeverPrints(t *testing.T) {
	const password = "hunter2hunter2"
	s := struct{ P Secret }{NewSecret(password)}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "p", s.P, "all", s)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "p", s.P, "all", s)
	for _, printed := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s.P, s.P), fmt.Sprintf("%x %d", s.P, s.P), string(data), log.String()} {
		if strings.Contains(printed, password) || strings.Contains(printed, fmt.Sprintf("%x", password)) {
			t.Errorf("printed: %s", printed)
		}
	}
	if s.P.Reveal() != password {
		t.Error("Reveal returns it")
	}
}

// TestChanged proves what a reload sees.
func TestChanged(t *testing.T) {
	a, _ := ParseNode("h.yaml", "console: {listen: 127.0.0.1:1}\n", environment)
	b, _ := ParseNode("h.yaml", "\nconsole: {listen: 127.0.0.1:2}\nturn: {secret: x}\n", environment)
	if got := Changed(a, b); !reflect.DeepEqual(got, []string{"turn", "console"}) {
		t.Errorf("changed: %v", got)
	}
	if got := Changed(a, a); len(got) != 0 {
		t.Errorf("nothing changed: %v", got)
	}
}

func TestOverlaps(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"udp://0.0.0.0:1", "udp://1.2.3.4:1", true}, {"udp://1.2.3.4:1", "udp://1.2.3.4:2", false}, {"udp://0.0.0.0:1", "tcp://0.0.0.0:1", false},
		{"tcp://0.0.0.0:1", "tls://0.0.0.0:1", true}, {"udp://[::]:1", "udp://0.0.0.0:1", false}, {"udp://[::]:1", "udp://[::1]:1", true}, {"udp://1.1.1.1:1", "udp://2.2.2.2:1", false}, {"udp://0.0.0.0:0", "udp://0.0.0.0:0", false},
	} {
		a, err1 := ParseAddress(c.a)
		b, err2 := ParseAddress(c.b)
		if err1 != nil || err2 != nil || a.Overlaps(b) != c.want || b.Overlaps(a) != c.want {
			t.Errorf("%s and %s: want %v", c.a, c.b, c.want)
		}
	}
}

func FuzzNode(f *testing.F) {
	f.Add(whole)
	f.Add("a: &x {b: *x}\n<<: *x\nsip: {listen: !!str udp://1.1.1.1}")
	f.Fuzz(func(t *testing.T, source string) {
		if strings.Contains(source, "file:") {
			return // stay away from the file system
		}
		n, problems := ParseNode("f", source, environment)
		if n == nil {
			t.Fatal("the node is never nil")
		}
		for _, p := range problems {
			if p.Text == "" || p.File == "" {
				t.Fatalf("problem without text or file: %+v", p)
			}
		}
	})
}
