// Package transport carries SIP messages over UDP, TCP, TLS, WebSocket and
// secure WebSocket, on IPv4 and IPv6 (RFC 3261 §18, RFC 7118).
//
// A [Layer] owns every socket. [Layer.Listen] binds them, [Layer.Run] serves
// them until its context ends. What arrives is framed, parsed and handed to
// the [Handler] on the goroutine of the socket's reader, together with the
// [Flow] it came over: a small comparable value that names the pair of
// addresses and, for streams, the connection. Sending to a flow is the way to
// answer; sending to a [Target] finds or opens a connection (RFC 5923).
//
// Who owns what: each UDP socket (one per core, SO_REUSEPORT) and each
// connection has one reader goroutine which owns its buffers. A connection has
// a bounded write queue, drained by a goroutine that lives only while the
// queue is not empty; a peer that does not read loses its connection and
// delays nobody. All goroutines end before Run returns.
//
// Limits: everything that a stranger can grow is bounded by [Limits] —
// connections in total and per source, bytes and time for a message's head,
// handshakes, queued writes, idle time. A datagram that is no SIP message is
// counted and forgotten; nothing is logged per packet.
package transport
