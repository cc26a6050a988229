package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/config/pjsip"
)

// demoSite is a folder with the demo's configuration, the same as an
// operator would write: two phones, a dialplan of two lines.
type demoSite struct {
	dir  string
	port uint16
	pass map[string]string // by user
}

// demoUsers are the demo's extensions.
func demoUsers() []string { return []string{"8005", "8006"} }

// demoPlan is the demo's extensions.conf.
const demoPlan = `; Written by hometone demo; change it as you like, it is kept.
[from-phones]
exten => _80XX,1,Dial(PJSIP/${EXTEN},30)
 same => n,Hangup()
; 600 says what you say.
exten => 600,1,Answer()
 same => n,Echo()
`

// prepareDemo makes the folder, or reads the one that is there.
func prepareDemo(data string, port uint16) (*demoSite, error) {
	dir, err := filepath.Abs(filepath.Join(data, "demo"))
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(dir, " \t") {
		return nil, fmt.Errorf("demo: the path %q has a space; choose another with --data", dir)
	}
	s := &demoSite{dir: dir, port: freePort(port), pass: make(map[string]string)}
	if err := os.MkdirAll(s.asterisk(), 0o700); err != nil {
		return nil, err
	}
	if err := s.passwords(); err != nil {
		return nil, err
	}
	if err := s.writeVoices(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(s.asterisk(), "pjsip.conf"), []byte(s.phones()), 0o600); err != nil {
		return nil, err
	}
	plan := filepath.Join(s.asterisk(), "extensions.conf")
	if _, err := os.Stat(plan); err == nil {
		return s, nil
	}
	return s, os.WriteFile(plan, []byte(demoPlan), 0o600)
}

func (s *demoSite) asterisk() string { return filepath.Join(s.dir, "asterisk") }

// passwords takes the passwords of an earlier run, so that a softphone stays
// registered, or makes new ones.
func (s *demoSite) passwords() error {
	path := filepath.Join(s.asterisk(), "pjsip.conf")
	if _, err := os.Stat(path); err == nil {
		old, problems := pjsip.Load(path)
		if !config.HasErrors(problems) {
			for _, user := range demoUsers() {
				if a := old.Auths[user]; a != nil {
					s.pass[user] = a.Password.Reveal()
				}
			}
		}
	}
	for _, user := range demoUsers() {
		if s.pass[user] == "" {
			s.pass[user] = strings.ToLower(rand.Text()[:16])
		}
	}
	return nil
}

// phones is the demo's pjsip.conf.
func (s *demoSite) phones() string {
	var b strings.Builder
	fmt.Fprintf(&b, "; Written by hometone demo at each start; passwords are kept.\n")
	for _, proto := range []string{"udp", "tcp"} {
		fmt.Fprintf(&b, "[transport-%s]\ntype=transport\nprotocol=%s\nbind=0.0.0.0:%d\n\n", proto, proto, s.port)
	}
	for _, user := range demoUsers() {
		fmt.Fprintf(&b, "[%s]\ntype=endpoint\ncontext=from-phones\ndisallow=all\nallow=ulaw,alaw\nauth=%s\naors=%s\n\n", user, user, user)
		fmt.Fprintf(&b, "[%s]\ntype=auth\nauth_type=userpass\nusername=%s\npassword=%s\n\n", user, user, s.pass[user])
		fmt.Fprintf(&b, "[%s]\ntype=aor\nmax_contacts=3\nremove_existing=yes\n\n", user)
	}
	return b.String()
}

// freePort is the first port from the wanted one on that nobody uses.
func freePort(want uint16) uint16 {
	for port := want; port >= want && port < want+200; port += 2 {
		udp, err := net.ListenPacket("udp", fmt.Sprintf("0.0.0.0:%d", port))
		if err != nil {
			continue
		}
		udp.Close()
		tcp, err := net.Listen("tcp", fmt.Sprintf("0.0.0.0:%d", port))
		if err != nil {
			continue
		}
		tcp.Close()
		return port
	}
	return want
}

// invite says how to register a softphone.
func (s *demoSite) invite(t *terminal, n *demoNode) {
	fmt.Fprintf(t.out, "\n%s\n", t.paint(bold, "The node keeps running. Register your own softphone:"))
	for _, a := range localAddresses() {
		fmt.Fprintf(t.out, "  server    %s port %d, UDP or TCP\n", a, s.port)
	}
	for _, user := range demoUsers() {
		fmt.Fprintf(t.out, "  user      %s  password %s\n", user, s.pass[user])
	}
	fmt.Fprintf(t.out, "Call 8005, 8006, or 600 to hear yourself. In a terminal:\n")
	fmt.Fprintf(t.out, "  HOMETONE_PASSWORD=%s bin/hometone phone --account sip:8005@127.0.0.1:%d register 'call 600'\n", s.pass["8005"], s.port)
	fmt.Fprintf(t.out, "Configuration: %s   Log: %s   Ctrl-C ends.\n", s.asterisk(), s.log())
}

// localAddresses are this host's addresses that a softphone could use.
func localAddresses() []string {
	list := []string{"127.0.0.1"}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return list
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && ip.IP.IsGlobalUnicast() {
			list = append(list, ip.IP.String())
		}
	}
	return list
}

