// Package rtp is the real-time transport protocol of RFC 3550 as a phone and a
// relay need it.
//
// Words: Header (Parse, Rewrite), the reports of RTCP and telephone events
// (RFC 4733). Machines without a clock or a socket, all plain data: Reception
// (sequence numbers, loss, jitter of one incoming stream), Control (one RTCP
// session), EventSender and EventReceiver, JitterBuffer. And Stream, one end of
// a phone's audio over two sockets of its own: its Run owns three goroutines
// (pacing, reading RTP, reading RTCP) and ends with all of them.
//
// The relay uses the words and the machines but not Stream.
package rtp
