// Package node wires one running node from its configuration: transports,
// transactions, dialogs, store, records, registrar, relay and exchange. The
// order in which a request passes the rooms is one literal in chain.go.
package node

import (
	"context"
	"io"
	"log/slog"
	"net/netip"

	"github.com/hometone/hometone/config"
)

// Config says what node to run.
type Config struct {
	// File is the path of hometone.yaml. "" = hometone.yaml in the working
	// directory if there is one, else the built-in defaults.
	File string
	// Asterisk is a directory with pjsip.conf and extensions.conf; it takes
	// the place of pbx.asterisk in File. "" = as the file says.
	Asterisk string
	// Data takes the place of node.data. "" = as the file says.
	Data string
	// Out is where a first start prints its next steps. nil = nowhere.
	Out io.Writer
	// Logger is the root of all logs. nil = discarded.
	Logger *slog.Logger
}

// Addr is one address the node listens on.
type Addr struct {
	Name  string // the transport's name
	Proto string // udp tcp tls ws wss
	Addr  netip.AddrPort
}

// Node is one running node.
type Node struct{}

// New reads and validates the configuration. The node is nil if any problem is
// an error; it starts nothing and binds nothing.
func New(cfg Config) (*Node, []config.Problem) { return nil, nil }

// Run starts the node and serves until ctx ends; then it refuses new calls,
// lets the calls in progress end for as long as Drain allows, and returns.
func (n *Node) Run(ctx context.Context) error { return nil }

// Ready is closed when the node serves.
func (n *Node) Ready() <-chan struct{} { return nil }

// Addrs returns the addresses the node listens on; valid after Ready.
func (n *Node) Addrs() []Addr { return nil }

// Reload reads the configuration again. If any of the problems is an error the
// running node is as it was; else the new configuration holds for new calls.
func (n *Node) Reload() []config.Problem { return nil }
