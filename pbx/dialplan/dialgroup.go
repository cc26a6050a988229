package dialplan

import (
	"fmt"
	"slices"
	"strings"
)

// dialGroups is the family of DB() that keeps dial groups.
const dialGroups = "DIALGROUP"

// maxDialGroup bounds the members of a dial group.
const maxDialGroup = 256

// readDialGroup is DIALGROUP(NAME): the members as Dial takes them.
func readDialGroup(e *Env, args string) (string, error) {
	if e.database == nil {
		return "", errNoDatabase
	}
	name, _, _ := strings.Cut(args, ",")
	value, _, err := e.database.Get(dialGroups, strings.TrimSpace(name))
	return value, err
}

// writeDialGroup is Set(DIALGROUP(NAME[,add|del])=MEMBER[&MEMBER…]); without add or
// del the members are replaced.
func writeDialGroup(e *Env, args, value string) error {
	old, err := readDialGroup(e, args)
	if err != nil {
		return err
	}
	name, how, _ := strings.Cut(args, ",")
	if name = strings.TrimSpace(name); name == "" {
		return fmt.Errorf("DIALGROUP(%s): write a name", clip(args))
	}
	members := membersOf(value)
	switch strings.ToLower(strings.TrimSpace(how)) {
	case "":
	case "add":
		all := membersOf(old)
		for _, m := range members {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
		members = all
	case "del":
		gone := members
		members = slices.DeleteFunc(membersOf(old), func(m string) bool { return slices.Contains(gone, m) })
	default:
		return fmt.Errorf("DIALGROUP(%s): write add or del, not %q", clip(name), clip(how))
	}
	if len(members) > maxDialGroup {
		return fmt.Errorf("DIALGROUP(%s): more than %d members", clip(name), maxDialGroup)
	}
	if len(members) == 0 {
		_, err := e.database.Delete(dialGroups, name)
		return err
	}
	return e.database.Put(dialGroups, name, strings.Join(members, "&"))
}

func membersOf(s string) (list []string) {
	for m := range strings.SplitSeq(s, "&") {
		if m = strings.TrimSpace(m); m != "" {
			list = append(list, m)
		}
	}
	return list
}
