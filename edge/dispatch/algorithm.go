package dispatch

import (
	"strconv"
	"strings"
)

// Algorithm says how a destination is chosen. The numbers are Kamailio's.
type Algorithm int

// The algorithms of Kamailio's dispatcher module, and from 100 on our own.
const (
	HashCallID     Algorithm = 0  // the Call-ID decides
	HashFrom       Algorithm = 1  // the From URI decides
	HashTo         Algorithm = 2  // the To URI decides
	HashRequestURI Algorithm = 3  // the user part of the Request-URI decides
	RoundRobin     Algorithm = 4  // one after the other
	HashAuthUser   Algorithm = 5  // the user name of the credentials decides; without one RoundRobin
	Random         Algorithm = 6  // any
	HashCustom     Algorithm = 7  // a text of the operator's choice decides
	Priority       Algorithm = 8  // the highest priority first
	Weight         Algorithm = 9  // attribute weight, percent
	CallLoad       Algorithm = 10 // the fewest calls; attribute maxload bounds them
	RelativeWeight Algorithm = 11 // attribute rweight in proportion to the active ones; cc=1 takes congestion into account
	Parallel       Algorithm = 12 // all at once
	Latency        Algorithm = 13 // round robin among the best of priority less latency
	RoundRobinTie  Algorithm = 14 // RoundRobin if all have the same priority above 0, else Priority
	First          Algorithm = 15 // the first active one, as the module does for numbers without a meaning
	Overload       Algorithm = 64 // RoundRobin that skips a destination by its overload rate

	Resources   Algorithm = 100 // the largest share of free resources, as OpenSIPS' load_balancer
	BoundedHash Algorithm = 101 // HashCallID that passes over destinations with much more than the mean load
	TwoChoices  Algorithm = 102 // the less loaded of two taken at random
	Tiers       Algorithm = 103 // those of the highest priority by rweight, the next priority when none of them is left (RFC 2782)
)

// known are the algorithms and their names, in the order of the numbers.
var known = [...]struct {
	algorithm Algorithm
	name      string
}{
	{HashCallID, "hash-callid"}, {HashFrom, "hash-from"}, {HashTo, "hash-to"}, {HashRequestURI, "hash-ruri"},
	{RoundRobin, "round-robin"}, {HashAuthUser, "hash-auth-user"}, {Random, "random"}, {HashCustom, "hash-custom"},
	{Priority, "priority"}, {Weight, "weight"}, {CallLoad, "call-load"}, {RelativeWeight, "relative-weight"},
	{Parallel, "parallel"}, {Latency, "latency"}, {RoundRobinTie, "round-robin-tie"}, {First, "first"}, {Overload, "overload"},
	{Resources, "resources"}, {BoundedHash, "bounded-hash"}, {TwoChoices, "two-choices"}, {Tiers, "tiers"},
}

// AlgorithmNames returns the names of all algorithms.
func AlgorithmNames() []string {
	names := make([]string, 0, len(known))
	for _, k := range known {
		names = append(names, k.name)
	}
	return names
}

// String returns the algorithm's name.
func (a Algorithm) String() string {
	for _, k := range known {
		if k.algorithm == a {
			return k.name
		}
	}
	return strconv.Itoa(int(a))
}

// ParseAlgorithm reads a number or a name; ok is false if there is none like it.
func ParseAlgorithm(text string) (a Algorithm, ok bool) {
	text = strings.TrimSpace(text)
	for _, k := range known {
		if strings.EqualFold(k.name, text) || strconv.Itoa(int(k.algorithm)) == text {
			return k.algorithm, true
		}
	}
	return 0, false
}
