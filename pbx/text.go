package pbx

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// This file is MESSAGE in the dialplan: a text that comes in outside a call
// runs an extension on a channel of its own, which reads it with MESSAGE() and
// MESSAGE_DATA(), and MessageSend sends one from any channel.

// text is a message as the dialplan sees it.
type text struct {
	from, to    string // as MESSAGE(from) and MESSAGE(to) give them
	body        string
	contentType string
	custom      string // MESSAGE(custom_data)
	data        []textField
}

// textField is a value of MESSAGE_DATA: a header of the message that came in, or
// one for those that go out.
type textField struct {
	name, value string
	outbound    bool
}

// Limits of texts.
const (
	maxText     = 16 << 10 // bytes of a body
	maxTextData = 64       // fields of MESSAGE_DATA
	maxInbox    = 100      // messages of one endpoint that wait for their turn
)

// textHeaders are the header fields of a message that MESSAGE_DATA does not show:
// they belong to the transaction that brought it.
var textHeaders = []string{"via", "v", "route", "record-route", "max-forwards", "call-id", "i", "cseq", "content-length", "l",
	"authorization", "proxy-authorization", "require", "proxy-require"}

// inboxes keep the messages of one endpoint in order: one channel runs at a
// time, the others wait.
type inboxes struct {
	mu      sync.Mutex            // guards waiting
	waiting map[string][]*channel // by endpoint; the first runs
}

// add queues a message and reports whether it is the first, which the caller has
// to run, and whether there was room.
func (b *inboxes) add(name string, ch *channel) (first, room bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting[name]) >= maxInbox {
		return false, false
	}
	if b.waiting == nil {
		b.waiting = map[string][]*channel{}
	}
	b.waiting[name] = append(b.waiting[name], ch)
	return len(b.waiting[name]) == 1, true
}

// next takes the first away and returns the one after it; nil: there is none.
func (b *inboxes) next(name string) *channel {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting[name] = b.waiting[name][1:]; len(b.waiting[name]) == 0 {
		delete(b.waiting, name)
		return nil
	}
	return b.waiting[name][0]
}

// message answers a MESSAGE of an endpoint outside a call (RFC 3428). With
// message_context the dialplan has it, and without if the extension is there for
// messages; all others go to the user of that name. Strangers have no text to
// leave, unless the dialplan takes theirs.
func (s *Server) message(ctx context.Context, set *Settings, e *pjsip.Endpoint, tx *transaction.Server, req *sip.Request) {
	where, exten := e.MessageContext, set.bareUser(dialled(req))
	take := where != ""
	if !take {
		where = e.Context
		take = e.Name != anonymous && set.Plan.TakesMessages(where, exten, callingParty(e, &req.Message).number, time.Now())
	}
	switch {
	case take:
		s.textCall(ctx, set, e, tx, req, dialplan.Position{Context: where, Exten: exten, Priority: 1})
	case s.cfg.Messages == nil:
		notAllowed(tx, req)
	case e.Name == anonymous:
		respond(tx, req, 403)
	default:
		s.cfg.Messages.Serve(tx, req, "")
	}
}

// textCall runs the extension that a MESSAGE names: "202 (Accepted) … the
// message has been accepted, but not delivered" (RFC 3428 §7).
func (s *Server) textCall(ctx context.Context, set *Settings, e *pjsip.Endpoint, tx *transaction.Server, req *sip.Request, start dialplan.Position) {
	now := time.Now()
	ch := s.newTextChannel(set, e, req, start, now)
	kind, _, err := mime.ParseMediaType(req.Get(sip.HeaderContentType))
	switch {
	case tx.Merged():
		respond(tx, req, 482)
		return
	case req.Body() != "" && (err != nil || !strings.HasPrefix(kind, "text/")):
		res := sip.NewResponse(req, 415, "")
		res.Set(sip.HeaderAccept, "text/plain")
		_ = tx.Respond(res)
		return
	case len(req.Body()) > maxText:
		respond(tx, req, 413)
		return
	case !set.Plan.Exists(start.Context, start.Exten, 1, ch.caller.number, now):
		s.refuse(tx, req, e, 404)
		return
	}
	first, room := s.inboxes.add(e.Name, ch)
	if !room || s.draining.Load() {
		s.overload(tx, req)
		return
	}
	respond(tx, req, 202)
	if first {
		// The goroutine runs the endpoint's messages one after the other and ends
		// when none waits.
		go s.runTexts(context.WithoutCancel(ctx), e.Name, ch)
	}
}

