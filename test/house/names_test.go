package house

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// commands are the fixed outer names of the command line so far.
var commands = []string{"serve", "check", "phone", "ping", "version", "demo"}

// TestCommandsExist proves that each fixed command is there, helps with an
// example, and that an unknown one is a usage error (exit 2).
func TestCommandsExist(t *testing.T) {
	tr := load(t)
	dir := t.TempDir()
	bin := binary.Path(t)
	out, code := run(t, dir, bin, "--help")
	if code != 0 {
		t.Fatalf("hometone --help: exit %d, want 0\n%s", code, out)
	}
	for _, name := range commands {
		if !strings.Contains(out, "\n  "+name) {
			t.Errorf("hometone --help does not list %s", name)
		}
		help, code := run(t, dir, bin, name, "--help")
		if code != 0 {
			t.Errorf("hometone %s --help: exit %d, want 0", name, code)
		}
		if !strings.Contains(help, "Example") {
			t.Errorf("hometone %s --help shows no example", name)
		}
	}
	if _, code := run(t, dir, bin, "frobnicate"); code != 2 {
		t.Errorf("an unknown command exits %d, want 2", code)
	}
	if out, code := run(t, dir, bin, "version"); code != 0 || !strings.Contains(changelog(t, tr), "## "+versionOf(out)) {
		t.Errorf("CHANGELOG.md has no section for the version that `hometone version` prints: %q (exit %d)", out, code)
	}
}

func changelog(t *testing.T, tr tree) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(tr.root, "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// versionOf picks 0.1.0 from "hometone 0.1.0 ...".
func versionOf(out string) string {
	return regexp.MustCompile(`\d+\.\d+\.\d+`).FindString(out)
}

// everyKey is a file with every fixed key of hometone.yaml.
const everyKey = `
node:    {name: n1, data: ./hometone-data}
sip:     {listen: ["udp://127.0.0.1:5060", "tcp://127.0.0.1:5060", "tls://127.0.0.1:5061", "wss://127.0.0.1:8443/ws"], external: auto}
pbx:     {asterisk: ./asterisk}
edge:    {dispatcher: ./dispatcher.list, set: 1, algorithm: 9, probe: {interval: 1s, rise: 2, fall: 3}}
media:   {ports: 10000-20000, external: auto}
turn:    {listen: ["udp://127.0.0.1:3478"], realm: example.org, secret: "${TURN_SECRET}"}
tls:     {cert: ./cert.pem, key: ./key.pem}
cluster: {servers: [], peers: []}
ha:      {vip: 192.0.2.4/24, interface: eth0, router_id: 51, priority: 100, advert: 100ms}
push:    {webhook: {url: "https://push.example.org/", secret: "file:./secret"}}
records: {dsn: "sqlite:./records.db"}
console: {listen: "127.0.0.1:8080"}
monitor: {metrics: "127.0.0.1:9090", alarms: []}
`

// TestConfigurationKeysExist proves that no fixed key is unknown to the
// loader, and that an unknown one is an error.
func TestConfigurationKeysExist(t *testing.T) {
	dir := t.TempDir()
	bin := binary.Path(t)
	writeFiles(t, dir, map[string]string{
		"hometone.yaml": everyKey, "secret": "s3cret\n", "cert.pem": "", "key.pem": "",
		"dispatcher.list":          "1 sip:192.0.2.1:5060 0 1\n",
		"asterisk/pjsip.conf":      "",
		"asterisk/extensions.conf": "",
		"wrong.yaml":               "node: {nmae: n1}\n",
	})
	t.Setenv("TURN_SECRET", "x")
	out, _ := run(t, dir, bin, "check", "-c", "hometone.yaml")
	for _, line := range strings.Split(out, "\n") {
		if strings.Contains(line, "unknown") && strings.Contains(line, "key") && strings.Contains(line, "hometone.yaml") {
			t.Errorf("a fixed key is unknown: %s", line)
		}
	}
	out, code := run(t, dir, bin, "check", "-c", "wrong.yaml")
	if code != 2 || !strings.Contains(out, "wrong.yaml:1") {
		t.Errorf("an unknown key: exit %d, want 2 with file:line; got\n%s", code, out)
	}
}

var metricName = regexp.MustCompile(`^[a-z]+(_[a-z]+)+_(total|seconds|bytes|ratio)$`)

// logKeys maps spellings that people invent to the fixed log keys.
var logKeys = map[string]string{
	"callid": "call_id", "callID": "call_id", "call-id": "call_id", "Call-ID": "call_id",
	"branch_id": "branch", "AOR": "aor", "remote": "peer", "remote_addr": "peer", "node_name": "node",
}

// TestMetricAndLogNamesAreFixed reads string literals: metrics start with
// hometone_, log attributes use the fixed keys.
func TestMetricAndLogNamesAreFixed(t *testing.T) {
	tr := load(t)
	for _, s := range tr.sources {
		if s.test || strings.HasPrefix(s.dir, "test") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if v, err := strconv.Unquote(lit.Value); err == nil && metricName.MatchString(v) && !strings.HasPrefix(v, "hometone_") {
					t.Errorf("%s: metric %s must start with hometone_", tr.at(s, lit.Pos()), v)
				}
			}
			if call, ok := n.(*ast.CallExpr); ok {
				checkLogKey(t, tr, s, call)
			}
			return true
		})
	}
}

// checkLogKey looks at slog.String("key", ...) and its sisters.
func checkLogKey(t *testing.T, tr tree, s source, call *ast.CallExpr) {
	t.Helper()
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return
	}
	pkg, ok := sel.X.(*ast.Ident)
	if !ok || pkg.Name != "slog" {
		return
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return
	}
	if v, err := strconv.Unquote(lit.Value); err == nil && logKeys[v] != "" {
		t.Errorf("%s: log key %q is spelled %q in this house", tr.at(s, lit.Pos()), v, logKeys[v])
	}
}
