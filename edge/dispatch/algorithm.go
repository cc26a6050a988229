package dispatch

import (
	"fmt"
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

var algorithmNames = map[Algorithm]string{
	HashCallID: "hash-callid", HashFrom: "hash-from", HashTo: "hash-to", HashRequestURI: "hash-ruri",
	RoundRobin: "round-robin", HashAuthUser: "hash-auth-user", Random: "random", HashCustom: "hash-custom",
	Priority: "priority", Weight: "weight", CallLoad: "call-load", RelativeWeight: "relative-weight",
	Parallel: "parallel", Latency: "latency", RoundRobinTie: "round-robin-tie", First: "first", Overload: "overload",
	Resources: "resources", BoundedHash: "bounded-hash", TwoChoices: "two-choices", Tiers: "tiers",
}

// String returns the algorithm's name.
func (a Algorithm) String() string {
	if name, ok := algorithmNames[a]; ok {
		return name
	}
	return strconv.Itoa(int(a))
}

// ParseAlgorithm reads a number or a name.
func ParseAlgorithm(text string) (Algorithm, error) {
	text = strings.TrimSpace(text)
	if n, err := strconv.Atoi(text); err == nil {
		if _, ok := algorithmNames[Algorithm(n)]; ok {
			return Algorithm(n), nil
		}
		return 0, fmt.Errorf("dispatch: no algorithm %d: there are 0 to 15, 64 and 100 to 103", n)
	}
	for a, name := range algorithmNames {
		if strings.EqualFold(name, text) {
			return a, nil
		}
	}
	return 0, fmt.Errorf("dispatch: no algorithm %q: write a number of Kamailio's dispatcher or a name like %s", text, RoundRobin)
}
