// Package features reads features.conf: the keys that do something in the middle of
// a call, and how transfers by keys behave. Load never fails: what is wrong in the
// file is a warning with its line, and what is missing is as Asterisk documents it.
// Nothing is done here; package pbx does it.
package features

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config"
)

// Config is the whole file. It is immutable once loaded.
type Config struct {
	General Options
	Map     Codes
	// Applications are those of [applicationmap] by name.
	Applications map[string]*Application
	// Groups are sections that name several applications: application → its code
	// within the group, "" for its own.
	Groups map[string]map[string]string
}

// Options are those of [general], which FEATURE() can change for one channel.
type Options struct {
	FeatureDigitTimeout   time.Duration // between the keys of a code
	TransferDigitTimeout  time.Duration // between the keys of a number to transfer to
	AtxferNoAnswerTimeout time.Duration
	AtxferDropCall        bool          // a transfer that nobody answers ends the call
	AtxferLoopDelay       time.Duration // between two attempts to call the transferer back
	AtxferCallbackRetries int
	TransferDialAttempts  int
	XferSound             string
	XferFailSound         string
	TransferRetrySound    string
	TransferInvalidSound  string
	TransferAnnounceSound string
	CourtesyTone          string // when a recording begins
	RecordingFailSound    string
	AtxferAbort           string // keys, like the following
	AtxferComplete        string
	AtxferThreeway        string
	AtxferSwap            string
	PickupExten           string
	PickupSound           string
	PickupFailSound       string
}

// Codes are those of [featuremap], which FEATUREMAP() can change; "" is none.
type Codes struct {
	BlindXfer  string
	AtXfer     string
	Disconnect string
	ParkCall   string
	AutoMixMon string
}

// Application is one line of [applicationmap].
type Application struct {
	Name string
	Code string
	// OnPeer: the application runs on who did not press the keys.
	OnPeer bool
	// ByCaller and ByCallee say who may press them.
	ByCaller, ByCallee bool
	App, Args          string
	Music              string // what the other one hears meanwhile; "" = its own class
}

// maxApplications bounds [applicationmap].
const maxApplications = 1000

// Default is what holds without a file.
func Default() *Config {
	return &Config{
		General: Options{
			FeatureDigitTimeout: time.Second, TransferDigitTimeout: 3 * time.Second, AtxferNoAnswerTimeout: 15 * time.Second,
			AtxferLoopDelay: 10 * time.Second, AtxferCallbackRetries: 2, TransferDialAttempts: 3,
			XferSound: "beep", XferFailSound: "beeperr", TransferRetrySound: "pbx-invalid", TransferInvalidSound: "privacy-incorrect", TransferAnnounceSound: "pbx-transfer",
			AtxferAbort: "*1", AtxferComplete: "*2", AtxferThreeway: "*3", AtxferSwap: "*4", PickupExten: "*8",
		},
		Map:          Codes{BlindXfer: "#", Disconnect: "*"},
		Applications: map[string]*Application{},
		Groups:       map[string]map[string]string{},
	}
}

// Load reads features.conf in a directory. Without the file it is Default.
func Load(dir string) (*Config, []config.Problem) {
	path := filepath.Join(dir, "features.conf")
	doc, problems := config.ReadOptional(path, config.ReadOptions{})
	if doc == nil {
		return Default(), nil
	}
	c, more := read(doc)
	return c, append(problems, more...)
}

func read(doc *config.Document) (*Config, []config.Problem) {
	c := Default()
	var problems []config.Problem
	for _, s := range doc.Sections {
		if s.Template {
			continue
		}
		for _, e := range s.Entries {
			value := strings.TrimSpace(e.Value)
			var err error
			switch strings.ToLower(s.Name) {
			case "general":
				err = c.General.Set(e.Name, value)
			case "featuremap":
				err = c.Map.Set(e.Name, value)
			case "applicationmap":
				err = c.application(e.Name, value)
			default:
				err = c.group(s.Name, e.Name, value)
			}
			if err != nil {
				problems = append(problems, config.Problem{File: e.File, Line: e.Line, Severity: config.Warning, Text: "[" + s.Name + "] " + err.Error()})
			}
		}
	}
	return c, problems
}

