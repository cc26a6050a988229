// Package message carries instant messages (SIP MESSAGE, RFC 3428) between the
// users of an exchange, and keeps those whose recipient is not there until it
// is.
//
// The exchange authenticates a MESSAGE and hands it to [Center.Serve]. The
// sender gets 200 when a device of the recipient has taken the message, 202
// when it is durable here and will be delivered later, and an error when no
// device will ever take it or nobody has that name. [Center.Registered] tells
// that a recipient has come back. What the dialplan takes and sends does not
// come here.
//
// Messages to one recipient leave in the order in which they came, one at a
// time, each to all devices; one that takes it is enough. A device that fails
// for now (no answer, 408, 480, 5xx …) makes the message wait for the next
// registration, or a growing interval; one that refuses it for good does not.
// The queue of a recipient is a machine without clock and input or output; its
// Center keeps its actions in order.
//
// Who owns what: the Center's lock guards all queues; nothing is sent, stored or
// answered under it. [Center.Run] owns the only goroutine, which looks after
// deadlines. Loops end as Max-Forwards does (RFC 3261 §16.6): a message is
// forwarded with one hop less, and refused with 483 at none.
//
// Limits: size of a body, messages of one recipient and of all, lifetime; see
// Config.
package message