func (s *Server) runTexts(ctx context.Context, endpoint string, ch *channel) {
	for ; ch != nil; ch = s.inboxes.next(endpoint) {
		if !s.enter(ch) {
			s.log.Warn("message dropped: no channel is free", "endpoint", endpoint)
			continue
		}
		ch.run(ctx)
	}
}

// newTextChannel makes the channel that a message runs the dialplan on. Its
// caller is nobody who hears anything.
func (s *Server) newTextChannel(set *Settings, e *pjsip.Endpoint, req *sip.Request, start dialplan.Position, now time.Time) *channel {
	id, unique, n := s.newID(now)
	ch := &channel{srv: s, set: set, box: newMailbox(), start: start, quiet: true}
	ch.name = strings.Replace(channelName("ast_msg_queue", n), "PJSIP/", "Message/", 1)
	ch.caller = &leg{ch: ch, home: ch, endpoint: e, name: ch.name, party: callingParty(e, &req.Message), state: legUp, inside: true, callID: req.CallID()}
	ch.caller.number = set.bareUser(ch.caller.number)
	ch.cdr.ID, ch.cdr.UniqueID, ch.cdr.Channel, ch.cdr.Start = id, unique, ch.name, now
	ch.cdr.Context, ch.cdr.Dst, ch.cdr.Src, ch.cdr.SIPCallID = start.Context, start.Exten, ch.caller.number, req.CallID()
	t := &text{body: strings.Clone(req.Body()), contentType: strings.Clone(req.Get(sip.HeaderContentType))}
	if from, err := req.From(); err == nil {
		t.from = shownAddress(from)
	}
	if to, err := req.To(); err == nil {
		t.to = strings.Replace(addressURI(to), "sip", "pjsip", 1)
	}
	for name, value := range req.Fields() {
		if len(t.data) < maxTextData && !slices.Contains(textHeaders, strings.ToLower(name)) {
			t.data = append(t.data, textField{name: strings.Clone(name), value: strings.Clone(value)})
		}
	}
	t.data = append(t.data, textField{name: "Request-URI", value: strings.Clone(req.URI())})
	ch.text = t
	return ch
}

// addressURI is a From or To URI without port and parameters, as Asterisk shows
// it: they say nothing about who it is (RFC 3261 §19.1.1).
func addressURI(a sip.Address) string {
	uri, err := a.ParsedURI()
	if err != nil {
		return strings.Clone(a.URI)
	}
	bare := sip.URI{Scheme: uri.Scheme, User: uri.User, Host: uri.Host}
	return bare.String()
}

// shownAddress is a person as MESSAGE(from) shows it: name <sip:user@host>.
func shownAddress(a sip.Address) string {
	if a.Display == "" {
		return "<" + addressURI(a) + ">"
	}
	return a.Display + " <" + addressURI(a) + ">"
}

// readText is MESSAGE(from|to|body|custom_data).
func (ch *channel) readText(args string) (string, error) {
	t := ch.text
	if t == nil {
		t = &text{}
	}
	switch strings.ToLower(strings.TrimSpace(args)) {
	case "from":
		return t.from, nil
	case "to":
		return t.to, nil
	case "body":
		return t.body, nil
	case "custom_data":
		return t.custom, nil
	}
	return "", fmt.Errorf("MESSAGE: %q is not from, to, body or custom_data", clip(args))
}

// writeText sets what the next MessageSend of the channel sends.
func (ch *channel) writeText(args, value string) error {
	if len(value) > maxText {
		return errors.New("MESSAGE: too long")
	}
	if ch.text == nil {
		ch.text = &text{}
	}
	t := ch.text
	switch strings.ToLower(strings.TrimSpace(args)) {
	case "from":
		t.from = value
	case "to":
		t.to = value
	case "body":
		t.body = value
	case "custom_data":
		t.custom = value
		switch value {
		case "mark_all_outbound":
			for i := range t.data {
				t.data[i].outbound = true
			}
		case "clear_all_outbound":
			t.data = slices.DeleteFunc(t.data, func(f textField) bool { return f.outbound })
		default:
			return fmt.Errorf("MESSAGE(custom_data): %q is not mark_all_outbound or clear_all_outbound", clip(value))
		}
	default:
		return fmt.Errorf("MESSAGE: %q is not from, to, body or custom_data", clip(args))
	}
	return nil
}

