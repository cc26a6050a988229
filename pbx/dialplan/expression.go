package dialplan

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Expression evaluates the inside of $[…] after substitution. Operators from
// the loosest to the tightest: ?:: | & comparisons + - * / % ! and unary -,
// then : =~ ~~. Text that is not a well-formed expression evaluates to 0, with
// an error.
func (e *Env) Expression(source string) (string, error) {
	p := &exprParser{env: e, scan: scanner{source: source}}
	p.next()
	if p.token.kind == tokEnd {
		return "", nil
	}
	v := p.expression(precCondition)
	if p.err == nil && p.token.kind != tokEnd {
		p.fail("unexpected %s", p.token.describe())
	}
	if p.err != nil {
		return "0", p.err
	}
	return v.text(), nil
}

// value is an operand: a number, a text that looks like a number (and keeps
// its spelling until it is computed with), or a text.
type value struct {
	str  string
	num  number
	kind valueKind
}

type valueKind uint8

const (
	isText valueKind = iota
	isNumeral
	isNumber
)

func numberValue(n number) value { return value{num: n, kind: isNumber} }

// textValue makes a value of a text; digits and points alone make a numeral.
func textValue(s string) value {
	if s == "" || s[0] != '.' && (s[0] < '0' || s[0] > '9') {
		return value{str: s}
	}
	for i := range len(s) {
		if s[i] != '.' && (s[i] < '0' || s[i] > '9') {
			return value{str: s}
		}
	}
	return value{str: s, kind: isNumeral}
}

// text returns the value as it is printed.
func (v value) text() string {
	if v.kind == isNumber {
		return v.num.String()
	}
	return v.str
}

// unquoted returns the text without its quotes, if it begins and ends with one.
func (v value) unquoted() string {
	s := v.text()
	if s != "" && s[0] == '"' && s[len(s)-1] == '"' {
		return strings.ReplaceAll(s, `"`, "")
	}
	return s
}

// number turns a numeral into a number and reports whether v now is one.
func (v *value) number() bool {
	if v.kind == isNumeral {
		*v = numberValue(parseNumber(v.str))
	}
	return v.kind == isNumber
}

// void reports whether v is empty or the number zero.
func (v *value) void() bool {
	if v.kind != isNumber && v.str == "" {
		return true
	}
	return v.number() && v.num.isZero()
}

// Binding strengths, loosest first.
const (
	precCondition = iota + 1
	precOr
	precAnd
	precCompare
	precSum
	precProduct
	precUnary
	precMatch
)

// maxExprDepth bounds parentheses and unary operators within each other.
const maxExprDepth = 200

type exprParser struct {
	env   *Env
	scan  scanner
	token token
	depth int
	err   error
}

func (p *exprParser) next() { p.token = p.scan.next() }

func (p *exprParser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// expression reads operands joined by operators that bind at least so tightly.
func (p *exprParser) expression(least int) value {
	left := p.operand()
	for p.err == nil {
		strength := p.token.strength()
		if strength < least {
			return left
		}
		op := p.token.kind
		p.next()
		if op == tokCondition {
			left = p.conditional(left)
			continue
		}
		right := p.expression(strength + 1)
		if p.err == nil {
			left = p.apply(op, left, right)
		}
	}
	return left
}

// conditional reads the rest of a ? b :: c. All three are evaluated.
func (p *exprParser) conditional(condition value) value {
	yes := p.expression(precCondition)
	if p.err == nil && p.token.kind != tokElse {
		p.fail("? without ::")
		return value{}
	}
	p.next()
	no := p.expression(precOr)
	var holds bool
	if condition.kind == isText {
		holds = condition.str != "" && condition.str != `""` && condition.str != "0"
	} else {
		holds = condition.number() && !condition.num.isZero()
	}
	if holds {
		return yes
	}
	return no
}

// operand reads a value, a call, parentheses, or a unary operator.
func (p *exprParser) operand() value {
	if p.depth++; p.depth > maxExprDepth {
		p.fail("nested more than %d deep", maxExprDepth)
		return value{}
	}
	defer func() { p.depth-- }()
	t := p.token
	p.next()
	switch t.kind {
	case tokValue:
		if p.token.kind == tokOpen {
			return p.call(t.text)
		}
		return t.value()
	case tokOpen:
		v := p.expression(precCondition)
		p.closing()
		return v
	case tokMinus:
		v := p.expression(precMatch)
		if !v.number() {
			return numberValue(number{})
		}
		return numberValue(v.num.negate())
	case tokNot:
		return numberValue(truth(!notZero(p.expression(precUnary))))
	}
	p.fail("unexpected %s", t.describe())
	return value{}
}

// notZero is what ! looks at: of a text, the whole number it begins with.
func notZero(v value) bool {
	if v.kind == isNumber {
		return !v.num.isZero()
	}
	n, ok := leadingInt(v.str)
	return ok && n != 0
}

func (p *exprParser) closing() {
	if p.err != nil {
		return
	}
	if p.token.kind != tokClose {
		p.fail("( is not closed")
		return
	}
	p.next()
}

// call reads the arguments of NAME( and calls a mathematical or a dialplan
// function.
func (p *exprParser) call(name string) value {
	p.next()
	args := []value{p.expression(precCondition)}
	for p.err == nil && p.token.kind == tokComma {
		p.next()
		if p.token.kind == tokComma || p.token.kind == tokClose {
			args = append(args, value{})
			continue
		}
		args = append(args, p.expression(precCondition))
	}
	p.closing()
	if p.err != nil {
		return value{}
	}
	if v, known := mathFunction(name, args); known {
		return v
	}
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = a.text()
	}
	result, err := p.env.Call(name, strings.Join(texts, ","))
	if err != nil {
		p.env.warn("%v", err)
		return numberValue(number{})
	}
	return textValue(result)
}

