// Package siptest is the other end of the line: fake peers that play a ladder
// script against a system under test, over real sockets on the loopback
// interface or over any Conn, for instance an in-memory one in a synctest bubble.
//
// A script is a ladder, one line for each message, seen from the peers:
//
//	alice -> INVITE sip:bob@{sut} | Supported: 100rel | sdp
//	alice <- 180 | Require: 100rel | RSeq: {rseq}    # RFC 3262 §3: MUST carry Require and RSeq
//	alice -> PRACK | RAck: {rseq} {cseq} INVITE
//	alice <- 200 PRACK
//	do answer
//	alice <- 200 INVITE | sdp | Contact
//	alice -> ACK
//
// "->" sends, "<-" expects, "<-?" takes the message if it is the next one. The
// name may be left out if there is one peer; "<- *" takes any message. Parts are separated by " | ":
//
//	Name: value     sent: sets the field. expected: some value of it matches
//	+Name: value    sent: adds another line of the field
//	-Name           sent: leaves the field out. expected: it must not be there
//	Name            expected: the field is there
//	uri: value      expected: the Request-URI
//	reason: value   expected: the reason phrase
//	sdp  sdp: text  sent: a session description (named in Script.Bodies or a
//	                standard one). expected: one is there (and contains text)
//	body: text      sent: with Content-Type. expected: the body contains text
//	nobody          expected: no body
//	new             sent: a request outside of the dialog, new Call-ID
//	call: name      sent: in the call of that name (default: the one used last).
//	                expected: gives the call that name
//	within: 3s      expected: how long to wait, default Script.Patience
//	after: 1.9s     expected: not sooner than that after the previous line
//
// {name} is a variable: if it has a value it stands for that, otherwise it
// takes whatever stands there in an expected message. "*" matches anything.
// Set before: {sut} the address of the system, {me} the address of the peer.
//
// Other lines: "do name" calls Script.Do, "pause 100ms" waits, "alice silence
// 1s" expects no message, "alice -> again" repeats the last datagram, "alice
// <- again" expects a retransmission of the last one. Text behind "#" is a
// sentence that says why; it is printed when the line fails, and a failed
// script prints the whole ladder that was played.
//
// What a line does not say is filled in: Via with a branch, From and To with
// tags, Call-ID, CSeq, Contact, Max-Forwards, Content-Length, Route from
// Record-Route. ACK and CANCEL take what belongs to their INVITE. 100 and
// retransmissions are skipped unless a line expects them.
//
// The goroutine that reads a socket is owned by its Peer and ends with
// Peer.Close, which the test's Cleanup calls.
package siptest
