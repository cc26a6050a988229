package dialog

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/sip"
)

// A flow is one call flow that an RFC prints: messages with their direction.
type flow struct {
	RFC      int    `json:"rfc"`
	Section  string `json:"section"`
	Title    string `json:"title"`
	Messages []struct {
		File, Label, Start string
	} `json:"messages"`
}

// flowMessage is one message with what a ladder needs of it.
type flowMessage struct {
	from, to string
	method   string // of the CSeq
	status   int    // 0: a request
	callID   string
	seq      uint32
	sdp      bool
	m        *sip.Message
}

// playedFlows are the flows and parties that one side of dialogs can play
// alone. Others need a registrar, a proxy or several calls that an application
// joins; they are left to those rooms.
var playedFlows = map[string][]string{
	"3665/3.2":   {"Alice", "Bob"},
	"3665/3.4":   {"Alice", "Bob"},
	"3665/3.6":   {"Alice", "Bob"},
	"3665/3.8":   {"Alice", "Bob"},
	"3666/2.1":   {"Alice", "NGW 1"},
	"3666/2.3":   {"Alice", "NGW 2"},
	"3666/2.5":   {"Alice", "NGW 1"},
	"3666/3.2":   {"Alice", "Bob", "NGW 1"},
	"3666/3.6":   {"Alice", "NGW 1"},
	"3666/3.9":   {"NGW 1", "Bob"},
	"3666/4.2":   {"GW 1", "PBX A"},
	"5359/2.1":   {"Alice", "Bob"},
	"5359/2.7":   {"Alice", "Bob2"},
	"5407/3.1.4": {"Alice", "Bob"},
	"7131/3.1":   {"Alice", "Bob"},
	"8497/3.7":   {"Alice", "Bob", "Carol"},
}

