// Package voicemail reads voicemail.conf: who has a mailbox, its password, and
// how long a message may be. Sections are contexts, their lines mailboxes:
//
//	100 => 4242,Alice Example,alice@example.com,,tz=berlin|maxmsg=50
//
// Messages are kept as WAV files. What e-mail about them says is read here; package
// pbx/mail sends it. No program is run: mailcmd is accepted and named once by a
// warning. Nothing is recorded here.
package voicemail

import (
	"fmt"
	"net/mail"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config"
)

// Box is one mailbox.
type Box struct {
	Context string
	Number  string
	// Password is asked for by VoiceMailMain; a box without one cannot be opened
	// by keys.
	Password config.Secret
	Name     string // of the owner
	Email    string // addresses, joined by commas; "" = none
	Pager    string // address that gets the short text; "" = none
	// Fixed says that the password may not be changed by keys ("-" in the file).
	Fixed bool
	Options
}

// ID is NUMBER@CONTEXT.
func (b *Box) ID() string { return b.Number + "@" + b.Context }

// Options hold for a box; those of [general] where its line has none.
type Options struct {
	MaxMessages int            // in each folder
	Max         time.Duration  // of a message; 0: no limit of its own
	Min         time.Duration  // what is shorter is not kept
	Silence     time.Duration  // ends a message; 0: never
	Envelope    bool           // the time is said before a message
	SayCaller   bool           // and who called
	SayDuration bool           // and how long it is, from SayFrom on
	SayFrom     time.Duration  //
	Operator    bool           // the key 0 leads to the extension o
	Exit        string         // the context of the extensions o and a; "": that of the call
	Zone        *time.Location // of the times that are said
	Format      string         // how they are said, ""; the language's own way
	RemindTemp  bool           // the owner is told that a temporary greeting is active (tempgreetwarn)
	Review      bool           // the caller may hear and change the message before it is kept
	Letters
}

// Letters say how e-mail about new messages is written. Texts have Asterisk's
// variables, ${VM_NAME} and on.
type Letters struct {
	Attach       bool   // the message
	Delete       bool   // it, once the letter is kept
	Server       string // From address (serveremail)
	From         string // its name (fromstring)
	Subject      string
	Body         string
	DateFormat   string // of ${VM_DATE}, as strftime
	PagerDate    string // the same for the pager
	PagerFrom    string
	PagerSubject string
	PagerBody    string
}

// The texts of letters where the file has none.
const (
	defaultSubject = "[PBX]: New message ${VM_MSGNUM} in mailbox ${VM_MAILBOX}"
	defaultBody    = "Dear ${VM_NAME},\n\n${VM_CALLERID} has left you a message of ${VM_DUR} on ${VM_DATE}.\n" +
		"It is number ${VM_MSGNUM} in your mailbox ${VM_MAILBOX}.\n"
	defaultDate         = "%A, %B %d, %Y at %r"
	defaultPagerSubject = "New VM"
	defaultPagerBody    = "New ${VM_DUR} long message in mailbox ${VM_MAILBOX} from ${VM_CALLERID}, on ${VM_DATE}\n"
)

// Config is voicemail.conf.
type Config struct {
	Boxes  map[string]*Box // by ID
	Logins int             // how often a password is asked for
	Digits int             // the fewest of a password that is chosen by keys (minpassword)
}

// DefaultContext is the context of a box that is named without one.
const DefaultContext = "default"

// Box returns a box by NUMBER or NUMBER@CONTEXT, nil if there is none.
func (c *Config) Box(name string) *Box {
	if c == nil {
		return nil
	}
	number, context, _ := strings.Cut(strings.TrimSpace(name), "@")
	if context == "" {
		context = DefaultContext
	}
	return c.Boxes[number+"@"+context]
}

// The limits of what the file may say.
const (
	maxBoxes    = 100_000
	mostKept    = 9999 // messages: their names have four digits
	defaultKept = 100
	// defaultDigits is more than Asterisk's 0: a short password is soon guessed.
	defaultDigits = 4
	mostDigits    = 80
)

// Load reads voicemail.conf in dir. Without the file there are no boxes, and the
// result is nil.
func Load(dir string) (*Config, []config.Problem) {
	path := filepath.Join(dir, "voicemail.conf")
	doc, problems := config.ReadOptional(path, config.ReadOptions{})
	if doc == nil {
		return nil, nil
	}
	c, more := read(doc)
	return c, append(problems, more...)
}

