package pjsip

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hometone/hometone/config"
)

// This file reads pjsip_wizard.conf: a section type=wizard stands for an
// endpoint with its aor, auths, identify and registrations. What it expands to are
// sections as they would stand in pjsip.conf, so that the same tables read them
// and findings name the wizard's lines.

// readWizards returns the sections that pjsip_wizard.conf beside a pjsip.conf
// stands for, and the files it was read from.
func readWizards(beside string) (sections []*config.Section, hints string, files []string, problems []config.Problem) {
	path := filepath.Join(filepath.Dir(beside), "pjsip_wizard.conf")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil, nil
	}
	doc, problems := config.ReadAsterisk(path, config.ReadOptions{})
	for _, s := range doc.Sections {
		kind, ok := s.Get("type")
		switch {
		case s.Template:
		case !ok || !strings.EqualFold(kind.Value, "wizard"):
			problems = append(problems, s.Pos.Problem(config.Warning, "write type=wizard", "[%s] is no wizard and is ignored", s.Name))
		default:
			w := wizard{of: s}
			w.expand()
			sections = append(sections, w.made...)
			hints += w.hint()
			problems = append(problems, w.problems...)
		}
	}
	return sections, hints, doc.Files, problems
}

// wizard expands one section.
type wizard struct {
	of       *config.Section
	made     []*config.Section
	problems []config.Problem
}

// on reads a switch of the wizard itself.
func (w *wizard) on(name string) bool {
	e, ok := w.of.Get(name)
	if !ok {
		return false
	}
	switch strings.ToLower(e.Value) {
	case "yes", "true", "on", "1", "y", "t":
		return true
	}
	return false
}

// text is an option's value, or what stands for it.
func (w *wizard) text(name, otherwise string) string {
	if e, ok := w.of.Get(name); ok && e.Value != "" {
		return e.Value
	}
	return otherwise
}

// section begins an object with the options prefix/NAME of the wizard.
func (w *wizard) section(kind, name, prefix string) *config.Section {
	s := &config.Section{Pos: w.of.Pos, Name: name}
	w.set(s, "type", kind)
	for _, e := range w.of.Entries {
		if option, ok := strings.CutPrefix(e.Name, prefix+"/"); ok {
			e.Name = option
			s.Entries = append(s.Entries, e)
		}
	}
	w.made = append(w.made, s)
	return s
}

func (w *wizard) set(s *config.Section, name, value string) {
	s.Entries = append(s.Entries, config.Entry{Pos: w.of.Pos, Name: name, Value: value})
}

// wizardOptions are the options of a wizard without a slash.
var wizardOptions = [...]string{"type", "accepts_auth", "accepts_registrations", "sends_auth", "sends_registrations", "sends_line_with_registrations",
	"has_hint", "hint_context", "hint_exten", "hint_application", "has_phoneprov", "remote_hosts", "transport", "outbound_proxy",
	"contact_pattern", "server_uri_pattern", "client_uri_pattern"}

// prefixes are the objects whose options a wizard passes on.
var prefixes = [...]string{"endpoint", "aor", "inbound_auth", "outbound_auth", "identify", "registration", "phoneprov"}

// check names options that no wizard has, and what has no effect here.
func (w *wizard) check() {
	for _, e := range w.of.Entries {
		known := false
		for _, name := range wizardOptions {
			known = known || e.Name == name
		}
		for _, p := range prefixes {
			known = known || strings.HasPrefix(e.Name, p+"/")
		}
		if !known {
			w.problems = append(w.problems, e.Pos.Problem(config.Error, "options of objects begin with endpoint/, aor/ …", "%s is no option of a wizard", e.Name))
		}
	}
	if e, _ := w.of.Get("has_phoneprov"); w.on("has_phoneprov") {
		w.problems = append(w.problems, e.Pos.Problem(config.Warning, "", "has_phoneprov=yes has no effect: phones are not provisioned"))
	}
	if e, _ := w.of.Get("has_hint"); w.on("has_hint") && w.text("hint_exten", "") == "" {
		w.problems = append(w.problems, e.Pos.Problem(config.Error, "add hint_exten=EXTENSION", "has_hint=yes needs hint_exten"))
	}
}

