package pbx

import (
	"context"
	"time"

	"github.com/hometone/hometone/pbx/voicemail"
)

// Studio is what can be done with a channel's sound beyond playing files:
// recording, music, listening in. Its methods belong to the channel's goroutine.
type Studio interface {
	// PlayFrom is Play that begins at a place in the sound. It returns where it
	// ended: at the key that was pressed, or at the end of the sound.
	PlayFrom(ctx context.Context, name string, from time.Duration, stop string) (key rune, at time.Duration, err error)
	// Record writes what the caller says to a file until one of the ends that
	// the request names. The error is the disk's, ErrHangup is told by the result.
	Record(ctx context.Context, req RecordRequest) (Recorded, error)
	// Monitor records both sides beneath what follows, until the channel ends or
	// StopMonitor is called with the id returned.
	Monitor(req MonitorRequest) (id string, err error)
	// StopMonitor ends a recording of Monitor, all of them if id is "".
	StopMonitor(id string)
	// StartMusic plays a class of musiconhold.conf beneath what follows, until
	// StopTone; "" is the channel's own class, or default.
	StartMusic(class string)
	// Attend plays a sound, or waits, and tells whether the caller talks.
	Attend(ctx context.Context, req AttendRequest) (rune, error)
	// Spy lets the caller hear, and join in with, other channels.
	Spy(ctx context.Context, req SpyRequest) error
	// SoundPath is the path without suffix that a name of a sound is written to.
	SoundPath(name string) (string, error)
	// SpoolPath is a path below the spool directory (astspooldir); a name that is
	// absolute stays as it is.
	SpoolPath(folder, name string) (string, error)
}

// RecordRequest is what Record is asked to do.
type RecordRequest struct {
	Path    string        // with the suffix that says the format
	Append  bool          // to what the file has
	Silence time.Duration // ends after so much silence; 0: never
	Max     time.Duration // the most; 0: no limit
	Stop    string        // keys that end it
}

// Recorded is how a recording ended.
type Recorded struct {
	Length  time.Duration
	Key     rune // pressed; 0: none
	Silent  bool // Silence was reached
	TimeOut bool // Max was reached
	HungUp  bool
}

// MonitorRequest says where Monitor writes; a path that is "" is not written.
type MonitorRequest struct {
	Mixed   string // both sides
	Caller  string // what the caller says
	Heard   string // what the caller hears
	Append  bool
	Bridged bool // only while the caller is connected with somebody
}

// AttendRequest is what Attend is asked to do.
type AttendRequest struct {
	Play  string        // a sound; its end ends Attend. "": none
	Stop  string        // keys that end it
	Limit time.Duration // 0: none
	// Heard is told some fifty times a second whether the caller talks, and for
	// how long that has been so; true ends Attend.
	Heard func(talking bool, length time.Duration) bool
}

// Studio implements Channel.
func (ch *channel) Studio() Studio { return ch }

// Voicemail implements Channel.
func (ch *channel) Voicemail() *voicemail.Office { return ch.srv.cfg.Voicemail }

var _ Studio = (*channel)(nil)
