// Package presence tells phones what other phones do: the lamps of a key
// module, the icons of a list of contacts, the lamp for new messages.
//
// A [Board] knows the state of every device, from what the exchange tells it:
// channels that begin, ring, are held and end; endpoints that register and
// vanish; custom states set by the dialplan. The hint of an extension names
// devices; their states together are the state of the extension, computed as
// Asterisk 22 does.
//
// A [Server] is the notifier of three event packages (RFC 6665): "presence"
// (RFC 3856, bodies of RFC 3863), "dialog" (RFC 4235) and "message-summary"
// (RFC 3842), and the compositor of published presence and mailbox states (RFC
// 3903). The exchange authenticates a request and then hands it over with
// [Server.Subscribe] or [Server.Publish]; both answer on the spot and never
// block.
//
// Who owns what: the Board and the Server are each one lock; nothing is sent
// and nobody is called under either. Every subscription has at most one
// goroutine sending at a time, and what changes meanwhile is sent by that one
// afterwards, so versions leave in order. [Server.Run] owns the only goroutine:
// it wakes subscriptions whose pace made them wait and forgets publications
// that ran out.
//
// Limits: Config.MaxSubscriptions and MaxPerWatcher; a pace for each
// subscription, a burst of eight and then one NOTIFY a second; 10,000
// publications, eight for each publisher, 16 kB each; [Board] keeps at most
// 100,000 devices.
package presence
