package siptest

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/coder/websocket"
)

// dialTime is how long a connection may take to come up.
const dialTime = 5 * time.Second

// DialTLS connects to the system under test over TLS; cfg says whom to trust.
func DialTLS(to netip.AddrPort, cfg *tls.Config) (Conn, error) {
	socket, err := tls.DialWithDialer(&net.Dialer{Timeout: dialTime}, "tcp", to.String(), cfg)
	if err != nil {
		return nil, err
	}
	return newStream(socket, "TLS"), nil
}

// DialWebSocket connects to a URI such as ws://127.0.0.1:8080/ws as a browser
// does (RFC 7118 §4.1). cfg says whom wss trusts; ws takes nil.
func DialWebSocket(ctx context.Context, uri string, cfg *tls.Config) (Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	transport := &http.Transport{TLSClientConfig: cfg}
	defer transport.CloseIdleConnections()
	ws, res, err := websocket.Dial(ctx, uri, &websocket.DialOptions{
		Subprotocols: []string{"sip"}, HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		return nil, err
	}
	proto := "WS"
	if res.TLS != nil || cfg != nil {
		proto = "WSS"
	}
	return newStream(websocket.NetConn(context.Background(), ws, websocket.MessageText), proto), nil
}
