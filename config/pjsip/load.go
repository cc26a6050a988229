package pjsip

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/hometone/hometone/config"
)

func newConfig() *Config {
	c := &Config{Endpoints: map[string]*Endpoint{}, AORs: map[string]*AOR{}, Auths: map[string]*Auth{}, DomainAliases: map[string]string{}}
	l := &loader{cfg: c}
	fill(l, globalTable(), &config.Section{}, &c.Global.Object, &c.Global)
	fill(l, systemTable(), &config.Section{}, &c.System.Object, &c.System)
	return c
}

// Compile turns a file that has been read into objects and checks them.
func Compile(doc *config.Document) (*Config, []config.Problem) {
	l := &loader{cfg: newConfig()}
	l.cfg.Files = doc.Files
	for _, s := range doc.Sections {
		if !s.Template {
			l.section(s)
		}
	}
	l.check()
	config.SortProblems(l.problems)
	return l.cfg, l.problems
}

// loader fills one Config.
type loader struct {
	cfg      *Config
	problems []config.Problem
}

// maxProblems bounds the findings kept.
const maxProblems = 5000

func (l *loader) report(p config.Problem) {
	if len(l.problems) < maxProblems {
		l.problems = append(l.problems, p)
	}
}

func (l *loader) errorf(at config.Pos, hint, format string, args ...any) {
	l.report(at.Problem(config.Error, hint, format, args...))
}

func (l *loader) warnf(at config.Pos, hint, format string, args ...any) {
	l.report(at.Problem(config.Warning, hint, format, args...))
}

func (l *loader) trap(number string, at config.Pos, hint, format string, args ...any) {
	p := at.Problem(config.Warning, hint, format, args...)
	p.Trap = number
	l.report(p)
}

// kinds are the types Hometone makes objects of.
func kinds() []string {
	return []string{"transport", "endpoint", "aor", "auth", "identify", "registration", "acl", "global", "system", "domain_alias"}
}

// foreignKinds are types Asterisk knows and Hometone does not, with what is
// missed.
func foreignKinds() map[string]string {
	return map[string]string{
		"phoneprov":                "phones are not provisioned",
		"resource_list":            "lists cannot be subscribed to",
		"outbound-publish":         "state is not published elsewhere",
		"inbound-publication":      "state published to us is refused",
		"asterisk-publication":     "state is not exchanged with Asterisk",
		"contact":                  "write contact= into the aor",
		"subscription_persistence": "it is written by Asterisk itself",
		"config_wizard":            "write endpoint, aor and auth sections",
		"wizard":                   "write endpoint, aor and auth sections",
	}
}

// section makes one object.
func (l *loader) section(s *config.Section) {
	kind, ok := s.Get("type")
	name := strings.ToLower(kind.Value)
	switch {
	case ok:
	case s.Name == "global" || s.Name == "system":
		name = s.Name
	default:
		l.warnf(s.Pos, "add type=endpoint, aor, auth, transport …", "section [%s] has no type and is ignored", s.Name)
		return
	}
	switch name {
	case "global":
		fill(l, globalTable(), s, &l.cfg.Global.Object, &l.cfg.Global)
	case "system":
		fill(l, systemTable(), s, &l.cfg.System.Object, &l.cfg.System)
	case "transport":
		l.transport(s)
	case "endpoint":
		e := &Endpoint{}
		fill(l, endpointTable(), s, &e.Object, e)
		l.twice("endpoint", &e.Object, positionOf(l.cfg.Endpoints, s.Name))
		l.cfg.Endpoints[s.Name] = e
	case "aor":
		a := &AOR{}
		fill(l, aorTable(), s, &a.Object, a)
		a.RemoveExistingSet = a.IsSet("remove_existing")
		l.twice("aor", &a.Object, positionOf(l.cfg.AORs, s.Name))
		l.cfg.AORs[s.Name] = a
	case "auth":
		a := &Auth{}
		fill(l, authTable(), s, &a.Object, a)
		l.twice("auth", &a.Object, positionOf(l.cfg.Auths, s.Name))
		l.cfg.Auths[s.Name] = a
	default:
		l.otherSection(s, name, kind)
	}
}

func (l *loader) otherSection(s *config.Section, name string, kind config.Entry) {
	switch name {
	case "identify":
		i := &Identify{}
		fill(l, identifyTable(), s, &i.Object, i)
		l.cfg.Identifies = append(l.cfg.Identifies, i)
	case "registration":
		r := &Registration{}
		fill(l, registrationTable(), s, &r.Object, r)
		l.cfg.Registrations = append(l.cfg.Registrations, r)
	case "acl":
		a := &ACL{}
		fill(l, aclTable(), s, &a.Object, a)
		l.cfg.ACLs = append(l.cfg.ACLs, a)
	case "domain_alias":
		l.domainAlias(s)
	default:
		if missed, known := foreignKinds()[name]; known {
			l.warnf(kind.Pos, "", "[%s]: type=%s is not supported: %s", s.Name, kind.Value, missed)
			return
		}
		l.errorf(kind.Pos, config.DidYouMean(name, kinds()), "[%s]: type=%s is not known", s.Name, kind.Value)
	}
}

func (l *loader) transport(s *config.Section) {
	t := &Transport{}
	fill(l, transportTable(), s, &t.Object, t)
	l.completeTransport(t)
	if i := slices.IndexFunc(l.cfg.Transports, func(o *Transport) bool { return o.Name == t.Name }); i >= 0 {
		l.twice("transport", &t.Object, &l.cfg.Transports[i].Object)
		l.cfg.Transports[i] = t
		return
	}
	l.cfg.Transports = append(l.cfg.Transports, t)
}

// domainAlias reads [ALIAS] type=domain_alias domain=DOMAIN.
func (l *loader) domainAlias(s *config.Section) {
	domain, ok := s.Get("domain")
	if !ok {
		l.errorf(s.Pos, "add domain=NAME", "domain_alias [%s]: no domain", s.Name)
		return
	}
	l.cfg.DomainAliases[strings.ToLower(s.Name)] = domain.Value
	l.warnf(s.Pos, "", "[%s]: type=domain_alias is not supported yet: endpoints are found by user name in every domain", s.Name)
}

func positionOf[T interface{ place() *Object }](objects map[string]T, name string) *Object {
	if o, ok := objects[name]; ok {
		return o.place()
	}
	return nil
}

// place lets one function ask any object where it stands.
func (o *Object) place() *Object { return o }

// twice warns of an object that replaces an earlier one.
func (l *loader) twice(kind string, o, earlier *Object) {
	if earlier != nil {
		l.warnf(o.Pos, "rename or remove one", "%s [%s] is given twice; this one replaces line %d", kind, o.Name, earlier.Line)
	}
}

// beside returns a path, relative ones seen from the folder of file.
func beside(file, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}
