package phone_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/hometone/hometone/phone"
)

// A phone that registers, calls somebody, plays a file and leaves.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := phone.New(phone.Config{Account: "sip:8005@192.0.2.1", Password: "secret"})
	if err != nil {
		log.Fatal(err)
	}
	go p.Run(ctx)
	if err := p.Register(ctx); err != nil {
		log.Fatal(err)
	}
	call, err := p.Call(ctx, "8006")
	if err != nil {
		log.Fatal(err)
	}
	if err := call.WaitAnswered(ctx); err != nil {
		log.Fatal(err) // a *phone.Refused error says why not
	}
	played, err := call.PlayFile(ctx, "hello.wav", 1)
	if err != nil {
		log.Fatal(err)
	}
	<-played
	call.Hangup(ctx)
	p.Quit(ctx)
}

// Two phones without accounts call each other by address.
func ExamplePhone_Accept() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	listen := []string{"udp://127.0.0.1:0"}
	alice, err := phone.New(phone.Config{Listen: listen})
	if err != nil {
		log.Fatal(err)
	}
	bob, err := phone.New(phone.Config{Listen: listen})
	if err != nil {
		log.Fatal(err)
	}
	go alice.Run(ctx)
	go bob.Run(ctx)

	addrs, err := bob.Addrs(ctx)
	if err != nil {
		log.Fatal(err)
	}
	out, err := alice.Call(ctx, "sip:bob@"+addrs[0][len("udp://"):])
	if err != nil {
		log.Fatal(err)
	}
	in, err := bob.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := in.Answer(ctx); err != nil {
		log.Fatal(err)
	}
	if err := out.WaitAnswered(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.State())
	if err := out.Hangup(ctx); err != nil {
		log.Fatal(err)
	}
	<-in.Done()
	fmt.Println(in.State())
	alice.Quit(ctx)
	bob.Quit(ctx)
	// Output:
	// talking
	// ended
}
