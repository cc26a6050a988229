package config

import (
	"encoding"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxYAML is the largest hometone.yaml accepted, in bytes.
const maxYAML = 1 << 20

// decoder fills a struct from a YAML tree and keeps every finding.
type decoder struct {
	file     string
	env      func(string) (string, bool)
	anchors  map[string]ast.Node
	places   map[string]Pos // dotted key → where its value stands
	problems []Problem
}

// decodeYAML decodes source into the struct that into points to.
func decodeYAML(file, source string, into any, env func(string) (string, bool)) *decoder {
	d := &decoder{file: file, env: env, anchors: map[string]ast.Node{}, places: map[string]Pos{}}
	if len(source) > maxYAML {
		d.errorf(Pos{File: file}, "", "file is larger than %d MiB", maxYAML>>20)
		return d
	}
	d.confusables(source)
	tree, err := parser.ParseBytes([]byte(strings.TrimPrefix(source, "\ufeff")), 0)
	if err != nil {
		d.syntax(err)
		return d
	}
	bodies := 0
	for _, doc := range tree.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType {
			continue
		}
		if bodies++; bodies > 1 {
			d.errorf(d.pos(doc.Body), "remove the --- line", "file has more than one document")
			break
		}
		d.value(doc.Body, reflect.ValueOf(into).Elem(), "")
	}
	return d
}

func (d *decoder) errorf(at Pos, hint, format string, args ...any) {
	if len(d.problems) < maxYAMLProblems {
		d.problems = append(d.problems, at.Problem(Error, hint, format, args...))
	}
}

func (d *decoder) pos(n ast.Node) Pos { return d.tokenPos(n.GetToken()) }

func (d *decoder) tokenPos(t *token.Token) Pos {
	at := Pos{File: d.file}
	if t != nil && t.Position != nil {
		at.Line, at.Column = t.Position.Line, t.Position.Column
	}
	return at
}

// syntax reports what the YAML parser could not read.
func (d *decoder) syntax(err error) {
	at, text := Pos{File: d.file}, err.Error()
	if e, ok := err.(interface {
		GetToken() *token.Token
		GetMessage() string
	}); ok {
		at, text = d.tokenPos(e.GetToken()), e.GetMessage()
	}
	d.errorf(at, "", "YAML: %s", text)
}

// confusables reports look-alike characters outside comments (trap T13).
func (d *decoder) confusables(source string) {
	number := 0
	for line := range strings.Lines(source) {
		number++
		text := line
		if i := strings.Index(line, " #"); i >= 0 {
			text = line[:i]
		}
		if strings.HasPrefix(strings.TrimSpace(text), "#") {
			continue
		}
		if p, bad := confusable(strings.TrimPrefix(text, "\ufeff"), line, Pos{File: d.file, Line: number}); bad {
			d.problems = append(d.problems, p)
		}
	}
}

// value decodes one node. path is the dotted key, for messages.
func (d *decoder) value(n ast.Node, v reflect.Value, path string) {
	n = d.resolve(n)
	if n == nil || n.Type() == ast.NullType {
		return
	}
	d.places[path] = d.pos(n)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, v.Elem(), path)
		return
	}
	if s, ok := v.Addr().Interface().(*Secret); ok {
		d.secret(n, s, path)
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if text, ok := d.scalar(n, path); ok {
			if err := u.UnmarshalText([]byte(text)); err != nil {
				d.errorf(d.pos(n), "", "%s: %v", path, err)
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.sequence(n, v, path)
	default:
		d.plain(n, v, path)
	}
}

// resolve follows anchors, aliases and tags.
func (d *decoder) resolve(n ast.Node) ast.Node {
	for range 16 {
		switch t := n.(type) {
		case *ast.AnchorNode:
			d.anchors[t.Name.GetToken().Value] = t.Value
			n = t.Value
		case *ast.AliasNode:
			target := d.anchors[t.Value.GetToken().Value]
			if target == nil {
				d.errorf(d.pos(n), "", "alias *%s has no anchor above it", t.Value.GetToken().Value)
			}
			n = target
		case *ast.TagNode:
			n = t.Value
		default:
			return n
		}
		if n == nil {
			return nil
		}
	}
	return nil
}

func (d *decoder) mapping(n ast.Node, v reflect.Value, path string) {
	m, ok := n.(ast.MapNode)
	if !ok {
		d.errorf(d.pos(n), "write key: value lines below it", "%s must be a section with keys", orFile(path))
		return
	}
	fields := fieldsByKey(v.Type())
	seen := map[string]bool{}
	for it := m.MapRange(); it.Next(); {
		key := it.Key().GetToken().Value
		at := d.pos(it.Key())
		name := join(path, key)
		index, known := fields[key]
		switch {
		case !known:
			d.errorf(at, unknownKeyHint(key, fields), "unknown key %s", name)
		case seen[key]:
			d.errorf(at, "keep one", "key %s is given twice", name)
		default:
			d.value(it.Value(), v.Field(index), name)
		}
		seen[key] = true
	}
}

func orFile(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func fieldsByKey(t reflect.Type) map[string]int {
	fields := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" && key != "-" {
			fields[key] = i
		}
	}
	return fields
}

