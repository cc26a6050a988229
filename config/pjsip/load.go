package pjsip

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/hometone/hometone/config"
)

func newConfig() *Config { return newLoader(nil).cfg }

// Compile turns a file that has been read into objects and checks them.
func Compile(doc *config.Document) (*Config, []config.Problem) { return compile(doc, nil) }

// compile is Compile with the lists of acl.conf.
func compile(doc *config.Document, acls map[string][]ACLRule) (*Config, []config.Problem) {
	l := newLoader(doc.Files)
	l.acls = acls
	l.expect(doc.Sections)
	for _, s := range doc.Sections {
		if !s.Template {
			l.section(s)
		}
	}
	l.check()
	problems := l.findings.Problems()
	config.SortProblems(problems)
	return l.cfg, problems
}

// loader fills one Config.
type loader struct {
	cfg      *Config
	findings config.Findings
	files    map[string]uint16 // index into cfg.Files
	lastFile struct {          // asked for by file
		name  string
		index uint16
	}
	places   []place           // storage for the places of objects
	texts    map[string]string // one copy of each text, so that the file's is not kept
	lastText string            // returned by text
	keys     map[findingKey]string
	acls     map[string][]ACLRule // of acl.conf
	replaced bool                 // an object was, by a later one of its name

	// in the order of the file
	endpoints []*Endpoint
	aors      []*AOR
	auths     []*Auth

	transports map[string]*Transport // by name, made when first needed
	kinds      fillers
}

// fillers make the objects, one for each kind.
type fillers struct {
	global       *filler[Global]
	system       *filler[System]
	transport    *filler[Transport]
	endpoint     *filler[Endpoint]
	aor          *filler[AOR]
	auth         *filler[Auth]
	identify     *filler[Identify]
	registration *filler[Registration]
	acl          *filler[ACL]
	resourceList *filler[ResourceList]
}

// maxProblems bounds the kinds of findings kept.
const maxProblems = 5000

func newLoader(files []string) *loader {
	c := &Config{Endpoints: map[string]*Endpoint{}, AORs: map[string]*AOR{}, Auths: map[string]*Auth{}, DomainAliases: map[string]string{}, ResourceLists: map[string]*ResourceList{}, Files: files}
	l := &loader{cfg: c, files: make(map[string]uint16, len(files)), texts: map[string]string{}}
	l.findings.Most = maxProblems
	for i, file := range files {
		l.files[file] = uint16(i) //nolint:gosec // the reader opens at most 1,000 files
	}
	l.kinds = fillers{
		global: newFiller(l, globalTable()), system: newFiller(l, systemTable()), transport: newFiller(l, transportTable()),
		endpoint: newFiller(l, endpointTable()), aor: newFiller(l, aorTable()), auth: newFiller(l, authTable()),
		identify: newFiller(l, identifyTable()), registration: newFiller(l, registrationTable()), acl: newFiller(l, aclTable()), resourceList: newFiller(l, resourceListTable()),
	}
	l.kinds.global.fill(&config.Section{}, &c.Global.Object, &c.Global)
	l.kinds.system.fill(&config.Section{}, &c.System.Object, &c.System)
	return l
}

// expect makes room for the objects of a file that has many.
func (l *loader) expect(sections []*config.Section) {
	const few = 1000
	if len(sections) < few {
		return
	}
	var endpoints, aors, auths int
	for _, s := range sections {
		if s.Template {
			continue
		}
		switch kind, _ := s.Get("type"); {
		case strings.EqualFold(kind.Value, "endpoint"):
			endpoints++
		case strings.EqualFold(kind.Value, "aor"):
			aors++
		case strings.EqualFold(kind.Value, "auth"):
			auths++
		}
	}
	l.cfg.Endpoints, l.endpoints = make(map[string]*Endpoint, endpoints), make([]*Endpoint, 0, endpoints)
	l.cfg.AORs, l.aors = make(map[string]*AOR, aors), make([]*AOR, 0, aors)
	l.cfg.Auths, l.auths = make(map[string]*Auth, auths), make([]*Auth, 0, auths)
	l.texts = make(map[string]string, max(endpoints, aors, auths))
}

