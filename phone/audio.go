package phone

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/rtp"
	"github.com/hometone/hometone/sdp"
	"github.com/hometone/hometone/sip"
)

// audio is a call's stream with what is played and recorded on it. It belongs
// to the call's goroutine.
type audio struct {
	stream   *rtp.Stream
	stop     context.CancelFunc // ends the stream's goroutine; nil before it runs
	ended    chan struct{}      // closed when that has ended
	finished func()             // tells who plays that it is over; nil when nothing plays
	recorder *recorder          // nil when nothing is recorded
}

// listen opens the call's RTP ports at an address.
func (c *Call) listen(local netip.Addr) error {
	p := c.phone
	stream, err := rtp.Listen(rtp.StreamConfig{Local: local, PortMin: p.set.PortMin, PortMax: p.set.PortMax, Logger: p.set.Logger})
	if err != nil {
		return err
	}
	stream.OnDTMF(func(digit byte, _ time.Duration) {
		p.emit(Event{Kind: Digit, Call: c, Digit: digit})
	})
	c.audio = &audio{stream: stream}
	c.mu.Lock()
	c.live = stream
	c.mu.Unlock()
	return nil
}

// local is our side of an offer or answer.
func (c *Call) local() sdp.Local { return c.localAt(c.audio.stream.Addr()) }

func (c *Call) localAt(addr netip.AddrPort) sdp.Local {
	l := sdp.Local{
		Addr: addr, Codecs: c.phone.set.codecs, DTMF: true, Ptime: c.phone.set.Ptime,
		Direction: sdp.SendRecv, Single: true,
	}
	if c.hold {
		l.Direction = sdp.SendOnly
	}
	return l
}

// apply sets the stream to what was agreed and starts it.
func (c *Call) apply(n sdp.Negotiated) {
	f := n.Formats[0]
	params := rtp.Params{
		Remote: n.Remote, RTCP: n.RTCP, RTCPMux: n.RTCPMux,
		Encoding: strings.ToUpper(f.Name), SendPT: f.SendPT, RecvPT: f.RecvPT,
		Ptime: n.Ptime, Send: n.Direction.Sends(), Recv: n.Direction.Receives(),
	}
	for _, also := range n.Formats[1:] {
		params.Also = append(params.Also, rtp.Encoding{Name: strings.ToUpper(also.Name), RecvPT: also.RecvPT})
	}
	if n.DTMF != nil {
		params.DTMF, params.DTMFSendPT, params.DTMFRecvPT = true, n.DTMF.SendPT, n.DTMF.RecvPT
	}
	a := c.audio
	a.stream.Set(params)
	if a.stop != nil {
		return
	}
	var ctx context.Context
	ctx, a.stop = context.WithCancel(context.Background())
	a.ended = make(chan struct{})
	log := c.phone.set.Logger
	go func() { // owns the stream; ends with close
		defer close(a.ended)
		if err := a.stream.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			log.Warn("phone: audio", "error", err)
		}
	}()
}

// play replaces what is sent. ended is closed when src has ended or was
// replaced.
func (a *audio) play(src media.Source) (ended <-chan struct{}) {
	done := make(chan struct{})
	finished := sync.OnceFunc(func() { close(done) })
	if a.finished != nil {
		a.finished()
	}
	a.finished = finished
	a.stream.Play(src, finished)
	return done
}

// close ends audio and recording and returns the last figures.
func (a *audio) close() rtp.Stats {
	stats := a.stream.Stats()
	if a.stop != nil {
		a.stop()
		<-a.ended
	} else {
		_ = a.stream.Close() // sockets that nobody used
	}
	if a.finished != nil {
		a.finished()
	}
	if a.recorder != nil {
		_ = a.recorder.close() // the call is over; RecordFile told what went wrong before
	}
	return stats
}

// closeAudio ends the call's audio and keeps its figures.
func (c *Call) closeAudio() {
	if c.audio == nil {
		return
	}
	stats := c.audio.close()
	c.mu.Lock()
	c.live, c.final = nil, stats
	c.mu.Unlock()
	c.audio = nil
}

// Play sends a source instead of what was sent before; nil is silence. The
// returned channel is closed when it has ended or was replaced.
func (c *Call) Play(ctx context.Context, src media.Source) (ended <-chan struct{}, err error) {
	err = c.do(ctx, func() error {
		if c.audio == nil {
			return ErrNotNow
		}
		ended = c.audio.play(src)
		return nil
	})
	return ended, err
}

// PlayFile loads a sound file and plays it times times (0 = for ever); see
// media.Load for the formats.
func (c *Call) PlayFile(ctx context.Context, path string, times int) (ended <-chan struct{}, err error) {
	clip, err := media.Load(path)
	if err != nil {
		return nil, fmt.Errorf("phone: play: %w", err)
	}
	return c.Play(ctx, clip.Play(times))
}

// toneLevel is how loud Tone is, in dBm0: well below what clips.
const toneLevel = -10

// Tone sends a sine for a time, or for ever if length is 0.
func (c *Call) Tone(ctx context.Context, hz float64, length time.Duration) (ended <-chan struct{}, err error) {
	src := media.Sine(hz, toneLevel)
	if length > 0 {
		src = &limited{src, media.Samples(length)}
	}
	return c.Play(ctx, src)
}

// limited ends a source after a number of samples.
type limited struct {
	media.Source
	left int
}

// Next implements media.Source.
func (l *limited) Next(dst []byte, encoding string, samples int) ([]byte, bool) {
	l.left -= samples
	dst, more := l.Source.Next(dst, encoding, samples)
	return dst, more && l.left > 0
}

// RecordFile writes what is heard from now on to a wav file, until the call
// ends, StopRecording or another RecordFile.
func (c *Call) RecordFile(ctx context.Context, path string) error {
	return c.do(ctx, func() error {
		if c.audio == nil {
			return ErrNotNow
		}
		r, err := newRecorder(path)
		if err != nil {
			return fmt.Errorf("phone: record: %w", err)
		}
		err = c.audio.stopRecording()
		c.audio.recorder = r
		c.audio.stream.Record(r.frame)
		return err
	})
}

// StopRecording ends RecordFile; the error says whether all was written.
func (c *Call) StopRecording(ctx context.Context) error {
	return c.do(ctx, func() error {
		if c.audio == nil {
			return ErrNotNow
		}
		return c.audio.stopRecording()
	})
}

func (a *audio) stopRecording() error {
	if a.recorder == nil {
		return nil
	}
	a.stream.Record(nil)
	err := a.recorder.close()
	a.recorder = nil
	return err
}

// digitTime is how long a key is pressed by DTMF.
const digitTime = 100 * time.Millisecond

// DTMF sends digits (0-9 * # A-D) as telephone events (RFC 4733), or as INFO
// requests if the peer has not agreed to those. It returns when they are queued.
func (c *Call) DTMF(ctx context.Context, digits string) error {
	return c.do(ctx, func() error {
		switch {
		case c.audio == nil:
			return ErrNotNow
		case c.media.Agreed.DTMF == nil:
			return c.sendInfo(digits)
		}
		return c.audio.stream.SendDTMF(digits, digitTime)
	})
}

// sendInfo sends digits as INFO, in the form that telephones use for them.
func (c *Call) sendInfo(digits string) error {
	if c.session == nil {
		return ErrNoDTMF
	}
	for i := range len(digits) {
		body := fmt.Sprintf("Signal=%c\r\nDuration=%d\r\n", digits[i], digitTime.Milliseconds())
		if err := c.session.Send(sip.INFO, "application/dtmf-relay", body, nil); err != nil {
			return err
		}
	}
	return nil
}
