// Package auth is digest authentication for SIP (RFC 3261 §22, RFC 7616, RFC
// 8760), both sides.
//
// A Server challenges and verifies. Its nonces are stateless: time, random
// bits and an HMAC, so a challenge costs a stranger's request no memory, and
// the nodes of a cluster that share the key accept each other's nonces. Only
// a nonce that somebody with the right secret has used is remembered, with the
// counts seen on it, so that nothing can be replayed; the number remembered is
// bounded, and what falls out is answered stale=true, never accepted twice.
// Unknown users cost the same work and get the same answer as wrong passwords.
//
// A Client answers challenges, picks the strongest algorithm offered, counts
// its uses of a nonce, and can put credentials on later requests unasked.
//
// ACK and CANCEL are never to be challenged (RFC 3261 §22.1): the caller lets
// them pass.
package auth
