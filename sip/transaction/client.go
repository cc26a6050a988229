package transaction

import (
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// A ClientWatcher is told what becomes of a request. Its methods run on the
// shard and must not block.
type ClientWatcher interface {
	// Response brings every response to be seen by the TU: provisional ones,
	// the final one, and every further 2xx to an INVITE (forks and
	// retransmissions, RFC 6026 §7.2).
	Response(c *Client, res *sip.Response)
	// Failed tells that no final response will come: ErrTimeout, ErrTransport.
	// It is called at most once and never after a final response.
	Failed(c *Client, err error)
}

// A Field is a header field to be added to a request.
type Field struct {
	ID    sip.HeaderID
	Value string
}

// A Client is a client transaction (§17.1).
type Client struct {
	req    *sip.Request
	target transport.Target
}

// Request returns the request as it was sent last.
func (c *Client) Request() *sip.Request { return c.req }

// Target returns the target the request was sent to last.
func (c *Client) Target() transport.Target { return c.target }

// Cancel cancels an INVITE (§9.1): at once if a provisional response has come,
// else as soon as one comes; never after a final response. headers are added
// to the CANCEL, such as Reason (RFC 3326). It may be called from any
// goroutine, again without effect. If 64*T1 after the CANCEL no final response
// has come, the transaction fails with ErrTimeout.
func (c *Client) Cancel(headers ...Field) {}
