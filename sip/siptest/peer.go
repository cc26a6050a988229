package siptest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
)

// StandardSDP is the session description that a bare "sdp" sends, with the
// peer's address.
const StandardSDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
	"m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"

// A Peer is one fake party of a script. It is used by one goroutine.
type Peer struct {
	Name string
	conn Conn

	calls   map[string]*call
	current *call
	lastOut []byte
	seen    map[string]bool // received messages, to skip retransmissions
	unread  []message
}

// call is what a peer remembers of one Call-ID.
type call struct {
	name, id      string
	localTag      string
	remoteTag     string
	local, remote string // From and To of our requests without tag
	target        string
	routes        []string
	seq           int
	sent          map[sip.Method]*sip.Request // our last request of a method
	got           map[sip.Method]*sip.Request // the system's last request of a method
	last          *sip.Request                // the system's last request
	finalInvite   int                         // status of the last final response to our INVITE
	failTag       string                      // its To tag
}

// NewPeer returns a peer on a connection, which it owns from now on.
func NewPeer(name string, c Conn) *Peer {
	return &Peer{Name: name, conn: c, calls: make(map[string]*call), seen: make(map[string]bool)}
}

// Close closes the peer's connection.
func (p *Peer) Close() error { return p.conn.Close() }

// Address returns "host:port" of the peer.
func (p *Peer) Address() string { return p.conn.Local().String() }

func (p *Peer) contact() string {
	s := "<sip:" + p.Name + "@" + p.Address()
	if p.conn.Proto() != "UDP" {
		s += ";transport=" + strings.ToLower(p.conn.Proto())
	}
	return s + ">"
}

// use selects the call that a line speaks of.
func (p *Peer) use(name string) {
	if name == "" {
		return
	}
	for _, c := range p.calls {
		if c.name == name {
			p.current = c
			return
		}
	}
}

// rename gives the current call a name, which it takes from any other.
func (p *Peer) rename(name string) {
	for _, c := range p.calls {
		if c.name == name {
			c.name = ""
		}
	}
	p.current.name = name
}

// open starts a call of our own.
func (p *Peer) open(uri, name string) *call {
	c := &call{name: name, id: sip.NewCallID(""), localTag: sip.NewTag(), local: "<sip:" + p.Name + "@" + p.Address() + ">",
		remote: "<" + uri + ">", target: uri}
	p.enter(c)
	return c
}

func (p *Peer) enter(c *call) {
	c.sent, c.got = make(map[sip.Method]*sip.Request), make(map[sip.Method]*sip.Request)
	p.calls[c.id], p.current = c, c
}

// request builds the request of a line.
func (p *Peer) request(l *line, v vars) (*sip.Request, error) {
	m := sip.Method(l.words[0])
	uri := ""
	if len(l.words) > 1 {
		var err error
		if uri, err = v.expand(l.words[1]); err != nil {
			return nil, err
		}
	}
	name, _ := l.get("call")
	p.use(name.value)
	c := p.current
	if _, fresh := l.get("new"); fresh || c == nil || name.value != "" && c.name != name.value {
		if uri == "" {
			return nil, fmt.Errorf("a first request needs a Request-URI")
		}
		c = p.open(uri, name.value)
	}
	if uri == "" {
		uri = c.target
	}
	if m == sip.CANCEL || m == sip.ACK && c.finalInvite >= 300 {
		return p.hopByHop(c, m)
	}
	req := p.inDialog(c, m, uri)
	c.sent[m] = req
	return req, nil
}

// inDialog builds a request as RFC 3261 §12.2.1.1 and §8.1.1 say.
func (p *Peer) inDialog(c *call, m sip.Method, uri string) *sip.Request {
	req := sip.NewRequest(m, uri)
	req.Add(sip.HeaderVia, "SIP/2.0/"+p.conn.Proto()+" "+p.Address()+";branch="+sip.NewBranch()+";rport")
	req.Add(sip.HeaderMaxForwards, "70")
	for _, r := range c.routes {
		req.Add(sip.HeaderRoute, r)
	}
	req.Add(sip.HeaderFrom, c.local+";tag="+c.localTag)
	to := c.remote
	if c.remoteTag != "" {
		to += ";tag=" + c.remoteTag
	}
	req.Add(sip.HeaderTo, to)
	req.Add(sip.HeaderCallID, c.id)
	seq := c.seq + 1
	if inv := c.sent[sip.INVITE]; m == sip.ACK && inv != nil {
		n, _, _ := inv.CSeq()
		seq = int(n)
	} else {
		c.seq = seq
	}
	req.Add(sip.HeaderCSeq, strconv.Itoa(seq)+" "+string(m))
	if m != sip.BYE && m != sip.ACK && m != sip.PRACK {
		req.Add(sip.HeaderContact, p.contact())
	}
	return req
}

