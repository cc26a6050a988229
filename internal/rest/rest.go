// Package rest lets a goroutine that looks at its sockets at intervals sleep in
// the kernel without telling the scheduler, so that neither end of the sleep
// costs more than the thread's own wake-up. Such a goroutine keeps its processor
// meanwhile; Reserve adds one for it, so that nobody else misses it.
package rest

import (
	"runtime"
	"sync"
)

var reserve sync.Mutex // makes reading and setting GOMAXPROCS one step

// Reserve adds n processors to GOMAXPROCS, one for each goroutine that rests,
// until release is called.
func Reserve(n int) (release func()) {
	add(n)
	return sync.OnceFunc(func() { add(-n) })
}

func add(n int) {
	reserve.Lock()
	defer reserve.Unlock()
	runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)+n))
}
