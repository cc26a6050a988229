package transaction

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// Errors that end transactions. They reach watchers wrapped; test with errors.Is.
var (
	ErrTimeout    = errors.New("transaction: timeout")                     // Timer B or F: no response
	ErrTransport  = errors.New("transaction: transport failed")            // §17.1.4
	ErrNoACK      = errors.New("transaction: no ACK")                      // Timer H or 64*T1 after a 2xx
	ErrTerminated = errors.New("transaction: terminated")                  // the transaction is over
	ErrAnswered   = errors.New("transaction: final response already sent") // Respond after a final response
	ErrOverload   = errors.New("transaction: too many transactions")       // Limits.Client
	ErrNoTarget   = errors.New("transaction: no target")                   // Request without targets
	ErrClosed     = errors.New("transaction: layer closed")
)

// Transport is what the layer needs from below; *transport.Layer has it.
type Transport interface {
	Run(ctx context.Context, h transport.Handler) error
	Send(f transport.Flow, msg []byte) error
	SendTo(t transport.Target, msg []byte, done func(transport.Flow, error))
	Find(t transport.Target) (transport.Flow, bool)
	SentBy(t transport.Target) (host string, port uint16)
	Peer(f transport.Flow) (tls.ConnectionState, bool)
}

// A Handler takes the requests that open a server transaction, the ACKs that
// match none, and nothing else: the one door between rooms. ServeSIP runs on
// the shard and must not block. It answers (tx.Respond), or takes the
// transaction over to answer later (tx.TakeOver). If it does neither, the
// layer logs a bug and answers 500. ctx ends with Layer.Run.
type Handler interface {
	ServeSIP(ctx context.Context, tx *Server, req *sip.Request)
}

// The HandlerFunc type makes a Handler of a function.
type HandlerFunc func(ctx context.Context, tx *Server, req *sip.Request)

// ServeSIP calls f.
func (f HandlerFunc) ServeSIP(ctx context.Context, tx *Server, req *sip.Request) { f(ctx, tx, req) }

// Timers are the base values of RFC 3261 Table 4. Zero fields take the default.
type Timers struct {
	T1 time.Duration // round-trip estimate; default 500 ms
	T2 time.Duration // longest retransmission interval; default 4 s
	T4 time.Duration // life of a message in the network; default 5 s
	C  time.Duration // §16.6: longest wait of an INVITE for a final response after a provisional; 0: for ever (the TU decides)
	D  time.Duration // wait for retransmitted responses; default 32 s
	// Trying is how long an INVITE waits for the TU before the layer answers
	// 100 (§17.2.1); default 200 ms; negative: at once.
	Trying time.Duration
}

// Limits bounds the layer. Zero fields take the default.
type Limits struct {
	Server int // server transactions; beyond it requests get 503; default 500,000
	Client int // client transactions; default 500,000
	// RetryAfter is written into the 503; default 5 s, rounded to seconds.
	RetryAfter time.Duration
}

// Config configures a Layer.
type Config struct {
	Transport Transport
	Handler   Handler
	Shards    int // rounded up to a power of two; default: 4 per core, at most 256
	Timers    Timers
	Limits    Limits
	// DatagramSize is the size in bytes beyond which a request for a UDP target
	// goes over TCP first (§18.1.1); default 1,300; negative: never.
	DatagramSize int
	// RejectMerged makes the layer answer 482 to merged requests (§8.2.2.2). A
	// proxy leaves it false; Server.Merged tells in any case.
	RejectMerged bool
	Logger       *slog.Logger // nil: discard
}

// A Layer is the transaction layer of one node. It is a transport.Handler.
type Layer struct {
	cfg Config
}

// New returns a Layer; nothing runs before Run.
func New(cfg Config) (*Layer, error) { return &Layer{cfg: cfg}, nil }

// Run runs the transport and the layer until ctx ends and all goroutines have.
func (l *Layer) Run(ctx context.Context) error { return l.cfg.Transport.Run(ctx, l) }

// ServeRequest implements transport.Handler.
func (l *Layer) ServeRequest(f transport.Flow, req *sip.Request, err error) {}

// ServeResponse implements transport.Handler.
func (l *Layer) ServeResponse(f transport.Flow, res *sip.Response) {}

// FlowClosed implements transport.Handler.
func (l *Layer) FlowClosed(f transport.Flow, err error) {}

// Drain refuses new server transactions with 503 from now on and returns when
// the running ones have ended or ctx does.
func (l *Layer) Drain(ctx context.Context) error { return nil }

// Request sends req in a new client transaction to the first of the targets
// that answers (RFC 3263 §4.3: a timeout, a transport error or a 503 leads to
// the next). It adds a Via with a new branch. req belongs to the layer from
// now on. w is called on the shard of req's Call-ID.
func (l *Layer) Request(req *sip.Request, to []transport.Target, w ClientWatcher) *Client {
	return &Client{}
}

// Send sends req outside of a transaction: the ACK to a 2xx (§13.2.2.4). The
// Via it is sent with is not left in req; sent again, the same ACK has the
// same branch.
func (l *Layer) Send(req *sip.Request, to transport.Target) error { return nil }
