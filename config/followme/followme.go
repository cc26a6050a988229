// Package followme reads followme.conf: the numbers at which somebody may be found, one
// after the other, and what is said meanwhile. Load never fails: what is wrong in the
// file is a warning with its line. The application FollowMe calls the numbers.
package followme

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config"
)

// Number is a step: extensions that are called at the same time.
type Number struct {
	Extensions []string
	Timeout    time.Duration
	Order      int // steps of one order are called together
}

// Profile is a section.
type Profile struct {
	Name    string
	Context string // in which the numbers are
	Music   string // class of musiconhold.conf; "" = the channel's
	Numbers []Number
	Options
}

// Options hold for a profile; those of [general] where it has none.
type Options struct {
	Take, Decline rune          // keys of the callee
	KeyTime       time.Duration // that it has for them
	Ask           bool          // the callee is asked at all (enable_callee_prompt)
	CallFrom      string        // sounds: who calls
	NoName        string        // the caller has not said its name
	Choices       string        // take or decline
	Hold          string        // to the caller: please hold
	Status        string        // to the caller: the party is not at its desk
	Sorry         string        // to the caller: nobody was found
	Connecting    string        // to the callee that has taken the call
}

// The bounds of a file.
const (
	maxProfiles = 10_000
	maxNumbers  = 100
	defaultRing = 25 * time.Second
	longestRing = time.Hour
)

func defaults() Options {
	return Options{
		Take: '1', Decline: '2', KeyTime: 5 * time.Second, Ask: true, CallFrom: "followme/call-from", NoName: "followme/no-recording",
		Choices: "followme/options", Hold: "followme/pls-hold-while-try", Status: "followme/status", Sorry: "followme/sorry",
	}
}

// Load reads followme.conf in a directory; without the file there are no profiles.
func Load(dir string) (map[string]*Profile, []config.Problem) {
	path := filepath.Join(dir, "followme.conf")
	doc, problems := config.ReadOptional(path, config.ReadOptions{})
	if doc == nil {
		return nil, nil
	}
	profiles, more := read(doc)
	return profiles, append(problems, more...)
}

func read(doc *config.Document) (map[string]*Profile, []config.Problem) {
	profiles, general := map[string]*Profile{}, defaults()
	var problems []config.Problem
	each := func(wanted bool, take func(s *config.Section, e config.Entry) error) {
		for _, s := range doc.Sections {
			for _, e := range s.Entries {
				if s.Template || strings.EqualFold(s.Name, "general") != wanted {
					continue
				}
				if err := take(s, e); err != nil {
					problems = append(problems, config.Problem{File: e.File, Line: e.Line, Severity: config.Warning, Text: "[" + s.Name + "] " + err.Error()})
				}
			}
		}
	}
	each(true, func(_ *config.Section, e config.Entry) error {
		return general.set(strings.ToLower(e.Name), strings.TrimSpace(e.Value))
	})
	each(false, func(s *config.Section, e config.Entry) error {
		p := profiles[s.Name]
		if p == nil {
			if len(profiles) >= maxProfiles {
				return fmt.Errorf("more than %d profiles; the rest is left out", maxProfiles)
			}
			p = &Profile{Name: s.Name, Context: "default", Options: general}
			profiles[s.Name] = p
		}
		return p.set(strings.ToLower(e.Name), strings.TrimSpace(e.Value))
	})
	for _, p := range profiles {
		slices.SortStableFunc(p.Numbers, func(a, b Number) int { return cmp.Compare(a.Order, b.Order) })
	}
	return profiles, problems
}

// set sets an option of a profile.
func (p *Profile) set(name, value string) error {
	switch name {
	case "context":
		p.Context = value
	case "music", "musicclass", "musiconhold":
		p.Music = value
	case "number":
		return p.number(value)
	default:
		return p.Options.set(name, value)
	}
	return nil
}

// number reads NUMBER[&NUMBER…][,SECONDS[,ORDER]].
func (p *Profile) number(value string) error {
	if len(p.Numbers) >= maxNumbers {
		return fmt.Errorf("more than %d numbers; the rest is left out", maxNumbers)
	}
	fields := append(strings.Split(value, ","), "", "")
	n := Number{Timeout: defaultRing, Order: len(p.Numbers) + 1}
	for exten := range strings.SplitSeq(fields[0], "&") {
		if exten = strings.TrimSpace(exten); exten != "" && !strings.ContainsAny(exten, "@/ ") {
			n.Extensions = append(n.Extensions, exten)
		}
	}
	if len(n.Extensions) == 0 {
		return fmt.Errorf("number => %s names no extension; write number => 123&456,25", value)
	}
	if text := strings.TrimSpace(fields[1]); text != "" {
		s, err := strconv.Atoi(text)
		if err != nil || s <= 0 || s > int(longestRing/time.Second) {
			return fmt.Errorf("number => %s: %q is no number of seconds", value, text)
		}
		n.Timeout = time.Duration(s) * time.Second
	}
	if text := strings.TrimSpace(fields[2]); text != "" {
		order, err := strconv.Atoi(text)
		if err != nil || order < 0 {
			return fmt.Errorf("number => %s: %q is no order", value, text)
		}
		n.Order = order
	}
	p.Numbers = append(p.Numbers, n)
	return nil
}

// set sets an option that [general] may have, too.
func (o *Options) set(name, value string) error {
	sounds := map[string]*string{
		"call_from_prompt": &o.CallFrom, "call-from-prompt": &o.CallFrom, "norecording_prompt": &o.NoName, "followme_norecording_prompt": &o.NoName, "norecording-prompt": &o.NoName,
		"options_prompt": &o.Choices, "options-prompt": &o.Choices, "pls_hold_prompt": &o.Hold, "pls-hold-prompt": &o.Hold, "hold_prompt": &o.Hold,
		"status_prompt": &o.Status, "status-prompt": &o.Status, "sorry_prompt": &o.Sorry, "sorry-prompt": &o.Sorry, "connecting_prompt": &o.Connecting, "connecting-prompt": &o.Connecting,
	}
	if to := sounds[name]; to != nil {
		*to = value
		return nil
	}
	key := func(to *rune) error {
		if len(value) != 1 || !strings.Contains("0123456789*#", value) {
			return fmt.Errorf("%s=%s is no key", name, value)
		}
		*to = rune(value[0])
		return nil
	}
	switch name {
	case "takecall":
		return key(&o.Take)
	case "declinecall":
		return key(&o.Decline)
	case "enable_callee_prompt":
		o.Ask = config.True(value)
	case "featuredigittimeout", "featuredigittostr":
		ms, err := strconv.Atoi(value)
		if err != nil || ms <= 0 || ms > 600_000 {
			return fmt.Errorf("%s=%s is no number of milliseconds", name, value)
		}
		o.KeyTime = time.Duration(ms) * time.Millisecond
	default:
		return fmt.Errorf("has no option %q", name)
	}
	return nil
}
