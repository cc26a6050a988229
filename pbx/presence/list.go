package presence

import (
	"encoding/xml"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
)

// This file is the resource list server (RFC 4662): one subscription to a list
// stands for one to each of its members.

// A List is a section type=resource_list.
type List struct {
	Name         string
	Event        string        // presence or message-summary
	Items        []string      // names of extensions, mailboxes' addresses of record, or lists
	FullState    bool          // every NOTIFY tells of all members, not only of those that changed
	Batch        time.Duration // how long changes are gathered; 0 = not at all
	DisplayNames bool          // members have names in the document
}

const (
	rlmiType    = "application/rlmi+xml"
	relatedType = "multipart/related"
)

// Limits of lists within lists.
const (
	maxListDepth   = 8
	maxListMembers = 2000
)

// member is one resource of a list that is subscribed to.
type member struct {
	name  string
	list  *List // of a list within the list; nil = a resource
	below []*member
	hint  string
	boxes []string
	watch *Watch
	sent  string // the state told last
}

// gathering finds the members of a list.
type gathering struct {
	directory Directory
	watcher   *Watcher
	seen      map[string]bool
	count     int
	now       time.Time
}

// members are those items of a list that exist. What is met a second time is left
// out: a list may name itself by way of others.
func (g *gathering) members(l *List, depth int) (list []*member) {
	g.seen[l.Name] = true
	for _, item := range l.Items {
		if g.seen[item] || g.count >= maxListMembers {
			continue
		}
		g.count++
		m := &member{name: item}
		if sub := g.directory.List(item); sub != nil && sub.Event == l.Event && depth < maxListDepth {
			m.list, m.below = sub, g.members(sub, depth+1)
			if len(m.below) > 0 {
				list = append(list, m)
			}
			continue
		}
		g.seen[item] = true
		var ok bool
		if l.Event == summaryPackage {
			m.boxes = g.directory.Mailboxes(item)
			ok = len(m.boxes) > 0 && !slices.ContainsFunc(m.boxes, g.watcher.told)
		} else {
			m.hint, ok = g.directory.Hint(g.watcher.Context, item, g.now)
		}
		if ok {
			list = append(list, m)
		}
	}
	return list
}

// join makes the subscription one to a list; status is 0 if that is possible.
func (x *subscription) join(d Directory, l *List, req *sip.Request) (status int) {
	x.list, x.format = l, pidfType
	if l.Event == summaryPackage {
		x.format = summaryType
	}
	if l.Event != x.pkg {
		return 489
	}
	if req.Has(sip.HeaderAccept) && !(req.Accepts(x.format) && req.Accepts(rlmiType) && req.Accepts(relatedType)) {
		return 406
	}
	g := gathering{directory: d, watcher: &x.watcher, seen: map[string]bool{}, now: time.Now()}
	if x.members = g.members(l, 0); len(x.members) == 0 {
		return 500 // as Asterisk: none of the members can be watched
	}
	x.topics = topicsOf(x.members)
	return 0
}

func topicsOf(list []*member) (topics []string) {
	for _, m := range list {
		topics = append(topics, topicsOf(m.below)...)
		if m.list != nil {
			continue
		}
		if len(m.boxes) == 0 {
			topics = append(topics, presenceTopic(m.name))
		}
		for _, b := range m.boxes {
			topics = append(topics, mailboxTopic(b))
		}
	}
	return topics
}

// look begins to watch the members; see stops it.
func (x *subscription) look(list []*member) {
	for _, m := range list {
		if m.list == nil && len(m.boxes) == 0 {
			m.watch = x.server.cfg.Board.Watch(m.hint, x.changed)
		}
		x.look(m.below)
	}
}

func unlook(list []*member) {
	for _, m := range list {
		if m.watch != nil {
			m.watch.Stop()
		}
		unlook(m.below)
	}
}

// relist follows another configuration of the list.
func (x *subscription) relist(d Directory) {
	l := d.List(x.resource)
	var fresh []*member
	if l != nil && l.Event == x.pkg {
		g := gathering{directory: d, watcher: &x.watcher, seen: map[string]bool{}, now: time.Now()}
		fresh = g.members(l, 0)
	}
	if len(fresh) == 0 {
		x.push(true, "noresource")
		return
	}
	x.mu.Lock()
	if x.ended {
		x.mu.Unlock()
		return
	}
	old := x.members
	x.list, x.members = l, fresh
	x.look(fresh)
	x.mu.Unlock()
	unlook(old)
	x.server.retopic(x, topicsOf(fresh))
	x.push(true, "")
}

