// Package console is the operator's way into a running node: commands and live
// events over a Unix socket in the node's data directory.
//
// What may be asked is one table, [Commands]; what a node offers is the
// interface [Node], so that an HTTP API can share both. [Server] listens with
// mode 0600 and answers only processes of the node's own user and root. A
// client sends one [Request] as a line of JSON on a connection of its own and
// reads [Reply] lines until one says Done; [Client] does that. What an argument
// names is a [Kind], which is how the node completes it.
//
// Events pass a [Bus]. It never blocks a call: each subscriber has a queue of
// its own, and what does not fit is counted and told. An event is encoded once for
// all, and sent with what follows it closely. With no subscriber an
// event costs one atomic load. [Bus.Handler] makes events of what the rooms
// log; no secret is logged, so none is shown.
//
// Run owns the goroutines, one per connection, at most maxConnections; all have
// ended when it returns.
package console
