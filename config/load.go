package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Default returns the configuration of a node without a file.
func Default() *Node {
	return &Node{
		Node:    Identity{Name: shortHostname(), Data: "./hometone-data"},
		SIP:     SIP{External: External{Auto: true}},
		Media:   Media{Ports: PortRange{10000, 20000}, External: External{Auto: true}},
		Console: Console{Listen: "127.0.0.1:8080"},
		Places:  map[string]Pos{},
	}
}

func shortHostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "node"
	}
	name, _, _ = strings.Cut(name, ".")
	return cmpOr(name, "node")
}

// LoadNode reads a hometone.yaml. The Node is never nil; use it only if
// HasErrors(problems) is false. Relative paths that the file sets are made to
// begin at the file's folder.
func LoadNode(path string) (*Node, []Problem) {
	data, err := readLimited(path)
	if err != nil {
		return Default(), []Problem{Pos{File: path}.Problem(Error, "", "%v", err)}
	}
	return ParseNode(path, data, os.LookupEnv)
}

// ParseNode decodes source as if it stood in a file called name. env looks up
// ${NAME}.
func ParseNode(name, source string, env func(string) (string, bool)) (*Node, []Problem) {
	n := Default()
	n.File = name
	d := decodeYAML(name, source, n, env)
	n.Places = d.places
	n.resolvePaths()
	n.fillDefaults()
	if !HasErrors(d.problems) {
		n.validate(d)
	}
	SortProblems(d.problems)
	return n, d.problems
}

// resolvePaths makes the relative paths that the file sets begin at its folder.
func (n *Node) resolvePaths() {
	resolve := func(key string, path *string) {
		if _, set := n.Places[key]; set {
			*path = relativeTo(n.File, *path)
		}
	}
	resolve("node.data", &n.Node.Data)
	resolve("tls.cert", &n.TLS.Cert)
	resolve("tls.key", &n.TLS.Key)
	if n.PBX != nil {
		resolve("pbx.asterisk", &n.PBX.Asterisk)
	}
	if n.Edge != nil {
		resolve("edge.dispatcher", &n.Edge.Dispatcher)
	}
}

func relativeTo(file, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}

// At returns where the file sets a dotted key, or the file itself.
func (n *Node) At(key string) Pos {
	if at, ok := n.Places[key]; ok {
		return at
	}
	return Pos{File: n.File}
}

// fillDefaults gives zero values of sections that are present their defaults.
func (n *Node) fillDefaults() {
	if e := n.Edge; e != nil {
		setDefault(&e.Set, 1)
		setDefault(&e.Algorithm, "4")
		setDefault(&e.Probe.Interval, time.Second)
		setDefault(&e.Probe.Rise, 2)
		setDefault(&e.Probe.Fall, 3)
	}
	if n.TURN != nil && len(n.TURN.Listen) == 0 {
		n.TURN.Listen = []Address{mustAddress("udp://0.0.0.0:3478")}
	}
	if h := n.HA; h != nil {
		setDefault(&h.Priority, 100)
		setDefault(&h.Advert, time.Second)
	}
	if n.TLS.ACME != nil {
		setDefault(&n.TLS.ACME.Directory, "https://acme-v02.api.letsencrypt.org/directory")
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func mustAddress(text string) Address {
	a, err := ParseAddress(text)
	if err != nil {
		panic(fmt.Sprintf("config: built-in address: %v", err))
	}
	return a
}

// Changed returns the names of the sections in which two configurations
// differ, in the order of the file format, for a reload to act on.
func Changed(before, after *Node) []string {
	var names []string
	a, b := reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()
	for i := range a.NumField() {
		key := a.Type().Field(i).Tag.Get("yaml")
		if key != "-" && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			names = append(names, key)
		}
	}
	return names
}

func sorted(words []string) []string {
	slices.Sort(words)
	return words
}
