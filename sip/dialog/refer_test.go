package dialog

import (
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
)

// TestReferFromPeer: RFC 3515 §2.4.
func TestReferFromPeer(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		var n *Notifier
		r.do("accept", func() (err error) {
			e := event[Refer](r, "REFER")
			if e.To.URI != "sip:carol@example.org" {
				t.Errorf("refer to %v", e.To)
			}
			n, err = e.Request.Accept()
			return err
		})
		r.do("decline", func() error { return event[Refer](r, "REFER").Request.Reject(603, "") })
		r.do("quiet", func() error {
			n, err := event[Refer](r, "REFER").Request.Accept()
			if n != nil {
				t.Error("norefersub: there must be no subscription")
			}
			return err
		})
		r.do("ringing", func() error { return n.Sipfrag(180, "") })
		r.do("done", func() error { return n.Sipfrag(200, "") })
		r.script.Run(t, confirmed, p)
		event[Confirmed](r, "ACK")
		r.script.Run(t, `
			-> REFER | Refer-To: <sip:carol@example.org> | Referred-By: <sip:alice@example.org>
			pause 1ms
			do accept
			<- 202 REFER | Contact
			<- NOTIFY | Event: refer | Subscription-State: active;expires=* | body: SIP/2.0 100 Trying  # §2.4.4
			-> 200 NOTIFY
			do ringing
			<- NOTIFY | body: SIP/2.0 180 Ringing | Content-Type: message/sipfrag*
			-> 200
			-> SUBSCRIBE | Event: refer | Expires: 60
			<- 200 SUBSCRIBE | Expires: 60
			<- NOTIFY | body: 180
			-> 200
			do done
			<- NOTIFY | body: SIP/2.0 200 OK | Subscription-State: terminated;reason=noresource  # §2.4.7
			-> 200
			-> REFER | Refer-To: <sip:carol@example.org>
			pause 1ms
		`, p)
		event[Subscribed](r, "SUBSCRIBE")
		if e := event[SubscriptionEnded](r, "final status"); e.Notifier != n {
			t.Errorf("ended %+v", e)
		}
		r.script.Run(t, `
			do decline
			<- 603 REFER
			-> REFER
			<- 400 REFER      # §2.4.2: exactly one Refer-To
			-> REFER | Refer-To: <sip:carol@example.org> | Refer-Sub: false | Require: norefersub
			pause 1ms
			do quiet
			<- 200 REFER | Refer-Sub: false  # RFC 4488 §4
			silence 1s
		`+hangUp, p)
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestReferIgnored: an application that does nothing refuses.
func TestReferIgnored(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, confirmed+`
			-> REFER | Refer-To: <sip:carol@example.org>
			<- 480 REFER | within: 21s
		`, p)
	})
}

// TestRefer: we transfer the peer; NOTIFYs tell how it goes, and a BYE in
// between does not end the subscription (RFC 5057 §3).
func TestRefer(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		r.do("refer", func() error { _, err := r.session().Refer("<sip:carol@example.org>"); return err })
		r.script.Run(t, called+`
			do refer
			<- REFER | Refer-To: <sip:carol@example.org> | Referred-By: <sip:hometone@192.0.2.1> | Contact
			-> NOTIFY | Event: refer | Subscription-State: active;expires=60 | Content-Type: message/sipfrag | body: SIP/2.0 100 Trying\r\n
			<- 200 NOTIFY
			-> 202 REFER
			do bye
			<- BYE
			-> 200 BYE
			-> NOTIFY | Event: refer | Subscription-State: terminated;reason=noresource | Content-Type: message/sipfrag;version=2.0 | body: SIP/2.0 200 OK\r\n
			<- 200 NOTIFY
			-> NOTIFY | Event: refer | Subscription-State: active
			<- 481 NOTIFY
		`, p)
		event[Answered](r, "200")
		if n := event[Notified](r, "100"); n.Status != 100 || n.State != "active" {
			t.Errorf("notified %+v", n)
		}
		r.ended(CauseLocalBye, "BYE")
		if n := event[Notified](r, "200"); n.Status != 200 || n.State != "terminated" {
			t.Errorf("notified %+v", n)
		}
		event[SubscriptionEnded](r, "terminated")
		r.empty()
	})
}

