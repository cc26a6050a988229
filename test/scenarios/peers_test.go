package scenarios_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// How a scenario is played: it calls an extension that answers and echoes, or it
// is called by SIPp's own caller. Everything from 127.0.0.1 is the endpoint
// "anybody", which answers the challenges of those it calls; alice is an extension with a hint, a mailbox and a registration.
const (
	peersPJSIP = `[global]
type=global
[udp]
type=transport
protocol=udp
bind=127.0.0.1:%d
[anybody]
type=endpoint
context=peers
allow=!all,ulaw,alaw,g722,opus,vp8,h264
aors=alice,sipp,1000
outbound_auth=anybody
[anybody]
type=auth
auth_type=userpass
username=alice
password=alice
[alice]
type=aor
max_contacts=10
mailboxes=100@default
[sipp]
type=aor
max_contacts=10
[1000]
type=aor
max_contacts=10
[everybody]
type=identify
endpoint=anybody
match=127.0.0.1
`
	peersPlan = `[peers]
exten => _9XXXX.,1,Dial(PJSIP/anybody/sip:peer@127.0.0.1:${EXTEN:1},20)
exten => service,1,Answer()
same => n,Echo()
exten => early,1,Progress()
same => n,Wait(2)
same => n,Answer()
same => n,Echo()
exten => _[a-zA-Z0-8].,1,Ringing()
same => n,Wait(0.2)
same => n,Answer()
same => n,Echo()
exten => alice,1,Ringing()
same => n,Wait(0.2)
same => n,Answer()
same => n,Echo()
exten => alice,hint,Custom:alice
exten => service,hint,Custom:service
`
)

// peerTime is how long one scenario may take.
const peerTime = 40 * time.Second

// ground is a node for scenarios and the address it listens on.
type ground struct{ addr string }

// freePort returns a UDP port of the loopback address that nobody has.
func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// serve starts the node and waits until it listens.
func serve(t *testing.T) ground {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	files := map[string]string{"pjsip.conf": fmt.Sprintf(peersPJSIP, port), "extensions.conf": peersPlan, "voicemail.conf": "[default]\n100 => 1234,Alice\n",
		"asterisk.conf": "[directories]\nastdbdir => " + dir + "/db\nastspooldir => " + dir + "/spool\nastrundir => " + dir + "/run\n"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary.Path(t), "serve", "--asterisk", dir)
	cmd.Dir = dir
	log := &watched{want: "listening on", seen: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the node
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
		}
	})
	select {
	case <-log.seen:
	case err := <-ended:
		t.Fatalf("the node ended: %v\n%s", err, log.String())
	case <-time.After(time.Minute):
		t.Fatalf("the node does not listen\n%s", log.String())
	}
	return ground{"127.0.0.1:" + strconv.Itoa(port)}
}

// watched is the node's output; seen is closed when it holds what is wanted.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	seen chan struct{}
}

// Write implements io.Writer.
func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if w.want != "" && strings.Contains(w.text.String(), w.want) {
		w.want = ""
		close(w.seen)
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// play runs one scenario.
func (g ground) play(t *testing.T, file string) outcome {
	ctx, cancel := context.WithTimeout(t.Context(), peerTime)
	defer cancel()
	port := freePort(t)
	errors := filepath.Join(t.TempDir(), "errors")
	args := []string{g.addr, "-sf", file, "-i", "127.0.0.1", "-p", strconv.Itoa(port), "-m", "1", "-nostdin", "-timeout", "30s", "-timeout_error",
		"-d", "500", "-trace_err", "-error_file", errors, "-au", "alice", "-ap", "alice"}
	called := waitsForCall(file)
	if !called {
		args = append(args, "-s", extension(file))
	}
	if lists, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*.csv")); len(lists) > 0 && usesFields(file) {
		args = append(args, "-inf", lists[0])
	}
	cmd := exec.CommandContext(ctx, "sipp", args...)
	cmd.Dir = filepath.Dir(file)
	if called {
		go func() { // ends with ctx
			call := exec.CommandContext(ctx, "sipp", g.addr, "-sn", "uac", "-s", "9"+strconv.Itoa(port), "-i", "127.0.0.1", "-p", strconv.Itoa(freePort(t)),
				"-m", "1", "-nostdin", "-d", "8000", "-timeout", "30s")
			_ = call.Run() // the scenario is what counts
		}()
	}
	out, err := cmd.CombinedOutput()
	if err == nil {
		return outcome{passed: true}
	}
	text, _ := os.ReadFile(errors)
	return outcome{reason: reasonOf(string(text), string(out), err)}
}