// hint are the lines of extensions.conf that has_hint stands for: the hint of the
// endpoint's device, and hint_application as the extension's first priority.
func (w *wizard) hint() string {
	exten := w.text("hint_exten", "")
	if !w.on("has_hint") || exten == "" {
		return ""
	}
	lines := "[" + w.text("hint_context", w.text("endpoint/context", "default")) + "]\nexten => " + exten + ",hint,PJSIP/" + w.of.Name + "\n"
	if app := w.text("hint_application", ""); app != "" {
		lines += "exten => " + exten + ",1," + app + "\n"
	}
	return lines
}

// expand makes the sections, as Asterisk names them.
func (w *wizard) expand() {
	w.check()
	name := w.of.Name
	var hosts []string
	for h := range strings.SplitSeq(w.text("remote_hosts", ""), ",") {
		if h = strings.TrimSpace(h); h != "" {
			hosts = append(hosts, h)
		}
	}
	transport, proxy := w.text("transport", ""), w.text("outbound_proxy", "")
	endpoint := w.section("endpoint", name, "endpoint")
	w.set(endpoint, "aors", name)
	w.optional(endpoint, "transport", transport)
	w.optional(endpoint, "outbound_proxy", proxy)
	aor := w.section("aor", name, "aor")
	w.optional(aor, "outbound_proxy", proxy)
	if w.on("accepts_auth") {
		w.section("auth", name+"-iauth", "inbound_auth")
		w.set(endpoint, "auth", name+"-iauth")
	}
	if w.on("sends_auth") {
		w.section("auth", name+"-oauth", "outbound_auth")
		w.set(endpoint, "outbound_auth", name+"-oauth")
	}
	if !w.on("accepts_registrations") {
		for _, h := range hosts {
			w.set(aor, "contact", w.fill(w.text("contact_pattern", "sip:${REMOTE_HOST}"), h))
		}
		if len(hosts) > 0 {
			identify := w.section("identify", name+"-identify", "identify")
			w.set(identify, "endpoint", name)
			for _, h := range hosts {
				w.set(identify, "match", withoutPort(h))
			}
		}
	}
	if w.on("sends_registrations") {
		w.register(hosts, transport, proxy)
	}
}

// register makes a registration for each host.
func (w *wizard) register(hosts []string, transport, proxy string) {
	name := w.of.Name
	for i, h := range hosts {
		r := w.section("registration", name+"-reg-"+strconv.Itoa(i), "registration")
		w.set(r, "server_uri", w.fill(w.text("server_uri_pattern", "sip:${REMOTE_HOST}"), h))
		w.set(r, "client_uri", w.fill(w.text("client_uri_pattern", "sip:${USERNAME}@${REMOTE_HOST}"), h))
		w.optional(r, "transport", transport)
		w.optional(r, "outbound_proxy", proxy)
		if w.on("sends_auth") {
			w.set(r, "outbound_auth", name+"-oauth")
		}
		if w.on("sends_line_with_registrations") {
			w.set(r, "line", "yes")
			w.set(r, "endpoint", name)
		}
	}
}

func (w *wizard) optional(s *config.Section, name, value string) {
	if value != "" {
		w.set(s, name, value)
	}
}

// fill puts a host and the outbound user name into a pattern.
func (w *wizard) fill(pattern, host string) string {
	return strings.NewReplacer("${REMOTE_HOST}", host, "${USERNAME}", w.text("outbound_auth/username", "")).Replace(pattern)
}

// withoutPort cuts :PORT off a host.
func withoutPort(host string) string {
	if i := strings.LastIndexByte(host, ':'); i > 0 && (strings.Count(host, ":") == 1 || host[i-1] == ']') {
		host = host[:i]
	}
	return strings.Trim(host, "[]")
}
