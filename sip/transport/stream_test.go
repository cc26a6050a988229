package transport

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hometone/hometone/sip"
)

// certificates returns a server configuration for localhost and the loopback
// addresses, and a pool that trusts it. Clients may show the same certificate.
func certificates(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, ClientCAs: pool, RootCAs: pool}, pool
}

// TestStreamsBothWays sends a request over a new connection of each stream
// protocol and family, the answer back over it, and a request of the server
// over the same connection.
func TestStreamsBothWays(t *testing.T) {
	server, pool := certificates(t)
	for _, p := range []Proto{TCP, TLS, WS, WSS} {
		for _, bind := range []string{"127.0.0.1:0", "[::1]:0"} {
			t.Run(p.String()+" "+bind, func(t *testing.T) {
				ln := Listen{Proto: p, Addr: at(bind)}
				if p.Secure() {
					ln.TLS = server
				}
				uas, served := start(t, Config{Listen: []Listen{ln}})
				uac, heard := start(t, Config{TLS: &tls.Config{RootCAs: pool}})
				target := Target{Proto: p, Addr: uas.Addrs()[0].Addr}
				done := make(chan error, 2)
				for range 2 { // the second joins the connect of the first, or uses its connection
					uac.SendTo(target, []byte(options("SIP/2.0/"+p.Via()+" h.invalid;branch=z9hG4bK1")), func(_ Flow, err error) { done <- err })
				}
				a, b := wait(t, served.messages, "request"), wait(t, served.messages, "second request")
				if err := errors.Join(<-done, <-done); err != nil {
					t.Fatal(err)
				}
				if a.flow != b.flow {
					t.Errorf("RFC 5923: one connection is used for both: %v and %v", a.flow, b.flow)
				}
				if via, _ := a.req.TopVia(); via.Params.Has("rport") || !via.Params.Has("received") {
					t.Errorf("§18.2.1: Via is %q, want received", via)
				}
				if err := uas.Send(a.flow, sip.NewResponse(a.req, 200, "").Bytes()); err != nil {
					t.Fatal(err)
				}
				res := wait(t, heard.messages, "response")
				if res.res == nil || res.res.Status() != 200 {
					t.Fatalf("got %+v, want the 200", res)
				}
				back := Target{Proto: p, Addr: a.flow.Remote()}
				if f, ok := uas.Find(back); !ok || f != a.flow {
					t.Errorf("a target that is the peer's end of a connection uses it: %v %v", f, ok)
				}
				uas.Send(a.flow, []byte(options("SIP/2.0/"+p.Via()+" h.invalid;branch=z9hG4bK2")))
				if got := wait(t, heard.messages, "request back"); got.req == nil || got.flow != res.flow {
					t.Errorf("the server's request comes over the same connection: %+v", got)
				}
				if _, ok := uac.Peer(res.flow); ok != p.Secure() {
					t.Errorf("TLS state known: %v, want %v", ok, p.Secure())
				}
				uac.Close(res.flow)
				if end := wait(t, served.closed, "close"); end.flow != a.flow {
					t.Errorf("FlowClosed for %v, want %v", end.flow, a.flow)
				}
				wait(t, heard.closed, "close at the client")
				if err := uac.Send(res.flow, []byte("x")); !errors.Is(err, ErrFlowClosed) {
					t.Errorf("Send over a closed flow: %v", err)
				}
			})
		}
	}
}

func TestConnectFails(t *testing.T) {
	l, _ := start(t, Config{})
	errs := make(chan error, 1)
	l.SendTo(Target{Proto: TCP, Addr: at("127.0.0.1:1")}, []byte("x"), func(_ Flow, err error) { errs <- err })
	select {
	case err := <-errs:
		if err == nil {
			t.Error("a refused connection is no success")
		}
	case <-time.After(5 * time.Second):
		t.Error("done is not called")
	}
	l.SendTo(Target{Proto: UDP, Addr: at("127.0.0.1:1")}, []byte("x"), func(_ Flow, err error) { errs <- err })
	if err := <-errs; !errors.Is(err, ErrNoListener) {
		t.Errorf("UDP without a listener: %v", err)
	}
}