// TestRFCFlows plays one party of the call flows printed in RFC 3665, 3666,
// 5359 and others, and compares the order of methods and statuses.
func TestRFCFlows(t *testing.T) {
	files := testdata.Archive(t, "08-rfc-flows", "files.tar.gz")
	var names []string
	for name := range files {
		if strings.HasSuffix(name, "flow.json") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	played := 0
	for _, name := range names {
		var f flow
		if err := json.Unmarshal(files[name], &f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, party := range playedFlows[fmt.Sprintf("%d/%s", f.RFC, f.Section)] {
			messages := f.read(files, path.Dir(name))
			script, calls := ladderOf(messages, party)
			if script == "" {
				continue
			}
			played++
			t.Run(fmt.Sprintf("%d-%s-%s", f.RFC, f.Section, party), func(t *testing.T) {
				memory(t, interval(-1), func(t *testing.T, r *rig) { r.playFlow(t, script, calls) })
			})
		}
	}
	t.Logf("%d parties of RFC flows played", played)
	if played < 15 {
		t.Errorf("only %d parties of RFC flows were played", played)
	}
}

var arrow = regexp.MustCompile(`^F\d+[a-z]?:?\s+(.*?)\s*-+>\s*(.+)$`)

// read finds sender and receiver of each message from its label.
func (f *flow) read(files map[string][]byte, dir string) (list []flowMessage) {
	for _, x := range f.Messages {
		found := arrow.FindStringSubmatch(x.Label)
		req, res, _ := sip.Parse(string(files[dir+"/"+x.File]))
		if found == nil || req == nil && res == nil {
			continue
		}
		m := flowMessage{to: strings.TrimSpace(found[2])}
		left := found[1]
		if req != nil {
			m.m = &req.Message
			left = strings.TrimPrefix(left, string(req.Method()))
		} else {
			m.m, m.status = &res.Message, res.Status()
			left = strings.TrimPrefix(strings.TrimPrefix(left, strconv.Itoa(m.status)+" "), res.Reason())
		}
		m.from = strings.TrimSpace(left)
		seq, method, err := m.m.CSeq()
		if err != nil {
			continue
		}
		m.seq, m.method, m.callID = seq, string(method), m.m.CallID()
		m.sdp = strings.Contains(m.m.Get(sip.HeaderContentType), "sdp")
		list = append(list, m)
	}
	return list
}

// flowLadder writes a flow as the ladder script of one party.
type flowLadder struct {
	out        strings.Builder
	calls      map[string]string // Call-ID: name in the script
	ours       map[string]bool   // we opened the call
	challenged map[string]bool
	answered   map[string]bool // the first INVITE of the call has its 2xx
	bare       map[string]bool // an offer waits for our ACK
	seen       map[string]bool
}

// ladderOf returns the script for one party and the names of its calls with
// who opened them, or "" if the flow holds something that is not a call.
func ladderOf(list []flowMessage, party string) (string, map[string]bool) {
	l := flowLadder{calls: map[string]string{}, ours: map[string]bool{}, challenged: map[string]bool{},
		answered: map[string]bool{}, bare: map[string]bool{}, seen: map[string]bool{}}
	opened, final := map[string]bool{}, map[string]bool{}
	for _, m := range list {
		if m.from != party && m.to != party {
			continue
		}
		switch m.method {
		case "INVITE", "ACK", "BYE", "CANCEL":
		default:
			return "", nil
		}
		if l.calls[m.callID] == "" {
			if m.status != 0 || m.method != "INVITE" {
				return "", nil // the flow starts in the middle
			}
			l.calls[m.callID] = "c" + strconv.Itoa(len(l.calls)+1)
			l.ours[m.callID] = m.from == party
			opened[l.calls[m.callID]] = m.from == party
		}
		once := fmt.Sprint(m.from, m.method, m.status, m.seq, m.callID)
		if l.seen[once] {
			continue // a retransmission
		}
		l.seen[once] = true
		if m.method == "INVITE" && m.status >= 200 {
			final[m.callID] = true
		}
		if m.method == "ACK" && !final[m.callID] {
			return "", nil // the final response is not printed
		}
		if m.from == party {
			l.weSend(m)
		} else {
			l.peerSends(m)
		}
	}
	return l.out.String(), opened
}

func (l *flowLadder) line(format string, args ...any) { fmt.Fprintf(&l.out, format+"\n", args...) }

// peerSends writes what the peer has to send.
func (l *flowLadder) peerSends(m flowMessage) {
	c := l.calls[m.callID]
	extra := " | call: " + c
	if m.sdp {
		extra += " | sdp"
	}
	if m.status == 0 {
		uri := ""
		if m.method == "INVITE" && !l.answered[c] {
			uri = " sip:us@{sut} | new"
		}
		l.line("-> %s%s%s", m.method, uri, extra)
		return
	}
	for _, h := range []sip.HeaderID{sip.HeaderProxyAuthenticate, sip.HeaderWWWAuthenticate} {
		if v := m.m.Get(h); v != "" {
			extra += " | " + h.String() + ": " + v
			l.challenged[c] = true
		}
	}
	if m.method == "INVITE" && m.status == 200 {
		l.bare[c] = !l.answered[c+"offered"] && m.sdp
		l.answered[c] = true
	}
	l.line("-> %d %s%s", m.status, m.method, extra)
}

// weSend writes what we do and what the peer has to see.
func (l *flowLadder) weSend(m flowMessage) {
	c := l.calls[m.callID]
	body := " | nobody"
	if m.sdp {
		body = " | sdp"
	}
	switch {
	case m.status == 100:
		l.line("<-? 100")
		return
	case m.status == 0 && m.method == "INVITE":
		l.answered[c+"offered"] = m.sdp
		switch {
		case l.challenged[c]: // sent again by itself
		case l.answered[c]:
			l.line("do reinvite-%s%s", c, map[bool]string{false: "-bare"}[m.sdp])
		default:
			l.line("do invite-%s%s", c, map[bool]string{false: "-bare"}[m.sdp])
		}
		l.challenged[c] = false
	case m.status == 0 && m.method == "ACK" && l.bare[c]:
		l.bare[c] = false
		l.line("pause 1ms\ndo accept-%s", c)
	case m.status == 0 && m.method != "ACK":
		l.line("do %s-%s", strings.ToLower(m.method), c)
	case m.method == "INVITE" && m.status == 487: // after CANCEL, by itself
	case m.method == "INVITE" && m.status > 0:
		what := "answer"
		if l.answered[c] {
			what = "accept"
		}
		switch {
		case m.status < 200 && m.sdp:
			what = "early"
		case m.status < 200:
			what = "ring"
		case m.status >= 300:
			what = fmt.Sprintf("reject%d", m.status)
		}
		l.line("do %s-%s", what, c)
		l.answered[c] = l.answered[c] || m.status == 200
	}
	if m.status == 0 {
		l.line("<- %s%s | call: %s", m.method, body, c)
		return
	}
	l.line("<- %d %s%s | call: %s", m.status, m.method, body, c)
}

// playFlow plays a flow's script; calls that the peer opens are numbered as
// they come.
func (r *rig) playFlow(t *testing.T, script string, calls map[string]bool) {
	p := r.net.Dial("peer")
	sessions := map[string]*Session{}
	invitations := map[string]*Invitation{}
	var incoming []string
	for _, name := range sorted(calls) {
		if !calls[name] {
			incoming = append(incoming, name)
		}
	}
	r.ring = func(s *Session) {
		if len(incoming) > 0 {
			sessions[incoming[0]], incoming = s, incoming[1:]
		}
	}
	for _, name := range sorted(calls) {
		use := func() *Session {
			if inv := invitations[name]; inv != nil {
				return r.session()
			}
			return sessions[name]
		}
		invite := func(sdp string) func() error {
			return func() (err error) {
				invitations[name], err = r.layer.Invite(InviteConfig{URI: "sip:peer@" + p.Address(), From: "<sip:us@192.0.2.1>",
					SDP: sdp, Auth: NewDigest("us", "secret"), CallID: sip.NewCallID("")}, r)
				return err
			}
		}
		r.do("invite-"+name, invite(ourSDP))
		r.do("invite-"+name+"-bare", invite(""))
		r.do("reinvite-"+name, func() error { return use().ReInvite(otherSDP) })
		r.do("reinvite-"+name+"-bare", func() error { return use().ReInvite("") })
		r.do("ring-"+name, func() error { return use().Provisional(180, "") })
		r.do("early-"+name, func() error { return use().Provisional(183, ourSDP) })
		r.do("answer-"+name, func() error { return use().Answer(ourSDP) })
		r.do("accept-"+name, func() error { return use().AnswerOffer(otherSDP) })
		r.do("bye-"+name, func() error { return use().Bye(Reason{}) })
		r.do("cancel-"+name, func() error { return invitations[name].Cancel(Reason{}) })
		for _, status := range []int{302, 404, 480, 486, 487, 500, 503, 600, 603} {
			r.do(fmt.Sprintf("reject%d-%s", status, name), func() error { return use().Reject(status, "") })
		}
	}
	r.script.Run(t, script, p)
}

func sorted(calls map[string]bool) (names []string) {
	for n := range calls {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