// reader makes a Config.
type reader struct {
	conf     *Config
	general  Options
	zones    map[string]zone
	problems []config.Problem
	silent   map[string]bool // options that a warning has named
}

// zone is a line of [zonemessages].
type zone struct {
	place  *time.Location
	format string
}

func read(doc *config.Document) (*Config, []config.Problem) {
	r := &reader{
		conf: &Config{Boxes: map[string]*Box{}, Logins: 3, Digits: defaultDigits},
		general: Options{MaxMessages: defaultKept, Envelope: true, SayDuration: true, SayFrom: 2 * time.Minute, Zone: time.Local, Letters: Letters{
			Subject: defaultSubject, Body: defaultBody, DateFormat: defaultDate, PagerDate: defaultDate, From: "Hometone", PagerFrom: "Hometone", PagerSubject: defaultPagerSubject, PagerBody: defaultPagerBody,
		}},
		zones: map[string]zone{}, silent: map[string]bool{},
	}
	each := func(wanted func(name string) bool, take func(s *config.Section, e config.Entry)) {
		for _, s := range doc.Sections {
			for _, e := range s.Entries {
				if !s.Template && wanted(strings.ToLower(s.Name)) {
					take(s, e)
				}
			}
		}
	}
	// The order of the file does not matter: zones, then [general], then boxes.
	each(func(n string) bool { return n == "zonemessages" }, func(_ *config.Section, e config.Entry) { r.zone(e) })
	each(func(n string) bool { return n == "general" }, func(_ *config.Section, e config.Entry) {
		r.option(&r.general, e, e.Name, strings.TrimSpace(e.Value))
	})
	each(func(n string) bool { return n != "general" && n != "zonemessages" }, func(s *config.Section, e config.Entry) { r.box(s.Name, e) })
	return r.conf, r.problems
}

func (r *reader) warn(e config.Entry, text, hint string) {
	r.problems = append(r.problems, config.Problem{File: e.File, Line: e.Line, Severity: config.Warning, Text: text, Hint: hint})
}

// zone reads name=Area/City|format.
func (r *reader) zone(e config.Entry) {
	name, format, _ := strings.Cut(e.Value, "|")
	place, err := time.LoadLocation(strings.TrimSpace(name))
	if err != nil {
		r.warn(e, fmt.Sprintf("%s: %q is no time zone; the node's own is used", e.Name, strings.TrimSpace(name)), "a name such as Europe/Berlin")
		return
	}
	r.zones[e.Name] = zone{place, strings.TrimSpace(format)}
}

// box reads NUMBER => PASSWORD,NAME,EMAIL,PAGER,OPTION=VALUE|OPTION=VALUE.
func (r *reader) box(context string, e config.Entry) {
	number := strings.TrimSpace(e.Name)
	switch {
	case !usable(number) || !usable(context):
		r.warn(e, fmt.Sprintf("%s@%s is no name for a mailbox; it is left out", number, context), "letters, digits, - . and _")
		return
	case len(r.conf.Boxes) >= maxBoxes:
		r.warn(e, fmt.Sprintf("more than %d mailboxes; the rest is left out", maxBoxes), "")
		return
	}
	fields := strings.SplitN(e.Value, ",", 5)
	fields = append(fields, make([]string, 5-len(fields))...)
	b := &Box{Context: context, Number: number, Name: strings.TrimSpace(fields[1]), Options: r.general}
	b.Password = config.NewSecret(strings.TrimPrefix(strings.TrimSpace(fields[0]), "-")) // "-": may not be changed by keys
	if b.Password.IsZero() {
		r.warn(e, "mailbox "+b.ID()+" has no password: it takes messages and cannot be opened by keys", number+" => 4242,Name")
	}
	b.Fixed = strings.HasPrefix(strings.TrimSpace(fields[0]), "-")
	b.Email, b.Pager = r.addresses(e, fields[2]), r.addresses(e, fields[3])
	for o := range strings.SplitSeq(fields[4], "|") {
		if name, value, ok := strings.Cut(o, "="); ok {
			r.option(&b.Options, e, name, strings.TrimSpace(value))
		} else if strings.TrimSpace(o) != "" {
			r.warn(e, fmt.Sprintf("mailbox %s: %q is no option", b.ID(), o), "name=value, joined by |")
		}
	}
	r.conf.Boxes[b.ID()] = b
}

