package rest

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestReserve: reservations add up, from several goroutines at once, and each
// is given back once.
func TestReserve(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	var all sync.WaitGroup
	releases := make([]func(), 8)
	for i := range releases {
		all.Go(func() { releases[i] = Reserve(2) })
	}
	all.Wait()
	if got := runtime.GOMAXPROCS(0); got != before+16 {
		t.Errorf("%d processors, want %d", got, before+16)
	}
	for _, release := range releases {
		all.Go(release)
		all.Go(release)
	}
	all.Wait()
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("%d processors at the end, want %d", got, before)
	}
}

// TestRestGivesWay: a collection does not wait for the end of a rest.
func TestRestGivesWay(t *testing.T) {
	defer Reserve(1)()
	const long = time.Minute
	ended := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(ended)
		For(long)
	}()
	for done := false; !done; {
		runtime.GC()
		select {
		case <-ended:
			done = true
		default:
		}
	}
	if spent := time.Since(began); spent > long/2 {
		t.Errorf("a collection waited %v for a rest of %v", spent, long)
	}
}
