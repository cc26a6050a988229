package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hometone/hometone/phone"
	"github.com/hometone/hometone/rtp"
)

// phoneCommand is a softphone without a sound card: it plays and records
// files, sends tones and digits, and does what standard input says.
type phoneCommand struct {
	Account    string        `placeholder:"URI" help:"Address of record: sip:user@host[:port][;transport=tcp|tls]."`
	User       string        `help:"Name for authentication; default: the account's user."`
	Password   string        `env:"HOMETONE_PASSWORD" help:"Password; better given in the environment."`
	Display    string        `help:"Name shown to callees."`
	Server     string        `placeholder:"URI" help:"Outbound proxy; default: the account's host."`
	Listen     []string      `placeholder:"ADDR" help:"Addresses to listen on: udp://127.0.0.1:0. Default: any."`
	Codec      []string      `help:"Codecs in order of preference: PCMU, PCMA."`
	Ptime      time.Duration `help:"Packet time: 10ms to 60ms."`
	Expires    time.Duration `help:"Life of the registration to ask for."`
	CA         string        `name:"ca" placeholder:"FILE" help:"PEM file of certificate authorities to trust for TLS."`
	Insecure   bool          `help:"Accept any TLS certificate."`
	AutoAnswer bool          `help:"Answer every call."`
	Busy       bool          `help:"Refuse every call with 486."`
	Trace      bool          `help:"Print SIP messages."`
	JSON       bool          `name:"json" help:"Print events as JSON, one per line."`
	Do         []string      `arg:"" optional:"" name:"command" help:"Commands to do before standard input is read."`
	logFlags
}

// Help shows the commands and examples.
func (phoneCommand) Help() string {
	return `Commands, one per line on standard input (or as arguments, before it):

  register, unregister        the account at its registrar
  call URI|USER               call; USER is at the account's host
  answer, reject [STATUS]     the ringing caller
  auto-answer on|off          answer every caller from now on
  play FILE [TIMES]           send a sound file (wav, ulaw, alaw, sln), 0 = for ever
  tone HZ [DURATION]          send a tone, without duration for ever
  silence                     send silence
  record FILE                 write what is heard to a wav file; without FILE stop
  dtmf DIGITS                 press keys
  hold, resume, hangup        the current call
  wait DURATION               do nothing for a while
  wait EVENT [TIMEOUT]        incoming, ringing, answered, played, digit, ended (60s)
  stats                       figures of the current call's audio
  quit                        hang up, unregister, end (also at the end of input)

Lines that start with # are comments. When a command fails the rest of a script is
not done.

Exit codes: 0 all was done, 1 a command failed, 2 a flag or the account is wrong.

Examples:

  hometone phone --account sip:8005@192.0.2.1 --password secret register
  printf 'register\ncall 8006\nwait answered\nplay hello.wav\nwait played\nquit\n' |
    hometone phone --account sip:8005@192.0.2.1 --password secret --json
  hometone phone --auto-answer --listen udp://127.0.0.1:5070 'wait incoming' 'record heard.wav'`
}

// Run runs the phone and its script.
func (c *phoneCommand) Run(ctx context.Context, t *terminal) error {
	conf, err := c.config(t)
	if err != nil {
		return failure{exitUsage, err}
	}
	out := &printer{term: t, json: c.JSON}
	s := newScript(out)
	s.autoAnswer.Store(c.AutoAnswer)
	conf.OnEvent = s.event
	if c.Trace {
		conf.Trace = out.message
	}
	p, err := phone.New(conf)
	if err != nil {
		return failure{exitUsage, err}
	}
	s.phone = p

	ended := make(chan error, 1)
	go func() { ended <- p.Run(context.WithoutCancel(ctx)) }() // ends with Quit
	failed := s.run(ctx, c.lines(t))
	if err := c.quit(p); err != nil && !errors.Is(err, phone.ErrStopped) {
		failed = errors.Join(failed, err)
	}
	if err := <-ended; err != nil {
		return failure{exitUsage, err}
	}
	if failed != nil {
		return failure{exitNegative, failed}
	}
	return nil
}

// quit ends calls and registration, also after Ctrl-C.
func (c *phoneCommand) quit(p *phone.Phone) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return p.Quit(ctx)
}

// lines hands out the commands: arguments first, then standard input. The
// channel is closed at the end of the input.
func (c *phoneCommand) lines(t *terminal) <-chan string {
	out := make(chan string)
	go func() { // ends with the input, or with the process
		defer close(out)
		for _, line := range c.Do {
			out <- line
		}
		in := bufio.NewScanner(t.in)
		for in.Scan() {
			out <- in.Text()
		}
	}()
	return out
}