func unknownKeyHint(key string, fields map[string]int) string {
	known := make([]string, 0, len(fields))
	for k := range fields {
		known = append(known, k)
	}
	if hint := DidYouMean(key, known); hint != "" {
		return hint
	}
	return "known here: " + strings.Join(sorted(known), ", ")
}

func (d *decoder) sequence(n ast.Node, v reflect.Value, path string) {
	s, ok := n.(*ast.SequenceNode)
	if !ok { // one value stands for a list of one
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(n, element, path)
		v.Set(reflect.Append(reflect.MakeSlice(v.Type(), 0, 1), element))
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, len(s.Values))
	for i, item := range s.Values {
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(item, element, fmt.Sprintf("%s[%d]", path, i))
		list = reflect.Append(list, element)
	}
	v.Set(list)
}

// scalar returns a node's text with ${ENV} substituted.
func (d *decoder) scalar(n ast.Node, path string) (string, bool) {
	text, ok := scalarText(n)
	if !ok {
		d.errorf(d.pos(n), "", "%s must be a single value", path)
		return "", false
	}
	text = envReference.ReplaceAllStringFunc(text, func(ref string) string {
		value, found := d.env(ref[2 : len(ref)-1])
		if !found {
			d.errorf(d.pos(n), "export it before starting", "%s: environment variable %s is not set", path, ref[2:len(ref)-1])
			ok = false
		}
		return value
	})
	return text, ok
}

var envReference = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// scalarText returns a node's text. The YAML package takes host:port inside
// brackets for a mapping, though no blank follows the colon (YAML 1.2 §7.3.3).
func scalarText(n ast.Node) (string, bool) {
	switch t := n.(type) {
	case *ast.LiteralNode:
		return t.Value.Value, true
	case ast.ScalarNode:
		return n.GetToken().Value, true
	case ast.MapNode:
		it := t.MapRange()
		if !it.Next() {
			return "", false
		}
		key, value := it.Key().GetToken(), it.Value().GetToken()
		_, plain := it.Value().(ast.ScalarNode)
		touching := key.Position.Line == value.Position.Line && value.Position.Column == key.Position.Column+len(key.Value)+1
		if plain && touching && !it.Next() {
			return key.Value + ":" + value.Value, true
		}
	}
	return "", false
}

// secret decodes a Secret: a value, ${ENV}, or file:PATH.
func (d *decoder) secret(n ast.Node, s *Secret, path string) {
	text, ok := d.scalar(n, path)
	if !ok {
		return
	}
	if name, found := strings.CutPrefix(text, "file:"); found {
		data, err := os.ReadFile(relativeTo(d.file, name))
		if err != nil {
			d.errorf(d.pos(n), "", "%s: %v", path, err)
			return
		}
		text = strings.TrimRight(string(data), "\r\n")
	}
	*s = NewSecret(text)
}

// plain decodes booleans, numbers, durations and strings.
func (d *decoder) plain(n ast.Node, v reflect.Value, path string) {
	text, ok := d.scalar(n, path)
	if !ok {
		return
	}
	var err error
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		var t time.Duration
		if t, err = ParseDuration(text); err == nil {
			v.SetInt(int64(t))
		}
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		var b bool
		if b, err = parseYAMLBool(text); err == nil {
			v.SetBool(b)
		}
	case v.CanInt():
		var i int64
		if i, err = strconv.ParseInt(text, 10, v.Type().Bits()); err == nil {
			v.SetInt(i)
		} else {
			err = fmt.Errorf("%q is not a whole number", text)
		}
	default:
		err = fmt.Errorf("cannot hold a %s", v.Type())
	}
	if err != nil {
		d.errorf(d.pos(n), "", "%s: %v", path, err)
	}
}

func parseYAMLBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on":
		return true, nil
	case "false", "no", "off":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", text)
}

// ParseDuration reads durations with a unit, such as 30s, 100ms or 1h30m. A
// bare number other than 0 is refused, because its unit would be a guess.
func ParseDuration(text string) (time.Duration, error) {
	t, err := time.ParseDuration(text)
	if err != nil {
		if _, bare := strconv.Atoi(text); bare == nil {
			return 0, fmt.Errorf("%q has no unit; write %ss or %sms", text, text, text)
		}
		return 0, fmt.Errorf("%q is not a duration such as 30s, 100ms or 1h30m", text)
	}
	return t, nil
}
