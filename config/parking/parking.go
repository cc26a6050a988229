// Package parking reads res_parking.conf: the lots in which calls are parked, and
// what becomes of those that nobody fetches. Load never fails: what is wrong in the
// file is a warning with its line, and there is a lot default in any case. Package pbx
// parks the calls.
package parking

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config"
)

// Who of a call something is for.
type Who uint8

// The sides of a call.
const (
	Nobody Who = iota
	Caller     // who fetches the call
	Callee     // who was parked
	Both
)

// Caller and callee tell who is meant.
func (w Who) Caller() bool { return w == Caller || w == Both }

// Callee reports whether who was parked is meant.
func (w Who) Callee() bool { return w == Callee || w == Both }

// Lot is one section.
type Lot struct {
	Name             string
	Context          string
	Exten            string // parkext; "" = none
	Exclusive        bool   // parkext parks here only
	First, Last      int    // parkpos
	Hints            bool
	Time             time.Duration // 0 = for ever
	ComebackToOrigin bool
	ComebackDialTime time.Duration
	ComebackContext  string
	CourtesyTone     string
	ParkedPlay       Who
	Transfers        Who
	Reparking        Who
	HangUp           Who
	Recording        Who
	Next             bool // findslot=next: the place behind the last one used
	Music            string
}

// Default is the name of the lot that there is always.
const Default = "default"

// The bounds of a file.
const (
	maxSpaces = 10_000
	maxLots   = 1000
)

func newLot(name string) *Lot {
	return &Lot{Name: name, Context: "parkedcalls", First: 701, Last: 750, Time: 45 * time.Second, ComebackToOrigin: true,
		ComebackDialTime: 30 * time.Second, ComebackContext: "parkedcallstimeout", ParkedPlay: Caller}
}

// Load reads res_parking.conf in a directory. There is a lot default in any
// case; without the file it has no extension to park at.
func Load(dir string) (map[string]*Lot, []config.Problem) {
	path := filepath.Join(dir, "res_parking.conf")
	doc, problems := config.ReadOptional(path, config.ReadOptions{})
	if doc == nil {
		return map[string]*Lot{Default: newLot(Default)}, nil
	}
	lots, more := read(doc)
	return lots, append(problems, more...)
}

func read(doc *config.Document) (map[string]*Lot, []config.Problem) {
	lots := map[string]*Lot{Default: newLot(Default)}
	var problems []config.Problem
	warn := func(at config.Entry, section string, err error) {
		problems = append(problems, config.Problem{File: at.File, Line: at.Line, Severity: config.Warning, Text: "[" + section + "] " + err.Error()})
	}
	for _, s := range doc.Sections {
		if s.Template {
			continue
		}
		if s.Name == "general" {
			for _, e := range s.Entries {
				if !strings.EqualFold(e.Name, "parkeddynamic") {
					warn(e, s.Name, fmt.Errorf("has no option %q", e.Name))
				} else if config.True(e.Value) {
					warn(e, s.Name, errors.New("parkeddynamic is not supported: lots are made by this file only"))
				}
			}
			continue
		}
		l := lots[s.Name]
		if l == nil && len(lots) < maxLots {
			l = newLot(s.Name)
			lots[s.Name] = l
		}
		if l == nil {
			continue
		}
		for _, e := range s.Entries {
			if err := l.set(strings.ToLower(e.Name), strings.TrimSpace(e.Value)); err != nil {
				warn(e, s.Name, err)
			}
		}
	}
	return lots, append(problems, clashes(lots)...)
}

// clashes finds spaces of one context that two lots have.
func clashes(lots map[string]*Lot) (problems []config.Problem) {
	list := Sorted(lots)
	for i, a := range list {
		for _, b := range list[:i] {
			if a.Context == b.Context && a.Exten != "" && b.Exten != "" && a.First <= b.Last && b.First <= a.Last {
				problems = append(problems, config.Problem{File: "res_parking.conf", Severity: config.Warning,
					Text: fmt.Sprintf("the lots %s and %s have spaces of the same number in context %s", b.Name, a.Name, a.Context), Hint: "give one of them another parkpos or context"})
			}
		}
	}
	return problems
}

// Sorted are lots by their names.
func Sorted(lots map[string]*Lot) []*Lot {
	list := make([]*Lot, 0, len(lots))
	for _, l := range lots {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *Lot) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func (l *Lot) set(name, value string) (err error) {
	switch name {
	case "context":
		l.Context = value
	case "parkext":
		l.Exten = value
	case "parkext_exclusive":
		l.Exclusive = config.True(value)
	case "parkpos":
		return l.positions(value)
	case "parkinghints":
		l.Hints = config.True(value)
	case "parkingtime":
		l.Time, err = seconds(name, value)
	case "comebacktoorigin":
		l.ComebackToOrigin = config.True(value)
	case "comebackdialtime":
		l.ComebackDialTime, err = seconds(name, value)
	case "comebackcontext":
		l.ComebackContext = value
	case "courtesytone":
		l.CourtesyTone = value
	case "parkedplay":
		l.ParkedPlay, err = who(name, value)
	case "parkedcalltransfers":
		l.Transfers, err = who(name, value)
	case "parkedcallreparking":
		l.Reparking, err = who(name, value)
	case "parkedcallhangup":
		l.HangUp, err = who(name, value)
	case "parkedcallrecording":
		l.Recording, err = who(name, value)
	case "findslot":
		l.Next = strings.EqualFold(value, "next")
		if !l.Next && !strings.EqualFold(value, "first") {
			return fmt.Errorf("findslot=%s is neither first nor next", value)
		}
	case "parkedmusicclass":
		l.Music = value
	default:
		return fmt.Errorf("has no option %q", name)
	}
	return err
}

func (l *Lot) positions(value string) error {
	from, to, ok := strings.Cut(value, "-")
	first, err1 := strconv.Atoi(strings.TrimSpace(from))
	last, err2 := strconv.Atoi(strings.TrimSpace(to))
	if !ok || err1 != nil || err2 != nil || first < 1 || last < first || last-first >= maxSpaces || last > 1<<30 {
		return fmt.Errorf("parkpos=%s is not FIRST-LAST with at most %d spaces", value, maxSpaces)
	}
	l.First, l.Last = first, last
	return nil
}

func seconds(name, value string) (time.Duration, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > 1e8 {
		return 0, fmt.Errorf("%s=%s is not a number of seconds", name, value)
	}
	return time.Duration(n) * time.Second, nil
}

func who(name, value string) (Who, error) {
	switch strings.ToLower(value) {
	case "no":
		return Nobody, nil
	case "caller":
		return Caller, nil
	case "callee":
		return Callee, nil
	case "both":
		return Both, nil
	}
	return Nobody, fmt.Errorf("%s=%s is none of no, caller, callee, both", name, value)
}

// Extensions are the lines of extensions.conf that a lot stands for: its parkext,
// its spaces, and their hints. "" without parkext.
func (l *Lot) Extensions() string {
	if l.Exten == "" {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[%s]\nexten => %s,1,Park(%s)\n", l.Context, l.Exten, l.Name)
	for n := l.First; n <= l.Last; n++ {
		fmt.Fprintf(&b, "exten => %d,1,ParkedCall(%s,%d)\n", n, l.Name, n)
		if l.Hints {
			fmt.Fprintf(&b, "exten => %d,hint,park:%d@%s\n", n, n, l.Context)
		}
	}
	return b.String()
}
