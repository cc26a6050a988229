package pbx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/sip/transport"
)

// This file is what the dialplan asks the DNS: SRVQUERY() and SRVRESULT(), ENUMLOOKUP(),
// ENUMQUERY() and ENUMRESULT() (RFC 6116), TXTCIDNAME().

// The limits of questions.
const (
	dnsTime     = 5 * time.Second
	maxLookups  = 16   // of one channel that wait for SRVRESULT or ENUMRESULT
	mostLookups = 1000 // of one channel
	maxDigits   = 15   // of a number (ITU-T E.164 §6)
)

// enumZone is the tree of numbers (RFC 6116 §3.1).
const enumZone = "e164.arpa"

// lookUp asks while the call lives on.
func lookUp[T any](ch *channel, ask func(context.Context) (T, error)) (answer T, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), dnsTime)
	defer cancel()
	err = ch.meanwhile(func() error {
		answer, err = ask(ctx)
		return err
	})
	return answer, err
}

// keepLookup keeps results for SRVRESULT or ENUMRESULT, and returns their id. The oldest
// ones are forgotten.
func (ch *channel) keepLookup(results [][]string) (string, error) {
	if len(ch.lookups) >= mostLookups {
		return "", fmt.Errorf("more than %d questions of one channel", mostLookups)
	}
	if results == nil {
		results = [][]string{}
	}
	ch.lookups = append(ch.lookups, results)
	if old := len(ch.lookups) - maxLookups - 1; old >= 0 {
		ch.lookups[old] = nil
	}
	return strconv.Itoa(len(ch.lookups)), nil
}

// lookupResult is a field of a result of an id, or how many there are (getnum).
func (ch *channel) lookupResult(args, form string, fields ...string) (string, error) {
	list := append(dialplan.Args(args, 3), "", "", "")
	id, err := strconv.Atoi(strings.TrimSpace(list[0]))
	if err != nil || id < 1 || id > len(ch.lookups) || ch.lookups[id-1] == nil {
		return "", fmt.Errorf("%q is no id; write %s", clip(list[0]), form)
	}
	results := ch.lookups[id-1]
	which := strings.TrimSpace(list[1])
	if strings.EqualFold(which, "getnum") {
		return strconv.Itoa(len(results)), nil
	}
	n, err := strconv.Atoi(which)
	if err != nil || n < 1 {
		return "", fmt.Errorf("%q is no result; write %s", clip(which), form)
	}
	field := slices.Index(fields, strings.ToLower(cmp.Or(strings.TrimSpace(list[2]), fields[0])))
	if field < 0 {
		return "", fmt.Errorf("%q is no field; write %s", clip(list[2]), form)
	}
	if n > len(results) {
		return "", nil
	}
	return results[n-1][field], nil
}

// srvQuery is SRVQUERY(service), such as _sip._udp.example.org: an id for SRVRESULT.
func (ch *channel) srvQuery(args string) (string, error) {
	list, err := lookUp(ch, func(ctx context.Context) ([]transport.Service, error) {
		return ch.srv.cfg.Transport.LookupService(ctx, strings.TrimSpace(args))
	})
	if err != nil && !errors.Is(err, transport.ErrNoAddress) {
		return "", fmt.Errorf("SRVQUERY: %w", err)
	}
	slices.SortStableFunc(list, func(a, b transport.Service) int { return cmp.Compare(a.Priority, b.Priority) })
	results := make([][]string, 0, len(list))
	for _, s := range list {
		results = append(results, []string{s.Host, strconv.Itoa(int(s.Port)), strconv.Itoa(int(s.Priority)), strconv.Itoa(int(s.Weight))})
	}
	return ch.keepLookup(results)
}

// srvResult is SRVRESULT(id,number|getnum[,host|port|priority|weight]).
func (ch *channel) srvResult(args string) (string, error) {
	return ch.lookupResult(args, "SRVRESULT(ID,NUMBER|getnum[,host|port|priority|weight])", "host", "port", "priority", "weight")
}

// enumQuery is ENUMQUERY(number[,method[,zone]]): an id for ENUMRESULT.
func (ch *channel) enumQuery(args string) (string, error) {
	list := append(dialplan.Args(args, 3), "", "", "")
	uris, err := ch.enum(list[0], list[1], list[2])
	if err != nil {
		return "", fmt.Errorf("ENUMQUERY: %w", err)
	}
	results := make([][]string, 0, len(uris))
	for _, u := range uris {
		results = append(results, []string{u})
	}
	return ch.keepLookup(results)
}

// enumResult is ENUMRESULT(id,number|getnum).
func (ch *channel) enumResult(args string) (string, error) {
	return ch.lookupResult(args, "ENUMRESULT(ID,NUMBER|getnum)", "uri")
}

