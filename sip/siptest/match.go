package siptest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/hometone/hometone/sip"
)

// vars are the variables of a running script.
type vars map[string]string

var variable = regexp.MustCompile(`\{[a-z][a-z0-9_]*\}`)

// expand puts values in the place of variables.
func (v vars) expand(s string) (string, error) {
	var missing []string
	s = variable.ReplaceAllStringFunc(s, func(name string) string {
		value, ok := v[name[1:len(name)-1]]
		if !ok {
			missing = append(missing, name)
		}
		return value
	})
	if missing != nil {
		return "", fmt.Errorf("%s has no value yet", strings.Join(missing, ", "))
	}
	return s, nil
}

// match compares a value with a pattern and sets the variables that the
// pattern names for the first time.
func (v vars) match(pattern, value string) bool {
	var expr strings.Builder
	var names []string
	expr.WriteString(`(?is)^`)
	for pattern != "" {
		at := strings.IndexAny(pattern, "*{")
		if at < 0 {
			break
		}
		expr.WriteString(regexp.QuoteMeta(pattern[:at]))
		pattern = pattern[at:]
		name := variable.FindString(pattern)
		switch known, ok := v[strings.Trim(name, "{}")]; {
		case pattern[0] == '*':
			expr.WriteString(`.*`)
			pattern = pattern[1:]
		case name == "" || !strings.HasPrefix(pattern, name):
			expr.WriteString(`\{`)
			pattern = pattern[1:]
		case ok:
			expr.WriteString(regexp.QuoteMeta(known))
			pattern = pattern[len(name):]
		default:
			names = append(names, name[1:len(name)-1])
			expr.WriteString(`(.+?)`)
			pattern = pattern[len(name):]
		}
	}
	expr.WriteString(regexp.QuoteMeta(pattern) + `$`)
	re, err := regexp.Compile(expr.String())
	if err != nil {
		return false
	}
	found := re.FindStringSubmatch(value)
	if found == nil {
		return false
	}
	for i, name := range names {
		v[name] = found[i+1]
	}
	return true
}

// message is a received message of either kind.
type message struct {
	*sip.Message
	req *sip.Request
	res *sip.Response
	raw []byte
}

func parseMessage(raw []byte) (message, error) {
	req, res, err := sip.Parse(string(raw))
	switch {
	case req != nil:
		return message{&req.Message, req, nil, raw}, err
	case res != nil:
		return message{&res.Message, nil, res, raw}, err
	}
	return message{raw: raw}, fmt.Errorf("not a SIP message: %w", err)
}

// is checks the words behind the arrow: METHOD [uri], or STATUS [METHOD]; the
// status may be 1xx.
func (m message) is(words []string) bool {
	want := words[0]
	if want == "*" {
		return true
	}
	if m.req != nil {
		return want == string(m.req.Method())
	}
	status := strconv.Itoa(m.res.Status())
	if want != status && (len(want) != 3 || want[1:] != "xx" || want[0] != status[0]) {
		return false
	}
	_, method, _ := m.CSeq()
	return len(words) < 2 || words[1] == string(method)
}

// check compares a message with the parts of a line and returns what differs.
func (v vars) check(m message, l *line, bodies map[string]string) error {
	if m.req != nil && len(l.words) > 1 && !v.match(l.words[1], m.req.URI()) {
		return fmt.Errorf("Request-URI is %s, want %s", m.req.URI(), l.words[1])
	}
	for _, p := range l.parts {
		if err := v.checkPart(m, p, bodies); err != nil {
			return err
		}
	}
	return nil
}

func (v vars) checkPart(m message, p part, bodies map[string]string) error {
	switch p.name {
	case "uri":
		if m.req == nil || !v.match(p.value, m.req.URI()) {
			return fmt.Errorf("Request-URI is not %s", p.value)
		}
	case "reason":
		if m.res == nil || !v.match(p.value, m.res.Reason()) {
			return fmt.Errorf("reason phrase is not %q", p.value)
		}
	case "sdp":
		want := p.value
		if b, ok := bodies[want]; ok {
			want = b
		}
		if !strings.Contains(m.Body(), "v=0") || !strings.Contains(m.Body(), want) {
			return fmt.Errorf("no session description with %q in the body %q", want, m.Body())
		}
	case "body":
		want, err := v.expand(p.value)
		if err != nil || !strings.Contains(m.Body(), want) {
			return fmt.Errorf("body %q does not contain %q", m.Body(), p.value)
		}
	case "nobody":
		if m.Body() != "" {
			return fmt.Errorf("there is a body: %q", m.Body())
		}
	case "new", "call", "within", "after":
	default:
		return v.checkField(m, p)
	}
	return nil
}

func (v vars) checkField(m message, p part) error {
	has := m.HasName(p.name)
	switch {
	case p.sign == '-' && has:
		return fmt.Errorf("%s must not be there, it is %q", p.name, m.GetName(p.name))
	case p.sign == '-':
		return nil
	case !has:
		return fmt.Errorf("%s is missing", p.name)
	case !p.given:
		return nil
	}
	if v.match(p.value, m.GetName(p.name)) {
		return nil
	}
	if id := sip.LookupHeader(p.name); id != sip.HeaderOther {
		for value := range m.Values(id) {
			if v.match(p.value, value) {
				return nil
			}
		}
	}
	return fmt.Errorf("%s is %q, want %q", p.name, m.GetName(p.name), p.value)
}