// TestReferRefused, and one whose answer says that there is no subscription.
func TestReferRefused(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		r.do("refer", func() error {
			_, err := r.session().Refer("<sip:carol@example.org>", Header{"Refer-Sub", "false"})
			return err
		})
		r.script.Run(t, called+`
			do refer
			<- REFER | Refer-Sub: false
			-> 200 | Refer-Sub: false
			do refer
			<- REFER
			-> 403
			pause 1ms
		`+hangUp, p)
		event[Answered](r, "200")
		if e := event[SubscriptionEnded](r, "200"); e.Status != 200 {
			t.Errorf("%+v", e)
		}
		if e := event[SubscriptionEnded](r, "403"); e.Status != 403 {
			t.Errorf("%+v", e)
		}
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestSubscribe: RFC 6665 §4.1: the NOTIFY may come before the 200 and makes
// the dialog; refresh; 423; end.
func TestSubscribe(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.answering()
		var sub *Subscription
		r.do("subscribe", func() (err error) {
			sub, err = r.layer.Subscribe(SubscribeConfig{URI: "sip:bob@" + p.Address(), From: "<sip:hometone@192.0.2.1>",
				Event: "presence", Accept: "application/pidf+xml", Expires: 100 * time.Second}, r)
			return err
		})
		r.do("unsubscribe", func() error { return sub.Unsubscribe() })
		r.script.Run(t, `
			do subscribe
			<- SUBSCRIBE | Event: presence | Expires: 100 | Accept: application/pidf+xml | Contact
			-> 423 | Min-Expires: 200
			<- SUBSCRIBE | Expires: 200
			-> NOTIFY | Event: presence | Subscription-State: active;expires=200 | Content-Type: application/pidf+xml | body: <one/>
			<- 200 NOTIFY
			-> 200 SUBSCRIBE | Expires: 200
			<- SUBSCRIBE | within: 161s | after: 159s | To: *;tag=* | Event: presence | Expires: 200
			-> 200 | Expires: 200
			-> NOTIFY | Event: presence | -Subscription-State
			<- 400 NOTIFY
			-> NOTIFY | Event: dialog | Subscription-State: active
			<- 481 NOTIFY
			do unsubscribe
			<- SUBSCRIBE | Expires: 0
			-> 200 | Expires: 0
			-> NOTIFY | Event: presence | Subscription-State: terminated;reason=timeout
			<- 200
		`, p)
		if n := event[Notified](r, "first"); n.Body != "<one/>" || n.Subscription != sub {
			t.Errorf("%+v", n)
		}
		event[Notified](r, "last")
		if e := event[SubscriptionEnded](r, "terminated"); e.Reason != "timeout" || e.Subscription != sub {
			t.Errorf("%+v", e)
		}
		r.empty()
	})
}

// TestSubscribeWithoutNotify: Timer N, 64*T1 (RFC 6665 §4.1.2.4).
func TestSubscribeWithoutNotify(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.do("subscribe", func() error {
			_, err := r.layer.Subscribe(SubscribeConfig{URI: "sip:bob@" + p.Address(), From: "<sip:hometone@192.0.2.1>", Event: "presence"}, r)
			return err
		})
		r.script.Run(t, "do subscribe\n<- SUBSCRIBE\n-> 200 | Expires: 3600\npause 33s", p)
		if e := event[SubscriptionEnded](r, "Timer N"); e.Reason != "timeout" {
			t.Errorf("%+v", e)
		}
		r.empty()
	})
}

