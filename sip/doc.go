// Package sip is the language of SIP: requests, responses, header fields, URIs
// (RFC 3261 §7, §19, §20, §25 and its extensions), as pure values. It does no
// I/O, starts no goroutine and reads no clock.
//
// A parsed message is a set of spans over one string. Header values are typed
// when they are asked for, as views of that string; what nobody edits is
// written back byte for byte. Strings handed out stay valid for ever.
//
//	req, res, err := sip.Parse(datagram)
//	via, err := req.TopVia()
//	req.Prepend(sip.HeaderVia, via.String())
//	out = req.Append(out[:0])
package sip
