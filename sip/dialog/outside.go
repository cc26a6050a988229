package dialog

import (
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// SendConfig describes a request outside of a dialog that makes none: MESSAGE,
// OPTIONS, PUBLISH, an unsolicited NOTIFY. Method, URI and From are mandatory.
type SendConfig struct {
	Method      sip.Method
	URI         string // Request-URI
	From        string // name-addr or addr-spec; a tag is added
	To          string // "": <URI>
	Contact     string // our Contact URI; "": no Contact (a MESSAGE must have none, RFC 3428 §9)
	Targets     []transport.Target
	Route       []string
	MaxForwards int // 0: 70
	ContentType string
	Body        string
	Headers     []Header
	Auth        Authorizer
}

// Send sends a request outside of a dialog and answers challenges to it. reply,
// if not nil, gets the final response or the error, once; it runs outside all
// locks and must not block.
func (l *Layer) Send(c SendConfig, reply func(*sip.Response, error)) error {
	switch c.Method {
	case "", sip.INVITE, sip.ACK, sip.CANCEL, sip.BYE, sip.SUBSCRIBE, sip.REFER:
		return ErrArgument
	}
	if c.URI == "" || c.From == "" {
		return ErrArgument
	}
	if l.tx() == nil {
		return ErrState
	}
	seq := sequence(sip.NewCSeq())
	req, to, err := l.outside(&c, sip.NewCallID(""), sip.NewTag(), uint32(seq))
	if err != nil {
		return err
	}
	if c.Contact != "" {
		req.Add(sip.HeaderContact, "<"+c.Contact+">")
	}
	l.identify(req)
	for _, h := range c.Headers {
		req.AddName(h.Name, h.Value)
	}
	if c.Body != "" {
		req.SetBody(c.ContentType, c.Body)
	}
	st := &strand{layer: l}
	st.enter()
	defer st.leave()
	x := &exchange{strand: st, req: req, to: to, auth: c.Auth, seq: &seq}
	x.done = func(_ time.Time, res *sip.Response, err error) {
		if reply != nil && (err != nil || res.Status() >= 200) {
			st.do(replied{reply, res, err})
		}
	}
	x.start()
	return nil
}

// sequence is the CSeq of a request outside of a dialog.
type sequence uint32

func (s *sequence) nextSeq() uint32 {
	*s++
	return uint32(*s)
}

// outside builds what every request outside of a dialog carries (RFC 3261
// §8.1.1).
func (l *Layer) outside(c *SendConfig, callID, tag string, seq uint32) (*sip.Request, hop, error) {
	from, err := sip.ParseAddress(c.From)
	if err != nil {
		return nil, hop{}, err
	}
	from.Params = from.Params.Without("tag").With("tag", tag)
	if c.To == "" {
		c.To = "<" + c.URI + ">"
	}
	to, err := sip.ParseAddress(c.To)
	if err != nil {
		return nil, hop{}, err
	}
	h, err := firstHop(c.URI, c.Route, c.Targets)
	if err != nil {
		return nil, hop{}, err
	}
	req := sip.NewRequest(c.Method, c.URI)
	hops := uint32(70)
	if c.MaxForwards > 0 {
		hops = uint32(c.MaxForwards)
	}
	req.AddNumber(sip.HeaderMaxForwards, hops)
	for _, r := range c.Route {
		req.Add(sip.HeaderRoute, r)
	}
	req.Add(sip.HeaderFrom, from.String())
	req.Add(sip.HeaderTo, withoutTag(to))
	req.Add(sip.HeaderCallID, callID)
	req.Add(sip.HeaderCSeq, sip.FormatCSeq(seq, c.Method))
	return req, h, nil
}

// replied gives the outcome of a request to whoever sent it.
type replied struct {
	to  func(*sip.Response, error)
	res *sip.Response
	err error
}

func (a replied) run(*Layer) { a.to(a.res, a.err) }

// Refer asks a peer to contact to, the value of a Refer-To, outside of any
// call (RFC 3515 §2.4.1). Of c, URI and From are mandatory; Event, Expires and
// Fetch do not count. Progress comes as Notified, the end as SubscriptionEnded.
// The header Refer-Sub: false asks for no progress (RFC 4488).
func (l *Layer) Refer(to string, c SubscribeConfig, sink Sink) (*Subscription, error) {
	if to == "" {
		return nil, ErrArgument
	}
	c.Event, c.Fetch, c.Expires = "refer", false, referLife
	return l.subscribe(c, sink, to)
}

// describeRefer adds what the REFER that opens a subscription carries.
func (sub *Subscription) describeRefer(l *Layer, req *sip.Request) {
	req.Add(sip.HeaderReferTo, sub.referTo)
	l.abilities(&req.Message)
	l.identify(req)
	for _, x := range sub.cfg.Headers {
		req.AddName(x.Name, x.Value)
	}
}