// TestNotifier: RFC 6665 §4.2.
func TestNotifier(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		var n *Notifier
		r.other = func(tx *transaction.Server, req *sip.Request) bool {
			if req.Method() != sip.SUBSCRIBE {
				return false
			}
			var err error
			if n, err = r.layer.AcceptSubscribe(tx, req, r, NotifierOptions{Longest: 300 * time.Second}); err == nil {
				n.Notify("text/plain", "one", "")
			}
			return true
		}
		r.do("notify", func() error { return n.Notify("text/plain", "two", "") })
		r.script.Run(t, `
			-> SUBSCRIBE sip:bob@{sut} | Event: presence | Expires: 600
			<- 200 SUBSCRIBE | Expires: 300 | Contact | To: *;tag=*   # "MAY be shorter but MUST NOT be longer"
			<- NOTIFY | Event: presence | Subscription-State: active;expires=300 | body: one  # "MUST immediately ... send a NOTIFY"
			-> 200
			do notify
			<- NOTIFY | body: two
			-> 200
			-> SUBSCRIBE | Event: presence | Expires: 100
			<- 200 SUBSCRIBE | Expires: 100
			<- NOTIFY | body: two
			-> 200
			<- NOTIFY | within: 101s | after: 99s | Subscription-State: terminated;reason=timeout  # §4.2.2
			-> 200
			-> SUBSCRIBE | Event: presence
			<- 481
			-> SUBSCRIBE sip:bob@{sut} | new | Event: presence | Expires: 0
			<- 200 SUBSCRIBE | Expires: 0
			<- NOTIFY | body: one
			-> 481
		`, p)
		event[Subscribed](r, "refresh")
		if e := event[SubscriptionEnded](r, "ran out"); e.Reason != "timeout" {
			t.Errorf("%+v", e)
		}
		if e := event[SubscriptionEnded](r, "481 or fetched"); e.Notifier == nil {
			t.Errorf("%+v", e)
		}
		r.empty()
	})
}

// TestNotifierTerms: RFC 6665 §4.2.1.1 (423, pending) and state that the
// application versions itself.
func TestNotifierTerms(t *testing.T) {
	memory(t, func(c *Config) { c.Events = []string{"dialog"} }, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		var n *Notifier
		r.other = func(tx *transaction.Server, req *sip.Request) bool {
			if req.Method() != sip.SUBSCRIBE {
				return false
			}
			x, err := r.layer.AcceptSubscribe(tx, req, r, NotifierOptions{Longest: 600 * time.Second, Shortest: 60 * time.Second,
				Default: 120 * time.Second, Pending: true, OwnState: true})
			if err != nil {
				return true
			}
			if n == nil {
				n = x
			}
			x.Notify("text/plain", "v0", "")
			return true
		}
		r.do("consent", func() error { n.Activate(); return n.Notify("text/plain", "v1", "") })
		r.do("v2", func() error {
			event[Subscribed](r, "refresh")
			return n.Notify("text/plain", "v2", "")
		})
		r.do("v3", func() error {
			if e := event[Subscribed](r, "over"); e.Expires != 0 || e.Req != nil {
				t.Errorf("%+v", e)
			}
			return n.Notify("text/plain", "v3", "")
		})
		r.script.Run(t, `
			-> SUBSCRIBE sip:bob@{sut} | Event: dialog | Expires: 59
			<- 423 | Min-Expires: 60          # smaller than the notifier's minimum
			-> SUBSCRIBE sip:bob@{sut} | new | Event: dialog;id=1
			<- 200 SUBSCRIBE | Expires: 120   # no Expires: the package's default
			<- NOTIFY | Subscription-State: pending;expires=120 | Event: dialog;id=1 | body: v0
			-> 200
			do consent
			<- NOTIFY | Subscription-State: active;expires=120 | body: v1
			-> 200
			-> SUBSCRIBE | Event: dialog;id=1 | Expires: 10
			<- 423 SUBSCRIBE | Min-Expires: 60
			-> SUBSCRIBE | Event: dialog;id=1 | Expires: 60
			<- 200 SUBSCRIBE | Expires: 60
			do v2
			<- NOTIFY | body: v2
			-> 200
			-> SUBSCRIBE | Event: dialog;id=2 | Expires: 0   # a second usage of this dialog, RFC 5057 §3.2
			<- 200 SUBSCRIBE | Expires: 0
			<- NOTIFY | Event: dialog;id=2 | Subscription-State: terminated;reason=timeout | body: v0
			-> 200
			-> SUBSCRIBE | Event: presence
			<- 489 SUBSCRIBE | Allow-Events: refer, dialog
			-> SUBSCRIBE | Event: refer
			<- 403 SUBSCRIBE   # RFC 3515 §3: only REFER makes one
		`, p)
		if e := event[SubscriptionEnded](r, "fetched"); e.Notifier == n {
			t.Error("the wrong subscription ended")
		}
		r.script.Run(t, `
			pause 61s
			do v3
			<- NOTIFY | Event: dialog;id=1 | Subscription-State: terminated;reason=timeout | body: v3
			-> 200
		`, p)
		if e := event[SubscriptionEnded](r, "ran out"); e.Notifier != n {
			t.Errorf("ended %+v", e)
		}
		r.empty()
	})
}