// field is one option: where it is and what kind it has.
type field struct {
	name string
	text *string
	time *time.Duration
	unit time.Duration
	yes  *bool
	n    *int
}

func (o *Options) fields() []field {
	return []field{
		{name: "featuredigittimeout", time: &o.FeatureDigitTimeout, unit: time.Millisecond},
		{name: "transferdigittimeout", time: &o.TransferDigitTimeout, unit: time.Second},
		{name: "atxfernoanswertimeout", time: &o.AtxferNoAnswerTimeout, unit: time.Second},
		{name: "atxferdropcall", yes: &o.AtxferDropCall},
		{name: "atxferloopdelay", time: &o.AtxferLoopDelay, unit: time.Second},
		{name: "atxfercallbackretries", n: &o.AtxferCallbackRetries},
		{name: "transferdialattempts", n: &o.TransferDialAttempts},
		{name: "xfersound", text: &o.XferSound},
		{name: "xferfailsound", text: &o.XferFailSound},
		{name: "transferretrysound", text: &o.TransferRetrySound},
		{name: "transferinvalidsound", text: &o.TransferInvalidSound},
		{name: "transferannouncesound", text: &o.TransferAnnounceSound},
		{name: "courtesytone", text: &o.CourtesyTone},
		{name: "recordingfailsound", text: &o.RecordingFailSound},
		{name: "atxferabort", text: &o.AtxferAbort},
		{name: "atxfercomplete", text: &o.AtxferComplete},
		{name: "atxferthreeway", text: &o.AtxferThreeway},
		{name: "atxferswap", text: &o.AtxferSwap},
		{name: "pickupexten", text: &o.PickupExten},
		{name: "pickupsound", text: &o.PickupSound},
		{name: "pickupfailsound", text: &o.PickupFailSound},
	}
}

func (c *Codes) fields() []field {
	return []field{
		{name: "blindxfer", text: &c.BlindXfer}, {name: "atxfer", text: &c.AtXfer}, {name: "disconnect", text: &c.Disconnect},
		{name: "parkcall", text: &c.ParkCall}, {name: "automixmon", text: &c.AutoMixMon},
	}
}

// Set changes an option by the name that the file has for it.
func (o *Options) Set(name, value string) error { return set(o.fields(), name, value) }

// Get returns an option as text; false if there is none of that name.
func (o *Options) Get(name string) (string, bool) { return get(o.fields(), name) }

// Set changes the keys of a feature; an empty value takes them away.
func (c *Codes) Set(name, value string) error {
	if strings.Trim(value, keypad) != "" {
		return fmt.Errorf("%s=%s is not made of keys", name, value)
	}
	return set(c.fields(), name, value)
}

// Get returns the keys of a feature; false if there is none of that name.
func (c *Codes) Get(name string) (string, bool) { return get(c.fields(), name) }

const keypad = "0123456789*#ABCD"

func set(fields []field, name, value string) error {
	i := slices.IndexFunc(fields, func(f field) bool { return strings.EqualFold(f.name, name) })
	if i < 0 {
		return fmt.Errorf("has no option %q", name)
	}
	switch f := fields[i]; {
	case f.text != nil:
		*f.text = value
	case f.yes != nil:
		*f.yes = config.True(value)
	default:
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 86_400_000 {
			return fmt.Errorf("%s=%s is not a number from 0", name, value)
		}
		if f.n != nil {
			*f.n = min(n, 100)
			return nil
		}
		*f.time = time.Duration(n) * f.unit
	}
	return nil
}

