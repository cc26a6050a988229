package dialog

import (
	"testing"

	"github.com/hometone/hometone/sip"
)

// TestRefusals are the answers to requests in a dialog that do not fit.
func TestRefusals(t *testing.T) {
	memory(t, func(c *Config) { c.InfoTypes = []string{"application/dtmf-relay", "text/plain"} }, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, confirmed+`
			-> OPTIONS
			<- 200 OPTIONS | Allow: INVITE | Accept: application/sdp | Supported: 100rel  # §11.2
			-> PUBLISH
			<- 405 PUBLISH | Allow: INVITE     # §8.2.1: 405 with Allow for a method that is known and not supported
			-> FROB
			<- 501 FROB                        # §21.5.2: a method that is not known
			-> INFO | Require: frobnicate, timer
			<- 420 INFO | Unsupported: frobnicate  # §8.2.2.3
			-> INFO | Content-Encoding: gzip | body: x
			<- 415 INFO | Accept-Encoding: identity  # §8.2.3
			-> INFO | Content-Type: application/frob | body: x
			<- 415 INFO | Accept: application/dtmf-relay
			-> INFO | Info-Package: frob | Content-Type: application/frob | body: x
			<- 469 INFO | Recv-Info            # RFC 6086 §4.2.2, whatever the body is
			-> INFO | Content-Type: application/dtmf-relay | body: Signal=5
			<- 200 INFO
			-> MESSAGE | body: hello
			<- 200 MESSAGE
			-> INVITE | Content-Type: text/html | body: <p>
			<- 415 INVITE | Accept: application/sdp
			-> ACK
			-> INFO | CSeq: 1 INFO
			<- 500 INFO                        # §12.2.2: out of order "MUST be rejected with a 500"
			-> INVITE sip:bob@{sut} | To: <sip:bob@{sut}>;tag=nobody | sdp
			<- 481 INVITE                      # §12.2.2
			-> ACK
			-> BYE | From: <sip:x@y>;tag=other
			<- 481 BYE                         # §15.1.2: "If the BYE does not match an existing dialog, the UAS core SHOULD generate a 481"
			-> NOTIFY | Event: refer | Subscription-State: active
			<- 481 NOTIFY                      # RFC 6665 §4.1.3
			-> SUBSCRIBE | Event: presence
			<- 489 SUBSCRIBE                   # RFC 6665 §4.2.1.1
			-> SUBSCRIBE | Event: refer
			<- 403 SUBSCRIBE                   # RFC 3515 §3
			-> PRACK | RAck: 1 1 INVITE
			<- 481 PRACK
			-> PRACK | RAck: nonsense
			<- 400 PRACK
		`, p)
		event[Confirmed](r, "ACK")
		if i := event[Info](r, "INFO"); i.Body != "Signal=5" || i.ContentType != "application/dtmf-relay" {
			t.Errorf("info %+v", i)
		}
		if m := event[Message](r, "MESSAGE"); m.Body != "hello" {
			t.Errorf("message %+v", m)
		}
		r.quiet("nothing else concerned the application")
	})
}

// TestRefusedInvites are answers to INVITEs outside of a dialog.
func TestRefusedInvites(t *testing.T) {
	memory(t, func(c *Config) { c.MaxDialogs = 2 }, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | Require: frob | sdp
			<- 420 | Unsupported: frob
			-> ACK
			-> INVITE sip:bob@{sut} | new | -Contact | sdp
			<- 400 | reason: *Contact*
			-> ACK
			-> INVITE sip:bob@{sut} | new | Content-Type: text/plain | body: hi
			<- 415 | Accept: application/sdp
			-> ACK
			-> INVITE sip:bob@{sut} | new | Content-Type: text/plain | Content-Disposition: render;handling=optional | body: hi
			do ring
			<- 180
			-> INVITE sip:bob@{sut} | new | sdp
			do ring
			<- 180
			-> INVITE sip:bob@{sut} | new | sdp
			<- 503 | Retry-After: *
			-> ACK
		`, p)
	})
}

// TestMultipart finds the session description among other parts (RFC 5621).
func TestMultipart(t *testing.T) {
	req := sip.NewRequest(sip.INVITE, "sip:x@y")
	req.SetBody("multipart/mixed;boundary=\"b\"", "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\nContent-Type: application/sdp\r\n\r\n"+ourSDP+"\r\n--b--\r\n")
	if sdp, r := description(&req.Message); sdp != ourSDP || r != nil {
		t.Errorf("description %q, %v", sdp, r)
	}
	req.SetBody("multipart/mixed", "--b\r\n")
	if _, r := description(&req.Message); r == nil || r.status != 415 {
		t.Errorf("a multipart body without boundary was taken: %v", r)
	}
	req.Del(sip.HeaderContentType) // RFC 3261 §20.15: a body has one
	if sdp, r := description(&req.Message); sdp != "" || r != nil {
		t.Errorf("a body of no type: %q, %v", sdp, r)
	}
}

// TestStop: when Run ends every session is told so, once.
func TestStop(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, confirmed, p)
		event[Confirmed](r, "ACK")
		r.stop()
		r.ended(CauseStopped, "the layer stopped")
		r.quiet("one final event")
	})
}
