// Package pbx is the exchange: it takes an INVITE in, runs the dialplan for
// it, and calls out where the dialplan says so. It is a back-to-back user
// agent: both sides of a call are dialogs of their own and the sound between
// them always passes through the relay, so neither side needs to be able to
// reach the other.
//
// # How a call lives
//
// Server.ServeSIP runs on the transaction's shard. It finds out who is calling
// (identify.go), whether that is true (admit.go), and refuses there and then
// whoever may not call; a stranger costs no goroutine. What remains becomes a
// channel: one goroutine and one mailbox. The goroutine runs the dialplan from
// top to bottom, as a story told in order, and an application that has to wait
// does so in channel.wait, which is the only place where a channel blocks on
// its mailbox. Legs that Dial makes have no goroutine: their events carry the
// leg and land in the same mailbox. When the dialplan ends, the goroutine
// releases what it holds in a fixed order: dialogs, the CDR (and it waits until
// the record is durable), then relay ports, then its place in Server.calls.
//
// # Who owns what
//
// A channel and its legs are owned by the channel's goroutine; other
// goroutines only post into the mailbox. The settings (endpoints, dialplan) are
// one immutable value behind an atomic pointer: Reload swaps it and a call
// that is under way keeps the one it started with.
//
// # Applications
//
// An application is a function of a Channel, which is the small interface
// below, never of the channel's inside. The table of applications is given to
// New (package pbx/app holds it), so pbx does not import them: queues,
// conferences and voicemail can import pbx for the interface and be imported by
// an application without a cycle (docs/adr/0070).
//
// # Limits
//
// Config.MaxCalls bounds channels, mailboxLimit the events a peer can pile up in
// one of them, maxBranches the legs of one Dial, and the dialplan's interpreter bounds
// its own steps.
package pbx