// config turns flags into a phone's configuration.
func (c *phoneCommand) config(t *terminal) (phone.Config, error) {
	conf := phone.Config{
		Account: c.Account, User: c.User, Password: c.Password, Display: c.Display, Server: c.Server,
		Listen: c.Listen, Codecs: c.Codec, Ptime: c.Ptime, Expires: c.Expires, Busy: c.Busy,
		UserAgent: "hometone/" + version, Logger: c.logger(t, &slog.LevelVar{}),
		TLS: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.Insecure}, //nolint:gosec // asked for by --insecure
	}
	if c.CA != "" {
		text, err := os.ReadFile(c.CA)
		if err != nil {
			return conf, err
		}
		conf.TLS.RootCAs = x509.NewCertPool()
		if !conf.TLS.RootCAs.AppendCertsFromPEM(text) {
			return conf, fmt.Errorf("%s holds no certificate", c.CA)
		}
	}
	return conf, nil
}

// printer writes events of several goroutines, one line each.
type printer struct {
	term *terminal
	json bool
	mu   sync.Mutex // guards the output
}

// line is one event as --json prints it.
type line struct {
	Time   time.Time  `json:"time"`
	Event  string     `json:"event"`
	Call   int        `json:"call,omitempty"`
	Status int        `json:"status,omitempty"`
	Text   string     `json:"text,omitempty"`
	Digit  string     `json:"digit,omitempty"`
	Stats  *figures   `json:"stats,omitempty"`
	SIP    *sipRecord `json:"sip,omitempty"`
}

// sipRecord is one SIP message of --trace.
type sipRecord struct {
	Sent   bool           `json:"sent"`
	Proto  string         `json:"proto"`
	Local  netip.AddrPort `json:"local"`
	Remote netip.AddrPort `json:"remote"`
	Text   string         `json:"text"`
}

// figures are a call's statistics as --json prints them.
type figures struct {
	Sent     uint64  `json:"sent"`
	Received uint64  `json:"received"`
	Lost     int64   `json:"lost"`
	JitterMs float64 `json:"jitter_ms"`
	GapMs    float64 `json:"largest_gap_ms"`
	MOS      float64 `json:"mos"`
}

func figuresOf(s rtp.Stats) *figures {
	return &figures{
		Sent: s.Sent, Received: s.Received, Lost: s.Lost, MOS: s.MOS,
		JitterMs: float64(s.Jitter.Microseconds()) / 1000, GapMs: float64(s.LargestGap.Microseconds()) / 1000,
	}
}

// String is the figures in words.
func (f *figures) String() string {
	return fmt.Sprintf("sent %d, received %d, lost %d, jitter %.1f ms, largest gap %.0f ms, MOS %.2f",
		f.Sent, f.Received, f.Lost, f.JitterMs, f.GapMs, f.MOS)
}

// event prints one event of the phone.
func (p *printer) event(e phone.Event) {
	l := line{Time: e.Time, Event: string(e.Kind), Status: e.Status, Text: e.Text}
	if e.Call != nil {
		l.Call = e.Call.Number()
	}
	if e.Digit != 0 {
		l.Digit = string(rune(e.Digit))
	}
	if e.Kind == phone.Ended {
		l.Stats = figuresOf(e.Call.Stats())
	}
	p.print(l, e.String())
}

// message prints one SIP message.
func (p *printer) message(m phone.Message) {
	arrow := "received from"
	if m.Sent {
		arrow = "sent to"
	}
	text := fmt.Sprintf("%s %s %s\n%s", arrow, m.Proto, m.Remote, strings.ReplaceAll(m.Text, "\r\n", "\n"))
	p.print(line{Time: m.Time, Event: "sip", SIP: &sipRecord{m.Sent, m.Proto, m.Local, m.Remote, m.Text}}, text)
}

// print writes an event in the chosen form.
func (p *printer) print(l line, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		_ = p.term.printJSON(l) // a closed standard output ends nothing
		return
	}
	stamp := p.term.paint(faint, l.Time.Format("15:04:05.000"))
	fmt.Fprintln(p.term.out, stamp, text)
	if l.Stats != nil && l.Event == string(phone.Ended) {
		fmt.Fprintln(p.term.out, stamp, "  "+l.Stats.String())
	}
}