// enumLookup is ENUMLOOKUP(number[,method[,options[,record[,zone]]]]): the first record, or
// the one that is named, of a method (sip without; ALL is any, with its scheme); with option c
// how many there are.
func (ch *channel) enumLookup(args string) (string, error) {
	list := append(dialplan.Args(args, 5), "", "", "", "", "")
	uris, err := ch.enum(list[0], list[1], list[4])
	if err != nil {
		return "", fmt.Errorf("ENUMLOOKUP: %w", err)
	}
	if strings.Contains(list[2], "c") {
		return strconv.Itoa(len(uris)), nil
	}
	n := 1
	if text := strings.TrimSpace(list[3]); text != "" {
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			return "", fmt.Errorf("ENUMLOOKUP: %q is no number of a record", clip(text))
		}
	}
	if n > len(uris) {
		return "", nil
	}
	return uris[n-1], nil
}

// txtCIDName is TXTCIDNAME(number[,zone]): the name that a TXT record has for a number.
func (ch *channel) txtCIDName(args string) (string, error) {
	number, zone, _ := strings.Cut(args, ",")
	name, _, err := enumName(number, zone)
	if err != nil {
		return "", fmt.Errorf("TXTCIDNAME: %w", err)
	}
	texts, err := lookUp(ch, func(ctx context.Context) ([]string, error) { return ch.srv.cfg.Transport.LookupText(ctx, name) })
	if err != nil || len(texts) == 0 {
		return "", err
	}
	return texts[0], nil
}

// enum asks for the URIs of a number, in the order in which they are to be tried.
func (ch *channel) enum(number, method, zone string) ([]string, error) {
	name, aus, err := enumName(number, zone)
	if err != nil {
		return nil, err
	}
	list, err := lookUp(ch, func(ctx context.Context) ([]transport.Pointer, error) {
		return ch.srv.cfg.Transport.LookupPointers(ctx, name)
	})
	if err != nil {
		return nil, err
	}
	return enumURIs(list, aus, cmp.Or(strings.ToLower(strings.TrimSpace(method)), "sip")), nil
}

// enumName is the domain name of a number, and the number as rules are applied to it (the
// application unique string, RFC 6116 §3.2).
func enumName(number, zone string) (name, aus string, err error) {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, number)
	if digits == "" || len(digits) > maxDigits {
		return "", "", fmt.Errorf("%q is no number of up to %d digits", clip(number), maxDigits)
	}
	var b strings.Builder
	for i := len(digits) - 1; i >= 0; i-- {
		b.WriteByte(digits[i])
		b.WriteByte('.')
	}
	return b.String() + cmp.Or(strings.TrimSpace(zone), enumZone), "+" + digits, nil
}

// enumURIs applies the rules of terminal records (flag u) whose service is of a method, all
// of them. Scheme and colon are left out unless the method is all.
func enumURIs(list []transport.Pointer, aus, method string) (uris []string) {
	slices.SortStableFunc(list, func(a, b transport.Pointer) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	for _, p := range list {
		if !strings.EqualFold(p.Flags, "u") || !enumService(p.Service, method) {
			continue
		}
		uri, ok := enumRewrite(p.Regexp, aus)
		if !ok {
			continue
		}
		if _, rest, found := strings.Cut(uri, ":"); found && method != "all" {
			uri = rest
		}
		uris = append(uris, uri)
	}
	return uris
}

// enumService reports whether a record's service, E2U+sip or E2U+voice:tel+sip, is of a
// method (RFC 6116 §3.4.3.1; sip+E2U is how RFC 2916 had it).
func enumService(service, method string) bool {
	e2u, fits := false, method == "all"
	for part := range strings.SplitSeq(strings.ToLower(service), "+") {
		kind, _, _ := strings.Cut(part, ":")
		e2u = e2u || part == "e2u"
		fits = fits || part == method || kind == method
	}
	return e2u && fits
}

// enumRewrite applies a rule !pattern!replacement!flags (RFC 3402 §3.2).
func enumRewrite(rule, aus string) (string, bool) {
	if len(rule) < 3 {
		return "", false
	}
	parts := strings.Split(rule[1:], rule[:1])
	if len(parts) != 3 || len(rule) > maxNote {
		return "", false
	}
	compile, pattern := regexp.CompilePOSIX, parts[0]
	if strings.EqualFold(parts[2], "i") {
		compile, pattern = regexp.Compile, "(?i)"+pattern
	}
	expression, err := compile(pattern)
	if err != nil {
		return "", false
	}
	groups := expression.FindStringSubmatch(aus)
	if groups == nil {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(parts[1]); i++ {
		c := parts[1][i]
		if c == '\\' && i+1 < len(parts[1]) {
			i++
			if n := int(parts[1][i] - '0'); n >= 0 && n <= 9 {
				if n < len(groups) {
					b.WriteString(groups[n])
				}
				continue
			}
			c = parts[1][i]
		}
		b.WriteByte(c)
	}
	uri := b.String()
	return uri, uri != "" && !strings.ContainsAny(uri, "\r\n\x00")
}