// TestReferOutside: RFC 3515 §2.4.1, a REFER that no call is needed for.
func TestReferOutside(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		refer := func(h ...Header) func() error {
			return func() error {
				_, err := r.layer.Refer("<sip:carol@example.org>", SubscribeConfig{URI: "sip:alice@" + p.Address(), From: "<sip:us@192.0.2.1>",
					Auth: NewDigest("us", "secret"), Headers: h}, r)
				return err
			}
		}
		r.do("refer", refer())
		r.do("quiet", refer(Header{"Refer-Sub", "false"}))
		r.script.Run(t, `
			do refer
			<- REFER | Refer-To: <sip:carol@example.org> | Contact | -Event | -Expires
			-> 401 | WWW-Authenticate: Digest realm="x", nonce="n"
			<- REFER | Authorization: *username="us"*
			-> 202
			-> NOTIFY | Event: refer | Subscription-State: active;expires=60 | Content-Type: message/sipfrag | body: SIP/2.0 100 Trying\r\n
			<- 200 NOTIFY
			-> NOTIFY | Event: refer | Subscription-State: terminated;reason=noresource | Content-Type: message/sipfrag | body: SIP/2.0 200 OK\r\n
			<- 200 NOTIFY
		`, p)
		if e := event[Notified](r, "100"); e.Status != 100 {
			t.Errorf("%+v", e)
		}
		if e := event[Notified](r, "200"); e.Status != 200 {
			t.Errorf("%+v", e)
		}
		event[SubscriptionEnded](r, "noresource")
		r.script.Run(t, `
			do quiet
			<- REFER | Refer-Sub: false
			-> 200 | Refer-Sub: false
		`, p)
		event[SubscriptionEnded](r, "RFC 4488 §4: no subscription is made")
		r.empty()
	})
}

// TestSend: a request that makes no dialog.
func TestSend(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		status := make(chan int, 2)
		r.do("send", func() error {
			return r.layer.Send(SendConfig{Method: sip.MESSAGE, URI: "sip:alice@" + p.Address(), From: "<sip:us@192.0.2.1>", MaxForwards: 7,
				ContentType: "text/plain", Body: "hello", Auth: NewDigest("us", "secret")}, func(res *sip.Response, err error) {
				if err != nil {
					status <- -1
					return
				}
				status <- res.Status()
			})
		})
		r.script.Run(t, `
			do send
			<- MESSAGE | Max-Forwards: 7 | -Contact | body: hello | Content-Type: text/plain
			-> 407 | Proxy-Authenticate: Digest realm="x", nonce="n"
			<- MESSAGE | Proxy-Authorization: *username="us"* | body: hello
			-> 202
			do send
			<- MESSAGE
			silence 40s
		`, p)
		if a, b := <-status, <-status; a != 202 || b != -1 {
			t.Errorf("outcomes %d, %d", a, b)
		}
		if r.layer.Send(SendConfig{Method: sip.INVITE, URI: "sip:x@y", From: "<sip:a@b>"}, nil) == nil {
			t.Error("INVITE makes a dialog and is not for Send")
		}
		r.empty()
	})
}