// readTextData is MESSAGE_DATA(name): a header field of the message.
func (ch *channel) readTextData(args string) (string, error) {
	if ch.text == nil {
		return "", nil
	}
	for _, f := range ch.text.data {
		if strings.EqualFold(f.name, strings.TrimSpace(args)) {
			return f.value, nil
		}
	}
	return "", nil
}

// writeTextData sets a header field of the messages that MessageSend sends.
func (ch *channel) writeTextData(args, value string) error {
	name := strings.TrimSpace(args)
	if name == "" || strings.ContainsAny(name, " \t\r\n:,;<>\"") || strings.ContainsAny(value, "\r\n\x00") || len(value) > maxUserField {
		return fmt.Errorf("MESSAGE_DATA: %q is no header", clip(name))
	}
	if ch.text == nil {
		ch.text = &text{}
	}
	t := ch.text
	t.data = slices.DeleteFunc(t.data, func(f textField) bool { return strings.EqualFold(f.name, name) })
	switch {
	case value == "":
	case len(t.data) >= maxTextData+1:
		return errors.New("MESSAGE_DATA: too many")
	default:
		t.data = append(t.data, textField{name: name, value: value, outbound: true})
	}
	return nil
}

// Why a message is not sent; MESSAGE_SEND_STATUS tells them apart.
var (
	errProtocol = errors.New("pbx: no such way to send a message")
	errTextURI  = errors.New("pbx: no such destination of a message")
)

// SendMessage implements Channel.
func (ch *channel) SendMessage(ctx context.Context, destination, from, to string) (string, error) {
	if ch.text == nil {
		ch.text = &text{}
	}
	if from == "" {
		from = ch.text.from
	}
	e, contacts, err := ch.textDestination(destination)
	switch {
	case errors.Is(err, errProtocol):
		return "INVALID_PROTOCOL", err
	case err != nil:
		return "INVALID_URI", err
	case len(contacts) == 0:
		return "FAILURE", errTextURI
	}
	for _, c := range contacts {
		if err = ch.sendTextTo(ctx, e, c, from, to); err != nil {
			return "FAILURE", err
		}
	}
	return "SUCCESS", nil
}

// textDestination finds who gets a message and where. After pjsip: there is an
// endpoint, endpoint/aor, endpoint/URI, endpoint@domain, or a URI for
// default_outbound_endpoint.
func (ch *channel) textDestination(destination string) (*pjsip.Endpoint, []Contact, error) {
	tech, where, ok := strings.Cut(strings.TrimSpace(destination), ":")
	switch {
	case !ok:
		return nil, nil, errProtocol
	case strings.EqualFold(tech, "pjsip"):
	case strings.EqualFold(tech, "sip"), strings.EqualFold(tech, "sips"):
		where = tech + ":" + where
	default:
		return nil, nil, errProtocol
	}
	name, rest, slash := strings.Cut(where, "/")
	e := ch.set.Endpoints.Endpoints[name]
	d := &dialing{ch: ch}
	switch {
	case e != nil && !slash:
		return e, d.contacts(e, "", ""), nil
	case e != nil && slices.Contains(e.AORs, rest):
		return e, ch.srv.cfg.Locator.Lookup(rest), nil
	case e != nil:
		uri, err := textURI(rest)
		return e, []Contact{{URI: uri}}, err
	}
	if user, _, at := strings.Cut(where, "@"); at {
		if e = ch.set.Endpoints.Endpoints[ch.set.bareUser(user)]; e != nil {
			return e, d.contacts(e, "", ""), nil
		}
	}
	if e = ch.set.Endpoints.Endpoints[ch.set.Endpoints.Global.DefaultOutboundEndpoint]; e == nil {
		return nil, nil, errTextURI
	}
	uri, err := textURI(where)
	return e, []Contact{{URI: uri}}, err
}

// textURI reads "name" <sip:user@host>, sip:user@host, user@host or host.
func textURI(s string) (string, error) {
	if !strings.Contains(s, ":") {
		s = "sip:" + s
	}
	a, err := sip.ParseAddress(s)
	if err != nil {
		return "", errTextURI
	}
	if _, err := a.ParsedURI(); err != nil {
		return "", errTextURI
	}
	return a.URI, nil
}