// demoNode is a running `hometone serve`.
type demoNode struct {
	cmd    *exec.Cmd
	log    *os.File
	listen []string
	ended  chan struct{} // closed when the process has ended
	err    error         // how it ended; valid after ended
}

// startNode starts the node and waits until it serves.
func startNode(ctx context.Context, s *demoSite) (*demoNode, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(s.log())
	if err != nil {
		return nil, err
	}
	n := &demoNode{log: log, ended: make(chan struct{})}
	n.cmd = exec.Command(self, "serve", "--json", "--asterisk", s.asterisk(), "--data", filepath.Join(s.dir, "data"))
	n.cmd.Dir = s.dir // where no hometone.yaml lies
	n.cmd.Stderr = log
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	if err := n.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	ready := make(chan readyLine, 1)
	go func() { // ends with the process
		defer close(n.ended)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var l readyLine
			if json.Unmarshal(lines.Bytes(), &l) == nil && l.Event == "ready" {
				ready <- l
				break
			}
		}
		_, _ = io.Copy(log, out) // nothing more is expected
		n.err = n.cmd.Wait()
	}()
	select {
	case l := <-ready:
		n.listen = l.Listen
		return n, nil
	case <-n.ended:
		text, _ := os.ReadFile(s.log())
		return nil, fmt.Errorf("the node did not start (%w):\n%s", errOr(n.err, errors.New("it ended")), text)
	case <-ctx.Done():
	case <-time.After(30 * time.Second):
	}
	n.stop()
	return nil, errors.New("the node did not start in time; its log is " + s.log())
}

// stop ends the node as an operator would, and waits for it.
func (n *demoNode) stop() {
	_ = n.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-n.ended:
	case <-time.After(15 * time.Second):
		_ = n.cmd.Process.Kill()
		<-n.ended
	}
	n.log.Close()
}

// wait leaves the node running until ctx ends, or it does.
func (n *demoNode) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-n.ended:
		return failure{exitNegative, fmt.Errorf("the node ended: %w", errOr(n.err, errors.New("without an error")))}
	}
}

// demoPhone is a running `hometone phone`.
type demoPhone struct {
	user  string
	cmd   *exec.Cmd
	input io.Closer
	ended chan struct{} // closed when the process has ended

	mu      sync.Mutex
	lines   []line        // guarded by mu
	changed chan struct{} // guarded by mu; closed and replaced with each line
	err     error         // how it ended; valid after ended
}

// startPhone starts a phone that does a script.
func startPhone(ctx context.Context, s *demoSite, user string, script ...string) (*demoPhone, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &demoPhone{user: user, ended: make(chan struct{}), changed: make(chan struct{})}
	args := []string{"phone", "--json", "--trace", "--log-level", "error",
		"--account", fmt.Sprintf("sip:%s@127.0.0.1:%d", user, s.port), "--listen", "udp://127.0.0.1:0"}
	p.cmd = exec.CommandContext(ctx, self, append(args, script...)...)
	p.cmd.Env = append(os.Environ(), "HOMETONE_PASSWORD="+s.pass[user])
	p.cmd.Stderr = os.Stderr
	input, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.input = input
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process
		defer close(p.ended)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.note(lines.Bytes())
		}
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// note keeps one line of the phone's output.
func (p *demoPhone) note(text []byte) {
	var l line
	if json.Unmarshal(text, &l) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, l)
	close(p.changed)
	p.changed = make(chan struct{})
}

// waitFor waits for an event of the phone.
func (p *demoPhone) waitFor(ctx context.Context, event string) error {
	for {
		p.mu.Lock()
		changed := p.changed
		for _, l := range p.lines {
			if l.Event == event {
				p.mu.Unlock()
				return nil
			}
		}
		p.mu.Unlock()
		select {
		case <-changed:
		case <-p.ended:
			return fmt.Errorf("the phone ended: %w", errOr(p.err, errors.New("without an error")))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// waitEnd waits for the end of the phone's script.
func (p *demoPhone) waitEnd(ctx context.Context) error {
	select {
	case <-p.ended:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop ends the phone: the end of its input is the end of its script.
func (p *demoPhone) stop() {
	_ = p.input.Close() // it may have ended by itself
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// messages are the SIP messages the phone sent and received.
func (p *demoPhone) messages() []demoMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []demoMessage
	for _, x := range p.lines {
		if x.SIP == nil || !strings.Contains(x.SIP.Text, "SIP/2.0") {
			continue // a keep-alive
		}
		m := demoMessage{at: x.Time, from: "hometone", to: p.user, text: x.SIP.Text}
		if x.SIP.Sent {
			m.from, m.to = m.to, m.from
		}
		list = append(list, m)
	}
	return list
}

// stats are the figures of the phone's last call.
func (p *demoPhone) stats() *figures {
	p.mu.Lock()
	defer p.mu.Unlock()
	var last *figures
	for _, l := range p.lines {
		if l.Stats != nil {
			last = l.Stats
		}
	}
	return last
}