// waitsForCall reports whether a scenario begins with an INVITE that it receives.
func waitsForCall(file string) bool {
	text, err := os.ReadFile(file)
	text = comments.ReplaceAll(text, nil)
	sends, waits := bytes.Index(text, []byte("<send")), bytes.Index(text, []byte(`<recv request="`))
	return err == nil && waits >= 0 && (sends < 0 || waits < sends) && bytes.HasPrefix(text[waits:], []byte(`<recv request="INVITE"`))
}

// comments are those of XML.
var comments = regexp.MustCompile(`(?s)<!--.*?-->`)

// extension is what a scenario calls: one with early media if it waits for that.
func extension(file string) string {
	text, _ := os.ReadFile(file)
	if bytes.Contains(text, []byte(`<recv response="183">`)) || bytes.Contains(text, []byte(`<recv response="183"/>`)) {
		return "early"
	}
	return "alice"
}

// usesFields reports whether a scenario reads values from a file.
func usesFields(file string) bool {
	text, err := os.ReadFile(file)
	return err == nil && bytes.Contains(text, []byte("[field"))
}

// reasonOf is the last thing that SIPp complained of, in one line.
func reasonOf(trace, out string, err error) string {
	for _, text := range []string{trace, out} {
		for line := range strings.Lines(text) {
			if i := strings.Index(line, "while expecting"); i >= 0 {
				return strings.TrimSpace(line[i:])
			}
		}
	}
	lines := strings.Split(strings.TrimSpace(trace), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if _, text, ok := strings.Cut(last, ": "); ok { // behind the time
		last, _, _ = strings.Cut(strings.TrimSpace(text), " for call")
	}
	if last != "" {
		return last[:min(len(last), 120)]
	}
	return err.Error()
}

// playAll runs the scenarios of a set whose names the table knows, or all of them
// when the table is to be written.
func playAll(t *testing.T, set string, files map[string]string) {
	t.Helper()
	testdata.Program(t, "sipp")
	rows := table(t, set)
	g := serve(t)
	happened := map[string]outcome{}
	var mu sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, 4)
	for name, file := range files {
		group.Add(1)
		go func() {
			defer group.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			o := g.play(t, file)
			if !o.passed && expected(rows, name) {
				o = g.play(t, file) // a machine that was late shows nothing
			}
			mu.Lock()
			defer mu.Unlock()
			happened[name] = o
		}()
	}
	group.Wait()
	judge(t, set, rows, happened)
}

// expected reports whether the table says that a scenario passes.
func expected(rows []row, name string) bool {
	for _, r := range rows {
		if r.name == name {
			return r.result == "pass"
		}
	}
	return false
}

// TestPjproject runs the peers of pjproject's black-box tests. They were written
// for a telephone under test; here an exchange is at the other end.
func TestPjproject(t *testing.T) {
	testdata.Long(t)
	dir := testdata.Path(t, "10-sipp-pjproject", "scripts-sipp")
	playAll(t, "pjproject", scenariosIn(t, dir, dir))
}

// TestCommunity runs scenarios that people have published, apart from those that
// need a SIPp of 3.7 or later.
func TestCommunity(t *testing.T) {
	testdata.Long(t)
	dir := t.TempDir()
	unpack := exec.Command("tar", "xzf", testdata.Path(t, "13-sipp-community", "files.tar.gz"), "-C", dir)
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	files := scenariosIn(t, dir, dir)
	for name := range files {
		if strings.Contains(name, "pfca_") || strings.Contains(name, "/regress/") {
			delete(files, name)
		}
	}
	playAll(t, "community", files)
}

// scenariosIn finds the scenarios below a folder, by their path without suffix.
func scenariosIn(t *testing.T, root, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".xml" {
			return err
		}
		if text, err := os.ReadFile(path); err != nil || !bytes.Contains(text, []byte("<scenario")) {
			return err
		}
		name, _ := filepath.Rel(root, path)
		files[strings.TrimSuffix(filepath.ToSlash(name), ".xml")] = path
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
