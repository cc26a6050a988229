package presence

import (
	"slices"
	"time"

	"github.com/hometone/hometone/sip"
)

// The limits of publications.
const (
	maxPublications = 10_000
	maxPerPublisher = 8
	maxPublished    = 16 << 10 // bytes of one body
	minPublished    = 60 * time.Second
	maxPublishTime  = time.Hour
)

// A publication is the state that one device published for a resource (RFC
// 3903 §3).
type publication struct {
	tag       string // entity-tag
	topic     string
	publisher string
	until     time.Time
	body      string // the document as it came
	tuples    []pidfTuple
	counts    Counts
}

// publications is the event state of RFC 3903 §6. It reads no clock and is
// guarded by the Server's lock.
type publications struct {
	byTag     map[string]*publication
	byTopic   map[string][]*publication // the one changed last is the last
	publisher map[string]int
}

func newPublications() publications {
	return publications{byTag: map[string]*publication{}, byTopic: map[string][]*publication{}, publisher: map[string]int{}}
}

// publishing is one PUBLISH after its checks.
type publishing struct {
	topic     string
	publisher string
	match     string        // SIP-If-Match, or ""
	expires   time.Duration // granted; 0 removes
	state     *publication  // what the body says; nil: there was none
}

// publish carries out one PUBLISH (RFC 3903 §6, steps 4 to 6). It returns the
// new entity-tag, whether the state changed, and a status.
func (p *publications) publish(now time.Time, r publishing) (tag string, changed bool, status int) {
	var old *publication
	if r.match != "" {
		// "If no match is found, the ESC MUST reject the publication with a
		// response of 412".
		if old = p.byTag[r.match]; old == nil || old.topic != r.topic || old.publisher != r.publisher || !old.until.After(now) {
			return "", false, 412
		}
	} else if r.state == nil {
		return "", false, 400 // an initial publication has a body (§4.2)
	}
	if old == nil && r.expires > 0 && (len(p.byTag) >= maxPublications || p.publisher[r.publisher] >= maxPerPublisher) {
		return "", false, 503
	}
	next := r.state
	if next == nil {
		refreshed := *old
		next = &refreshed
	}
	next.tag, next.topic, next.publisher, next.until = sip.NewTag(), r.topic, r.publisher, now.Add(r.expires)
	if old != nil {
		p.remove(old)
	}
	if r.expires > 0 {
		p.add(next)
	}
	return next.tag, r.state != nil || r.expires == 0, 200
}

func (p *publications) add(x *publication) {
	p.byTag[x.tag] = x
	p.byTopic[x.topic] = append(p.byTopic[x.topic], x)
	p.publisher[x.publisher]++
}

func (p *publications) remove(x *publication) {
	delete(p.byTag, x.tag)
	list := slices.DeleteFunc(p.byTopic[x.topic], func(y *publication) bool { return y == x })
	if p.byTopic[x.topic] = list; len(list) == 0 {
		delete(p.byTopic, x.topic)
	}
	if p.publisher[x.publisher]--; p.publisher[x.publisher] <= 0 {
		delete(p.publisher, x.publisher)
	}
}

// expire removes what has run out, and returns the topics it belonged to and
// when the next one does (zero: none).
func (p *publications) expire(now time.Time) (topics []string, next time.Time) {
	for _, x := range p.byTag {
		switch {
		case !x.until.After(now):
			p.remove(x)
			topics = append(topics, x.topic)
		case next.IsZero() || x.until.Before(next):
			next = x.until
		}
	}
	return topics, next
}

// last returns the document published last for a topic, "" if there is none.
func (p *publications) last(topic string) string {
	if list := p.byTopic[topic]; len(list) > 0 {
		return list[len(list)-1].body
	}
	return ""
}

// tuples returns the tuples of all publications for a topic.
func (p *publications) tuples(topic string) (list []pidfTuple) {
	for _, x := range p.byTopic[topic] {
		list = append(list, x.tuples...)
	}
	return list
}

// counts returns the counts published last for a mailbox.
func (p *publications) counts(topic string) (Counts, bool) {
	if list := p.byTopic[topic]; len(list) > 0 {
		return list[len(list)-1].counts, true
	}
	return Counts{}, false
}