func get(fields []field, name string) (string, bool) {
	i := slices.IndexFunc(fields, func(f field) bool { return strings.EqualFold(f.name, name) })
	if i < 0 {
		return "", false
	}
	switch f := fields[i]; {
	case f.text != nil:
		return *f.text, true
	case f.yes != nil && *f.yes:
		return "yes", true
	case f.yes != nil:
		return "no", true
	case f.n != nil:
		return strconv.Itoa(*f.n), true
	default:
		return strconv.FormatInt(int64(*f.time/f.unit), 10), true
	}
}

// application reads NAME => CODE,ACTIVATE_ON[/BY],APP[,"ARGS"[,MUSIC]], or with
// APP(ARGS).
func (c *Config) application(name, value string) error {
	parts := splitQuoted(value)
	if len(parts) < 3 {
		return fmt.Errorf("%s: write CODE,self or peer,APPLICATION(ARGUMENTS)", name)
	}
	a := &Application{Name: name, Code: parts[0], ByCaller: true, ByCallee: true}
	on, by, _ := strings.Cut(strings.ToLower(parts[1]), "/")
	switch on {
	case "self", "caller":
	case "peer", "callee":
		a.OnPeer = true
	default:
		return fmt.Errorf("%s: %q is neither self nor peer", name, parts[1])
	}
	switch by {
	case "", "both":
	case "caller":
		a.ByCallee = false
	case "callee":
		a.ByCaller = false
	default:
		return fmt.Errorf("%s: %q is none of caller, callee, both", name, by)
	}
	if a.Code == "" || strings.Trim(a.Code, keypad) != "" {
		return fmt.Errorf("%s: %q is not made of keys", name, a.Code)
	}
	rest := parts[3:]
	var inside bool
	if a.App, a.Args, inside = strings.Cut(parts[2], "("); inside {
		a.Args = strings.TrimSuffix(a.Args, ")")
	} else if len(rest) > 0 {
		a.Args, rest = rest[0], rest[1:]
	}
	if len(rest) > 0 {
		a.Music = rest[0]
	}
	if a.App == "" || len(c.Applications) >= maxApplications {
		return fmt.Errorf("%s names no application, or there are more than %d", name, maxApplications)
	}
	c.Applications[name] = a
	return nil
}

// splitQuoted cuts at commas that are neither in quotes nor in parentheses.
func splitQuoted(s string) (parts []string) {
	depth, quoted, from := 0, false, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) {
			switch s[i] {
			case '"':
				quoted = !quoted
			case '(':
				depth++
			case ')':
				depth--
			}
			if s[i] != ',' || quoted || depth > 0 {
				continue
			}
		}
		part := strings.TrimSpace(s[from:i])
		if len(part) > 1 && part[0] == '"' && part[len(part)-1] == '"' {
			part = part[1 : len(part)-1]
		}
		parts = append(parts, part)
		from = i + 1
	}
	return parts
}

// group reads APPLICATION => [CODE] of a section with another name.
func (c *Config) group(section, name, value string) error {
	if len(c.Groups) >= maxApplications {
		return errors.New("there are too many groups")
	}
	if c.Groups[section] == nil {
		c.Groups[section] = map[string]string{}
	}
	if strings.Trim(value, keypad) != "" {
		return fmt.Errorf("%s=%s is not made of keys", name, value)
	}
	c.Groups[section][name] = value
	return nil
}

// Dynamic returns the applications that DYNAMIC_FEATURES names: names of
// applications and groups, joined by #.
func (c *Config) Dynamic(names string) (list []Application) {
	for name := range strings.SplitSeq(names, "#") {
		name = strings.TrimSpace(name)
		if a := c.Applications[name]; a != nil {
			list = append(list, *a)
		}
		for member, code := range c.Groups[name] {
			if a := c.Applications[member]; a != nil {
				own := *a
				if code != "" {
					own.Code = code
				}
				list = append(list, own)
			}
		}
	}
	return list
}
