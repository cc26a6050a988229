package pjsip

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/hometone/hometone/config"
)

// Access is what acl, permit, deny and their contact_ kin say together. Every list
// must permit an address: the one of the section itself, and each that it names.
type Access struct {
	Rules        []ACLRule // of the sender's address
	ContactRules []ACLRule // of the address in a Contact
	Names        []string  // sections of acl.conf
	ContactNames []string

	lists, contactLists [][]ACLRule // of Names and ContactNames
}

// ACLRule permits or denies a network.
type ACLRule struct {
	Permit bool
	Net    netip.Prefix
}

// Allowed applies rules in order: the last one that fits decides, and nothing
// that fits means permitted.
func Allowed(rules []ACLRule, addr netip.Addr) bool {
	addr = addr.Unmap()
	allowed := true
	for _, r := range rules {
		if r.Net.Contains(addr) {
			allowed = r.Permit
		}
	}
	return allowed
}

// Permits reports whether somebody with an address may send anything.
func (a *Access) Permits(from netip.Addr) bool { return permitted(a.Rules, a.lists, from) }

// PermitsContact reports whether a Contact may have an address.
func (a *Access) PermitsContact(addr netip.Addr) bool {
	return permitted(a.ContactRules, a.contactLists, addr)
}

// ChecksContact reports whether there is a rule about Contacts at all.
func (a *Access) ChecksContact() bool { return len(a.ContactRules)+len(a.contactLists) > 0 }

func permitted(rules []ACLRule, lists [][]ACLRule, addr netip.Addr) bool {
	if !Allowed(rules, addr) {
		return false
	}
	for _, l := range lists {
		if !Allowed(l, addr) {
			return false
		}
	}
	return true
}

// denyAll stands for a list that does not exist: as in Asterisk it permits nobody.
func denyAll() []ACLRule {
	return []ACLRule{{Net: netip.PrefixFrom(netip.IPv4Unspecified(), 0)}, {Net: netip.PrefixFrom(netip.IPv6Unspecified(), 0)}}
}

// readACLs reads acl.conf beside a file, if it is there: lists of networks by name.
func readACLs(beside string) (lists map[string][]ACLRule, files []string, problems []config.Problem) {
	path := filepath.Join(filepath.Dir(beside), "acl.conf")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	doc, problems := config.ReadAsterisk(path, config.ReadOptions{})
	permit := rules(func(l *[]ACLRule) *[]ACLRule { return l }, true)
	deny := rules(func(l *[]ACLRule) *[]ACLRule { return l }, false)
	lists = map[string][]ACLRule{}
	for _, s := range doc.Sections {
		if s.Template {
			continue
		}
		list := []ACLRule{}
		for _, e := range s.Entries {
			var err error
			switch e.Name {
			case "permit":
				err = permit(&list, e.Value)
			case "deny":
				err = deny(&list, e.Value)
			default:
				problems = append(problems, e.Pos.Problem(config.Error, "write permit or deny", "acl [%s]: option %s is not known", s.Name, e.Name))
			}
			if err != nil {
				problems = append(problems, e.Pos.Problem(config.Error, "", "acl [%s]: %s: %v", s.Name, e.Name, err))
			}
		}
		lists[s.Name] = list
	}
	return lists, doc.Files, problems
}

// resolve finds the lists that an object names. Objects may share a: all that do
// name the same.
func (l *loader) resolveACLs(o *Object, kind string, a *Access) {
	find := func(option string, names []string) (lists [][]ACLRule) {
		for _, name := range names {
			list, found := l.acls[name]
			if !found {
				const format = ": %s=%s is not in acl.conf, so nobody is permitted"
				s := on(o, kind, option)
				l.warnf(s, l.suggest(s, format, name, func() []string { return sortedKeys(l.acls) }), format, option, name)
				list = denyAll()
			}
			lists = append(lists, list)
		}
		return lists
	}
	if len(a.Names)+len(a.ContactNames) > 0 {
		a.lists, a.contactLists = find("acl", a.Names), find("contact_acl", a.ContactNames)
	}
}
