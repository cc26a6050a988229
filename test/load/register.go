package load

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Registrations sends REGISTER requests for the users First, First+1, … at a
// fixed rate; each is challenged and answered, as a phone's first one is.
type Registrations struct {
	Server  netip.AddrPort
	Source  netip.Addr    // where the generator binds; zero means 127.0.0.1
	First   int           // number of the first user
	Users   int           // how many users; unit i registers user First + i mod Users
	Count   int           // how many registrations in all
	Rate    float64       // registrations a second
	Expires int           // seconds
	Drain   time.Duration // how long to wait for the last answers; 0 means 5 s
	Name    func(i int) (user, password string)
	// Done, if set, is called when a registration got its 200. It must not block.
	Done func(i int)
}

// RegistrationResult says what became of a run.
type RegistrationResult struct {
	Registered  int // 200 after a challenge
	Refused     int // any other final answer
	Unanswered  int
	Retransmits int
	Elapsed     time.Duration
	Latency     Latencies // from the first REGISTER to the 200
}

type registration struct {
	index int
	began time.Time
	due   time.Time // next retransmission
	wait  time.Duration
	msg   []byte
	done  bool
	authd bool
}

type registrar struct {
	cfg  Registrations
	conn *net.UDPConn

	mu     sync.Mutex // guards the following
	units  []registration
	result RegistrationResult
	left   int
	ended  chan struct{}
}

// Run performs the registrations and returns when all are answered or Drain
// has passed after the last was sent. An error means the generator itself failed.
func (c Registrations) Run(ctx context.Context) (*RegistrationResult, error) {
	if !c.Source.IsValid() {
		c.Source = netip.MustParseAddr("127.0.0.1")
	}
	if c.Drain == 0 {
		c.Drain = 5 * time.Second
	}
	conn, err := listen(netip.AddrPortFrom(c.Source, 0))
	if err != nil {
		return nil, err
	}
	r := &registrar{cfg: c, conn: conn, units: make([]registration, c.Count), left: c.Count, ended: make(chan struct{})}
	var readers sync.WaitGroup
	readers.Go(r.read) // ends when the socket is closed below
	stop := make(chan struct{})
	readers.Go(func() { r.retransmit(stop) })

	begin := time.Now()
	pace(c.Rate, c.Count, r.start)
	select {
	case <-r.ended:
	case <-time.After(c.Drain):
	case <-ctx.Done():
	}
	elapsed := time.Since(begin)
	close(stop)
	conn.Close()
	readers.Wait()
	r.result.Elapsed = elapsed
	r.result.Unanswered = r.left
	return &r.result, ctx.Err()
}

func (r *registrar) user(i int) (string, string) { return r.cfg.Name(r.cfg.First + i%r.cfg.Users) }

func (r *registrar) start(i int) {
	now := time.Now()
	msg := r.message(i, 1, "")
	r.mu.Lock()
	r.units[i] = registration{index: i, began: now, due: now.Add(500 * time.Millisecond), wait: 500 * time.Millisecond, msg: msg}
	r.mu.Unlock()
	r.send(msg)
}

func (r *registrar) send(msg []byte) { _, _ = r.conn.WriteToUDPAddrPort(msg, r.cfg.Server) }

func (r *registrar) message(i, cseq int, auth string) []byte {
	user, _ := r.user(i)
	me := localAddr(r.conn).String()
	n := strconv.Itoa(i)
	return fmt.Appendf(nil, "REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKr%s-%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%s@%s>;tag=t%s\r\nTo: <sip:%s@%s>\r\nCall-ID: reg-%s@%s\r\nCSeq: %d REGISTER\r\n"+
		"Contact: <sip:%s@%s>\r\nExpires: %d\r\n%sContent-Length: 0\r\n\r\n",
		r.cfg.Server, me, n, cseq, user, r.cfg.Server, n, user, r.cfg.Server, n, me, cseq, user, me, r.cfg.Expires, auth)
}

func (r *registrar) read() {
	buf := make([]byte, 65536)
	for {
		n, _, err := r.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		r.answer(buf[:n])
	}
}

func (r *registrar) answer(res []byte) {
	code := status(res)
	id, _, _ := strings.Cut(strings.TrimPrefix(string(header(res, "Call-ID", "i")), "reg-"), "@")
	i, err := strconv.Atoi(id)
	if code < 200 || err != nil || i < 0 || i >= len(r.units) {
		return
	}
	now := time.Now()
	r.mu.Lock()
	unit := &r.units[i]
	if unit.done || (code == 401 && unit.authd) {
		r.mu.Unlock()
		return
	}
	if code == 401 {
		user, password := r.user(i)
		auth, ok := authorization(res, user, password, "REGISTER", "sip:"+r.cfg.Server.String())
		if ok {
			unit.authd = true
			unit.msg = r.message(i, 2, auth)
			unit.wait, unit.due = 500*time.Millisecond, now.Add(500*time.Millisecond)
			msg := unit.msg
			r.mu.Unlock()
			r.send(msg)
			return
		}
	}
	r.finish(unit, code, now)
	r.mu.Unlock()
	if code == 200 && r.cfg.Done != nil {
		r.cfg.Done(i)
	}
}

// finish counts a unit's end; the caller holds mu.
func (r *registrar) finish(unit *registration, code int, now time.Time) {
	unit.done, unit.msg = true, nil
	if code == 200 {
		r.result.Registered++
		r.result.Latency.add(now.Sub(unit.began))
	} else {
		r.result.Refused++
	}
	if r.left--; r.left == 0 {
		close(r.ended)
	}
}

// retransmit resends unanswered requests, RFC 3261 §17.1.2.2 timer E.
func (r *registrar) retransmit(stop chan struct{}) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	first := 0 // units before it are done
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			r.mu.Lock()
			for first < len(r.units) && r.units[first].done {
				first++
			}
			for i := first; i < len(r.units) && r.units[i].msg != nil || i < len(r.units) && r.units[i].done; i++ {
				unit := &r.units[i]
				if unit.done || now.Before(unit.due) {
					continue
				}
				unit.wait = min(2*unit.wait, 4*time.Second)
				unit.due = now.Add(unit.wait)
				r.result.Retransmits++
				r.send(unit.msg)
			}
			r.mu.Unlock()
		}
	}
}
