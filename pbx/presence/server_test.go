package presence

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func hints() *files {
	return &files{
		hints:     map[string]string{"default/bob": "PJSIP/bob&Custom:bob", "default/door": "Custom:door"},
		mailboxes: map[string][]string{"alice": {"100@default"}},
	}
}

// TestLamp is what a key module sees of a call: RFC 4235, RFC 6665 §4.2.
func TestLamp(t *testing.T) {
	play(t, hints(), nil, func(t *testing.T, r *rig) {
		r.board.Set("PJSIP/bob", NotInUse)
		lit := ChannelDown
		channel := func(s ChannelState) func() {
			return func() { r.board.Channel("PJSIP", "bob", lit, s); lit = s }
		}
		r.script.Do["ring"], r.script.Do["answer"], r.script.Do["end"] = channel(ChannelRinging), channel(ChannelUp), channel(ChannelDown)
		p := r.net.Dial("alice")
		r.script.Run(t, `
			-> SUBSCRIBE sip:bob@{sut} | Event: dialog | Accept: application/dialog-info+xml | Expires: 600
			<- 200 SUBSCRIBE | Expires: 600
			<- NOTIFY | Event: dialog | Subscription-State: active;expires=600 | Content-Type: application/dialog-info+xml | body: version="0" state="full" entity="sip:bob@192.0.2.1:5060"
			-> 200
			do ring
			<- NOTIFY | body: <state>early</state> | Content-Type: application/dialog-info+xml
			-> 200
			do ring
			silence 1s           # nothing has changed
			do answer
			<- NOTIFY | body: version="2"   # "starts at 0 and increments by one" (RFC 4235 §4.1.1)
			-> 200
			do end
			<- NOTIFY | body: <state>terminated</state>
			-> 200
			-> SUBSCRIBE | Event: dialog | Accept: application/dialog-info+xml | Expires: 600
			<- 200 SUBSCRIBE
			<- NOTIFY | body: version="4"   # a refresh gets the state too (RFC 6665 §4.2.1.2)
			-> 200
			-> SUBSCRIBE | Event: dialog | Accept: application/dialog-info+xml | Expires: 0
			<- 200 SUBSCRIBE | Expires: 0
			<- NOTIFY | Subscription-State: terminated;reason=timeout | body: version="5"
			-> 200
			do ring
			silence 5s
		`, p)
		r.empty(t)
	})
}

// TestRefusals of SUBSCRIBE.
func TestRefusals(t *testing.T) {
	limit := func(c *Config) {
		c.MaxPerWatcher = 1
		c.Authorize = func(_ Watcher, _, resource string) Consent {
			if resource == "door" {
				return Refused
			}
			return Granted
		}
	}
	play(t, hints(), limit, func(t *testing.T, r *rig) {
		r.script.Run(t, `
			-> SUBSCRIBE sip:bob@{sut} | new | Event: winfo
			<- 489 | Allow-Events: presence, dialog, message-summary  # RFC 6665 §7.2
			-> SUBSCRIBE sip:bob@{sut} | new
			<- 489
			-> SUBSCRIBE sip:nobody@{sut} | new | Event: presence
			<- 404
			-> SUBSCRIBE sip:bob@{sut} | new | Event: message-summary
			<- 404    # there is no mailbox
			-> SUBSCRIBE sip:bob@{sut} | new | Event: presence | Accept: text/plain
			<- 406
			-> SUBSCRIBE sip:door@{sut} | new | Event: presence
			<- 403
			-> SUBSCRIBE sip:bob@{sut} | new | Event: presence | Expires: 10
			<- 423 | Min-Expires: 60
			-> SUBSCRIBE sip:bob@{sut} | new | Event: presence | -Contact
			<- 400
			-> SUBSCRIBE sip:bob@{sut} | new | Event: presence
			<- 200 SUBSCRIBE | Expires: 3600
			<- NOTIFY | Content-Type: application/pidf+xml   # the package's default (RFC 3856 §6.7)
			-> 200
			-> SUBSCRIBE sip:bob@{sut} | new | Event: presence
			<- 503 | Retry-After   # as many as one endpoint may have
		`, r.net.Dial("alice"))
		r.stop()
		if r.server.Len() != 0 {
			t.Error("the end leaves a subscription")
		}
	})
}

