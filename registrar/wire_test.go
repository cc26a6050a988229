package registrar

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
	"github.com/hometone/hometone/store/state"
)

// wire is a registrar on real transactions and a real UDP socket.
type wire struct {
	r    *Registrar
	addr netip.AddrPort
	stop func()
}

// startWire serves dir's bindings on 127.0.0.1 until stop is called.
func startWire(dir string, who Directory) (*wire, error) {
	ctx, cancel := context.WithCancel(context.Background())
	store, err := state.Open(ctx, state.Config{Dir: dir})
	if err != nil {
		cancel()
		return nil, err
	}
	bucket, err := store.Journal(ctx, state.BucketConfig{Name: "bindings"})
	if err != nil {
		cancel()
		return nil, err
	}
	w := &wire{}
	// The nonces' key outlives the process as in a cluster.
	digest := auth.New(auth.Config{Realm: "biloxi.example.com", Key: []byte("0123456789abcdef0123456789abcdef")})
	if w.r, err = New(Config{Store: bucket, Auth: digest, Directory: who}); err == nil {
		err = w.r.Load(ctx)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	l, err := transport.New(transport.Config{Listen: []transport.Listen{{Name: "udp", Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0")}}})
	if err == nil {
		err = l.Listen()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	shards, err := transaction.New(transaction.Config{Transport: l, Handler: w.r})
	if err != nil {
		cancel()
		return nil, err
	}
	w.addr = l.Addrs()[0].Addr
	ended := make(chan struct{}, 2)
	go func() { _ = shards.Run(ctx); ended <- struct{}{} }()
	go func() { _ = w.r.Run(ctx); ended <- struct{}{} }()
	w.stop = func() {
		cancel()
		<-ended
		<-ended
		_ = store.Close()
	}
	return w, nil
}

// crowd is a directory of the users uN with the password pN.
type crowd struct{}

func (crowd) Identify(req *sip.Request, _ transport.Flow) (Endpoint, bool) {
	from, err := req.From()
	if err != nil {
		return Endpoint{}, false
	}
	u, err := from.ParsedURI()
	if err != nil || !strings.HasPrefix(u.User, "u") {
		return Endpoint{}, false
	}
	name := u.User
	return Endpoint{Name: name, AORs: slices.Values([]AOR{{Name: name, MaxContacts: 2}}), Secret: func(user, _ string) (auth.Secret, bool) {
		return auth.Secret{Password: "p" + name[1:]}, user == name
	}}, true
}

// open is a directory that lets everybody register as anybody.
type open struct{}

func (open) Identify(req *sip.Request, _ transport.Flow) (Endpoint, bool) {
	to, err := req.To()
	if err != nil {
		return Endpoint{}, false
	}
	u, err := to.ParsedURI()
	return Endpoint{AORs: slices.Values([]AOR{{Name: u.Username(), MaxContacts: 10}})}, err == nil
}

// A ua sends over its own socket and waits for the answer.
type ua struct {
	conn *net.UDPConn
	to   netip.AddrPort
	buf  []byte
}

func newUA(to netip.AddrPort) (*ua, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	return &ua{conn, to, make([]byte, 65536)}, err
}

// exchange sends a request and returns the final response of its Call-ID and
// CSeq.
func (u *ua) exchange(text string, wait time.Duration) (*sip.Response, error) {
	req, _, _ := sip.Parse(text)
	if _, err := u.conn.WriteToUDPAddrPort([]byte(text), u.to); err != nil {
		return nil, err
	}
	if err := u.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	for {
		n, _, err := u.conn.ReadFromUDPAddrPort(u.buf)
		if err != nil {
			return nil, err
		}
		_, res, err := sip.Parse(string(u.buf[:n]))
		if err != nil || res == nil || res.Status() < 200 {
			continue
		}
		if req == nil || res.CallID() == req.CallID() && res.Get(sip.HeaderCSeq) == req.Get(sip.HeaderCSeq) {
			return res, nil
		}
	}
}

// local rewrites the topmost Via so that the answer comes back to us.
func (u *ua) local(text string) string {
	before, rest, _ := strings.Cut(text, "SIP/2.0/")
	_, params, _ := strings.Cut(rest, ";")
	return before + "SIP/2.0/UDP " + u.conn.LocalAddr().String() + ";" + params
}

func on(t *testing.T, who Directory) *ua {
	t.Helper()
	w, err := startWire(t.TempDir(), who)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.stop)
	u, err := newUA(w.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.conn.Close() })
	return u
}

// bobOnly knows Bob of RFC 3665.
type bobOnly struct{}

func (bobOnly) Identify(req *sip.Request, _ transport.Flow) (Endpoint, bool) {
	from, _ := req.From()
	u, err := from.ParsedURI()
	return Endpoint{AORs: slices.Values([]AOR{{Name: "bob", MaxContacts: 5}}), Secret: func(user, _ string) (auth.Secret, bool) {
		return auth.Secret{Password: "zanzibar"}, user == "bob"
	}}, err == nil && u.User == "bob"
}

// RFC 3665 §2: new registration, update of the contact list, query,
// cancellation, and failure, as status codes in the order printed there. The
// digests are made for our nonces.
func TestRFC3665Flows(t *testing.T) {
	u := on(t, bobOnly{})
	right := auth.NewClient(auth.Credentials{Username: "bob", Secret: auth.Secret{Password: "zanzibar"}})
	flow := func(section, password string, lines, want string) {
		t.Helper()
		client := right
		if password != "zanzibar" {
			client = auth.NewClient(auth.Credentials{Username: "bob", Secret: auth.Secret{Password: password}})
		}
		var got []string
		var challenge *sip.Response
		for cseq := 1; cseq <= 2; cseq++ {
			req, _, err := sip.Parse(u.local(fmt.Sprintf("REGISTER sip:ss2.biloxi.example.com SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK%s.%d\r\n"+
				"Max-Forwards: 70\r\nFrom: Bob <sip:bob@biloxi.example.com>;tag=ja743ks76zlflH\r\nTo: Bob <sip:bob@biloxi.example.com>\r\n"+
				"Call-ID: %s@biloxi.example.com\r\nCSeq: %d REGISTER\r\n%sContent-Length: 0\r\n\r\n", section, cseq, section, cseq, lines)))
			if err == nil && challenge != nil {
				err = client.Answer(req, challenge)
			}
			if err != nil {
				t.Fatal(err)
			}
			if challenge, err = u.exchange(string(req.Bytes()), 5*time.Second); err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(challenge.Status()))
		}
		got = append(got, contacts(challenge))
		if s := strings.TrimSpace(strings.Join(got, " ")); s != want {
			t.Errorf("RFC 3665 §%s: %s, want %s", section, s, want)
		}
	}
	one, two := "sip:bob@client.biloxi.example.com", "mailto:bob@biloxi.example.com"
	flow("2.1", "zanzibar", "Contact: <"+one+">\r\n", "401 200 "+one)
	flow("2.2", "zanzibar", "Contact: <"+two+">\r\n", "401 200 "+one+" "+two)
	flow("2.3", "zanzibar", "", "401 200 "+one+" "+two)
	flow("2.4", "zanzibar", "Expires: 0\r\nContact: *\r\n", "401 200")
	flow("2.5", "wrong", "Contact: <"+one+">\r\n", "401 401")
}

// RFC 4475: what a registrar answers to the odd and the broken REGISTER, over
// the whole stack.
func TestTorture(t *testing.T) {
	u := on(t, open{})
	for _, c := range []struct {
		file string
		want string
		why  string
	}{
		{"regbadct", "400", "§3.1.2.?: a Contact with ? outside of angle brackets"},
		{"regescrt", "200", "§3.1.1.?: escaped headers inside of angle brackets are fine"},
		{"cparam01", "200", "§3.3.?: a parameter of the Contact value"},
		{"cparam02", "200", "the same as a parameter of the URI"},
		{"escnull", "200", "§3.1.1.4: escaped nulls are octets like others"},
		{"dblreq", "200", "§3.1.1.8: what follows the first request is ignored"},
		{"unksm2", "400", "§3.3.6: To is to be a SIP URI"},
		{"regaut01", "401", "§3.3.?: an unknown scheme of credentials is none"},
	} {
		raw, err := os.ReadFile(testdata.Path(t, "01-torture-rfc4475", c.file+".dat"))
		if err != nil {
			t.Fatal(err)
		}
		peer := u
		if c.file == "regaut01" {
			peer = on(t, crowd{})
		}
		// Several of the messages have one branch: as they are, one would now and
		// then be a retransmission of another (RFC 3261 §17.2.3).
		text := strings.Replace(retarget(string(raw), peer), "branch=z9hG4bK", "branch=z9hG4bK"+c.file, 1)
		res, err := peer.exchange(text, 3*time.Second)
		got := ""
		if err == nil {
			got = fmt.Sprint(res.Status())
		}
		if got != c.want {
			t.Errorf("%s: answered %q (%v), want %s: %s", c.file, got, err, c.want, c.why)
		}
	}
}

// retarget gives the topmost Via rport, so that the answer comes to the
// socket the request left from (RFC 3581).
func retarget(raw string, u *ua) string {
	i := strings.Index(raw, "branch=")
	if i < 0 {
		return raw
	}
	return raw[:i] + "rport;" + raw[i:]
}

// The registration flows printed in RFC 5626 parse and register, flow by flow.
func TestRFC5626Messages(t *testing.T) {
	dir := testdata.Unpack(t, func(name string) bool { return strings.HasPrefix(name, "rfc5626/") }, "08-rfc-flows", "files.tar.gz")
	files, _ := filepath.Glob(filepath.Join(dir, "rfc5626", "*", "flow.json"))
	if len(files) == 0 {
		t.Fatal("no flows in the archive")
	}
	u := on(t, open{})
	seen := 0
	for _, f := range files {
		var flow struct {
			Messages []struct {
				File, Start string
				Elided      bool
			}
		}
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &flow); err != nil {
			t.Fatal(err)
		}
		for _, m := range flow.Messages {
			if !strings.HasPrefix(m.Start, "REGISTER") || m.Elided {
				continue
			}
			raw, err := os.ReadFile(filepath.Join(filepath.Dir(f), m.File))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(raw), "branch=") {
				continue // printed without the fields that do not matter there
			}
			res, err := u.exchange(retarget(string(raw), u), 3*time.Second)
			if err != nil {
				t.Errorf("%s/%s: %v", filepath.Base(filepath.Dir(f)), m.File, err)
				continue
			}
			seen++
			if s := res.Status(); s != 200 && s != 439 && s != 500 {
				t.Errorf("%s/%s: %d %s", filepath.Base(filepath.Dir(f)), m.File, s, res.Reason())
			}
		}
	}
	if seen == 0 {
		t.Error("no REGISTER was sent")
	}
}