func TestTLSRefusesWrongName(t *testing.T) {
	server, pool := certificates(t)
	uas, _ := start(t, Config{Listen: []Listen{{Proto: TLS, Addr: at("127.0.0.1:0"), TLS: server}}})
	uac, _ := start(t, Config{TLS: &tls.Config{RootCAs: pool}})
	for name, good := range map[string]bool{"localhost": true, "other.example": false, "": true} {
		errs := make(chan error, 1)
		uac.SendTo(Target{Proto: TLS, Addr: uas.Addrs()[0].Addr, ServerName: name}, []byte(options("SIP/2.0/TLS h;branch=z9hG4bK1")), func(_ Flow, err error) { errs <- err })
		if err := <-errs; (err == nil) != good {
			t.Errorf("RFC 5922 §7.2: certificate for localhost and 127.0.0.1, asked for %q: %v", name, err)
		}
	}
}

// TestAlias: RFC 5923: a client that has shown a certificate and writes ;alias
// gets requests to its sent-by over its connection; without a certificate not.
func TestAlias(t *testing.T) {
	server, pool := certificates(t)
	server.ClientAuth = tls.VerifyClientCertIfGiven
	uas, served := start(t, Config{Listen: []Listen{{Proto: TLS, Addr: at("127.0.0.1:0"), TLS: server}}})
	for _, certs := range [][]tls.Certificate{server.Certificates, nil} {
		uac, _ := start(t, Config{TLS: &tls.Config{RootCAs: pool, Certificates: certs}})
		uac.SendTo(Target{Proto: TLS, Addr: uas.Addrs()[0].Addr}, []byte(options("SIP/2.0/TLS 127.0.0.1:5099;alias;branch=z9hG4bK1")), nil)
		a := wait(t, served.messages, "request")
		f, ok := uas.Find(Target{Proto: TLS, Addr: at("127.0.0.1:5099"), ServerName: "localhost"})
		if want := certs != nil; ok != want || ok && f != a.flow {
			t.Errorf("with certificate %v: alias found %v", want, ok)
		}
		uac.Close(Flow{})
		uas.Close(a.flow)
		wait(t, served.closed, "close")
	}
}

func dialTCP(t testing.TB, to netip.AddrPort) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

func TestStreamFraming(t *testing.T) {
	l, d := start(t, Config{Listen: []Listen{{Proto: TCP, Addr: at("127.0.0.1:0")}}})
	c := dialTCP(t, l.Addrs()[0].Addr)
	msg := options("SIP/2.0/TCP h;branch=z9hG4bK1")
	withBody := strings.Replace(msg, "Content-Length: 0", "Content-Length: 9000", 1) + strings.Repeat("\r\n\r\n\r\n\r\n\r\n", 900)
	io.WriteString(c, "\r\n\r\n"+msg+withBody+"\r\n"+msg[:50])
	if a := wait(t, d.messages, "first"); a.err != nil || a.req.Body() != "" {
		t.Errorf("first: %v %q", a.err, a.req.Body())
	}
	if a := wait(t, d.messages, "second"); a.err != nil || len(a.req.Body()) != 9000 {
		t.Errorf("§18.3: Content-Length frames the body: %v, %d bytes", a.err, len(a.req.Body()))
	}
	for _, b := range []byte(msg[50:]) {
		c.Write([]byte{b})
	}
	if a := wait(t, d.messages, "third, byte by byte"); a.err != nil {
		t.Error(a.err)
	}
	buf := make([]byte, 2)
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "\r\n" {
		t.Errorf("RFC 5626 §4.4.1: a double CRLF is answered with one CRLF: %q %v", buf, err)
	}
}

func TestStreamThatCannotBeCut(t *testing.T) {
	l, d := start(t, Config{Listen: []Listen{{Proto: TCP, Addr: at("127.0.0.1:0")}}, Limits: Limits{Head: 2000}})
	for name, in := range map[string]string{
		"no Content-Length": strings.Replace(options("SIP/2.0/TCP h;branch=z9hG4bK1"), "Content-Length: 0\r\n", "", 1),
		"long head":         options("SIP/2.0/TCP h;branch=z9hG4bK1", "X: "+strings.Repeat("x", 10000)),
		"long body":         strings.Replace(options("SIP/2.0/TCP h;branch=z9hG4bK1"), "Content-Length: 0", "Content-Length: 99999999", 1),
	} {
		c := dialTCP(t, l.Addrs()[0].Addr)
		io.WriteString(c, in)
		a := wait(t, d.messages, name)
		var fault *sip.Error
		if !errors.As(a.err, &fault) || fault.Status < 400 {
			t.Errorf("%s: to be answered with %v", name, a.err)
		}
		if end := wait(t, d.closed, name); end.flow != a.flow {
			t.Errorf("%s: §18.3: the connection is closed", name)
		}
	}
	c := dialTCP(t, l.Addrs()[0].Addr)
	io.WriteString(c, strings.Repeat("x", 100_000))
	wait(t, d.closed, "garbage")
	if len(d.messages) != 0 {
		t.Error("garbage is not answered")
	}
}

