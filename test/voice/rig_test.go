// Package voice_test proves what an exchange does with sound: a whole node, and
// telephones of package phone that speak tones and record what they hear. What
// was heard is judged by its frequencies.
package voice_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/node"
	"github.com/hometone/hometone/phone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long is waited for what must happen.
const patience = 15 * time.Second

// exchange is one running node.
type exchange struct {
	t    *testing.T
	ctx  context.Context
	dir  string // of asterisk/, data/ and spool/
	addr netip.AddrPort
	node *node.Node
	log  *lockedLog
}

// lockedLog is the node's log.
type lockedLog struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// pjsip writes pjsip.conf for extensions 8005 to 8007; extra has more lines for
// some of them.
func pjsip(port uint16, extra map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:%d\n", port)
	for _, n := range []string{"8005", "8006", "8007"} {
		more := extra[n]
		if !strings.Contains(more, "allow=") {
			more += "disallow=all\nallow=ulaw\n"
		}
		fmt.Fprintf(&b, "\n[%s]\ntype=endpoint\ncontext=calls\nauth=%s\naors=%s\n%s", n, n, n, more)
		fmt.Fprintf(&b, "\n[%s]\ntype=auth\nauth_type=userpass\nusername=%s\npassword=%s\n\n[%s]\ntype=aor\nmax_contacts=3\n", n, n, n, n)
	}
	return b.String()
}

// open starts a node; files are added to its directory of Asterisk's files.
func open(t *testing.T, extra map[string]string, plan string, files map[string]string) *exchange {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	addr := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	conn.Close()
	dir := t.TempDir()
	all := map[string]string{
		"pjsip.conf":      pjsip(addr.Port(), extra),
		"extensions.conf": "[calls]\n" + plan,
		"asterisk.conf":   "[directories]\nastdatadir => " + dir + "/lib\nastspooldir => " + dir + "/spool\n",
	}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		path := filepath.Join(dir, "asterisk", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	x := &exchange{t: t, dir: dir, addr: addr, log: &lockedLog{}}
	x.run()
	return x
}

// run starts the node; it ends with the test.
func (x *exchange) run() {
	t := x.t
	own := filepath.Join(x.dir, "asterisk", "hometone.yaml") // a test may have one
	if _, err := os.Stat(own); err != nil {
		own = ""
	}
	n, problems := node.New(node.Config{
		File: own, Asterisk: filepath.Join(x.dir, "asterisk"), Data: filepath.Join(x.dir, "data"), Drain: -1,
		Logger: slog.New(slog.NewTextHandler(x.log, nil)),
	})
	if n == nil || config.HasErrors(problems) {
		t.Fatalf("the configuration is refused: %v", problems)
	}
	x.node = n
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }() // ends with cancel
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the node ended with %v", err)
		}
		if t.Failed() {
			t.Logf("log of the node:\n%s", x.log)
		}
	})
	<-n.Ready()
	var stop func()
	x.ctx, stop = context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(stop)
}

// handset is a registered telephone with what happened to it.
type handset struct {
	*phone.Phone
	x      *exchange
	name   string
	mu     sync.Mutex // guards the following
	events []phone.Event
	trace  []string
}

// phone registers a telephone.
func (x *exchange) phone(name string) *handset {
	x.t.Helper()
	h := &handset{x: x, name: name}
	p, err := phone.New(phone.Config{
		Account: "sip:" + name + "@" + x.addr.String(), Password: name, Listen: []string{"udp://127.0.0.1:0"},
		OnEvent: h.note, Trace: h.see,
	})
	if err != nil {
		x.t.Fatal(err)
	}
	h.Phone = p
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { // ends with cancel
		defer close(ended)
		_ = p.Run(ctx) // the test sees what matters
	}()
	x.t.Cleanup(func() { cancel(); <-ended })
	if err := p.Register(x.ctx); err != nil {
		x.t.Fatalf("%s: register: %v", name, err)
	}
	return h
}

func (h *handset) note(e phone.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *handset) see(m phone.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !m.Sent {
		h.trace = append(h.trace, m.Text)
	}
}

// digits are the keys that have come.
func (h *handset) digits() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	for _, e := range h.events {
		if e.Kind == phone.Digit {
			b.WriteByte(e.Digit)
		}
	}
	return b.String()
}

// got counts the messages that have come and hold all of some texts.
func (h *handset) got(texts ...string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.trace {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(m, text)
		}
		if all {
			n++
		}
	}
	return n
}

// dial calls and waits for the answer; what is heard goes to a file.
func (h *handset) dial(to string) *voice {
	h.x.t.Helper()
	c, err := h.Call(h.x.ctx, to)
	if err == nil {
		err = c.WaitAnswered(h.x.ctx)
	}
	if err != nil {
		h.x.t.Fatalf("%s calls %s: %v", h.name, to, err)
	}
	return h.listen(c)
}

