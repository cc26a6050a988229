package pjsip

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config"
)

// transportTable lists every option of type=transport.
func transportTable() table[Transport] {
	return table[Transport]{kind: "transport", options: []option[Transport]{
		yes("protocol", "udp", choice(func(t *Transport) *string { return &t.Protocol }, "udp", "tcp", "tls", "ws", "wss", "flow")),
		yes("bind", "", bind),
		yes("external_media_address", "", str(func(t *Transport) *string { return &t.ExternalMediaAddress })),
		yes("external_signaling_address", "", str(func(t *Transport) *string { return &t.ExternalSignalingAddress })),
		yes("external_signaling_port", "0", func(t *Transport, v string) error {
			port, err := strconv.ParseUint(strings.TrimSpace(v), 10, 16)
			if err != nil {
				return fmt.Errorf("%q is not a port (0-65535)", v)
			}
			t.ExternalSignalingPort = uint16(port)
			return nil
		}),
		yes("local_net", "", networks(func(t *Transport) *[]netip.Prefix { return &t.LocalNet })),
		later("domain", "", "", "the address is used in its place", str(func(t *Transport) *string { return &t.Domain })),
		yes("cert_file", "", str(func(t *Transport) *string { return &t.CertFile })),
		yes("priv_key_file", "", str(func(t *Transport) *string { return &t.PrivKeyFile })),
		private(later("password", "", "", "keys must not be encrypted", secret(func(t *Transport) *config.Secret { return &t.Password }))),
		later("ca_list_file", "", "", "certificates of peers are not checked", str(func(t *Transport) *string { return &t.CAListFile })),
		later("ca_list_path", "", "", "certificates of peers are not checked", str(func(t *Transport) *string { return &t.CAListPath })),
		yes("method", "", choice(func(t *Transport) *string { return &t.Method }, "default=", "unspecified=", "tlsv1=", "tlsv1_1=", "tlsv1_2", "tlsv1_3", "sslv2=", "sslv3=", "sslv23=")),
		later("cipher", "", "", "Go's choice of ciphers is used", list(func(t *Transport) *[]string { return &t.Cipher })),
		later("verify_server", "no", "no", "certificates of servers are not checked", boolean(func(t *Transport) *bool { return &t.VerifyServer })),
		later("verify_client", "no", "no", "certificates of clients are not checked", boolean(func(t *Transport) *bool { return &t.VerifyClient })),
		later("require_client_cert", "no", "no", "clients need no certificate", boolean(func(t *Transport) *bool { return &t.RequireClientCert })),
		later("allow_wildcard_certs", "no", "no", "certificates of servers are not checked", boolean(func(t *Transport) *bool { return &t.AllowWildcardCerts })),
		yes("symmetric_transport", "no", boolean(func(t *Transport) *bool { return &t.SymmetricTransport })),
		later("tos", "0", "0", "packets are not marked", tos(func(t *Transport) *int { return &t.TOS })),
		later("cos", "0", "0", "frames are not marked", cos(func(t *Transport) *int { return &t.COS })),
		later("websocket_write_timeout", "100", "100", "slow clients have one second", milliseconds(func(t *Transport) *time.Duration { return &t.WebsocketWriteTimeout })),
		yes("tcp_keepalive_enable", "no", boolean(func(t *Transport) *bool { return &t.TCPKeepalive })),
		later("tcp_keepalive_idle_time", "30", "30", "the system's time is used", seconds(func(t *Transport) *time.Duration { return &t.KeepaliveIdle })),
		later("tcp_keepalive_interval_time", "10", "10", "the system's time is used", seconds(func(t *Transport) *time.Duration { return &t.KeepaliveInterval })),
		later("tcp_keepalive_probe_count", "5", "5", "the system's number is used", whole(func(t *Transport) *int { return &t.KeepaliveProbes }, 1, 127)),
		later("allow_reload", "no", "yes", "listeners always follow a reload", boolean(func(t *Transport) *bool { return &t.AllowReload })),
		foreign[Transport]("async_operations", "1"),
	}}
}

// Ports and path of WebSocket listeners where bind names none: those of
// Asterisk's HTTP server, which carries them there.
const (
	websocketPort       = 8088
	websocketSecurePort = 8089
	websocketPath       = "/ws"
)

// bind reads ADDRESS or ADDRESS:PORT. The port's default depends on the
// protocol and is filled in when the section is complete.
func bind(t *Transport, v string) error {
	addr, err := config.ParseHostPort(v, 0)
	if err == nil {
		t.Bind, t.bindText = addr, v
	}
	return err
}

// completeTransport fills in what depends on the protocol.
func (l *loader) completeTransport(t *Transport) {
	port := config.DefaultPort(t.Protocol)
	switch t.Protocol {
	case "ws":
		port, t.Path = websocketPort, websocketPath
	case "wss":
		port, t.Path = websocketSecurePort, websocketPath
	case "flow":
		return
	}
	if !t.Bind.IsValid() {
		if t.Path == "" {
			l.errorf(on(&t.Object, "transport", ""), "add bind=0.0.0.0", ": no bind")
			return
		}
		t.Bind = netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	if t.Bind.Port() == 0 && !strings.HasSuffix(t.bindText, ":0") {
		t.Bind = netip.AddrPortFrom(t.Bind.Addr(), port)
	}
	t.CertFile, t.PrivKeyFile = beside(t.File, t.CertFile), beside(t.File, t.PrivKeyFile)
}