// TestNotifyFails: 481, and silence, end a subscription (RFC 6665 §4.2.2).
func TestNotifyFails(t *testing.T) {
	play(t, hints(), nil, func(t *testing.T, r *rig) {
		r.script.Do["door"] = func() { r.board.Set("Custom:door", InUse) }
		p := r.net.Dial("alice")
		r.script.Run(t, `
			-> SUBSCRIBE sip:door@{sut} | Event: presence
			<- 200 SUBSCRIBE
			<- NOTIFY
			-> 481
			-> SUBSCRIBE sip:door@{sut} | new | Event: presence
			<- 200 SUBSCRIBE
			<- NOTIFY | body: Ready
			-> 200
			do door
			<- NOTIFY | body: On the phone
			silence 40s
		`, p)
		r.empty(t)
	})
}

// TestBurst: a device that changes fast is told at its pace, with the state
// of the moment, and the last state always arrives.
func TestBurst(t *testing.T) {
	play(t, hints(), nil, func(t *testing.T, r *rig) {
		r.script.Do["burst"] = func() {
			for range 50 {
				r.board.Set("Custom:door", InUse)
				r.board.Set("Custom:door", Ringing)
			}
			r.board.Set("Custom:door", OnHold)
		}
		p := r.net.Dial("alice")
		r.script.Run(t, `
			-> SUBSCRIBE sip:door@{sut} | Event: dialog
			<- 200 SUBSCRIBE
			<- NOTIFY | body: version="0"
			-> 200
			do burst
			<- NOTIFY | body: version="1"
			-> 200
			<- NOTIFY
			-> 200
			<- NOTIFY
			-> 200
			<- NOTIFY
			-> 200
			<- NOTIFY
			-> 200
			<- NOTIFY
			-> 200
			<- NOTIFY
			-> 200
			<- NOTIFY | body: version="8"
			-> 200
			<- NOTIFY | body: sip.rendering | after: 900ms | within: 1100ms
			-> 200
			silence 5s
			-> SUBSCRIBE | Event: dialog | Expires: 0
			<- 200 SUBSCRIBE
			<- NOTIFY
			-> 200
		`, p)
		r.empty(t)
	})
}

// TestConsent: "pending" tells nothing, consent tells the state, refusal ends.
func TestConsent(t *testing.T) {
	ask := func(c *Config) { c.Authorize = func(Watcher, string, string) Consent { return Asked } }
	play(t, hints(), ask, func(t *testing.T, r *rig) {
		r.script.Do["yes"] = func() { r.server.Decide("alice", "door", true) }
		r.script.Do["no"] = func() { r.server.Decide("alice", "bob", false) }
		r.script.Do["change"] = func() { r.board.Set("Custom:door", InUse) }
		r.script.Run(t, `
			-> SUBSCRIBE sip:door@{sut} | call: one | Event: presence
			<- 200 SUBSCRIBE
			<- NOTIFY | Subscription-State: pending;expires=* | nobody
			-> 200
			do change
			silence 1s
			do yes
			<- NOTIFY | Subscription-State: active;expires=* | body: On the phone
			-> 200
			-> SUBSCRIBE sip:bob@{sut} | call: two | Event: presence
			<- 200 SUBSCRIBE
			<- NOTIFY | Subscription-State: pending;expires=*
			-> 200
			do no
			<- NOTIFY | Subscription-State: terminated;reason=rejected
			-> 200
		`, r.net.Dial("alice"))
	})
}

