package presence

import (
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transaction"
)

func presenceTopic(user string) string   { return "presence/" + strings.ToLower(user) }
func mailboxTopic(mailbox string) string { return "mailbox/" + strings.ToLower(mailbox) }

// Publish serves a PUBLISH of an endpoint that is known (RFC 3903 §6): its own
// presence, or the counts of one of its mailboxes from outside. It answers on
// the spot and runs on the transaction's shard.
func (s *Server) Publish(tx *transaction.Server, req *sip.Request, w Watcher) {
	r, status, h := s.publishing(req, w)
	if status != 0 {
		refuse(tx, req, status, h...)
		return
	}
	s.mu.Lock()
	tag, changed, status := s.published.publish(time.Now(), r)
	s.mu.Unlock()
	if status != 200 {
		if status == 503 {
			h = []dialog.Header{{Name: "Retry-After", Value: "60"}}
		}
		refuse(tx, req, status, h...)
		return
	}
	res := sip.NewResponse(req, 200, "")
	res.Add(sip.HeaderSIPETag, tag)
	res.AddNumber(sip.HeaderExpires, uint32(r.expires/time.Second))
	_ = tx.Respond(res) // the transaction tells its own failures
	s.alarm()
	if changed {
		s.publishedAt(r.topic)
	}
}

// TakeSummary takes what another system says in a NOTIFY of one of our mailboxes, and
// returns the status to answer with. It holds until the next one.
func (s *Server) TakeSummary(mailbox, publisher string, req *sip.Request) (status int) {
	p, status, _ := parsePublished(summaryPackage, req)
	if status != 0 {
		return status
	}
	r := publishing{topic: mailboxTopic(mailbox), publisher: publisher, expires: maxPublishTime, state: p}
	s.mu.Lock()
	r.match = s.taken[r.topic]
	tag, changed, status := s.published.publish(time.Now(), r)
	if status == 412 { // the last one has run out
		r.match = ""
		tag, changed, status = s.published.publish(time.Now(), r)
	}
	if status == 200 {
		s.taken[r.topic] = tag
	}
	s.mu.Unlock()
	s.alarm()
	if changed {
		s.publishedAt(r.topic)
	}
	return status
}

// publishing checks a PUBLISH: package, rights, duration and body (RFC 3903
// §6, steps 1 to 3 and 5). status is 0 if it may be carried out.
func (s *Server) publishing(req *sip.Request, w Watcher) (r publishing, status int, h []dialog.Header) {
	event, ok, err := req.Event()
	pkg := strings.ToLower(event.Package)
	if !ok || err != nil || pkg != presencePackage && pkg != summaryPackage {
		return r, 489, []dialog.Header{{Name: "Allow-Events", Value: presencePackage + ", " + summaryPackage}}
	}
	resource := userOf(req)
	if status = s.mayPublish(pkg, resource, w); status != 0 {
		return r, status, nil
	}
	r = publishing{topic: presenceTopic(resource), publisher: w.Name, expires: maxPublishTime, match: req.Get(sip.HeaderSIPIfMatch)}
	if pkg == summaryPackage {
		r.topic = mailboxTopic(s.mailbox(resource))
	}
	if sec, ok, err := req.Expires(); ok && err == nil {
		r.expires = min(r.expires, time.Duration(sec)*time.Second)
	}
	if r.expires > 0 && r.expires < minPublished {
		return r, 423, []dialog.Header{{Name: "Min-Expires", Value: strconv.Itoa(int(minPublished / time.Second))}}
	}
	if req.Body() == "" {
		return r, 0, nil
	}
	r.state, status, h = parsePublished(pkg, req)
	return r, status, h
}

// mayPublish: everybody for themselves, and for the mailboxes of their name.
func (s *Server) mayPublish(pkg, resource string, w Watcher) int {
	switch {
	case resource == "":
		return 404
	case !strings.EqualFold(resource, w.Name):
		return 403
	case pkg == summaryPackage && s.mailbox(resource) == "":
		return 404
	}
	return 0
}

