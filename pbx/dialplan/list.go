package dialplan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// delimiter reads a delimiter argument; what is left out is a comma.
func delimiter(s string) string {
	if s == "" {
		return ","
	}
	c, _ := escaped(s)
	return string([]byte{c})
}

// cut is CUT(VARIABLE,DELIMITER,FIELDS): fields as 2, 2-4, -3, 3- joined by &.
// As in Asterisk fields come in ascending order only.
func cut(e *Env, args string) (string, error) {
	list, err := rawArgs(args, 3, 3, "CUT(VARIABLE,DELIMITER,FIELDS)")
	if err != nil {
		return "", err
	}
	by := delimiter(list[1])
	if list[1] == "" {
		by = "-"
	}
	fields := strings.Split(e.Get(list[0]), by)
	var kept []string
	next := 0 // fields before it are gone
	for group := range strings.SplitSeq(list[2], "&") {
		from, to, err := fieldRange(group)
		if err != nil {
			return "", err
		}
		next = max(next, from-1)
		for next < len(fields) && next < to {
			kept = append(kept, fields[next])
			next++
		}
	}
	return strings.Join(kept, by), nil
}

func fieldRange(group string) (from, to int, err error) {
	low, high, isRange := strings.Cut(strings.TrimSpace(group), "-")
	from, to = 1, maxInt
	if low != "" {
		if from, err = strconv.Atoi(low); err != nil {
			return 0, 0, fmt.Errorf("%q is not a range of fields", group)
		}
	}
	if !isRange {
		return from, from, nil
	}
	if high != "" {
		if to, err = strconv.Atoi(high); err != nil {
			return 0, 0, fmt.Errorf("%q is not a range of fields", group)
		}
	}
	return from, to, nil
}

// fieldQty is FIELDQTY(VARIABLE,DELIMITER).
func fieldQty(e *Env, args string) (string, error) {
	list, err := rawArgs(args, 1, 2, "FIELDQTY(VARIABLE,DELIMITER)")
	if err != nil {
		return "", err
	}
	value := e.Get(list[0])
	if value == "" {
		return "0", nil
	}
	return strconv.Itoa(1 + strings.Count(value, delimiter(list[1]))), nil
}

// fieldNum is FIELDNUM(VARIABLE,DELIMITER,VALUE): counted from 1, 0 if absent.
func fieldNum(e *Env, args string) (string, error) {
	list, err := rawArgs(args, 3, 3, "FIELDNUM(VARIABLE,DELIMITER,VALUE)")
	if err != nil {
		return "", err
	}
	return strconv.Itoa(1 + slices.Index(strings.Split(e.Get(list[0]), delimiter(list[1])), list[2])), nil
}

// listFilter is LISTFILTER(VARIABLE,DELIMITER,VALUE).
func listFilter(e *Env, args string) (string, error) {
	list, err := rawArgs(args, 3, 3, "LISTFILTER(VARIABLE,DELIMITER,VALUE)")
	if err != nil {
		return "", err
	}
	by := delimiter(list[1])
	fields := slices.DeleteFunc(strings.Split(e.Get(list[0]), by), func(f string) bool { return f == list[2] })
	return strings.Join(fields, by), nil
}

// shift is SHIFT(VARIABLE[,DELIMITER]).
func shift(e *Env, args string) (string, error) {
	list, err := rawArgs(args, 1, 2, "SHIFT(VARIABLE[,DELIMITER])")
	if err != nil {
		return "", err
	}
	value, found := e.Lookup(list[0])
	if !found {
		return "", nil
	}
	first, others, _ := strings.Cut(value, delimiter(list[1]))
	return first, e.Set(list[0], others)
}

// pop is POP(VARIABLE[,DELIMITER]).
func pop(e *Env, args string) (string, error) {
	list, err := rawArgs(args, 1, 2, "POP(VARIABLE[,DELIMITER])")
	if err != nil {
		return "", err
	}
	value, found := e.Lookup(list[0])
	if !found {
		return "", nil
	}
	at := strings.LastIndex(value, delimiter(list[1]))
	if at < 0 {
		return value, e.Set(list[0], "")
	}
	return value[at+1:], e.Set(list[0], value[:at])
}

// push is PUSH(VARIABLE[,DELIMITER])=VALUE.
func push(e *Env, args, value string) error {
	list, err := rawArgs(args, 1, 2, "PUSH(VARIABLE[,DELIMITER])")
	if err != nil {
		return err
	}
	if before := e.Get(list[0]); before != "" {
		value = before + delimiter(list[1]) + value
	}
	return e.Set(list[0], value)
}

