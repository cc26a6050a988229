package transaction

import (
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// A ServerWatcher is told what happens to a server transaction after ServeSIP
// returned. Its methods run on the shard and must not block.
type ServerWatcher interface {
	// Cancelled brings the CANCEL of a request that has no final response yet.
	// The layer has answered the CANCEL itself; the TU answers the request,
	// usually with 487 (§9.2).
	Cancelled(tx *Server, cancel *sip.Request)
	// Acked brings the ACK to a final response of an INVITE.
	Acked(tx *Server, ack *sip.Request)
	// Ended tells that the transaction is over: nil, ErrNoACK, ErrTransport.
	Ended(tx *Server, err error)
}

// A Server is a server transaction (§17.2), or stands for a request without
// one (Stateless).
type Server struct {
	layer *Layer
	req   *sip.Request
	flow  transport.Flow
}

// Request returns the request that opened the transaction.
func (tx *Server) Request() *sip.Request { return tx.req }

// Flow returns the flow the request came over.
func (tx *Server) Flow() transport.Flow { return tx.flow }

// Layer returns the layer the transaction belongs to.
func (tx *Server) Layer() *Layer { return tx.layer }

// Stateless reports whether there is no transaction: an ACK that matched none.
func (tx *Server) Stateless() bool { return false }

// Merged reports whether another transaction has brought the same request by
// another way (§8.2.2.2); a UAS answers it with 482.
func (tx *Server) Merged() bool { return false }

// ToTag returns the tag that the layer puts into the To of responses above 100
// that have none. It is the same for the whole transaction.
func (tx *Server) ToTag() string { return "" }

// Watch names the watcher; call it in ServeSIP. nil: nobody.
func (tx *Server) Watch(w ServerWatcher) {}

// TakeOver tells the layer that the request will be answered after ServeSIP
// has returned.
func (tx *Server) TakeOver() {}

// Respond sends a response; from any goroutine. A 2xx to an INVITE is
// retransmitted until its ACK comes (§13.3.1.4): Acked, or Ended(ErrNoACK). A
// 408 to a request other than INVITE is not sent (RFC 4320 §4.2). res must not
// be changed afterwards.
func (tx *Server) Respond(res *sip.Response) error { return nil }

// Forward is Respond for a proxy: a 2xx to an INVITE is sent as often as it is
// forwarded, not retransmitted by the layer, and its ACK comes through
// ServeSIP (RFC 6026 §7.1).
func (tx *Server) Forward(res *sip.Response) error { return nil }
