// Package transaction is the transaction layer of SIP: RFC 3261 §17 with the
// corrections of RFC 6026, RFC 4320 and RFC 4321.
//
// A [Layer] sits on a transport. Requests that open a transaction go through
// one door, [Handler.ServeSIP]; requests of this host leave through
// [Layer.Request] and report to a [ClientWatcher].
//
// Who owns what: transactions live on shards, chosen by the hash of the
// Call-ID, so that an INVITE, its CANCEL, its ACK and the BYE of the same call
// meet on one shard. A shard is a table, a timer wheel and two mailboxes, and
// is run by one goroutine at a time: the reader that brought a message runs it
// at once if the shard is free, or leaves the message for the one who holds
// it. Nobody waits for a shard. No transaction has a goroutine or a
// time.Timer. All callbacks (ServeSIP, ClientWatcher, ServerWatcher) of a
// shard happen one after the other; they must not block, and may call every
// method of this package.
//
// The four state machines are pure, one file each: events and the time come
// in, actions and the next deadline go out.
package transaction
