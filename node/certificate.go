package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The lives of the node's own authority and of the certificates it signs, and
// how long before its end a certificate is made anew.
const (
	authorityLife   = 10 * 365 * 24 * time.Hour
	certificateLife = 365 * 24 * time.Hour
	renewBefore     = 30 * 24 * time.Hour
)

// tlsFor returns the configuration of a TLS or WSS listener: the certificate
// its transport names, the one of tls.cert and tls.key, or one of the node's
// own authority.
func (p *plan) tlsFor(l listener) (*tls.Config, error) {
	cert, key := l.certFile, l.keyFile
	if cert == "" {
		cert, key = p.file.TLS.Cert, p.file.TLS.Key
	}
	if key == "" {
		key = cert // Asterisk allows one file for both
	}
	var pair tls.Certificate
	var err error
	if cert != "" {
		pair, err = tls.LoadX509KeyPair(p.path(cert), p.path(key))
	} else {
		pair, err = ownCertificate(filepath.Join(p.data, "tls"), time.Now())
	}
	if err != nil {
		return nil, fmt.Errorf("node: certificate of %s: %w", l.name, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// path resolves a path of a configuration file against that file's directory.
func (p *plan) path(s string) string {
	if filepath.IsAbs(s) || p.asterisk == "" {
		return s
	}
	return filepath.Join(p.asterisk, s)
}

// ownCertificate returns the node's certificate, signed by its own authority;
// both are made when missing, the certificate also shortly before its end.
// ca.pem is what clients pin.
func ownCertificate(dir string, now time.Time) (tls.Certificate, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return tls.Certificate{}, err
	}
	ca, err := loadOrMake(dir, "ca", func() (tls.Certificate, error) { return makeAuthority(now) })
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := load(dir, "node")
	if err == nil && now.Before(pair.Leaf.NotAfter.Add(-renewBefore)) && pair.Leaf.CheckSignatureFrom(ca.Leaf) == nil {
		return pair, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return tls.Certificate{}, err
	}
	pair, err = makeCertificate(ca, now)
	if err != nil {
		return tls.Certificate{}, err
	}
	return pair, store(dir, "node", pair)
}

func loadOrMake(dir, name string, make func() (tls.Certificate, error)) (tls.Certificate, error) {
	pair, err := load(dir, name)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return pair, err
	}
	if pair, err = make(); err != nil {
		return pair, err
	}
	return pair, store(dir, name, pair)
}

func load(dir, name string) (tls.Certificate, error) {
	return tls.LoadX509KeyPair(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"))
}

// store writes the key first: a certificate without its key is useless.
func store(dir, name string, pair tls.Certificate) error {
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600); err != nil {
		return err
	}
	var chain []byte
	for _, der := range pair.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return os.WriteFile(filepath.Join(dir, name+".pem"), chain, 0o644)
}

func makeAuthority(now time.Time) (tls.Certificate, error) {
	t := &x509.Certificate{
		Subject:  pkix.Name{CommonName: "Hometone private CA of " + hostName()},
		NotAfter: now.Add(authorityLife), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return sign(t, nil, now)
}

// makeCertificate names this host and its addresses, so that phones that check
// the name (RFC 5922) accept it.
func makeCertificate(ca tls.Certificate, now time.Time) (tls.Certificate, error) {
	t := &x509.Certificate{
		Subject:  pkix.Name{CommonName: hostName()},
		NotAfter: now.Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames: []string{hostName(), "localhost"},
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return tls.Certificate{}, err
	}
	for _, a := range addrs {
		if ipNet, ok := a.(*net.IPNet); ok {
			t.IPAddresses = append(t.IPAddresses, ipNet.IP)
		}
	}
	pair, err := sign(t, &ca, now)
	if err == nil {
		pair.Certificate = append(pair.Certificate, ca.Certificate[0])
	}
	return pair, err
}

// sign makes a key and a certificate from t, signed by ca or by itself.
func sign(t *x509.Certificate, ca *tls.Certificate, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	if t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return tls.Certificate{}, err
	}
	t.NotBefore = now.Add(-time.Hour) // clocks of phones differ
	parent, signer := t, any(key)
	if ca != nil {
		parent, signer = ca.Leaf, ca.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}
