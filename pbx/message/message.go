package message

import (
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// A Message is one text on its way. It is a plain value that the store keeps.
type Message struct {
	ID          string    `json:"id"`
	From        string    `json:"from"` // name-addr or addr-spec as the recipient sees it
	To          string    `json:"to"`   // the recipient's address of record: a name, no URI
	ContentType string    `json:"type"`
	Body        string    `json:"body"`
	Created     time.Time `json:"created"`
	Until       time.Time `json:"until"` // it is worth nothing after
	Hops        int       `json:"hops"`  // Max-Forwards that are left
}

// A Place is one device of a recipient.
type Place struct {
	URI     string
	Route   []string
	Targets []transport.Target
}

// fate is what a device's answer means for a message.
type fate uint8

const (
	delivered fate = iota
	later          // another try may succeed
	never          // this device will not take this message
)

// fateOf sorts responses; 0 stands for none.
func fateOf(status int) fate {
	switch status {
	case 0, 401, 404, 407, 408, 410, 423, 430, 480, 481, 486, 487, 491, 600:
		return later
	}
	switch {
	case status < 300:
		return delivered
	case status >= 500 && status < 600 && status != 501 && status != 505 && status != 513:
		return later
	}
	return never
}

// better reports whether the answer b of another device decides over a. One
// device that took it is enough; then hope goes before refusal.
func better(a, b int) bool { return fateOf(b) < fateOf(a) }

// read makes a Message of a request. status is not 0 if it is refused.
func (c *Center) read(req *sip.Request, from string, now time.Time) (m Message, status int) {
	u, err := req.ParsedURI()
	hops, ok, errHops := req.MaxForwards()
	if !ok {
		hops = 70
	}
	switch {
	case err != nil || errHops != nil || req.Body() != "" && !req.Has(sip.HeaderContentType):
		return m, 400
	case hops == 0:
		return m, 483
	case len(req.Body()) > c.cfg.MaxBody:
		return m, 413
	case req.Has(sip.HeaderContentEncoding):
		return m, 415
	case req.Has(sip.HeaderRequire):
		return m, 420
	}
	if from == "" {
		a, err := req.From()
		if err != nil {
			return m, 400
		}
		a.Params = a.Params.Without("tag")
		from = a.String()
	}
	m = Message{ID: sip.NewTag(), From: strings.Clone(from), To: strings.Clone(u.Username()), Created: now, Until: now.Add(c.cfg.Lifetime),
		ContentType: strings.Clone(req.Get(sip.HeaderContentType)), Body: strings.Clone(req.Body()), Hops: min(int(hops)-1, 70)}
	// "Expires ... the message is no longer valid" (RFC 3428 §4).
	if sec, ok, err := req.Expires(); ok && err == nil && time.Duration(sec) < c.cfg.Lifetime/time.Second {
		m.Until = now.Add(time.Duration(sec) * time.Second)
	}
	return m, 0
}