// textAddress is a From or To for an argument of MessageSend: a URI, a name with
// one, user@host, or a user at our host.
func textAddress(s, host string) string {
	if !strings.Contains(s, ":") {
		if !strings.Contains(s, "@") {
			s = sip.EscapeUser(s) + "@" + host
		}
		s = "sip:" + s
	}
	s = strings.Replace(s, "pjsip:", "sip:", 1)
	a, err := sip.ParseAddress(s)
	if err != nil {
		return ""
	}
	if _, err := a.ParsedURI(); err != nil {
		return ""
	}
	return a.String()
}

// sendTextTo sends the channel's message to one place, once its host has been
// resolved. Nobody waits for the answer.
func (ch *channel) sendTextTo(ctx context.Context, e *pjsip.Endpoint, c Contact, from, to string) error {
	t := *ch.text
	if t.contentType == "" {
		t.contentType = "text/plain"
	}
	cfg := dialog.SendConfig{Method: sip.MESSAGE, URI: c.URI, Route: c.Path, ContentType: t.contentType, Body: t.body, Auth: ch.srv.outboundAuth(ch.set, e)}
	for _, f := range t.data {
		if f.outbound && !slices.Contains(reservedHeaders, strings.ToLower(f.name)) && !slices.Contains(textHeaders, strings.ToLower(f.name)) {
			cfg.Headers = append(cfg.Headers, dialog.Header{Name: f.name, Value: f.value})
		}
	}
	var hops *hops
	if e.FollowsRedirects("message") {
		hops = newHops(c.URI)
	}
	return ch.sendOutside(ctx, e, c, cfg, from, to, hops)
}

// sendOutside sends a request outside of calls to a contact of an endpoint. What becomes
// of it is in the log. hops, if not nil, says where else it may go.
func (ch *channel) sendOutside(ctx context.Context, e *pjsip.Endpoint, c Contact, cfg dialog.SendConfig, from, to string, hops *hops) error {
	srv := ch.srv
	send := func(targets []transport.Target, err error) {
		if err == nil && len(targets) > 0 {
			cfg.Targets = ch.set.through(e, targets)
			host, _ := srv.cfg.Transport.SentBy(cfg.Targets[0])
			cfg.From, cfg.To = fromOf(ch.set, e, from, host), textAddress(to, host)
			if to == "" {
				cfg.To = ""
			}
			err = srv.cfg.Dialogs.Send(cfg, func(res *sip.Response, err error) {
				if next, ok := hops.next(res, err); ok {
					again := cfg
					again.URI, again.Route = next, nil
					_ = ch.sendOutside(ctx, e, Contact{URI: next}, again, from, to, hops)
					return
				}
				if err != nil || res.Status() >= 300 {
					srv.log.Info("message not delivered", "method", cfg.Method, "uri", c.URI, "error", err, "status", finalStatus(res))
				}
			})
		}
		if err != nil || len(targets) == 0 {
			srv.log.Info("message not sent", "method", cfg.Method, "uri", c.URI, "error", err)
		}
	}
	if len(c.Targets) > 0 {
		send(c.Targets, nil)
		return nil
	}
	uri, err := sip.ParseURI(c.next())
	if err != nil {
		return errTextURI
	}
	if target, ok := srv.cfg.Transport.ResolveNumeric(uri); ok {
		send([]transport.Target{target}, nil)
		return nil
	}
	go func() { // ends within resolveTime
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveTime)
		defer cancel()
		send(srv.cfg.Transport.Resolve(ctx, uri))
	}()
	return nil
}

// fromOf is the From of a message: the sender that MessageSend or MESSAGE(from)
// names, else the endpoint's from_user, else we.
func fromOf(set *Settings, e *pjsip.Endpoint, from, host string) string {
	if e.FromDomain != "" {
		host = e.FromDomain
	}
	if a := textAddress(from, host); a != "" && from != "" {
		return a
	}
	user := e.FromUser
	if user == "" {
		user = set.Endpoints.Global.DefaultFromUser
	}
	return "<sip:" + sip.EscapeUser(user) + "@" + host + ">"
}

// finalStatus is a response's status, 0 without one.
func finalStatus(res *sip.Response) int {
	if res == nil {
		return 0
	}
	return res.Status()
}