// TestReload: a hint that changes is followed, one that goes ends.
func TestReload(t *testing.T) {
	play(t, hints(), nil, func(t *testing.T, r *rig) {
		r.board.Set("Custom:other", InUse)
		r.script.Do["change"] = func() { r.server.Use(&files{hints: map[string]string{"default/door": "Custom:other"}}) }
		r.script.Do["hold"] = func() { r.board.Set("Custom:other", OnHold) }
		r.script.Do["gone"] = func() { r.server.Use(&files{}) }
		r.script.Run(t, `
			-> SUBSCRIBE sip:door@{sut} | Event: presence
			<- 200 SUBSCRIBE
			<- NOTIFY | body: Ready
			-> 200
			do change
			<- NOTIFY | body: On the phone
			-> 200
			do hold
			<- NOTIFY | body: On hold
			-> 200
			do gone
			<- NOTIFY | Subscription-State: terminated;reason=noresource
			-> 200
		`, r.net.Dial("alice"))
		r.empty(t)
	})
}

// TestMailbox: message-summary, asked for and not.
func TestMailbox(t *testing.T) {
	f := hints()
	play(t, f, nil, func(t *testing.T, r *rig) {
		phone := r.net.Dial("phone")
		f.lamps = []Lamp{{Mailboxes: []string{"100@default"}, From: "<sip:vm@192.0.2.1>", Places: []Place{{URI: "sip:alice@" + phone.Address()}}}}
		r.script.Do["message"] = func() {
			r.boxes.set("100@default", Counts{New: 2, Old: 1})
			r.server.MailboxChanged("100@default")
		}
		r.script.Do["register"] = func() { r.server.Registered("alice") }
		alice, bob := r.net.Dial("alice"), r.net.Dial("bob")
		r.script.Run(t, `
			bob -> SUBSCRIBE sip:alice@{sut} | Event: message-summary | Accept: application/simple-message-summary
			bob <- 200 SUBSCRIBE
			bob <- NOTIFY | Event: message-summary | Content-Type: application/simple-message-summary | body: Messages-Waiting: no
			bob -> 200
			do message
			bob <- NOTIFY | body: Voice-Message: 2/1 (0/0)
			bob -> 200
			phone <- NOTIFY | Event: message-summary | Subscription-State: terminated | body: Messages-Waiting: yes
			phone -> 200
			do register
			phone <- NOTIFY | body: Voice-Message: 2/1 (0/0)
			phone -> 200
			alice -> PUBLISH sip:alice@{sut} | new | Event: message-summary | Content-Type: application/simple-message-summary | body: Messages-Waiting: yes\r\nVoice-Message: 7/0\r\n
			alice <- 200 PUBLISH | SIP-ETag: {tag} | Expires: 3600
			bob <- NOTIFY | body: Voice-Message: 7/0 (0/0)   # what is published counts
			bob -> 200
			phone <- NOTIFY | body: 7/0
			phone -> 200
		`, alice, bob, phone)
	})
}

