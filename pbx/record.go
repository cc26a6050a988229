package pbx

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/relay"
)

// recordLook is how often a recording is looked after.
const recordLook = 50 * time.Millisecond

// diskPatience is how long a channel waits for the disk to finish a recording.
const diskPatience = 5 * time.Second

// recording is a file, or several, that a goroutine writes.
type recording struct {
	rec  *media.Recorder
	done chan struct{} // closed when the files are
	err  error         // valid when done is closed
}

// record starts to write. Its goroutine ends when the recorder is stopped, or the
// disk fails; Server.Run waits for it.
func (s *Server) record(rec *media.Recorder) *recording {
	r := &recording{rec: rec, done: make(chan struct{})}
	s.recordings.Go(func() {
		defer close(r.done)
		r.err = rec.Run(context.Background()) // stopped by rec.Stop
	})
	return r
}

// ended reports whether the recording has ended, and why.
func (r *recording) ended() (bool, error) {
	select {
	case <-r.done:
		return true, r.err
	default:
		return false, nil
	}
}

// finish ends the recording and waits until the file is whole, but not for a
// disk that hangs.
func (r *recording) finish() error {
	r.rec.Stop()
	timer := time.NewTimer(diskPatience)
	defer timer.Stop()
	select {
	case <-r.done:
		return r.err
	case <-timer.C:
		return fmt.Errorf("pbx: the disk has not finished the recording in %v", diskPatience)
	}
}

// soundFileAt makes a sound file with its folder.
func soundFileAt(path string, add bool) (*media.Writer, error) {
	if path == "" {
		return nil, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	if add {
		return media.Append(path)
	}
	return media.Create(path)
}

// caught is a recorder's view of the packets that a leg's peer sends.
func caught(put func(media.Side, media.Piece), side media.Side, p relay.Packet) {
	if c := media.CodecOf(p.Encoding, p.ClockRate); c != media.NoCodec {
		put(side, media.Piece{Codec: c, SSRC: p.SSRC, Timestamp: p.Timestamp, Payload: p.Payload})
	}
}

// hearing is a tap on the caller that follows the channel from leg to leg.
type hearing struct {
	ch   *channel
	leg  *leg
	see  func(*relay.Leg, relay.Packet) // on the relay's loop
	stop func()
}

func (ch *channel) listen(see func(*relay.Leg, relay.Packet)) *hearing {
	return &hearing{ch: ch, see: see}
}

// follow sees to it that the tap is on the present caller.
func (h *hearing) follow() error {
	if h.leg == h.ch.caller {
		return nil
	}
	h.end()
	if h.ch.caller.rtp == nil {
		return relay.ErrClosed
	}
	rtp := h.ch.caller.rtp
	stop, err := rtp.Tap(func(p relay.Packet) { h.see(rtp, p) })
	if err == nil {
		h.leg, h.stop = h.ch.caller, stop
	}
	return err
}

func (h *hearing) end() {
	if h.stop != nil {
		h.stop()
	}
	h.stop, h.leg = nil, nil
}

// Record implements Studio.
func (ch *channel) Record(_ context.Context, req RecordRequest) (Recorded, error) {
	var out Recorded
	if ch.gone() {
		return Recorded{HungUp: true}, nil
	}
	file, err := soundFileAt(req.Path, req.Append)
	if err != nil {
		return out, err
	}
	rec := media.NewRecorder(nil, file, nil)
	ear := ch.listen(func(_ *relay.Leg, p relay.Packet) {
		if !p.Sent {
			caught(rec.Put, media.Near, p)
		}
	})
	defer ear.end()
	ch.caller.startSink()
	running := ch.srv.record(rec)
	for {
		if err = ear.follow(); err != nil {
			break
		}
		var over bool
		if over, err = running.ended(); over || ch.recorded(rec, &req, &out) {
			break
		}
		ch.step(time.Now().Add(recordLook))
	}
	out.Length = rec.Length()
	if e := running.finish(); err == nil {
		err = e
	}
	return out, err
}

// recorded reports whether one of the ends of a recording has come, and which.
func (ch *channel) recorded(rec *media.Recorder, req *RecordRequest, out *Recorded) bool {
	if key, ok := ch.takeKey(req.Stop); ok && req.Stop != "" {
		out.Key = key
	}
	out.HungUp = ch.gone()
	out.Silent = req.Silence > 0 && rec.Quiet(media.Near) >= req.Silence
	out.TimeOut = req.Max > 0 && rec.Length() >= req.Max
	return out.Key != 0 || out.HungUp || out.Silent || out.TimeOut
}

// monitor is a recording that goes on beneath the dialplan.
type monitor struct {
	id      string
	file    string // of both sides
	running *recording
	hearing *hearing
}

// maxMonitors bounds the recordings of one channel.
const maxMonitors = 8

// Monitor implements Studio.
func (ch *channel) Monitor(req MonitorRequest) (string, error) {
	if ch.gone() {
		return "", ErrHangup
	}
	if len(ch.monitors) >= maxMonitors {
		return "", fmt.Errorf("pbx: more than %d recordings of one channel", maxMonitors)
	}
	var files [3]*media.Writer
	for i, path := range [...]string{req.Mixed, req.Caller, req.Heard} {
		f, err := soundFileAt(path, req.Append)
		if err != nil {
			for _, f := range files[:i] {
				if f != nil {
					_ = f.Close()
				}
			}
			return "", err
		}
		files[i] = f
	}
	rec := media.NewRecorder(files[0], files[1], files[2])
	m := &monitor{file: req.Mixed, running: ch.srv.record(rec)}
	ch.monitored++
	m.id = "0x" + strconv.FormatUint(ch.monitored, 16)
	m.hearing = ch.listen(func(rtp *relay.Leg, p relay.Packet) {
		if req.Bridged && rtp.Joined() == nil {
			return
		}
		side := media.Near
		if p.Sent {
			side = media.Far
		}
		caught(rec.Put, side, p)
	})
	ch.monitors = append(ch.monitors, m)
	if err := ch.caller.open(ch.caller.remoteAddr); err != nil {
		ch.StopMonitor(m.id)
		return "", err
	}
	ch.followMonitors()
	ch.realign()
	return m.id, nil
}

// followMonitors puts the recordings on the present caller.
func (ch *channel) followMonitors() {
	for _, m := range ch.monitors {
		if err := m.hearing.follow(); err != nil {
			ch.log().Warn("recording without sound", "error", err)
		}
	}
}

// StopMonitor implements Studio.
func (ch *channel) StopMonitor(id string) {
	kept := ch.monitors[:0]
	for _, m := range ch.monitors {
		if id != "" && m.id != id {
			kept = append(kept, m)
			continue
		}
		m.hearing.end()
		if err := m.running.finish(); err != nil {
			ch.log().Error("recording is not whole", "error", err)
		}
	}
	clear(ch.monitors[len(kept):])
	ch.monitors = kept
	ch.realign()
}

// SoundPath implements Studio.
func (ch *channel) SoundPath(name string) (string, error) { return ch.set.Sounds.Place(name) }

// SpoolPath implements Studio.
func (ch *channel) SpoolPath(folder, name string) (string, error) {
	if badName(name) {
		return "", fmt.Errorf("%w: %q", ErrNoSound, name)
	}
	if filepath.IsAbs(name) {
		return name, nil
	}
	return filepath.Join(ch.set.Spool, folder, name), nil
}