// unshift is UNSHIFT(VARIABLE[,DELIMITER])=VALUE.
func unshift(e *Env, args, value string) error {
	list, err := rawArgs(args, 1, 2, "UNSHIFT(VARIABLE[,DELIMITER])")
	if err != nil {
		return err
	}
	if before := e.Get(list[0]); before != "" {
		value += delimiter(list[1]) + before
	}
	return e.Set(list[0], value)
}

// writeArray is ARRAY(VARIABLE,…)=VALUE,…: variables without a value are set
// to nothing.
func writeArray(e *Env, args, value string) error {
	names, values := Args(args, 0), Args(value, 0)
	if len(names) == 0 {
		return fmt.Errorf("write ARRAY(VARIABLE,…)=VALUE,…")
	}
	for i, name := range names {
		one := ""
		if i < len(values) {
			one = values[i]
		}
		if err := e.Set(strings.TrimSpace(name), one); err != nil {
			return err
		}
	}
	return nil
}

// setAndReturn is SET(VARIABLE=VALUE).
func setAndReturn(e *Env, args string) (string, error) {
	name, value, ok := strings.Cut(args, "=")
	if !ok {
		return "", fmt.Errorf("write SET(VARIABLE=VALUE)")
	}
	return value, e.Set(strings.TrimSpace(name), value)
}

// sortList is SORT(KEY:NUMBER,…): the keys in the order of their numbers.
func sortList(_ *Env, args string) (string, error) {
	type pair struct {
		key    string
		number float64
	}
	var pairs []pair
	for _, item := range Args(args, 0) {
		key, text, _ := strings.Cut(item, ":")
		number, _ := strconv.ParseFloat(floatPrefix(text), 64)
		pairs = append(pairs, pair{key, number})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		switch {
		case a.number < b.number:
			return -1
		case a.number > b.number:
			return 1
		}
		return 0
	})
	keys := make([]string, len(pairs))
	for i, p := range pairs {
		keys[i] = p.key
	}
	return strings.Join(keys, ","), nil
}

// hashPrefix is how the keys of a hash are kept among the variables.
func hashVariable(name, key string) string { return "~HASH~" + name + "~" + key + "~" }

// readHash is HASH(NAME,KEY), or HASH(NAME) for all values as a list.
func readHash(e *Env, args string) (string, error) {
	list := Args(args, 2)
	switch len(list) {
	case 0:
		return "", fmt.Errorf("write HASH(NAME,KEY)")
	case 1:
		var values []string
		for _, key := range e.hashKeys(list[0]) {
			value, _ := e.vars.get(hashVariable(list[0], key))
			values = append(values, strings.ReplaceAll(value, ",", `\,`))
		}
		return strings.Join(values, ","), nil
	}
	value, _ := e.vars.get(hashVariable(list[0], list[1]))
	return value, nil
}

// writeHash is HASH(NAME,KEY)=VALUE.
func writeHash(e *Env, args, value string) error {
	list := Args(args, 2)
	if len(list) < 2 {
		return fmt.Errorf("write HASH(NAME,KEY)=VALUE")
	}
	return e.vars.set(hashVariable(list[0], list[1]), value, &e.limits)
}

// hashKeys is HASHKEYS(NAME), the key set last first.
func hashKeys(e *Env, args string) (string, error) { return strings.Join(e.hashKeys(args), ","), nil }

func (e *Env) hashKeys(name string) []string {
	prefix := "~HASH~" + name + "~"
	var keys []string
	for _, v := range slices.Backward(e.vars.all()) {
		if key, ok := strings.CutPrefix(v.Name, prefix); ok {
			keys = append(keys, strings.TrimSuffix(key, "~"))
		}
	}
	return keys
}

func clearHash(e *Env, args, _ string) error {
	for _, key := range e.hashKeys(args) {
		e.vars.unset(hashVariable(args, key))
	}
	return nil
}

// counter is INC and DEC: the variable must hold a whole number, or nothing.
func counter(by int) func(*Env, string) (string, error) {
	return func(e *Env, args string) (string, error) {
		n := 0
		if value := e.Get(args); value != "" {
			var ok bool
			if n, ok = leadingInt(value); !ok {
				return "", fmt.Errorf("variable %s holds %q, which is not a whole number", args, clip(value))
			}
		}
		text := strconv.Itoa(n + by)
		return text, e.Set(args, text)
	}
}
