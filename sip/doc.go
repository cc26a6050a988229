// Package sip is the language of SIP: requests, responses, header fields and
// URIs (RFC 3261 §7, §19, §20, §25 and the extensions that docs/rfc.md lists), as
// pure values. It does no I/O, starts no goroutine and reads no clock.
//
// A parsed message is a set of spans over one string, the datagram. Header
// values are typed when they are asked for, as views of that string; what
// nobody edits is written back byte for byte, and edits are spliced in:
//
//	req, res, err := sip.Parse(datagram)
//	via, err := req.TopVia()
//	req.Prepend(sip.HeaderVia, "SIP/2.0/UDP 192.0.2.1;branch="+sip.NewBranch())
//	out = req.Append(out[:0])
//
// Fields are named by HeaderID, so that case and compact forms matter to nobody;
// unknown ones are reached by name. Accessors that can fail return a *Error with
// the status to answer. Parse finds faults of syntax, Validate those that a
// receiver must refuse before he acts. Parse goes on behind a fault, so that the
// message can be answered; Status 0 means: drop it.
//
// Strings handed out are views too. They stay valid for ever, but keep the whole
// message alive: who stores one for long clones it. A message belongs to one
// goroutine at a time while it is edited; reading needs no lock.
//
// What a stranger can make large is bounded: MaxHeaderBytes, MaxFields,
// MaxURIBytes, MaxURIParams, and the limits of a Framer, which cuts streams. No
// input costs more than time and memory in proportion to its length.
package sip
