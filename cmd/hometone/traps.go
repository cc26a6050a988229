package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"os"
	"slices"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/config/dispatcher"
	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/sip"
)

// traps names what is wrong between files, each of which may be fine alone.
// What one file shows by itself is named by the room that reads it.
func traps(y *config.Node, phones *pjsip.Config, balanced *dispatcher.List) []config.Problem {
	var list []config.Problem
	if balanced != nil {
		list = append(list, trapUnreached(y, phones, balanced)...)
		list = append(list, trapSplitRegistrar(balanced)...)
		list = append(list, trapNotFound(y)...)
	}
	return append(list, trapSelfSigned(y)...)
}

// trapUnreached is T1: the PBX listens on another port than the balancer
// sends to, most often because the dispatcher's line names none.
func trapUnreached(y *config.Node, phones *pjsip.Config, balanced *dispatcher.List) []config.Problem {
	if phones == nil {
		return nil
	}
	listeners := slices.Clone(y.SIP.Listen)
	for _, t := range phones.Transports {
		listeners = append(listeners, config.Address{Proto: t.Protocol, Addr: t.Bind})
	}
	if len(listeners) == 0 {
		return nil
	}
	return dispatcher.CheckListeners(balanced, listeners, "pjsip.conf")
}

// trapSplitRegistrar is T2: REGISTER is spread over several PBXs, each of
// which knows only its own phones.
func trapSplitRegistrar(balanced *dispatcher.List) []config.Problem {
	hosts := make(map[netip.Addr]bool)
	var second *dispatcher.Destination
	for i, d := range balanced.Destinations {
		u, err := sip.ParseURI(d.URI)
		if err != nil {
			continue
		}
		addr, ok := u.Addr()
		if ok && !hosts[addr] {
			hosts[addr] = true
			if len(hosts) == 2 {
				second = &balanced.Destinations[i]
			}
		}
	}
	if second == nil {
		return nil
	}
	p := second.Problem(config.Warning, "let these PBXs share one store (cluster:), or register at the edge",
		"%d destinations, each with contacts of its own: phones that registered at different ones cannot call each other", len(hosts))
	p.Trap = "T2"
	return []config.Problem{p}
}

// trapNotFound is T4: 404 where 503 is meant.
func trapNotFound(y *config.Node) []config.Problem {
	if y.Edge == nil || !y.Edge.NotFound {
		return nil
	}
	p := y.At("edge.answer_404").Problem(config.Warning, "leave it out: 503 with Retry-After makes callers try again",
		"404 when all destinations are down: callers give up and alarms miss it")
	p.Trap = "T4"
	return []config.Problem{p}
}

// trapSelfSigned is T10: a certificate that vouches for itself, and that no
// phone can check unless it has been given that very certificate.
func trapSelfSigned(y *config.Node) []config.Problem {
	if y.TLS.Cert == "" {
		return nil
	}
	text, err := os.ReadFile(y.TLS.Cert)
	if err != nil {
		return nil // the node says that it cannot read it
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || !bytes.Equal(cert.RawIssuer, cert.RawSubject) || cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) != nil {
		return nil
	}
	p := y.At("tls.cert").Problem(config.Warning, "leave tls: out for the node's own private CA, or use acme:",
		"%s is self-signed: phones that do not pin it cannot tell us from a man in the middle", y.TLS.Cert)
	p.Trap = "T10"
	return []config.Problem{p}
}