// hopByHop builds CANCEL and the ACK to a failure from the INVITE (§9.1,
// §17.1.1.3).
func (p *Peer) hopByHop(c *call, m sip.Method) (*sip.Request, error) {
	inv := c.sent[sip.INVITE]
	if inv == nil {
		return nil, fmt.Errorf("there is no INVITE")
	}
	req := sip.NewRequest(m, inv.URI())
	req.CopyFrom(&inv.Message, sip.HeaderVia, sip.HeaderMaxForwards, sip.HeaderRoute, sip.HeaderFrom, sip.HeaderTo, sip.HeaderCallID)
	if m == sip.ACK && inv.ToTag() == "" {
		req.SetToTag(c.failTag)
	}
	seq, _, _ := inv.CSeq()
	req.Add(sip.HeaderCSeq, strconv.Itoa(int(seq))+" "+string(m))
	return req, nil
}

// response builds the response of a line to the last request, or to the last
// one of a method.
func (p *Peer) response(l *line) (*sip.Response, error) {
	name, _ := l.get("call")
	p.use(name.value)
	c := p.current
	if c == nil || c.last == nil {
		return nil, fmt.Errorf("there is no request to answer")
	}
	req := c.last
	if len(l.words) > 1 {
		req = c.got[sip.Method(l.words[1])]
	}
	if req == nil {
		return nil, fmt.Errorf("there is no %s to answer", l.words[1])
	}
	status, err := strconv.Atoi(l.words[0])
	if err != nil || status < 100 || status > 699 {
		return nil, fmt.Errorf("%q is no status", l.words[0])
	}
	reason := ""
	if r, ok := l.get("reason"); ok {
		reason = r.value
	}
	res := sip.NewResponse(req, status, reason)
	if status > 100 && req.ToTag() == "" {
		res.SetToTag(c.localTag)
	}
	if status > 100 && status < 300 {
		res.CopyFrom(&req.Message, sip.HeaderRecordRoute)
		if req.Method() != sip.BYE && req.Method() != sip.CANCEL {
			res.Add(sip.HeaderContact, p.contact())
		}
	}
	return res, nil
}

// dress applies the parts of a line to a message.
func (p *Peer) dress(m *sip.Message, l *line, v vars, bodies map[string]string) error {
	for _, x := range l.parts {
		value, err := v.expand(x.value)
		if err != nil {
			return err
		}
		switch {
		case x.name == "sdp":
			text := StandardSDP
			if b, ok := bodies[value]; ok {
				text = b
			}
			m.SetBody("application/sdp", text)
		case x.name == "body":
			kind := m.Get(sip.HeaderContentType)
			if kind == "" {
				kind = "text/plain"
			}
			m.SetBody(kind, strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(value))
		case control(x.name):
		case x.sign == '-':
			m.DelName(x.name)
		case x.sign == '+':
			m.AddName(x.name, value)
		default:
			m.SetName(x.name, value)
		}
	}
	if m.Body() == "" && !m.Has(sip.HeaderContentLength) {
		m.Set(sip.HeaderContentLength, "0")
	}
	return nil
}

// read returns the next message that is not a retransmission.
func (p *Peer) read(patience time.Duration) (message, error) {
	if len(p.unread) > 0 {
		m := p.unread[0]
		p.unread = p.unread[1:]
		return m, nil
	}
	deadline := time.Now().Add(patience)
	for {
		raw, err := p.conn.Receive(time.Until(deadline))
		if err != nil {
			return message{}, err
		}
		m, err := parseMessage(raw)
		if err != nil {
			return m, err
		}
		if p.seen[string(raw)] {
			continue
		}
		p.seen[string(raw)] = true
		p.learn(m)
		return m, nil
	}
}

// learn takes from a received message what later lines need.
func (p *Peer) learn(m message) {
	c := p.calls[m.CallID()]
	if m.req != nil {
		if c == nil {
			to, _ := m.To()
			from, _ := m.From()
			c = &call{id: m.CallID(), localTag: sip.NewTag(), remoteTag: from.Tag(), local: bare(to), remote: bare(from), seq: 100}
			p.enter(c)
			for r := range m.Values(sip.HeaderRecordRoute) {
				c.routes = append(c.routes, r)
			}
		}
		if m.req.Method() != sip.ACK && m.req.Method() != sip.CANCEL {
			c.last = m.req
		}
		if m.req.Method() == sip.CANCEL {
			c.last = m.req
		}
		c.got[m.req.Method()] = m.req
	}
	if c == nil {
		return
	}
	p.current = c
	if a, ok, _ := m.Contact(); ok && (m.req != nil || m.res.Status() < 300) {
		c.target = a.URI
	}
	if m.res != nil {
		p.learnResponse(c, m)
	}
}

func (p *Peer) learnResponse(c *call, m message) {
	_, method, _ := m.CSeq()
	status, tag := m.res.Status(), m.res.ToTag()
	if tag != "" && method != sip.CANCEL && status < 300 {
		c.remoteTag = tag
	}
	if method != sip.INVITE || status < 200 {
		return
	}
	c.finalInvite, c.failTag = status, tag
	if len(c.routes) == 0 && status < 300 {
		for r := range m.Values(sip.HeaderRecordRoute) {
			c.routes = append(c.routes, r)
		}
		slices.Reverse(c.routes)
	}
}

func bare(a sip.Address) string {
	a.Params = a.Params.Without("tag")
	return a.String()
}