// TestSlowClients: whoever connects and says nothing, or a byte now and then,
// is closed in time and delays nobody.
func TestSlowClients(t *testing.T) {
	server, _ := certificates(t)
	lim := Limits{HeadTime: 300 * time.Millisecond, Unproven: 500 * time.Millisecond, HandshakeTime: 300 * time.Millisecond}
	for _, p := range []Proto{TCP, TLS, WS, WSS} {
		ln := Listen{Proto: p, Addr: at("127.0.0.1:0")}
		if p.Secure() {
			ln.TLS = server
		}
		l, d := start(t, Config{Listen: []Listen{ln}, Limits: lim})
		idle := dialTCP(t, l.Addrs()[0].Addr)
		slow := dialTCP(t, l.Addrs()[0].Addr)
		if p == TLS {
			slow = tls.Client(slow, &tls.Config{InsecureSkipVerify: true})
		}
		io.WriteString(slow, "OPTIONS sip:x ")
		uac, _ := start(t, Config{TLS: &tls.Config{InsecureSkipVerify: true}})
		uac.SendTo(Target{Proto: p, Addr: l.Addrs()[0].Addr}, []byte(options("SIP/2.0/"+p.Via()+" h;branch=z9hG4bK1")), nil)
		wait(t, d.messages, "a good client beside them")
		for _, c := range []net.Conn{idle, slow} {
			began := time.Now()
			c.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.Copy(io.Discard, c); isTimeout(err) {
				t.Errorf("%s: a silent or slow client is still connected after %v", p, time.Since(began))
			}
		}
	}
}

// TestPeerThatDoesNotRead: its queue is bounded, it is closed, and others are
// served meanwhile.
func TestPeerThatDoesNotRead(t *testing.T) {
	lim := Limits{WriteQueue: 128 << 10, WriteTime: 500 * time.Millisecond}
	l, d := start(t, Config{Listen: []Listen{{Proto: TCP, Addr: at("127.0.0.1:0")}}, Limits: lim})
	lazy := dialTCP(t, l.Addrs()[0].Addr)
	io.WriteString(lazy, options("SIP/2.0/TCP h;branch=z9hG4bK1"))
	a := wait(t, d.messages, "request")
	msg := make([]byte, 8000)
	var err error
	began := time.Now()
	for i := 0; err == nil && i < 10_000; i++ {
		err = l.Send(a.flow, msg)
	}
	if err == nil || time.Since(began) > 3*time.Second {
		t.Errorf("80 MB to a peer that does not read: %v after %v", err, time.Since(began))
	}
	wait(t, d.closed, "close")
}

