package registrar

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
)

// crashDir tells the test binary that it is the node that will be killed.
const crashDir = "HOMETONE_CRASH_DIR"

// TestAnsweredRegistrationsSurviveKill: a node of transport, transactions,
// registrar and store runs in a child process and takes 200 registrations a
// second, each with its digest over UDP. It is killed with SIGKILL at an
// arbitrary moment. After the restart every registration that was answered 200
// is there, with its contact and the time it has left.
func TestAnsweredRegistrationsSurviveKill(t *testing.T) {
	if dir := os.Getenv(crashDir); dir != "" {
		serveUntilKilled(dir)
		return
	}
	dir := t.TempDir()
	child, addr := startChild(t, dir)
	l := &load{t: t, to: addr, answered: map[int]registration{}}
	ended := make(chan struct{})
	go func() { l.run(200, 2500*time.Millisecond); close(ended) }()
	time.Sleep(1700 * time.Millisecond)
	child.Kill()
	child.Wait()
	<-ended
	if len(l.answered) < 200 {
		t.Fatalf("only %d registrations before the kill: not a test", len(l.answered))
	}
	_, addr = startChild(t, dir)
	u, err := newUA(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer u.conn.Close()
	for n, want := range l.answered {
		res, err := register(u, n, 1000, "")
		if err != nil {
			t.Fatalf("u%d after the restart: %v", n, err)
		}
		list, _, _ := res.Contacts()
		if len(list) != 1 || list[0].URI != want.contact {
			t.Fatalf("u%d was answered 200 for %s and has %q after the restart", n, want.contact, contacts(res))
		}
		left, _ := list[0].Params.Get("expires")
		var sec int
		if _, err := fmt.Sscan(left, &sec); err != nil || sec < 3600-int(time.Since(want.at)/time.Second)-2 || sec > 3600 {
			t.Fatalf("u%d has %s s left after the restart", n, left)
		}
	}
	t.Logf("%d registrations answered before the kill, all there", len(l.answered))
}

func startChild(t *testing.T, dir string) (*testdata.Child, netip.AddrPort) {
	t.Helper()
	child := testdata.StartChild(t, "TestAnsweredRegistrationsSurviveKill", crashDir, dir)
	for child.Lines.Scan() {
		if text, ok := strings.CutPrefix(child.Lines.Text(), "listening "); ok {
			addr, err := netip.ParseAddrPort(text)
			if err != nil {
				t.Fatal(err)
			}
			return child, addr
		}
	}
	t.Fatal("the child did not start")
	return nil, netip.AddrPort{}
}

func serveUntilKilled(dir string) {
	w, err := startWire(dir, crowd{})
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString("listening " + w.addr.String() + "\n")
	time.Sleep(5 * time.Minute)
	w.stop()
}

type registration struct {
	contact string
	at      time.Time
}

// load registers new users over several sockets at once.
type load struct {
	t  *testing.T
	to netip.AddrPort

	mu       sync.Mutex // guards the following
	answered map[int]registration
}

func (l *load) run(rate int, d time.Duration) {
	const workers = 8
	var all sync.WaitGroup
	for w := range workers {
		all.Add(1)
		go func() {
			defer all.Done()
			u, err := newUA(l.to)
			if err != nil {
				l.t.Error(err)
				return
			}
			defer u.conn.Close()
			tick := time.NewTicker(time.Second * workers / time.Duration(rate))
			defer tick.Stop()
			for n, end := w, time.Now().Add(d); time.Now().Before(end); n += workers {
				<-tick.C
				contact := fmt.Sprintf("sip:u%d@%s", n, u.conn.LocalAddr())
				at := time.Now()
				if res, err := register(u, n, 1, "Contact: <"+contact+">\r\n"); err == nil && res.Status() == 200 {
					l.mu.Lock()
					l.answered[n] = registration{contact, at}
					l.mu.Unlock()
				}
			}
		}()
	}
	all.Wait()
}

// register sends a REGISTER of user uN and answers the challenge.
func register(u *ua, n, cseq int, lines string) (*sip.Response, error) {
	client := auth.NewClient(auth.Credentials{Username: fmt.Sprint("u", n), Secret: auth.Secret{Password: fmt.Sprint("p", n)}})
	var res *sip.Response
	for try := range 2 {
		req, _, err := sip.Parse(fmt.Sprintf("REGISTER sip:biloxi.example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d.%d.%d;rport\r\n"+
			"Max-Forwards: 70\r\nFrom: <sip:u%d@biloxi.example.com>;tag=%d\r\nTo: <sip:u%d@biloxi.example.com>\r\n"+
			"Call-ID: %d@load\r\nCSeq: %d REGISTER\r\n%sContent-Length: 0\r\n\r\n", u.conn.LocalAddr(), n, cseq, try, n, n, n, n, cseq+try, lines))
		if err == nil && res != nil {
			err = client.Answer(req, res)
		}
		if err != nil {
			return nil, err
		}
		if res, err = u.exchange(string(req.Bytes()), 500*time.Millisecond); err != nil || res.Status() != 401 {
			return res, err
		}
	}
	return res, nil
}
