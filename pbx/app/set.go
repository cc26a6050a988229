package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/pbx/dialplan"
)

// set is Set(name=value): everything after the first = is the value.
func set(_ context.Context, ch pbx.Channel, args string) error {
	name, value, ok := cutAssign(args)
	if !ok {
		return fmt.Errorf("Set: %q has no =", args)
	}
	return ch.Set(name, value)
}

// mset is MSet(name=value[,name2=value2…]).
func mset(_ context.Context, ch pbx.Channel, args string) error {
	for _, pair := range dialplan.Args(args, 0) {
		name, value, ok := cutAssign(pair)
		if !ok {
			ch.Log().Warn("MSet: no = in an argument", "argument", pair)
			continue
		}
		if err := ch.Set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// cutAssign cuts at the first = outside parentheses: Set(CDR(a=b)=c).
func cutAssign(s string) (name, value string, ok bool) {
	name, value = cutOutside(s, '=')
	if len(name) == len(s) {
		return "", "", false
	}
	name = strings.TrimSpace(name)
	return name, value, name != ""
}
