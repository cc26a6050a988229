package phone

import (
	"errors"
	"sync"

	"github.com/hometone/hometone/media"
)

// recorder writes a call's audio to a file. Frames come on the stream's
// goroutine, which must not wait for a disk: they are queued, and written by a
// goroutine that ends with close.
type recorder struct {
	frames chan []int16
	ended  chan struct{}
	out    *media.Writer

	mu     sync.Mutex
	closed bool // guarded by mu
	lost   bool // a frame found the queue full, guarded by mu
}

// recorderQueue is how many frames of 20 ms may wait for the disk: five
// seconds.
const recorderQueue = 250

// ErrSlowDisk says that a recording has holes.
var ErrSlowDisk = errors.New("phone: the disk was too slow for the recording")

// newRecorder makes the file; its extension is the format.
func newRecorder(path string) (*recorder, error) {
	out, err := media.Create(path)
	if err != nil {
		return nil, err
	}
	r := &recorder{frames: make(chan []int16, recorderQueue), ended: make(chan struct{}), out: out}
	go r.write() // ends with close
	return r, nil
}

// frame queues one frame.
func (r *recorder) frame(pcm []int16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	select {
	case r.frames <- append([]int16(nil), pcm...):
	default:
		r.lost = true
	}
}

// write writes frames until close. Errors are kept by the writer.
func (r *recorder) write() {
	defer close(r.ended)
	for pcm := range r.frames {
		_ = r.out.Write(pcm) // Close returns it
	}
}

// close finishes the file and says whether all of it is there.
func (r *recorder) close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	close(r.frames)
	lost := r.lost
	r.mu.Unlock()
	<-r.ended
	err := r.out.Close()
	if err == nil && lost {
		err = ErrSlowDisk
	}
	return err
}
