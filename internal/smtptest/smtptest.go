// Package smtptest is an SMTP server (RFC 5321) for tests: it takes letters with
// STARTTLS and AUTH PLAIN, and refuses them when it is told to. New starts it on a
// loopback port; Letters are what it has taken so far. The server owns a goroutine
// per connection; all have ended when Close returns.
package smtptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"time"
)

// Letter is what has been taken.
type Letter struct {
	From string
	To   []string
	Text string // header and body, lines end in \n
	TLS  bool
	Auth string // user NUL password of AUTH PLAIN, "" = none
}

// Server takes letters until the test ends.
type Server struct {
	Addr  string
	Roots *x509.CertPool // verify its certificate, which is for 127.0.0.1

	secure *tls.Config
	l      net.Listener
	wg     sync.WaitGroup
	mu     sync.Mutex // guards the following
	refuse string     // what RCPT is answered with, "" = taken
	taken  []Letter
}

// New starts a server on a loopback port.
func New() (*Server, error) {
	s := &Server{Roots: x509.NewCertPool()}
	if err := s.certify(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.Addr, s.l = l.Addr().String(), l
	s.wg.Go(func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { // ends with the connection, which has a deadline
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(30 * time.Second))
				s.serve(c)
			})
		}
	})
	return s, nil
}

// Close ends the server.
func (s *Server) Close() {
	s.l.Close()
	s.wg.Wait()
}

func (s *Server) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	s.Roots.AddCert(parsed)
	s.secure = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return nil
}

// Refuse makes RCPT be answered with a line such as "450 later"; "" takes again.
func (s *Server) Refuse(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = line
}

// Letters are those that have been taken.
func (s *Server) Letters() []Letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Letter(nil), s.taken...)
}

// serve speaks with one client.
func (s *Server) serve(c net.Conn) {
	p := textproto.NewConn(c)
	say := func(line string) { _ = p.PrintfLine("%s", line) }
	say("220 smtptest")
	for l := (Letter{}); ; {
		line, err := p.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			say("250-smtptest")
			if !l.TLS {
				say("250-STARTTLS")
			}
			say("250 AUTH PLAIN")
		case "STARTTLS":
			say("220 go on")
			c = tls.Server(c, s.secure)
			p, l.TLS = textproto.NewConn(c), true
			say = func(line string) { _ = p.PrintfLine("%s", line) }
		case "AUTH":
			text, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			l.Auth = strings.TrimPrefix(string(text), "\x00")
			say("235 come in")
		case "MAIL":
			l.From, l.To = address(rest), nil
			say("250 yes")
		case "RCPT":
			s.mu.Lock()
			no := s.refuse
			s.mu.Unlock()
			if no != "" {
				say(no)
				continue
			}
			l.To = append(l.To, address(rest))
			say("250 yes")
		case "DATA":
			say("354 go on")
			text, err := p.ReadDotBytes()
			if err != nil {
				return
			}
			l.Text = string(text)
			s.mu.Lock()
			s.taken = append(s.taken, l)
			s.mu.Unlock()
			say("250 kept")
		case "QUIT":
			say("221 bye")
			return
		default:
			say(fmt.Sprintf("502 %s is not known", verb))
		}
	}
}

// address is what stands between < and >.
func address(s string) string {
	_, s, _ = strings.Cut(s, "<")
	s, _, _ = strings.Cut(s, ">")
	return s
}