// TestPublish: RFC 3903 §4 and §6, with a watcher.
func TestPublish(t *testing.T) {
	doc := func(basic string) string {
		return strings.ReplaceAll(`<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:carol@h"><tuple id="t1"><status><basic>B</basic></status></tuple></presence>`, "B", basic)
	}
	play(t, hints(), nil, func(t *testing.T, r *rig) {
		pub := `-> PUBLISH sip:carol@{sut} | new | Event: presence | Content-Type: application/pidf+xml`
		open, closed := ` | body: `+strings.ReplaceAll(doc("open"), "\n", ""), ` | body: `+strings.ReplaceAll(doc("closed"), "\n", "")
		r.script.Run(t, `
			alice -> SUBSCRIBE sip:carol@{sut} | Event: presence
			alice <- 404     # no hint, and nothing is published
			carol `+pub+` | Expires: 3600`+open+`
			carol <- 200 | SIP-ETag: {e1} | Expires: 3600   # "MUST ... entity-tag"
			alice -> SUBSCRIBE sip:carol@{sut} | new | Event: presence
			alice <- 200 SUBSCRIBE
			alice <- NOTIFY | body: <basic>open</basic>
			alice -> 200
			carol -> PUBLISH sip:carol@{sut} | new | Event: presence | SIP-If-Match: {e1}
			carol <- 200 | SIP-ETag: {e2}          # a refresh has no body
			alice silence 1s
			carol -> PUBLISH sip:carol@{sut} | new | Event: presence | SIP-If-Match: {e1}
			carol <- 412                           # the old tag is gone
			carol `+pub+` | SIP-If-Match: {e2}`+closed+`
			carol <- 200 | SIP-ETag: {e3}
			alice <- NOTIFY | body: <basic>closed</basic>
			alice -> 200
			carol -> PUBLISH sip:carol@{sut} | new | Event: presence | SIP-If-Match: {e3} | Expires: 0
			carol <- 200 | Expires: 0
			alice <- NOTIFY | body: Unavailable
			alice -> 200
			carol `+pub+` | Expires: 60`+open+`
			carol <- 200 | Expires: 60
			alice <- NOTIFY | body: <basic>open</basic>
			alice -> 200
			alice <- NOTIFY | body: Unavailable | within: 61s | after: 59s   # soft state runs out
			alice -> 200
			carol `+pub+` | Expires: 5`+open+`
			carol <- 423 | Min-Expires: 60
			carol -> PUBLISH sip:carol@{sut} | new | Event: dialog
			carol <- 489 | Allow-Events
			carol -> PUBLISH sip:carol@{sut} | new | Event: presence
			carol <- 400
			carol -> PUBLISH sip:carol@{sut} | new | Event: presence | Content-Type: text/plain | body: hello
			carol <- 415 | Accept: application/pidf+xml
			carol -> PUBLISH sip:carol@{sut} | new | Event: presence | Content-Type: application/pidf+xml | body: <presence
			carol <- 400
			carol -> PUBLISH sip:alice@{sut} | new | Event: presence
			carol <- 403                           # nobody speaks for others
			carol -> PUBLISH sip:carol@{sut} | new | Event: message-summary
			carol <- 404
		`, r.net.Dial("alice"), r.net.Dial("carol"))
	})
}

// TestPublishedBody: a body over the limit is refused, and a hint's document
// takes the published tuples in.
func TestPublishedBody(t *testing.T) {
	play(t, hints(), nil, func(t *testing.T, r *rig) {
		r.script.Bodies["x"] = "x"
		r.script.Run(t, `
			bob -> PUBLISH sip:bob@{sut} | new | Event: presence | Content-Type: application/pidf+xml | body: `+strings.Repeat("x", maxPublished+1)+`
			bob <- 413
			bob -> PUBLISH sip:bob@{sut} | new | Event: presence | Content-Type: application/pidf+xml | body: <presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:bob@h"><tuple id="desk"><status><basic>closed</basic></status><note>Lunch</note></tuple></presence>
			bob <- 200
			alice -> SUBSCRIBE sip:bob@{sut} | Event: presence
			alice <- 200 SUBSCRIBE
			alice <- NOTIFY | body: <note>Lunch</note>
			alice -> 200
		`, r.net.Dial("alice"), r.net.Dial("bob"))
	})
}

// TestEnd: when the node ends, watchers are asked to come back.
func TestEnd(t *testing.T) {
	play(t, hints(), nil, func(t *testing.T, r *rig) {
		r.script.Do["stop"] = func() { go r.stop(); synctest.Wait() } // ends with the bubble
		r.script.Run(t, `
			-> SUBSCRIBE sip:door@{sut} | Event: presence
			<- 200 SUBSCRIBE
			<- NOTIFY
			-> 200
			do stop
			<- NOTIFY | Subscription-State: terminated;reason=probation;retry-after=10
			-> 200
		`, r.net.Dial("alice"))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
	})
}