func TestConnectionLimits(t *testing.T) {
	l, _ := start(t, Config{Listen: []Listen{{Proto: TCP, Addr: at("127.0.0.1:0")}}, Limits: Limits{ConnectionsPerIP: 3}})
	for i := range 5 {
		c := dialTCP(t, l.Addrs()[0].Addr)
		c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		_, err := c.Read(make([]byte, 1))
		if open := isTimeout(err); open != (i < 3) {
			t.Errorf("connection %d open: %v, limit 3 per source", i, open)
		}
	}
	other := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	c, err := other.Dial("tcp", l.Addrs()[0].Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !isTimeout(err) {
		t.Errorf("another source has its own count: %v", err)
	}
}

func TestPing(t *testing.T) {
	l, d := start(t, Config{Listen: []Listen{{Proto: TCP, Addr: at("127.0.0.1:0")}}, Limits: Limits{PongTime: 300 * time.Millisecond}})
	uac, heard := start(t, Config{Limits: Limits{PongTime: 300 * time.Millisecond}})
	flows := make(chan Flow, 1)
	uac.SendTo(Target{Proto: TCP, Addr: l.Addrs()[0].Addr}, []byte(options("SIP/2.0/TCP h;branch=z9hG4bK1")), func(f Flow, _ error) { flows <- f })
	f := <-flows
	wait(t, d.messages, "request")
	for range 3 {
		if err := uac.Ping(f); err != nil {
			t.Fatal(err)
		}
		time.Sleep(150 * time.Millisecond)
	}
	if len(heard.closed) != 0 {
		t.Error("an answered keep-alive keeps the connection")
	}
	// A peer that never answers.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		if c, err := ln.Accept(); err == nil {
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	uac.SendTo(Target{Proto: TCP, Addr: netip.MustParseAddrPort(ln.Addr().String())}, []byte("x"), func(f Flow, _ error) { flows <- f })
	f = <-flows
	uac.Ping(f)
	if end := wait(t, heard.closed, "close after a ping without pong"); end.flow != f || !errors.Is(end.err, errNoPong) {
		t.Errorf("RFC 5626 §4.4.1: without an answer within 10 s the client MUST treat the flow as failed: %+v", end)
	}
}

func TestWebSocketHandshake(t *testing.T) {
	l, d := start(t, Config{Listen: []Listen{{Proto: WS, Addr: at("127.0.0.1:0"), Path: "/ws", Origins: []string{"good.example"}}}})
	base := "ws://" + l.Addrs()[0].Addr.String()
	for _, c := range []struct {
		path, proto, origin string
		good                bool
		why                 string
	}{
		{"/ws", "sip", "", true, "a client that is no browser"},
		{"/ws", "sip", "http://good.example", true, "a browser page that may"},
		{"/ws", "sip", "http://evil.example", false, "a browser page that may not"},
		{"/other", "sip", "", false, "another path"},
		{"/ws", "chat", "", false, "RFC 7118 §4.1: the subprotocol must be sip"},
		{"/ws", "", "", false, "no subprotocol"},
	} {
		opts := &websocket.DialOptions{HTTPHeader: http.Header{}}
		if c.origin != "" {
			opts.HTTPHeader.Set("Origin", c.origin)
		}
		if c.proto != "" {
			opts.Subprotocols = []string{c.proto}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		ws, _, err := websocket.Dial(ctx, base+c.path, opts)
		if (err == nil) != c.good {
			t.Errorf("%s: %v", c.why, err)
		}
		if err == nil {
			ws.Write(ctx, websocket.MessageBinary, []byte(options("SIP/2.0/WS h.invalid;branch=z9hG4bK1;rport")))
			wait(t, d.messages, "message in a binary frame (RFC 7118 §5)")
			ws.Write(ctx, websocket.MessageText, []byte("\r\n\r\n"))
			if _, data, err := ws.Read(ctx); err != nil || string(data) != "\r\n" {
				t.Errorf("RFC 7118 §6: CRLF keep-alive is answered: %q %v", data, err)
			}
			ws.CloseNow()
		}
		cancel()
	}
}

func TestTapSeesEachMessageOnce(t *testing.T) {
	events := make(chan string, 100)
	tap := func(e TapEvent) {
		line, _, _ := strings.Cut(string(e.Data), "\r\n")
		events <- fmt.Sprintf("%v %s", e.Sent, line)
	}
	l, d := start(t, Config{Listen: []Listen{{Proto: TCP, Addr: at("127.0.0.1:0")}, {Proto: UDP, Addr: at("127.0.0.1:0")}}, Tap: tap})
	c := dialTCP(t, l.Addrs()[0].Addr)
	u := dialUDP(t, l.Addrs()[1].Addr)
	for _, c := range []net.Conn{c, u} {
		c.SetDeadline(time.Now().Add(5 * time.Second))
		io.WriteString(c, options("SIP/2.0/TCP h;branch=z9hG4bK1;rport"))
		a := wait(t, d.messages, "request")
		l.Send(a.flow, sip.NewResponse(a.req, 200, "").Bytes())
		if got, _ := bufio.NewReader(c).ReadString('\n'); got != "SIP/2.0 200 OK\r\n" {
			t.Errorf("answer %q", got)
		}
		io.WriteString(c, "\r\n\r\n")
		for _, want := range []string{"false OPTIONS sip:node@127.0.0.1 SIP/2.0", "true SIP/2.0 200 OK"} {
			if got := <-events; got != want {
				t.Errorf("tap saw %q, want %q", got, want)
			}
		}
	}
	if len(events) != 0 {
		t.Errorf("tap saw more: %q", <-events)
	}
}
