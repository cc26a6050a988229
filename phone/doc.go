// Package phone is a SIP phone as a library: register, call, be called, hear
// and be heard. It is what the command `hometone phone` is made of.
//
//	p, err := phone.New(phone.Config{Account: "sip:8005@192.0.2.1", Password: "secret"})
//	go p.Run(ctx)
//	err = p.Register(ctx)
//	call, err := p.Call(ctx, "8006")
//	err = call.WaitAnswered(ctx)
//	call.Play(clip, nil)
//	call.Hangup(ctx)
//	p.Quit(ctx)
//
// The zero Config is a phone without an account: it calls SIP addresses
// directly and can be called where it listens.
//
// # What happens where
//
// [New] checks the configuration and starts nothing. [Phone.Run] binds the
// sockets, owns every goroutine and returns when all of them have ended. All
// other methods may be called from any goroutine, also before Run: they wait
// until the phone is ready. Methods with a context block until what they ask
// for has happened, or the context ends.
//
// Each [Call] is one goroutine with a mailbox: signalling events and method
// calls are taken from it one after the other, so a call needs no lock. Its
// audio is an [rtp.Stream], paced by the stream's own goroutine.
//
// Events ([Config.OnEvent]) are delivered one at a time and in order, on a
// goroutine of their own.
//
// # Behind a NAT
//
// Requests ask for symmetric responses (RFC 3581). What the registrar's answer
// says about our address (received, rport) goes into the Contact of the next
// registration, calls reuse the registration's flow, keep-alives (RFC 5626
// §3.5) hold the binding open, and RTP is sent from the port where it is
// received (RFC 4961).
//
// # Limits
//
// A phone has at most [Config.MaxCalls] calls; further callers hear 486. A
// call's mailbox is bounded; what a peer sends beyond it (INFO, MESSAGE) is
// dropped.
package phone