// answer takes the next call.
func (h *handset) answer() *voice {
	h.x.t.Helper()
	c, err := h.Accept(h.x.ctx)
	if err == nil {
		err = c.Answer(h.x.ctx)
	}
	if err == nil {
		err = c.WaitAnswered(h.x.ctx)
	}
	if err != nil {
		h.x.t.Fatalf("%s answers: %v", h.name, err)
	}
	return h.listen(c)
}

// voice is one call of a handset with its recording.
type voice struct {
	*phone.Call
	h    *handset
	file string
}

func (h *handset) listen(c *phone.Call) *voice {
	h.x.t.Helper()
	v := &voice{Call: c, h: h, file: filepath.Join(h.x.t.TempDir(), "heard.wav")}
	if err := v.RecordFile(h.x.ctx, v.file); err != nil {
		h.x.t.Fatal(err)
	}
	return v
}

// speak sends a tone until the call ends or another one is sent; 0 is silence.
func (v *voice) speak(hz float64) {
	v.h.x.t.Helper()
	var err error
	if hz == 0 {
		_, err = v.Play(v.h.x.ctx, nil)
	} else {
		_, err = v.Tone(v.h.x.ctx, hz, 0)
	}
	if err != nil {
		v.h.x.t.Fatal(err)
	}
}

// press sends keys as telephone events.
func (v *voice) press(keys string) {
	v.h.x.t.Helper()
	if err := v.DTMF(v.h.x.ctx, keys); err != nil {
		v.h.x.t.Fatalf("%s presses %s: %v", v.h.name, keys, err)
	}
}

// over waits until the call has ended.
func (v *voice) over(why string) {
	v.h.x.t.Helper()
	select {
	case <-v.Done():
	case <-time.After(patience):
		v.h.x.t.Fatalf("%s: the call has not ended: %s", v.h.name, why)
	}
}

// hangup ends the call.
func (v *voice) hangup() {
	v.h.x.t.Helper()
	if err := v.Hangup(v.h.x.ctx); err != nil {
		v.h.x.t.Fatal(err)
	}
	v.over("hung up")
}

// heard is what has been heard since the last time.
func (v *voice) heard() []int16 {
	v.h.x.t.Helper()
	_ = v.StopRecording(v.h.x.ctx) // the call may be over
	pcm := load(v.h.x.t, v.file)
	select {
	case <-v.Done():
	default:
		v.file = filepath.Join(v.h.x.t.TempDir(), "more.wav")
		_ = v.RecordFile(v.h.x.ctx, v.file)
	}
	return pcm
}

// load reads a sound file.
func load(t *testing.T, path string) []int16 {
	t.Helper()
	clip, err := media.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return clip.Samples()
}

// seconds is how long a tone is in a recording, counted in pieces of 20 ms in
// which it has at least a fifth of the power.
func seconds(pcm []int16, hz float64) float64 {
	const piece = 160
	n := 0
	for at := 0; at+piece <= len(pcm); at += piece {
		p := pcm[at : at+piece]
		if power := media.Power(p); power > 1e-5 && media.Goertzel(p, hz) > 0.2*power {
			n++
		}
	}
	return float64(n) * 0.02
}

// until waits for a condition.
func (x *exchange) until(why string, met func() bool) {
	x.t.Helper()
	for end := time.Now().Add(patience); !met(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			x.t.Fatalf("not seen: %s", why)
		}
	}
}

// hears waits until a tone has been heard for a while.
func (v *voice) hears(hz, length float64, why string) {
	v.h.x.t.Helper()
	total := 0.0
	v.h.x.until(fmt.Sprintf("%s hears %v Hz: %s", v.h.name, hz, why), func() bool {
		time.Sleep(200 * time.Millisecond)
		total += seconds(v.heard(), hz)
		return total >= length
	})
}

// deaf proves that a tone is not heard.
func (v *voice) deaf(hz float64, why string) {
	v.h.x.t.Helper()
	_ = v.heard()
	time.Sleep(400 * time.Millisecond)
	if s := seconds(v.heard(), hz); s > 0.1 {
		v.h.x.t.Errorf("%s hears %v Hz for %.2f s: %s", v.h.name, hz, s, why)
	}
}

// variable is the value that NoOp(NAME=value) of the dialplan has written last.
func (x *exchange) variable(name string) string {
	log := x.log.String()
	at := strings.LastIndex(log, "@"+name+"=")
	if at < 0 {
		return ""
	}
	value, _, _ := strings.Cut(log[at+len(name)+2:], "@")
	return value
}

// is waits until the dialplan has written a value with Log(NOTICE,@NAME=value@).
func (x *exchange) is(name, want string) {
	x.t.Helper()
	x.until(name+" is "+strconv.Quote(want), func() bool { return x.variable(name) == want })
}
