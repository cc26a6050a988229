package dialplan

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Groups are what GROUP() puts channels into, to count and limit calls. One
// value serves all channels of a node. The zero value is empty and ready; it
// is safe for concurrent use.
type Groups struct {
	mu       sync.RWMutex
	channels map[string][]membership // by channel; guarded by mu
	counts   map[membership]int      // guarded by mu
}

// membership is one group of a channel. It has one group in each category.
type membership struct{ category, group string }

// maxMemberships bounds the categories of one channel.
const maxMemberships = 64

// Set puts a channel into a group of a category, and out of the one it was in
// there. An empty group only takes it out.
func (g *Groups) Set(channel, category, group string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := g.channels[channel]
	at := slices.IndexFunc(list, func(m membership) bool { return strings.EqualFold(m.category, category) })
	if at >= 0 {
		g.count(list[at], -1)
		list = slices.Delete(list, at, at+1)
	}
	if group != "" {
		if len(list) >= maxMemberships {
			return fmt.Errorf("channel %s is already in groups of %d categories", channel, len(list))
		}
		m := membership{category, group}
		list = append(list, m)
		g.count(m, +1)
	}
	g.keep(channel, list)
	return nil
}

// count adds to a group's number of channels. mu is held.
func (g *Groups) count(m membership, by int) {
	if g.counts == nil {
		g.counts = map[membership]int{}
	}
	if g.counts[m] += by; g.counts[m] == 0 {
		delete(g.counts, m)
	}
}

// keep stores a channel's list. mu is held.
func (g *Groups) keep(channel string, list []membership) {
	if len(list) == 0 {
		delete(g.channels, channel)
		return
	}
	if g.channels == nil {
		g.channels = map[string][]membership{}
	}
	g.channels[channel] = list
}

// Get returns a channel's group in a category, or "".
func (g *Groups) Get(channel, category string) string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, m := range g.channels[channel] {
		if strings.EqualFold(m.category, category) {
			return m.group
		}
	}
	return ""
}

// List returns a channel's groups as GROUP or GROUP@CATEGORY.
func (g *Groups) List(channel string) []string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var list []string
	for _, m := range g.channels[channel] {
		text := m.group
		if m.category != "" {
			text += "@" + m.category
		}
		list = append(list, text)
	}
	return list
}

// Count returns how many channels are in a group of a category.
func (g *Groups) Count(category, group string) int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.counts[membership{category, group}]
}

// Match returns how many channels are in groups that fit an expression, in
// categories that fit another one (nil: in any).
func (g *Groups) Match(group, category *regexp.Regexp) int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	total := 0
	for m, n := range g.counts {
		if group.MatchString(m.group) && (category == nil || category.MatchString(m.category)) {
			total += n
		}
	}
	return total
}

// Drop forgets a channel that has ended.
func (g *Groups) Drop(channel string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.channels[channel] {
		g.count(m, -1)
	}
	delete(g.channels, channel)
}

func groupFunctions() Functions {
	return Functions{
		"GROUP":             {Read: readGroup, Write: writeGroup, Doc: "The group a channel is counted in."},
		"GROUP_COUNT":       {Read: groupCount, Doc: "The number of channels in a group."},
		"GROUP_LIST":        {Read: groupList, Doc: "All groups of the channel."},
		"GROUP_MATCH_COUNT": {Read: groupMatchCount, Doc: "The number of channels in groups that fit an expression."},
	}
}

// channelName is what groups and shared variables know the channel by.
func (e *Env) channelName() string {
	name, _ := e.Lookup("CHANNEL")
	return name
}

func readGroup(e *Env, args string) (string, error) {
	return e.groups.Get(e.channelName(), strings.TrimSpace(args)), nil
}

// writeGroup is GROUP([CATEGORY])=GROUP[@CATEGORY].
func writeGroup(e *Env, args, value string) error {
	group, category, _ := strings.Cut(value, "@")
	if args = strings.TrimSpace(args); args != "" {
		category = args
	}
	return e.groups.Set(e.channelName(), category, group)
}

// groupCount is GROUP_COUNT([GROUP][@CATEGORY]); the group left out is the
// channel's own.
func groupCount(e *Env, args string) (string, error) {
	group, category, _ := strings.Cut(args, "@")
	if group == "" {
		if group = e.groups.Get(e.channelName(), category); group == "" {
			return "0", nil
		}
	}
	return strconv.Itoa(e.groups.Count(category, group)), nil
}

func groupList(e *Env, _ string) (string, error) {
	return strings.Join(e.groups.List(e.channelName()), " "), nil
}

// groupMatchCount is GROUP_MATCH_COUNT(EXPRESSION[@EXPRESSION]).
func groupMatchCount(e *Env, args string) (string, error) {
	group, category, inCategory := strings.Cut(args, "@")
	if group == "" {
		return "", fmt.Errorf("write GROUP_MATCH_COUNT(EXPRESSION[@CATEGORY])")
	}
	g, err := compileRegexp(group)
	if err != nil {
		return "", err
	}
	var c *regexp.Regexp
	if inCategory {
		if c, err = compileRegexp(category); err != nil {
			return "", err
		}
	}
	return strconv.Itoa(e.groups.Match(g, c)), nil
}
