package siptest

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/siptest/ladder"
)

// A Script plays ladders against one system under test.
type Script struct {
	System   string            // name of the system in ladders; "": "hometone"
	Do       map[string]func() // what "do name" calls
	Bodies   map[string]string // session descriptions by name
	Vars     map[string]string // variables set from the start
	Patience time.Duration     // for one expected message; 0: 3 s
}

// UDP returns a peer on a UDP socket of its own; it is closed with the test.
func UDP(tb testing.TB, name string, system netip.AddrPort) *Peer {
	tb.Helper()
	return dial(tb, name, system, DialUDP)
}

// TCP returns a peer on a connection to the system; it is closed with the test.
func TCP(tb testing.TB, name string, system netip.AddrPort) *Peer {
	tb.Helper()
	return dial(tb, name, system, DialTCP)
}

func dial(tb testing.TB, name string, system netip.AddrPort, how func(netip.AddrPort) (Conn, error)) *Peer {
	tb.Helper()
	c, err := how(system)
	if err != nil {
		tb.Fatalf("siptest: %v", err)
	}
	p := NewPeer(name, c)
	tb.Cleanup(func() { p.Close() })
	return p
}

// Run plays a script and fails the test at the first line that does not hold,
// with the ladder so far. Variables survive in s.Vars.
func (s *Script) Run(tb testing.TB, script string, peers ...*Peer) {
	tb.Helper()
	if err := s.Play(script, peers...); err != nil {
		tb.Fatal(err)
	}
}

// Play is Run without a test.
func (s *Script) Play(script string, peers ...*Peer) error {
	lines, err := parse(script)
	if err != nil {
		return err
	}
	if s.Vars == nil {
		s.Vars = make(map[string]string)
	}
	r := &play{script: s, peers: peers, start: time.Now()}
	r.previous = r.start
	for i := range lines {
		if err := r.line(&lines[i]); err != nil {
			return r.failure(&lines[i], err)
		}
	}
	return nil
}

// play is a running script.
type play struct {
	script   *Script
	peers    []*Peer
	start    time.Time
	previous time.Time // end of the previous line
	steps    []ladder.Step
	last     message // received last
}

func (r *play) system() string {
	if r.script.System != "" {
		return r.script.System
	}
	return "hometone"
}

func (r *play) peer(name string) (*Peer, error) {
	if name == "" && len(r.peers) == 1 {
		return r.peers[0], nil
	}
	for _, p := range r.peers {
		if p.Name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("there is no peer %q", name)
}

func (r *play) line(l *line) error {
	defer func() { r.previous = time.Now() }()
	switch l.verb {
	case verbDo:
		f := r.script.Do[l.words[0]]
		if f == nil {
			return fmt.Errorf("there is nothing to do named %q", l.words[0])
		}
		r.note(r.system(), l.words[0])
		f()
		return nil
	case verbPause:
		d, err := time.ParseDuration(l.words[0])
		time.Sleep(d)
		return err
	}
	p, err := r.peer(l.peer)
	if err != nil {
		return err
	}
	r.script.Vars["me"] = p.Address()
	switch l.verb {
	case verbSend:
		return r.send(p, l)
	case verbSilence:
		return r.silence(p, l)
	}
	return r.expect(p, l)
}

func (r *play) note(who, text string) {
	r.steps = append(r.steps, ladder.Step{At: time.Since(r.start), From: who, Text: text})
}

func (r *play) sent(p *Peer, raw []byte) error {
	r.steps = append(r.steps, ladder.Step{At: time.Since(r.start), From: p.Name, To: r.system(), Text: ladder.Summary(raw)})
	p.lastOut = raw
	return p.conn.Send(raw)
}

func (r *play) received(p *Peer, m message) {
	r.steps = append(r.steps, ladder.Step{At: time.Since(r.start), From: r.system(), To: p.Name, Text: ladder.Summary(m.raw)})
	r.last = m
}

func (r *play) send(p *Peer, l *line) error {
	v := vars(r.script.Vars)
	if l.words[0] == "again" {
		return r.sent(p, p.lastOut)
	}
	var m *sip.Message
	if c := l.words[0][0]; c >= '1' && c <= '6' {
		res, err := p.response(l)
		if err != nil {
			return err
		}
		m = &res.Message
	} else {
		req, err := p.request(l, v)
		if err != nil {
			return err
		}
		m = &req.Message
	}
	if err := p.dress(m, l, v, r.script.Bodies); err != nil {
		return err
	}
	return r.sent(p, m.Append(nil))
}

func (r *play) patience() time.Duration {
	if r.script.Patience > 0 {
		return r.script.Patience
	}
	return 3 * time.Second
}

func (r *play) expect(p *Peer, l *line) error {
	patience := l.duration("within", r.patience())
	if l.words[0] == "again" {
		return r.again(p, patience)
	}
	began := r.previous
	for {
		m, err := p.read(patience)
		if err != nil {
			if l.verb == verbMaybe && errors.Is(err, ErrSilence) {
				return nil
			}
			return err
		}
		if !m.is(l.words) {
			if l.verb == verbMaybe {
				p.unread = append(p.unread, m)
				return nil
			}
			if m.res != nil && m.res.Status() == 100 {
				continue
			}
			r.received(p, m)
			return fmt.Errorf("got %s", ladder.Summary(m.raw))
		}
		r.received(p, m)
		if least := l.duration("after", 0); time.Since(began) < least {
			return fmt.Errorf("came after %v, want at least %v", time.Since(began), least)
		}
		if name, ok := l.get("call"); ok && p.current != nil {
			p.rename(name.value)
		}
		return vars(r.script.Vars).check(m, l, r.script.Bodies)
	}
}

// again waits for the last message once more.
func (r *play) again(p *Peer, patience time.Duration) error {
	raw, err := p.conn.Receive(patience)
	if err != nil {
		return err
	}
	m, err := parseMessage(raw)
	if err != nil {
		return err
	}
	r.received(p, m)
	if !bytes.Equal(raw, r.lastOf(p)) && !p.seen[string(raw)] {
		return errors.New("that is no retransmission")
	}
	return nil
}

func (r *play) lastOf(*Peer) []byte { return r.last.raw }

func (r *play) silence(p *Peer, l *line) error {
	d, err := time.ParseDuration(l.words[0])
	if err != nil {
		return err
	}
	m, err := p.read(d)
	if errors.Is(err, ErrSilence) {
		return nil
	}
	if err == nil {
		r.received(p, m)
		err = fmt.Errorf("got %s", ladder.Summary(m.raw))
	}
	return err
}

// failure explains what went wrong and where.
func (r *play) failure(l *line, err error) error {
	names := []string{}
	for i, p := range r.peers {
		if i == len(r.peers)/2+len(r.peers)%2 {
			names = append(names, r.system())
		}
		names = append(names, p.Name)
	}
	if len(r.peers) == 1 {
		names = append(names, r.system())
	}
	var b strings.Builder
	fmt.Fprintf(&b, "line %d: %s\n    %v\n", l.number, l.text, err)
	if l.why != "" {
		fmt.Fprintf(&b, "    because: %s\n", l.why)
	}
	b.WriteString(ladder.Draw(names, r.steps))
	if r.last.raw != nil {
		fmt.Fprintf(&b, "last received:\n%s", r.last.raw)
	}
	return errors.New(b.String())
}

// Ladder draws everything that a message list of a tap or capture holds; it is
// ladder.Draw under the name that scripts use.
func Ladder(parties []string, steps []ladder.Step) string { return ladder.Draw(parties, steps) }
