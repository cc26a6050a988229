package dialplan

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
)

// sprintf is SPRINTF(FORMAT,ARGUMENT,…) with the conversions of C for whole
// numbers, floating point, characters and text.
func sprintf(e *Env, args string) (string, error) {
	list := Args(args, 0)
	if len(list) == 0 {
		return "", fmt.Errorf("write SPRINTF(FORMAT,ARGUMENT,…)")
	}
	var b strings.Builder
	format, values := list[0], list[1:]
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		spec, verb, length := conversion(format[i:])
		if i += length - 1; verb == '%' {
			b.WriteByte('%')
			continue
		}
		if len(values) == 0 {
			return "", fmt.Errorf("SPRINTF: %q has no argument left", clip(spec))
		}
		text, err := convert(spec, verb, values[0])
		if err != nil {
			return "", err
		}
		values = values[1:]
		if b.WriteString(text); b.Len() > e.limits.Variable {
			return "", fmt.Errorf("SPRINTF: result is over the limit of %d bytes", e.limits.Variable)
		}
	}
	return b.String(), nil
}

// conversion takes %FLAGS WIDTH.PRECISION LENGTH VERB apart. Lengths of C's
// types have no meaning here.
func conversion(s string) (spec string, verb byte, length int) {
	end := 1
	for end < len(s) && strings.IndexByte("-+ #0123456789.", s[end]) >= 0 {
		end++
	}
	spec = s[:end]
	for end < len(s) && strings.IndexByte("hlLqjzt", s[end]) >= 0 {
		end++
	}
	if end == len(s) {
		return spec, 0, end
	}
	return spec, s[end], end + 1
}

// maxWidth bounds width and precision of a conversion.
const maxWidth = 1000

func convert(spec string, verb byte, value string) (string, error) {
	for part := range strings.SplitSeq(strings.TrimLeft(spec, "%-+ #0"), ".") {
		if n, err := strconv.Atoi(part); part != "" && (err != nil || n > maxWidth) {
			return "", fmt.Errorf("SPRINTF: %q is too wide", clip(spec))
		}
	}
	switch verb {
	case 'd', 'i', 'o', 'u', 'x', 'X', 'c':
		n, _ := leadingInt(value)
		if verb == 'i' || verb == 'u' {
			verb = 'd'
		}
		if verb == 'c' {
			return fmt.Sprintf(spec+"s", string([]byte{byte(n)})), nil
		}
		return fmt.Sprintf(spec+string(verb), n), nil
	case 'e', 'E', 'f', 'F', 'g', 'G':
		f, _ := strconv.ParseFloat(floatPrefix(value), 64)
		return fmt.Sprintf(spec+string(verb), f), nil
	case 's':
		return fmt.Sprintf(spec+"s", value), nil
	}
	return "", fmt.Errorf("SPRINTF: conversion %q is not known", clip(spec+string([]byte{verb})))
}

// uuid returns a random UUID (RFC 9562 §5.4).
func uuid(*Env, string) (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// stringBetween is STRBETWEEN(VARIABLE,BETWEEN): the text between its bytes.
func stringBetween(e *Env, args string) (string, error) {
	list, err := rawArgs(args, 2, 2, "STRBETWEEN(VARIABLE,BETWEEN)")
	if err != nil {
		return "", err
	}
	value, between := e.Get(list[0]), unescape(list[1])
	if len(value)*(1+len(between)) > e.limits.Variable {
		return "", fmt.Errorf("STRBETWEEN: result is over the limit of %d bytes", e.limits.Variable)
	}
	return strings.Join(strings.Split(value, ""), between), nil
}

// evalExten is EVAL_EXTEN([[CONTEXT,]EXTEN,]PRIORITY): what the Return of that
// line would return.
func evalExten(e *Env, args string) (string, error) {
	pos, err := e.Target(args)
	if err != nil {
		return "", err
	}
	m, ok := e.plan().Match(pos.Context, pos.Exten, pos.Priority, e.callerID(), e.now())
	if !ok || !strings.EqualFold(m.Step.App, "Return") {
		return "", fmt.Errorf("EVAL_EXTEN: %s is not a Return", pos)
	}
	here := e.pos
	e.pos = pos
	defer func() { e.pos = here }()
	return e.expand(m.Step.args), nil
}