// kinds are the types Hometone makes objects of.
func kinds() []string {
	return []string{"transport", "endpoint", "aor", "auth", "identify", "registration", "acl", "resource_list", "global", "system", "domain_alias"}
}

// foreignKinds are types Asterisk knows and Hometone does not, with what is
// missed.
func foreignKinds() map[string]string {
	return map[string]string{
		"phoneprov":                "phones are not provisioned",
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
		l.warnf(subject{s.Pos, "section", s.Name, ""}, "add type=endpoint, aor, auth, transport …", " has no type and is ignored")
		return
	}
	switch name {
	case "global":
		l.kinds.global.fill(s, &l.cfg.Global.Object, &l.cfg.Global)
	case "system":
		l.kinds.system.fill(s, &l.cfg.System.Object, &l.cfg.System)
	case "transport":
		l.transport(s)
	case "endpoint":
		e := &Endpoint{}
		l.kinds.endpoint.fill(s, &e.Object, e)
		l.twice("endpoint", &e.Object, positionOf(l.cfg.Endpoints, e.Name))
		l.cfg.Endpoints[e.Name] = e
		l.cfg.Qualified = l.cfg.Qualified || strings.Contains(e.Name, "@")
		l.endpoints = append(l.endpoints, e)
	case "aor":
		a := &AOR{}
		l.kinds.aor.fill(s, &a.Object, a)
		a.RemoveExistingSet = a.IsSet("remove_existing")
		l.twice("aor", &a.Object, positionOf(l.cfg.AORs, a.Name))
		l.cfg.AORs[a.Name] = a
		l.aors = append(l.aors, a)
	case "auth":
		a := &Auth{}
		l.kinds.auth.fill(s, &a.Object, a)
		l.twice("auth", &a.Object, positionOf(l.cfg.Auths, a.Name))
		l.cfg.Auths[a.Name] = a
		l.auths = append(l.auths, a)
	default:
		l.otherSection(s, name, kind)
	}
}

func (l *loader) otherSection(s *config.Section, name string, kind config.Entry) {
	switch name {
	case "resource_list":
		r := &ResourceList{}
		l.kinds.resourceList.fill(s, &r.Object, r)
		l.cfg.ResourceLists[r.Name] = r
	case "identify":
		i := &Identify{}
		l.kinds.identify.fill(s, &i.Object, i)
		l.cfg.Identifies = append(l.cfg.Identifies, i)
	case "registration":
		r := &Registration{}
		l.kinds.registration.fill(s, &r.Object, r)
		l.cfg.Registrations = append(l.cfg.Registrations, r)
	case "acl":
		a := &ACL{}
		l.kinds.acl.fill(s, &a.Object, a)
		l.cfg.ACLs = append(l.cfg.ACLs, a)
	case "domain_alias":
		l.domainAlias(s)
	default:
		if missed, known := foreignKinds()[name]; known {
			l.warnf(subject{kind.Pos, "", s.Name, name}, "", ": type=%s is not supported: %s", kind.Value, missed)
			return
		}
		l.errorf(subject{kind.Pos, "", s.Name, name}, config.DidYouMean(name, kinds()), ": type=%s is not known", kind.Value)
	}
}

func (l *loader) transport(s *config.Section) {
	t := &Transport{}
	l.kinds.transport.fill(s, &t.Object, t)
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
		l.errorf(subject{s.Pos, "domain_alias", s.Name, ""}, "add domain=NAME", ": no domain")
		return
	}
	l.cfg.DomainAliases[l.text(strings.ToLower(s.Name))] = l.text(domain.Value)
	l.warnf(subject{s.Pos, "", s.Name, ""}, "", ": type=domain_alias is not supported yet: endpoints are found by user name in every domain")
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
		l.replaced = true
		l.warnf(on(o, kind, ""), "rename or remove one", " is given twice; this one replaces line %d", earlier.Line)
	}
}

// beside returns a path, relative ones seen from the folder of file.
func beside(file, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}
