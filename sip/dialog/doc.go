// Package dialog is the part of a user agent between transactions and calls:
// dialogs (RFC 3261 §12), INVITE sessions on both sides (§13–15), reliable
// provisional responses (RFC 3262), UPDATE (RFC 3311), session timers (RFC
// 4028), REFER (RFC 3515, RFC 4488), SUBSCRIBE and NOTIFY (RFC 6665), Replaces
// look-up (RFC 3891) and the rule which responses end what (RFC 5057).
//
// A [Layer] stands between the transaction layer, whose Handler it is, and the
// rooms that know what a call is for. [Layer.Accept] makes a [Session] of an
// INVITE, [Layer.Invite] sends one. What the peer does comes as an [Event] to
// the [Sink] of the session; what the application wants is a method of the
// session. Neither side blocks.
//
// The layer does alone whatever a person would not be asked: ACK, PRACK, answers
// to challenges, retries after 491, 422 and 423, session refreshes, BYE for
// forks that come too late, refusals of what does not fit (420, 405, 415, 481,
// 482, 491, 500). It never looks into a session description, but it knows when
// one is an offer and when an answer, and in which message the answer belongs.
//
// Who owns what: an invitation, its sessions and their subscriptions share one
// strand, a lock with a queue of decided actions that are carried out after it
// is released, in order; so no foreign code runs under a lock, and sinks may
// call back. Nothing here owns a goroutine except [Layer.Run], which wakes
// sessions at their deadlines and asks the DNS for those few dialogs whose peer
// has a name instead of an address. The machines inside (negotiation,
// reliableSender, sessionTimer) take the time as an argument and read no clock.
//
// Limits: Config.MaxDialogs; 32 early dialogs of one invitation; 16 queued
// reliable provisionals; 16 referrals of a peer in one dialog; an offer or REFER
// that the application leaves alone is refused after 20 seconds.
package dialog
