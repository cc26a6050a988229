package pjsip

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate writes a certificate for the name, signed by issuer or, if
// that is nil, by itself, and an empty key file beside it.
func writeCertificate(t *testing.T, dir, name string, issuer *x509.Certificate, issuerKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: issuer == nil, BasicConstraintsValid: true, DNSNames: []string{name}}
	if issuer == nil {
		issuer, issuerKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, &key.PublicKey, issuerKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string][]byte{name + ".pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), name + ".key": {}} {
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c, key
}

// TestSelfSigned proves that a certificate that signs itself is named as trap
// T10, and that one of an authority is not.
func TestSelfSigned(t *testing.T) {
	dir := t.TempDir()
	ca, key := writeCertificate(t, dir, "ca.example.org", nil, nil)
	writeCertificate(t, dir, "sip.example.org", ca, key)
	load := func(name string) string {
		path := filepath.Join(dir, "pjsip.conf")
		source := "[tls]\ntype=transport\nprotocol=tls\nbind=0.0.0.0\ncert_file=" + name + ".pem\npriv_key_file=" + name + ".key\n"
		if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		_, problems := Load(path)
		var text []string
		for _, p := range problems {
			text = append(text, strings.TrimPrefix(p.String(), dir+"/"))
		}
		return strings.Join(text, "\n")
	}
	const want = "pjsip.conf:5: warning: [T10] transport [tls]: the certificate signs itself; clients that do not pin it are open to a man in the middle (leave cert_file out to use the node's private CA, or use tls: acme)"
	if got := load("ca.example.org"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := load("sip.example.org"); got != "" {
		t.Errorf("a signed certificate is good: %s", got)
	}
}
