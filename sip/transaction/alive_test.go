package transaction

import (
	"context"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
)

// A layer is alive while all its shards take events, and is not while a callback
// does not return.
func TestAlive(t *testing.T) {
	var hang chan struct{} // made in the bubble
	handler := func(_ context.Context, tx *Server, req *sip.Request) {
		<-hang
		answer(200)(context.Background(), tx, req)
	}
	inBubble(t, Config{Handler: HandlerFunc(handler)}, func(p *pair) {
		hang = make(chan struct{})
		within := func(d time.Duration) bool {
			ctx, cancel := context.WithTimeout(context.Background(), d)
			defer cancel()
			return p.uas.Alive(ctx)
		}
		if !within(time.Second) {
			t.Error("a layer that has nothing to do does not answer")
		}
		p.uac.Request(request(sip.OPTIONS), p.udp(), &watch{})
		pass(time.Second)
		if within(10 * time.Second) {
			t.Error("a layer is alive although a shard hangs")
		}
		close(hang)
		pass(time.Second)
		if !within(time.Second) {
			t.Error("a layer that hangs no more does not answer")
		}
	})
}
