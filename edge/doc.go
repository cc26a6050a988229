// Package edge is the stateful proxy and load balancer in front of telephone
// exchanges: RFC 3261 §16 whole, with the loop detection of RFC 5393.
//
// A Proxy takes requests through the one door (transaction.Handler). A request
// inside a dialog follows its Route; any other is given to the Router, which
// answers with a Plan: groups of branches, a group's branches in parallel, the
// groups one after the other. A destination of package dispatch is a branch
// like any other, whose failures mark it and whose calls are counted from the
// dialog's beginning to its end.
//
// Who owns what: a request being forwarded is a Forwarding, owned by the shard
// of its Call-ID; the decisions about it (which response goes back, what is
// cancelled, what is tried next) are made by fork, a pure machine. Nothing else
// of a call is kept: where a dialog's requests go stands in its Record-Route,
// so a restarted edge routes them as before.
package edge