// mailbox returns the first mailbox of an address of record, or "".
func (s *Server) mailbox(aor string) string {
	s.mu.Lock()
	d := s.directory
	s.mu.Unlock()
	if boxes := d.Mailboxes(aor); len(boxes) > 0 {
		return boxes[0]
	}
	return ""
}

// parsePublished reads the body of a PUBLISH.
func parsePublished(pkg string, req *sip.Request) (p *publication, status int, h []dialog.Header) {
	if len(req.Body()) > maxPublished {
		return nil, 413, nil
	}
	want := pidfType
	if pkg == summaryPackage {
		want = summaryType
	}
	kind, _, _ := strings.Cut(req.Get(sip.HeaderContentType), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), want) || req.Has(sip.HeaderContentEncoding) {
		return nil, 415, []dialog.Header{{Name: "Accept", Value: want}}
	}
	p = &publication{body: req.Body()}
	var err error
	if pkg == summaryPackage {
		p.counts, err = parseSummary(p.body)
	} else {
		p.tuples, err = parsePIDF(p.body)
	}
	if err != nil {
		return nil, 400, nil
	}
	return p, 0, nil
}

// publishedAt tells the subscriptions to topics, and the lamps of mailboxes.
func (s *Server) publishedAt(topics ...string) {
	for _, t := range topics {
		s.tell(t)
		if box, ok := strings.CutPrefix(t, "mailbox/"); ok {
			s.light(box, "")
		}
	}
}

// document returns the document published last for a topic.
func (s *Server) document(topic string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.published.last(topic)
}

func (s *Server) tuples(topic string) []pidfTuple {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.published.tuples(topic)
}

// counts adds up mailboxes: what is published counts before what is kept.
func (s *Server) counts(boxes []string) (sum Counts) {
	for _, b := range boxes {
		s.mu.Lock()
		c, ok := s.published.counts(mailboxTopic(b))
		s.mu.Unlock()
		if !ok && s.cfg.Mailboxes != nil {
			c, _ = s.cfg.Mailboxes.Counts(b)
		}
		sum = sum.plus(c)
	}
	return sum
}

// MailboxChanged tells all who watch a mailbox, and lights the lamps.
func (s *Server) MailboxChanged(mailbox string) { s.publishedAt(mailboxTopic(mailbox)) }

// Registered lights the lamp of a telephone that has just registered.
func (s *Server) Registered(aor string) { s.light("", aor) }

// light sends NOTIFY without a subscription, as Asterisk does for endpoints
// with mailboxes: many telephones expect it, and RFC 3842 §3.10's subscription
// comes from few.
func (s *Server) light(mailbox, aor string) {
	s.mu.Lock()
	d := s.directory
	s.mu.Unlock()
	for _, l := range d.Lamps(mailbox, aor) {
		if s.subscribes(&l) {
			continue
		}
		body := summaryBody(l.Account, s.counts(l.Mailboxes))
		for _, p := range l.Places {
			err := s.cfg.Dialogs.Send(dialog.SendConfig{Method: sip.NOTIFY, URI: p.URI, From: l.From, Route: p.Route, Targets: p.Targets,
				ContentType: summaryType, Body: body, Contact: uriOf(l.From),
				Headers: []dialog.Header{{Name: "Event", Value: summaryPackage}, {Name: "Subscription-State", Value: "terminated"}}}, nil)
			if err != nil {
				s.log.Debug("presence: lamp not lit", "uri", p.URI, "error", err)
			}
		}
	}
}

// subscribes reports whether the telephone has subscribed to one of its mailboxes
// (mwi_subscribe_replaces_unsolicited).
func (s *Server) subscribes(l *Lamp) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, box := range l.Mailboxes {
		for x := range s.topics[mailboxTopic(box)] {
			if x.watcher.Name == l.Name && l.Name != "" {
				return true
			}
		}
	}
	return false
}

func uriOf(address string) string {
	a, err := sip.ParseAddress(address)
	if err != nil {
		return ""
	}
	return a.URI
}
