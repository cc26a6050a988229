package console

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// bare is a Node without anything.
type bare struct{ Node }

func (bare) Calls() Answer { return Answer{Columns: []string{"channel"}, Rows: [][]any{{"PJSIP/a-1"}}} }

func (bare) Names(kind Kind, before []string) []string {
	switch kind {
	case Context:
		return []string{"office", "outside"}
	case Exten:
		return []string{before[0] + "1", before[0] + "2"}
	case Channel, AnyCall:
		return []string{"PJSIP/a-1"}
	}
	return nil
}

// serve runs a server for the test's time.
func serve(t *testing.T) (*slog.Logger, Client) {
	t.Helper()
	dir, bus := t.TempDir(), NewBus()
	s, err := Listen(dir, bare{}, bus, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // ends with cancel
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return slog.New(bus.Handler(slog.DiscardHandler)), Client{Dir: dir}
}

// A console that does not read holds up neither the node nor the others, and a
// console that reads gets every event in order.
func TestSlowConsole(t *testing.T) {
	log, client := serve(t)
	stuck, err := net.Dial("unix", filepath.Join(client.Dir, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	if _, err := fmt.Fprintln(stuck, `{"follow":{"level":"INFO"}}`); err != nil {
		t.Fatal(err)
	}
	// What a socket's buffer and a queue hold is far less than this.
	const bursts, burst = 40, 500
	var got atomic.Int64
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	followed := make(chan error, 1)
	go func() { // ends with cancel
		followed <- client.Follow(ctx, Filter{Level: slog.LevelInfo}, func(r Reply) error {
			switch {
			case r.Lost > 0:
				return fmt.Errorf("%d events are lost", r.Lost)
			case r.Event != nil && r.Event.Text == "begin":
				got.CompareAndSwap(0, 1)
			case r.Event != nil && r.Event.Fields["n"] != fmt.Sprint(got.Add(1)-2):
				return fmt.Errorf("event %s comes as number %d", r.Event.Fields["n"], got.Load()-2)
			}
			return nil
		})
	}()
	reaches := func(n int64) {
		for got.Load() < n {
			select {
			case err := <-followed:
				t.Fatalf("a console that reads: %v", err)
			case <-time.After(time.Millisecond):
			}
		}
	}
	bus := log.Handler().(*handler).bus
	both := func() bool {
		bus.mu.Lock()
		defer bus.mu.Unlock()
		return len(bus.subs) == 2
	}
	for got.Load() == 0 || !both() { // until both follow
		log.Info("begin")
		time.Sleep(time.Millisecond)
	}
	for n := range bursts * burst {
		log.Info("event", "n", n)
		if (n+1)%burst == 0 {
			reaches(int64(n + 2))
		}
	}
	bus.mu.Lock()
	held := uint64(0)
	for _, s := range bus.subs {
		held += s.lost.Load()
	}
	bus.mu.Unlock()
	if held == 0 {
		t.Error("the console that does not read has lost nothing: it was not slow")
	}
}

// A word is completed by the commands, then by what the node has.
func TestComplete(t *testing.T) {
	_, client := serve(t)
	for _, c := range []struct {
		words []string
		want  []string
	}{
		{[]string{"sh"}, []string{"show"}},
		{[]string{"show", "call"}, []string{"call", "calls"}},
		{[]string{"show", "call", "P"}, []string{"PJSIP/a-1"}},
		{[]string{"dialplan", "match", "o"}, []string{"office", "outside"}},
		{[]string{"dialplan", "match", "office", ""}, []string{"office1", "office2"}},
		{[]string{"dialplan", "match", "office", "1", ""}, nil},
		{[]string{"log", "level", "w"}, []string{"warn"}},
		{[]string{"nothing", ""}, nil},
	} {
		got, err := client.Complete(context.Background(), c.words)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %q %v, want %q", c.words, got, err, c.want)
		}
	}
}

// A command that does not exist says which one is meant; words of other programs
// are known.
func TestUnknownCommand(t *testing.T) {
	_, client := serve(t)
	for line, want := range map[string]string{
		"show cals":          `there is no command "show cals"; did you mean show calls?`,
		"core show channels": `there is no command "core show channels"; here it is: show calls`,
		"dispatcher":         `there is no command "dispatcher"; there are: dispatcher drain, dispatcher enable, dispatcher disable, dispatcher trying, dispatcher inactive, dispatcher probing, dispatcher set_state`,
		"frobnicate":         `there is no command "frobnicate"; help lists them`,
		"hangup":             `usage: hangup CHANNEL`,
	} {
		r, err := client.Do(context.Background(), strings.Fields(line))
		if err != nil || r.Error != want || !r.Usage {
			t.Errorf("%s: %q %v %v, want %q", line, r.Error, r.Usage, err, want)
		}
	}
	r, err := client.Do(context.Background(), strings.Fields("show calls"))
	if err != nil || r.Error != "" || r.Answer == nil || len(r.Answer.Rows) != 1 {
		t.Errorf("show calls: %+v %v", r, err)
	}
}

// Asterisk's words lead to commands that exist.
func TestOurs(t *testing.T) {
	if ours("core show channels verbose") != "show calls" || ours("show calls") != "" {
		t.Error("a command of others is not known, or one of ours is")
	}
}
