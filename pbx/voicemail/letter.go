package voicemail

import (
	"cmp"
	"errors"
	"fmt"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config/voicemail"
	"github.com/hometone/hometone/pbx/dialplan"
	post "github.com/hometone/hometone/pbx/mail"
)

// Notice is a new message that a letter tells of.
type Notice struct {
	Box      *voicemail.Box
	Envelope Envelope
	Number   int    // of the message in its folder, from 1
	Sound    string // path of it, with suffix
}

// letters are what a notice makes: one for the owner, a short one for the pager.
func (n *Notice) letters(from string) (list []post.Letter) {
	b := n.Box
	say := n.variables(b.DateFormat)
	if b.Email != "" {
		l := post.Letter{
			From: cmp.Or(b.Server, from), FromName: say.Replace(b.From), ToName: b.Name, To: strings.Split(b.Email, ","),
			Subject: headline(say.Replace(b.Subject)), Body: say.Replace(b.Body),
		}
		if b.Attach {
			l.Sound = fmt.Sprintf("msg%04d.wav", n.Number-1)
		}
		list = append(list, l)
	}
	if b.Pager != "" {
		say := n.variables(b.PagerDate)
		list = append(list, post.Letter{
			From: cmp.Or(b.Server, from), FromName: say.Replace(b.PagerFrom), To: strings.Split(b.Pager, ","),
			Subject: headline(say.Replace(b.PagerSubject)), Body: say.Replace(b.PagerBody),
		})
	}
	return list
}

// headline is a text that may stand in a header field.
func headline(s string) string {
	return strings.Join(strings.Fields(oneLine(strings.ReplaceAll(s, "\n", " "))), " ")
}

// variables are Asterisk's names of what a letter can say, dates in a format.
func (n *Notice) variables(date string) *strings.Replacer {
	e, b := &n.Envelope, n.Box
	name := ""
	if a, err := mail.ParseAddress(e.CallerID); err == nil {
		name = a.Name
	} else if before, _, ok := strings.Cut(e.CallerID, "<"); ok {
		name = strings.Trim(strings.TrimSpace(before), `"`)
	}
	seconds := int(e.Length / time.Second)
	var pairs []string
	for _, v := range [][2]string{
		{"VM_NAME", b.Name}, {"VM_MAILBOX", b.Number}, {"VM_CONTEXT", b.Context},
		{"VM_DUR", fmt.Sprintf("%d:%02d", seconds/60, seconds%60)}, {"VM_MSGNUM", strconv.Itoa(n.Number)},
		{"VM_CALLERID", cmp.Or(oneLine(e.CallerID), "an unknown caller")}, {"VM_CIDNAME", cmp.Or(oneLine(name), "an unknown caller")},
		{"VM_CIDNUM", cmp.Or(oneLine(e.Number), "an unknown caller")},
		{"VM_DATE", dialplan.FormatTime(e.At.In(b.Zone), date)},
		{"VM_FLAG", oneLine(e.Flag)}, {"VM_CATEGORY", ""}, {"VM_MESSAGEFILE", n.Sound},
	} {
		pairs = append(pairs, "${"+v[0]+"}", v[1])
	}
	return strings.NewReplacer(pairs...)
}

// announce writes the letters about a message that has come. It reports whether
// the owner has one that holds the message, so that the message may go.
func (o *Office) announce(n *Notice) (holds bool, err error) {
	if !o.letters.Open() {
		return false, nil
	}
	var errs []error
	for _, l := range n.letters(o.rules.Load().from) {
		sound := ""
		if l.Sound != "" {
			sound = n.Sound
		}
		err := o.letters.Post(l, sound)
		holds = holds || err == nil && sound != ""
		errs = append(errs, err)
	}
	return holds, errors.Join(errs...)
}