// addresses reads mail addresses, joined by | as Asterisk has them.
func (r *reader) addresses(e config.Entry, text string) string {
	var list []string
	for a := range strings.SplitSeq(text, "|") {
		if a = strings.TrimSpace(a); a == "" {
			continue
		}
		if parsed, err := mail.ParseAddress(a); err != nil || parsed.Address != a || strings.ContainsAny(a, "\r\n,") {
			r.warn(e, fmt.Sprintf("%q is no e-mail address; it is left out", a), "somebody@example.org")
			continue
		}
		list = append(list, a)
	}
	return strings.Join(list, ",")
}

// usable reports whether a name can be a folder.
func usable(name string) bool {
	if name == "" || len(name) > 80 || name[0] == '.' {
		return false
	}
	for _, c := range name {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// unsupported tells once for each option that it has no effect.
func (r *reader) unsupported(e config.Entry, name, text string) {
	if !r.silent[name] {
		r.silent[name] = true
		r.warn(e, name+": "+text, "")
	}
}

// option sets one option of [general] or of a box.
func (r *reader) option(o *Options, e config.Entry, name, value string) {
	switch name = strings.ToLower(strings.TrimSpace(name)); name {
	case "maxmsg":
		r.number(e, name, value, &o.MaxMessages, 1, mostKept)
	case "maxsecs", "maxmessage":
		r.seconds(e, name, value, &o.Max)
	case "minsecs", "minmessage":
		r.seconds(e, name, value, &o.Min)
	case "maxsilence":
		r.seconds(e, name, value, &o.Silence)
	case "maxlogins":
		r.number(e, name, value, &r.conf.Logins, 1, 100)
	case "minpassword":
		r.number(e, name, value, &r.conf.Digits, 1, mostDigits)
	case "envelope":
		o.Envelope = config.True(value)
	case "saycid":
		o.SayCaller = config.True(value)
	case "sayduration":
		o.SayDuration = config.True(value)
	case "saydurationm":
		var minutes int
		r.number(e, name, value, &minutes, 0, 1e6)
		o.SayFrom = time.Duration(minutes) * time.Minute
	case "operator":
		o.Operator = config.True(value)
	case "exitcontext":
		o.Exit = value
	case "tz":
		z, ok := r.zones[value]
		if !ok {
			r.warn(e, "tz="+value+" is not in [zonemessages]; the node's own time is said", value+"=Europe/Berlin")
			return
		}
		o.Zone, o.Format = z.place, z.format
	case "format":
		if first, _, _ := strings.Cut(value, "|"); first != "wav" {
			r.unsupported(e, name, "messages are kept as wav")
		}
	case "silencethreshold", "skipms", "charset", "adsifdn", "adsisec", "adsiver", "pollmailboxes", "pollfreq", "moveheard":
		// Files are looked at when somebody asks; heard messages always move to Old.
	case "tempgreetwarn":
		o.RemindTemp = config.True(value)
	case "review":
		o.Review = config.True(value)
	case "attachfmt":
		if value != "wav" {
			r.unsupported(e, name, "messages are attached as wav")
		}
	case "mailcmd":
		r.unsupported(e, name, "no program is run: hometone.yaml's section mail names an SMTP server")
	case "emailaddressdelimiter", "usedirectory", "locale", "imapserver":
		r.unsupported(e, name, "has no effect")
	default:
		if o.Letters.set(name, value) {
			return
		}
		r.unsupported(e, name, "this option of voicemail.conf is not supported and has no effect")
	}
}

func (r *reader) number(e config.Entry, name, value string, to *int, least, most int) {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		r.warn(e, fmt.Sprintf("%s=%s is not a number from %d to %d; it is left as it is", name, value, least, most), "")
		return
	}
	*to = n
}

func (r *reader) seconds(e config.Entry, name, value string, to *time.Duration) {
	n := int(*to / time.Second)
	r.number(e, name, value, &n, 0, 86_400)
	*to = time.Duration(n) * time.Second
}

// set sets an option about e-mail; false if it is none.
func (l *Letters) set(name, value string) bool {
	texts := map[string]*string{
		"serveremail": &l.Server, "fromstring": &l.From, "emailsubject": &l.Subject, "emailbody": &l.Body, "emaildateformat": &l.DateFormat, "pagerdateformat": &l.PagerDate,
		"pagerfromstring": &l.PagerFrom, "pagersubject": &l.PagerSubject, "pagerbody": &l.PagerBody,
	}
	switch name {
	case "attach":
		l.Attach = config.True(value)
	case "delete":
		l.Delete = config.True(value)
	default:
		to := texts[name]
		if to == nil {
			return false
		}
		*to = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\r`, "").Replace(value)
	}
	return true
}
