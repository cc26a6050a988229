package main

import (
	"bufio"
	"context"
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
	"github.com/hometone/hometone/node"
)

// demoSite is a node's data directory with the demo that a node makes when it
// finds no configuration: two extensions and a small dialplan.
type demoSite struct {
	data string // the node's data directory, absolute
	dir  string // for what the demo itself writes
	port uint16
	pass map[string]string // by user
}

// prepareDemo has a node make its demo, unless an earlier run did, and writes
// a hometone.yaml that listens on a port that is free.
func prepareDemo(data string, port uint16) (*demoSite, error) {
	data, err := filepath.Abs(data)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(data, " \t") {
		return nil, fmt.Errorf("demo: the path %q has a space; choose another with --data", data)
	}
	s := &demoSite{data: data, dir: filepath.Join(data, "demo"), port: freePort(port), pass: make(map[string]string)}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	// There is no hometone.yaml in this folder, so the node makes its demo.
	if err := os.Chdir(s.dir); err != nil {
		return nil, err
	}
	if _, problems := node.New(node.Config{Data: data}); config.HasErrors(problems) {
		return nil, fmt.Errorf("demo: %w", problems[0])
	}
	if err := s.readAccounts(); err != nil {
		return nil, err
	}
	if err := s.writeVoices(); err != nil {
		return nil, err
	}
	return s, os.WriteFile(s.file(), []byte(s.yaml()), 0o600)
}

// asterisk is the folder with the demo's pjsip.conf and extensions.conf.
func (s *demoSite) asterisk() string { return filepath.Join(s.data, "asterisk") }

// file is the configuration the node is started with.
func (s *demoSite) file() string { return filepath.Join(s.dir, "demo.yaml") }

func (s *demoSite) yaml() string {
	return fmt.Sprintf(`# Written by hometone demo at each start.
node: {data: %q}
sip:  {listen: ["udp://0.0.0.0:%d", "tcp://0.0.0.0:%d"]}
pbx:  {asterisk: %q}
`, s.data, s.port, s.port, s.asterisk())
}

// readAccounts reads the passwords from the demo's pjsip.conf, where an
// operator may have changed them.
func (s *demoSite) readAccounts() error {
	conf, problems := pjsip.Load(s.asterisk())
	if config.HasErrors(problems) {
		return fmt.Errorf("demo: %w", problems[0])
	}
	for _, user := range demoUsers() {
		a := conf.Auths[user]
		if a == nil {
			return fmt.Errorf("demo: %s has no auth section for %s; delete the folder to have it made again", s.asterisk(), user)
		}
		s.pass[user] = a.Password.Reveal()
	}
	return nil
}

// demoUsers are the demo's extensions.
func demoUsers() []string { return []string{"8005", "8006"} }

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
func (s *demoSite) invite(t *terminal) {
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
	n.cmd = exec.Command(self, "serve", "--json", "-c", s.file())
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