// apply computes a binary operator.
func (p *exprParser) apply(op tokenKind, a, b value) value {
	switch op {
	case tokOr:
		if a.void() {
			return b
		}
		return a
	case tokAnd:
		if a.void() || b.void() {
			return numberValue(number{})
		}
		return a
	case tokEqual, tokNotEqual, tokLess, tokLessEqual, tokGreater, tokGreaterEqual:
		return numberValue(truth(compareValues(op, a, b)))
	case tokMatch, tokSearch:
		v, err := matchValues(op, a, b)
		if err != nil {
			p.env.warn("expression: %v", err)
		}
		return v
	case tokJoin:
		return textValue(a.unquoted() + b.unquoted())
	}
	return compute(op, a, b)
}

// compareValues compares numbers as numbers, and texts byte by byte if either
// side is a text.
func compareValues(op tokenKind, a, b value) bool {
	var c int
	if a.kind == isText || b.kind == isText {
		c = strings.Compare(a.text(), b.text())
	} else {
		a.number()
		b.number()
		c = a.num.compare(b.num)
	}
	switch op {
	case tokEqual:
		return c == 0
	case tokNotEqual:
		return c != 0
	case tokLess:
		return c < 0
	case tokLessEqual:
		return c <= 0
	case tokGreater:
		return c > 0
	default:
		return c >= 0
	}
}

// divideByZero is what dividing by zero, or by a text, results in.
const divideByZero = 1<<31 - 1

// compute does arithmetic. A text counts as if it were absent in a sum, and
// makes a product 0.
func compute(op tokenKind, a, b value) value {
	x, y := a.number(), b.number()
	switch op {
	case tokPlus, tokMinus:
		if !x {
			a.num = number{}
		}
		if !y {
			b.num = number{}
		}
		if op == tokPlus {
			return numberValue(a.num.add(b.num))
		}
		return numberValue(a.num.subtract(b.num))
	case tokDivide:
		if x && (!y || b.num.isZero()) {
			return numberValue(wholeNumber(divideByZero))
		}
	case tokRemainder:
		if x && y && b.num.isZero() {
			return numberValue(number{})
		}
	}
	switch {
	case !x || !y:
		return numberValue(number{})
	case op == tokMultiply:
		return numberValue(a.num.multiply(b.num))
	case op == tokDivide:
		return numberValue(a.num.divide(b.num))
	default:
		return numberValue(a.num.remainder(b.num))
	}
}

// matchValues matches a regular expression: at the beginning only for a colon,
// anywhere for =~. The result is the first group if the expression has one,
// else the number of characters that matched.
func matchValues(op tokenKind, a, b value) (value, error) {
	subject := a.unquoted()
	re, err := compileRegexp(b.unquoted())
	if err != nil {
		return value{}, err
	}
	found := re.FindStringSubmatchIndex(subject)
	if found == nil || op == tokMatch && found[0] != 0 {
		if re.NumSubexp() == 0 {
			return numberValue(number{}), nil
		}
		return value{}, nil
	}
	if len(found) >= 4 && found[2] >= 0 {
		return textValue(subject[found[2]:found[3]]), nil
	}
	return numberValue(wholeNumber(int64(found[1] - found[0]))), nil
}

// maxRegexp bounds a regular expression in bytes.
const maxRegexp = 2048

// compileRegexp compiles a POSIX extended regular expression; the GNU
// additions \w \s \b \d are understood too.
func compileRegexp(source string) (*regexp.Regexp, error) {
	if len(source) > maxRegexp {
		return nil, errors.New("regular expression is too long")
	}
	if re, err := regexp.CompilePOSIX(source); err == nil {
		return re, nil
	}
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, err
	}
	re.Longest()
	return re, nil
}
