// Package edge is the stateful proxy and load balancer in front of telephone
// exchanges: RFC 3261 §16 whole, with the loop detection of RFC 5393, flows and
// Path of RFC 5626 and RFC 3327.
//
// Open makes the whole role of a configuration that Load has read: an Edge is
// the node's first transaction.Handler. Its parts can be used alone. A Proxy
// takes requests through the one door; a request inside a dialog follows its
// Route, any other is given to the Router, which answers with a Plan: groups of
// branches, a group's branches in parallel, the groups one after the other. The
// Dispatcher is the Router of a balancer: a destination of package dispatch is a
// branch like any other, whose failures mark it and whose calls are counted from
// the dialog's beginning to its end; it probes destinations with OPTIONS and
// takes an operator's commands (Destinations, Drain, Enable, Disable). The Shield
// bans by behaviour and limits rates, each destination's governor sheds load, the veil hides
// the inside.
//
// Who owns what: a request being forwarded is a forwarding, guarded by its own
// lock because timers run beside the shard of its Call-ID; the decisions about
// it (which response goes back, what is cancelled, what is tried next) are made
// by fork, a pure machine. Nothing else of a call is kept but its count: where a
// dialog's requests go stands in its Record-Route, so a restarted edge routes
// them as before.
//
// Limits: the table of dialogs, the shield's sources, look-ups under way and the
// branches of one request are bounded (Config, ShieldConfig, maxBranches).
package edge