// memberState is what decides whether a member has changed.
func (x *subscription) memberState(m *member) string {
	switch {
	case m.list != nil:
		var b strings.Builder
		for _, c := range m.below {
			b.WriteString(c.name + "=" + x.memberState(c) + "\n")
		}
		return b.String()
	case len(m.boxes) > 0:
		return summaryBody("", x.server.counts(m.boxes))
	}
	return x.server.cfg.Board.Extension(m.hint).String() + "\n" + x.server.document(presenceTopic(m.name))
}

// rlmi is the document of RFC 4662 §5.
type rlmi struct {
	XMLName   xml.Name       `xml:"list"`
	NS        string         `xml:"xmlns,attr"`
	URI       string         `xml:"uri,attr"`
	Version   uint32         `xml:"version,attr"`
	FullState bool           `xml:"fullState,attr"`
	Name      string         `xml:"name,omitempty"`
	Resources []rlmiResource `xml:"resource"`
}

type rlmiResource struct {
	URI      string       `xml:"uri,attr"`
	Name     string       `xml:"name,omitempty"`
	Instance rlmiInstance `xml:"instance"`
}

type rlmiInstance struct {
	ID    string `xml:"id,attr"`
	State string `xml:"state,attr"`
	CID   string `xml:"cid,attr"`
}

// part is one part of the body.
type part struct{ cid, kind, body string }

// listBody writes the members that have changed, or all of them: an RLMI
// document, and the state of each as a part of its own (RFC 4662 §5.5).
func (x *subscription) listBody(full bool) (contentType, body string, err error) {
	host := ""
	if u, err := sip.ParseURI(x.notifier.Dialog().LocalURI()); err == nil {
		host = u.Host
	}
	version := x.version
	x.version++
	return x.related(x.list, x.members, host, version, full || x.list.FullState)
}

func (x *subscription) related(l *List, members []*member, host string, version uint32, full bool) (contentType, body string, err error) {
	uri := func(name string) string { return "sip:" + sip.EscapeUser(name) + "@" + host }
	doc := rlmi{NS: "urn:ietf:params:xml:ns:rlmi", URI: uri(l.Name), Version: version, FullState: full}
	parts := []part{{cid: sip.NewTag() + "@" + host, kind: rlmiType + `;charset="UTF-8"`}}
	for _, m := range members {
		state := x.memberState(m)
		if !full && state == m.sent {
			continue
		}
		p := part{cid: sip.NewTag() + "@" + host, kind: x.format}
		switch {
		case m.list != nil:
			p.kind, p.body, err = x.related(m.list, m.below, host, version, full || m.list.FullState)
		case len(m.boxes) > 0:
			p.body = summaryBody(uri(m.name), x.server.counts(m.boxes))
		default:
			s := x.server.cfg.Board.Extension(m.hint)
			p.body, err = presenceBody(uri(m.name), m.name, x.notifier.Dialog().RemoteURI(), s.terms(x.watcher.Early), x.server.tuples(presenceTopic(m.name)))
		}
		if err != nil {
			return "", "", err
		}
		m.sent = state
		r := rlmiResource{URI: uri(m.name), Instance: rlmiInstance{ID: sip.NewTag(), State: "active", CID: p.cid}}
		if l.DisplayNames {
			r.Name = m.name
		}
		doc.Resources, parts = append(doc.Resources, r), append(parts, p)
	}
	if parts[0].body, err = document(doc); err != nil {
		return "", "", err
	}
	return multipartOf(parts)
}

// multipartOf writes parts as multipart/related whose root is the first
// (RFC 2387).
func multipartOf(parts []part) (contentType, body string, err error) {
	var b strings.Builder
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := textproto.MIMEHeader{}
		h.Set("Content-Id", "<"+p.cid+">")
		h.Set("Content-Type", p.kind)
		h.Set("Content-Length", strconv.Itoa(len(p.body)))
		out, err := w.CreatePart(h)
		if err != nil {
			return "", "", err
		}
		_, _ = out.Write([]byte(p.body)) // into memory
	}
	if err := w.Close(); err != nil {
		return "", "", err
	}
	return relatedType + `;type="` + rlmiType + `";start="<` + parts[0].cid + `>";boundary="` + w.Boundary() + `"`, b.String(), nil
}
