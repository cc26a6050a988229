package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/sip"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Without any configuration a node makes two demo extensions with passwords of
// its own, tells them once, and finds them again.
func TestDemo(t *testing.T) {
	t.Chdir(t.TempDir())
	n, problems := New(Config{Data: "data"})
	if n == nil {
		t.Fatalf("no node: %v", problems)
	}
	accounts := n.plan.demo.Accounts
	if len(accounts) != 2 || accounts[0].Password == accounts[1].Password || len(accounts[0].Password) < 16 {
		t.Errorf("accounts %v, want two with strong passwords", accounts)
	}
	var out bytes.Buffer
	n.plan.welcome(&out)
	for _, a := range accounts {
		if !strings.Contains(out.String(), a.User) || !strings.Contains(out.String(), a.Password) {
			t.Errorf("the welcome does not tell %s:\n%s", a.User, &out)
		}
		if n.plan.pjsip.Endpoints[a.User] == nil || n.plan.pjsip.Auths[a.User].Password.Reveal() != a.Password {
			t.Errorf("%s is no endpoint of the demo", a.User)
		}
	}
	if info, err := os.Stat("data/asterisk/pjsip.conf"); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("pjsip.conf with passwords: %v %v, want it private", info.Mode(), err)
	}
	again, problems := New(Config{Data: "data"})
	if again == nil || again.plan.demo.Accounts[0] != accounts[0] {
		t.Fatalf("the second start has other accounts: %v", problems)
	}
	out.Reset()
	if again.plan.welcome(&out); out.Len() > 0 {
		t.Errorf("the second start tells the passwords again:\n%s", &out)
	}
}

// What is wrong is named and nothing starts.
func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	if n, problems := New(Config{Asterisk: filepath.Join(dir, "none"), Data: dir}); n != nil || !config.HasErrors(problems) {
		t.Errorf("a missing directory is accepted: %v", problems)
	}
	write(t, filepath.Join(dir, "a", "pjsip.conf"), "[x]\ntype=endpoint\nno_such_option=1\nallow=ulaw\n")
	write(t, filepath.Join(dir, "a", "extensions.conf"), "[default]\n")
	n, problems := New(Config{Asterisk: filepath.Join(dir, "a"), Data: dir})
	wrong := func(p config.Problem) bool {
		return p.Severity == config.Error && p.Line == 3 && strings.HasSuffix(p.File, "pjsip.conf")
	}
	if n != nil || !slices.ContainsFunc(problems, wrong) {
		t.Errorf("an unknown option gives %v, want pjsip.conf:3", problems)
	}
	write(t, filepath.Join(dir, "b", "pjsip.conf"), "[a]\ntype=transport\nbind=127.0.0.1:5999\n[b]\ntype=transport\nbind=127.0.0.1:5999\n")
	write(t, filepath.Join(dir, "b", "extensions.conf"), "[default]\n")
	if n, problems := New(Config{Asterisk: filepath.Join(dir, "b"), Data: dir}); n != nil || !config.HasErrors(problems) {
		t.Errorf("two transports on one address are accepted: %v", problems)
	}
}

// The node's own certificate is signed by its own authority, which stays the
// same, and names this host's addresses.
func TestOwnCertificate(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	first, err := ownCertificate(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("ca.pem: %v", err)
	}
	for _, name := range []string{"localhost", "127.0.0.1"} {
		if _, err := first.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	same, err := ownCertificate(dir, now.Add(24*time.Hour))
	if err != nil || !same.Leaf.Equal(first.Leaf) {
		t.Errorf("a day later there is another certificate (%v)", err)
	}
	later, err := ownCertificate(dir, now.Add(certificateLife-time.Hour))
	if err != nil || later.Leaf.Equal(first.Leaf) {
		t.Errorf("the certificate is not renewed before it ends (%v)", err)
	}
	if _, err := later.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now.Add(certificateLife)}); err != nil {
		t.Errorf("the renewed certificate has another authority: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "node.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key is readable by others: %v %v", info.Mode(), err)
	}
}

// freeAddr is an address of this process alone: its port is free for TCP, and
// the address is not used by others.
func freeAddr(t *testing.T) string {
	t.Helper()
	pid := os.Getpid()
	host := fmt.Sprintf("127.%d.%d.%d", 1+pid>>16%200, pid>>8%256, 1+pid%254)
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// A whole node with TLS starts, tells the service manager, and ends.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	udp, encrypted := freeAddr(t), freeAddr(t)
	write(t, filepath.Join(dir, "a", "pjsip.conf"), "[udp]\ntype=transport\nprotocol=udp\nbind="+udp+"\n[tls]\ntype=transport\nprotocol=tls\nbind="+encrypted+"\n")
	socket := filepath.Join(dir, "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	n, problems := New(Config{Asterisk: filepath.Join(dir, "a"), Data: filepath.Join(dir, "data"), Drain: -1})
	if n == nil {
		t.Fatalf("no node: %v", problems)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }() // ends with ctx
	select {
	case <-n.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	if got := told(t, manager); got != "READY=1" {
		t.Errorf("the service manager is told %q, want READY=1", got)
	}
	if a := n.Addrs(); len(a) != 2 || a[0].Addr.String() != udp || a[1].Proto != "tls" {
		t.Errorf("addresses %v", a)
	}
	roots := x509.NewCertPool()
	pem, _ := os.ReadFile(filepath.Join(dir, "data", "tls", "ca.pem"))
	roots.AppendCertsFromPEM(pem)
	c, err := tls.Dial("tcp", encrypted, &tls.Config{RootCAs: roots, ServerName: "localhost"})
	if err != nil {
		t.Errorf("TLS with the node's authority: %v", err)
	} else {
		c.Close()
	}
	if p := n.Reload(); config.HasErrors(p) {
		t.Errorf("reload: %v", p)
	}
	if a, b := told(t, manager), told(t, manager); !strings.HasPrefix(a, "RELOADING=1") || b != "READY=1" {
		t.Errorf("a reload tells %q, %q", a, b)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the node ends with %v", err)
	}
	if got := told(t, manager); got != "STOPPING=1" {
		t.Errorf("the end tells %q, want STOPPING=1", got)
	}
	if n.Addrs() != nil {
		t.Error("an ended node has addresses")
	}
}

func told(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	buf := make([]byte, 256)
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

// The chain leads a request to the first room that takes its method.
func TestChain(t *testing.T) {
	links := chain(nil, nil)
	for method, want := range map[string]string{"REGISTER": "registrar", "INVITE": "exchange", "OPTIONS": "exchange", "FOO": "exchange"} {
		for _, l := range links {
			if l.takes(asMethod(method)) {
				if l.name != want {
					t.Errorf("%s goes to %s, want %s", method, l.name, want)
				}
				break
			}
		}
	}
}

func asMethod(s string) sip.Method { return sip.Method(s) }
