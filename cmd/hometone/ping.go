package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// pingCommand is one OPTIONS probe.
type pingCommand struct {
	URI      string        `arg:"" help:"SIP URI to probe: sip:[user@]host[:port][;transport=udp|tcp|tls]."`
	Timeout  time.Duration `help:"Longest wait for the answer." default:"5s"`
	Insecure bool          `help:"Accept any TLS certificate."`
	JSON     bool          `name:"json" help:"Print JSON."`
}

// Help shows examples and the exit codes.
func (pingCommand) Help() string {
	return `Sends one OPTIONS request and prints the answer. Exit codes are sipsak's:
0 the answer was 200, 1 it was another final answer, 2 local error (usage, name
not found), 3 remote error (no answer, connection refused).

Examples:

  hometone ping sip:192.0.2.1
  hometone ping 'sip:8005@pbx.example.org:5061;transport=tls' --timeout 2s
  hometone ping --json sip:192.0.2.1 && echo alive`
}

// Exit codes of ping beyond 0.
const (
	pingNegative = 1
	pingLocal    = 2
	pingRemote   = 3
)

// pong is what --json prints.
type pong struct {
	URI     string  `json:"uri"`
	Status  int     `json:"status,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	Millis  float64 `json:"ms,omitempty"`
	Server  string  `json:"server,omitempty"`
	Address string  `json:"address,omitempty"`
	Error   string  `json:"error,omitempty"`
}

// Run sends the probe.
func (c *pingCommand) Run(ctx context.Context, t *terminal) error {
	text := c.URI
	if !strings.HasPrefix(text, "sip:") && !strings.HasPrefix(text, "sips:") {
		text = "sip:" + text
	}
	uri, err := sip.ParseURI(text)
	if err != nil || uri.Host == "" {
		return failure{pingLocal, fmt.Errorf("ping: %q is not a SIP URI: %w", c.URI, errOr(err, errors.New("no host")))}
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	done := t.progress("waiting for " + uri.Host)
	p, code, err := c.probe(ctx, uri)
	done()
	p.URI = text
	if c.JSON {
		if err != nil {
			p.Error = err.Error()
		}
		if err := t.printJSON(p); err != nil {
			return err
		}
		if code != 0 {
			return failure{code, nil}
		}
		return nil
	}
	if err != nil {
		return failure{code, fmt.Errorf("ping %s: %w", text, err)}
	}
	color := green
	if code != 0 {
		color = yellow
	}
	fmt.Fprintf(t.out, "%s from %s in %.1f ms", t.paint(color, fmt.Sprintf("%d %s", p.Status, p.Reason)), p.Address, p.Millis)
	if p.Server != "" {
		fmt.Fprintf(t.out, " (%s)", p.Server)
	}
	fmt.Fprintln(t.out)
	if code != 0 {
		return failure{code, nil}
	}
	return nil
}

func errOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// probe runs a small stack for one request.
func (c *pingCommand) probe(ctx context.Context, uri sip.URI) (pong, int, error) {
	names, err := transport.New(transport.Config{})
	if err != nil {
		return pong{}, pingLocal, err
	}
	targets, err := names.Resolve(ctx, uri)
	if err != nil {
		return pong{}, pingLocal, err
	}
	local := netip.IPv4Unspecified()
	if targets[0].Addr.Addr().Is6() {
		local = netip.IPv6Unspecified()
	}
	tr, err := transport.New(transport.Config{
		Listen:  []transport.Listen{{Name: "udp", Proto: transport.UDP, Addr: netip.AddrPortFrom(local, 0)}},
		Sockets: 1,
		TLS:     &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.Insecure}, //nolint:gosec // asked for by --insecure
	})
	if err != nil {
		return pong{}, pingLocal, err
	}
	layer, err := transaction.New(transaction.Config{Transport: tr, Handler: transaction.HandlerFunc(refuse), Shards: 1})
	if err != nil {
		return pong{}, pingLocal, err
	}
	if err := tr.Listen(); err != nil {
		return pong{}, pingLocal, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() { // owns the stack; ends with stop
		defer close(ended)
		_ = layer.Run(running) // the probe itself reports what failed
	}()
	defer func() { stop(); <-ended }()

	w := &answer{final: make(chan struct{})}
	begin := time.Now()
	layer.Request(options(tr, uri, targets[0]), targets, w)
	select {
	case <-w.final:
	case <-ctx.Done():
		return pong{}, pingRemote, errors.New("no answer")
	}
	if w.err != nil {
		return pong{}, pingRemote, w.err
	}
	p := pong{
		Status: w.res.Status(), Reason: w.res.Reason(), Address: w.from,
		Millis: float64(time.Since(begin).Microseconds()) / 1000,
		Server: w.res.Get(sip.HeaderServer),
	}
	if p.Server == "" {
		p.Server = w.res.Get(sip.HeaderUserAgent)
	}
	if p.Status != 200 {
		return p, pingNegative, nil
	}
	return p, 0, nil
}

// refuse answers whatever a peer asks of a probe.
func refuse(_ context.Context, tx *transaction.Server, req *sip.Request) {
	if req.Method() != sip.ACK {
		_ = tx.Respond(sip.NewResponse(req, 501, "")) // nobody depends on it
	}
}

// options builds the request (RFC 3261 §11.1).
func options(tr *transport.Layer, uri sip.URI, target transport.Target) *sip.Request {
	host, port := tr.SentBy(target)
	own := sip.URI{Scheme: "sip", User: "ping", Host: host, Port: port}.String()
	req := sip.NewRequest(sip.OPTIONS, uri.String())
	req.Set(sip.HeaderMaxForwards, "70")
	req.Set(sip.HeaderFrom, "<"+own+">;tag="+sip.NewTag())
	req.Set(sip.HeaderTo, "<"+uri.String()+">")
	req.Set(sip.HeaderCallID, sip.NewCallID(""))
	req.Set(sip.HeaderCSeq, "1 OPTIONS")
	req.Set(sip.HeaderContact, "<"+own+">")
	req.Set(sip.HeaderAccept, "application/sdp")
	req.Set(sip.HeaderUserAgent, "hometone/"+version)
	req.SetBody("", "")
	return req
}

// answer waits for the final response. It implements
// transaction.ClientWatcher, which calls it at most once with an end.
type answer struct {
	final chan struct{}
	from  string
	res   *sip.Response
	err   error
}

// Response keeps the final response.
func (a *answer) Response(c *transaction.Client, res *sip.Response) {
	if res.Final() && a.res == nil {
		a.res, a.from = res, c.Target().String()
		close(a.final)
	}
}

// Failed keeps the reason.
func (a *answer) Failed(_ *transaction.Client, err error) {
	a.err = err
	close(a.final)
}
