package calls_test

import "testing"

// A MESSAGE outside a call runs the dialplan when the extension is there for
// messages, or with message_context; the sender is told 202, "accepted, but not
// delivered" (RFC 3428 §7). MessageSend sends one on.
func TestMessageInDialplan(t *testing.T) {
	s := openStage(t, map[string]string{
		"pjsip.conf": phones("", "alice", "bob") + phones("message_context=texts", "carol") +
			"[global]\ntype=global\ndefault_outbound_endpoint=alice\n",
		"extensions.conf": `exten => 600,1,Set(MESSAGE_DATA(X-Way)=${MESSAGE_DATA(X-From-Alice)}-${EXTEN})
same => n,Set(MESSAGE(body)=${TOUPPER(${MESSAGE(body)})})
same => n,MessageSend(pjsip:bob)
exten => 601,1,MessageSend(pjsip:bob/sip:elsewhere@127.0.0.1,"The Board" <sip:board@example.com>,<sip:list@example.com>)
exten => 602,1,MessageSend(xmpp:bob)
same => n,Set(MESSAGE(body)=${MESSAGE_SEND_STATUS})
same => n,MessageSend(pjsip:nobody@h h)
same => n,Set(MESSAGE(body)=${MESSAGE(body)} ${MESSAGE_SEND_STATUS})
same => n,MessageSend(pjsip:alice@anywhere)
exten => 603,1,Dial(PJSIP/bob)
[texts]
exten => bob,1,MessageSend(pjsip:bob,service)
`,
	}, "alice", "bob", "carol")
	s.play(t, `
		alice -> MESSAGE sip:600@{sut} | Content-Type: text/plain | X-From-Alice: yes | body: hello
		alice <- 202 MESSAGE | -Contact | nobody
		bob <- MESSAGE | uri: sip:bob@{bob} | body: HELLO | X-Way: yes-600 | -X-From-Alice | From: <sip:alice@127.0.0.1>;tag=* | Content-Type: text/plain
		bob -> 200
		alice -> MESSAGE sip:602@{sut} | new | Content-Type: text/plain | body: x
		alice <- 202
		alice <- MESSAGE | body: INVALID_PROTOCOL INVALID_URI
		alice -> 200
		alice -> MESSAGE sip:600@{sut} | new | Content-Type: image/png | body: x
		alice <- 415 | Accept: text/plain
		alice -> MESSAGE sip:bob@{sut} | new | Content-Type: text/plain | body: to the person
		bob <- MESSAGE | body: to the person
		bob -> 200
		alice <- 200                # no extension takes it: delivered to the user
		carol -> MESSAGE sip:bob@{sut} | Content-Type: text/plain | body: by the dialplan
		carol <- 202
		bob <- MESSAGE | body: by the dialplan | From: <sip:service@127.0.0.1>;tag=*
		bob -> 200
		carol -> MESSAGE sip:600@{sut} | new | Content-Type: text/plain | body: x
		carol <- 404               # not in message_context
	`)
}

// Messages of one sender run one after the other, in their order.
func TestMessagesInOrder(t *testing.T) {
	s := openStage(t, map[string]string{
		"pjsip.conf":      phones("", "alice", "bob"),
		"extensions.conf": "exten => 600,1,Wait(0.2)\nsame => n,MessageSend(pjsip:bob)\nexten => 601,1,MessageSend(pjsip:bob)\n",
	}, "alice", "bob")
	s.play(t, `
		alice -> MESSAGE sip:600@{sut} | Content-Type: text/plain | body: one
		alice <- 202
		alice -> MESSAGE sip:601@{sut} | new | Content-Type: text/plain | body: two
		alice <- 202
		bob <- MESSAGE | body: one
		bob -> 200
		bob <- MESSAGE | body: two
		bob -> 200
	`)
}

// A text in the call waits for the ACK, answers the peer's challenge with
// outbound_auth, and may show other names.
func TestSendText(t *testing.T) {
	s := openStage(t, map[string]string{
		"pjsip.conf": phones("outbound_auth=us", "alice") + "[us]\ntype=auth\nusername=us\npassword=pw\n",
		"extensions.conf": `exten => 700,1,Answer()
same => n,Set(SENDTEXT_FROM_DISPLAYNAME=Front Desk)
same => n,Set(SENDTEXT_TO_DISPLAYNAME=You)
same => n,SendText(hello)
same => n,Wait(5)
`,
	}, "alice")
	s.play(t, `
		-> INVITE sip:700@{sut} | sdp
		<- 200
		silence 200ms
		-> ACK
		<- MESSAGE | From: "Front Desk" <sip:700@*>;tag=* | To: "You" <sip:alice@*>;tag=* | body: hello
		-> 401 | WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth"
		<- MESSAGE | Authorization: *username="us"* | body: hello
		-> 200
		-> MESSAGE | Content-Type: text/plain | body: to nobody
		<- 202                      # passed on, not delivered
		-> INFO | Info-Package: nothing | Content-Type: text/plain | body: x
		<- 469 | Recv-Info          # RFC 6086 §4.2.2
		-> BYE
		<- 200
	`)
}

// OPTIONS tells a telephone whether it can call an extension, a probe without
// one that we are there (RFC 3261 §11.2).
func TestOptionsForExtension(t *testing.T) {
	s := openStage(t, map[string]string{"pjsip.conf": phones("", "alice"), "extensions.conf": "exten => 700,1,Answer()\n"}, "alice")
	s.play(t, `
		-> OPTIONS sip:700@{sut} | new
		<- 200
		-> OPTIONS sip:701@{sut} | new
		<- 404
		-> OPTIONS sip:{sut} | new
		<- 200
		-> OPTIONS sip:701@{sut} | new | From: <sip:stranger@h>
		<- 200
	`)
}
