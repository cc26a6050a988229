package config

import (
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// validate checks values that only make sense together or within limits.
// Each room checks further what only it knows.
func (n *Node) validate(d *decoder) {
	n.validateListen(d)
	n.validateDNS(d)
	n.validatePBX(d)
	n.validateEdge(d)
	n.validateHA(d)
	n.validateTLS(d)
	n.validateMail(d)
	if t := n.TURN; t != nil && t.Secret.IsZero() {
		d.errorf(n.At("turn"), `add secret: "${TURN_SECRET}"`, "turn: no secret; anybody could relay through this node")
	}
	if c := n.Console.Listen; c != "off" {
		n.validateHostPort(d, "console.listen", c)
	}
	if m := n.Monitor.Metrics; m != "" {
		n.validateHostPort(d, "monitor.metrics", m)
	}
	n.validateCluster(d)
	if dsn := n.Records.DSN.Reveal(); dsn != "" && !hasAnyPrefix(dsn, "sqlite:", "postgres://", "postgresql://") {
		d.errorf(n.At("records.dsn"), "write sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME", "records.dsn: not a database that is supported")
	}
}

// mailPort is where letters are submitted (RFC 6409).
const mailPort = 587

func (n *Node) validateMail(d *decoder) {
	m := n.Mail
	if m == nil {
		return
	}
	if _, _, err := net.SplitHostPort(m.Server); err != nil && m.Server != "" {
		m.Server = net.JoinHostPort(m.Server, strconv.Itoa(mailPort))
	}
	if m.TLS == "" {
		m.TLS = MailSTARTTLS
	}
	switch {
	case m.Server == "":
		d.errorf(n.At("mail"), "add server: smtp.example.org:587", "mail: no server")
	case m.TLS != MailSTARTTLS && m.TLS != MailTLS && m.TLS != MailPlain:
		d.errorf(n.At("mail.tls"), "write starttls, tls or none", "mail.tls: %q is not known", m.TLS)
	case m.User != "" && m.Password.IsZero():
		d.errorf(n.At("mail.user"), "add password: file:PATH", "mail.user: no password")
	}
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

func (n *Node) validateHostPort(d *decoder, key, value string) {
	if _, err := ParseHostPort(value, 0); err != nil {
		d.errorf(n.At(key), "write ADDRESS:PORT, for instance 127.0.0.1:8080", "%s: %v", key, err)
	}
}

// validatePBX looks at what the dialplan is allowed.
func (n *Node) validatePBX(d *decoder) {
	if n.PBX == nil {
		return
	}
	for _, name := range n.PBX.Allow {
		if name != "system" && name != "disa" {
			d.errorf(n.At("pbx.allow"), "write system or disa", "pbx.allow: %q is nothing that can be allowed", name)
		}
	}
	for _, prefix := range n.PBX.CURL {
		if u, err := url.Parse(prefix); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path == "" || u.User != nil {
			d.errorf(n.At("pbx.curl"), "write for instance https://api.example.org/", "pbx.curl: %q is no http or https URL with a host and a path", prefix)
		}
	}
}

func (n *Node) validateListen(d *decoder) {
	for i, a := range n.SIP.Listen {
		for j, b := range n.SIP.Listen[:i] {
			if a.Overlaps(b) {
				key := "sip.listen[" + strconv.Itoa(i) + "]"
				d.errorf(n.At(key), "give one of them another port", "%s and sip.listen[%d] need the same port: %s, %s", key, j, a, b)
			}
		}
	}
}

// dnsPort is where DNS servers are asked (RFC 1035 §4.2.1).
const dnsPort = 53

func (n *Node) validateDNS(d *decoder) {
	for i, server := range n.SIP.DNS {
		addr, err := ParseHostPort(server, dnsPort)
		if err != nil {
			key := "sip.dns[" + strconv.Itoa(i) + "]"
			d.errorf(n.At(key), "write ADDRESS or ADDRESS:PORT, for instance 192.0.2.53", "%s: %v", key, err)
			continue
		}
		n.SIP.DNS[i] = addr.String()
	}
}

func (n *Node) validateEdge(d *decoder) {
	e := n.Edge
	if e == nil {
		return
	}
	if e.Dispatcher == "" && len(e.Locations) == 0 && len(e.Services) == 0 {
		d.errorf(n.At("edge"), "add dispatcher: ./dispatcher.list", "edge: no destinations")
	}
	if e.Probe.Interval < 100*time.Millisecond {
		d.errorf(n.At("edge.probe.interval"), "", "edge.probe.interval: %v is below 100ms", e.Probe.Interval)
	}
	if e.Probe.Rise < 1 || e.Probe.Fall < 1 {
		d.errorf(n.At("edge.probe"), "", "edge.probe: rise and fall count from 1")
	}
	for i, code := range e.Probe.Codes {
		if !responseClass.MatchString(code) {
			d.errorf(n.At("edge.probe.codes["+strconv.Itoa(i)+"]"), "write 200 or 4xx", "edge.probe.codes: %q is no response code", code)
		}
	}
	for i, code := range e.Failover {
		if code < 300 || code > 699 {
			d.errorf(n.At("edge.failover["+strconv.Itoa(i)+"]"), "", "edge.failover: %d is not a final response that refuses", code)
		}
	}
	s := &e.Shield
	if s.Rate < 0 || s.Burst < 0 || s.Account < 0 || s.Failures < 0 || e.Tries < 0 {
		d.errorf(n.At("edge"), "leave it out for the default", "edge: rates, bursts, failures and tries count from 1")
	}
	if secret := e.Secret.Reveal(); secret != "" && len(secret) < 16 {
		d.errorf(n.At("edge.secret"), "make one with: openssl rand -hex 32", "edge.secret: shorter than 16 characters")
	}
}

var responseClass = regexp.MustCompile(`^[1-6]([0-9][0-9]|xx)$`)

func (n *Node) validateHA(d *decoder) {
	h := n.HA
	if h == nil {
		return
	}
	if !h.VIP.IsValid() {
		d.errorf(n.At("ha"), "add vip: ADDRESS/BITS", "ha: no virtual address")
	}
	if h.Interface == "" {
		d.errorf(n.At("ha"), "add interface: NAME", "ha: no interface")
	}
	if h.RouterID < 1 || h.RouterID > 255 {
		d.errorf(n.At("ha.router_id"), "", "ha.router_id: %d is not between 1 and 255 (RFC 9568 §5.2.3)", h.RouterID)
	}
	if h.Priority < 1 || h.Priority > 254 {
		d.errorf(n.At("ha.priority"), "", "ha.priority: %d is not between 1 and 254 (RFC 9568 §5.2.4)", h.Priority)
	}
	if h.Advert < 10*time.Millisecond || h.Advert > 40950*time.Millisecond {
		d.errorf(n.At("ha.advert"), "", "ha.advert: %v is not between 10ms and 40.95s (RFC 9568 §5.2.7)", h.Advert)
	}
}

func (n *Node) validateTLS(d *decoder) {
	t := n.TLS
	if (t.Cert == "") != (t.Key == "") {
		d.errorf(n.At("tls"), "give both cert and key, or none", "tls: a certificate needs its key")
	}
	if t.ACME != nil && t.Cert != "" {
		d.errorf(n.At("tls"), "keep one", "tls: both acme and cert are given")
	}
	if t.ACME != nil && len(t.ACME.Domains) == 0 {
		d.errorf(n.At("tls.acme"), "add domains: [sip.example.org]", "tls.acme: no domains")
	}
}

// validateCluster names trap T12: two voters stop when one is lost.
func (n *Node) validateCluster(d *decoder) {
	for _, s := range n.Cluster.Servers {
		if u, err := url.Parse(s); err != nil || u.Host == "" {
			d.errorf(n.At("cluster.servers"), "write nats://HOST:4222", "cluster.servers: %q is not a URL", s)
		}
	}
	if len(n.Cluster.Peers) == 1 {
		p := n.At("cluster.peers").Problem(Warning, "add a third node; a small witness without calls is enough",
			"cluster.peers: two nodes have no majority when one is lost")
		p.Trap = "T12"
		d.problems = append(d.problems, p)
	}
}
