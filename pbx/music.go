package pbx

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hometone/hometone/config/musiconhold"
	"github.com/hometone/hometone/media"
)

// music is the playlist that a leg hears, one piece after the other; the tune of
// the program itself if there is none.
type music struct {
	files []string
	next  int
	silly int // pieces in a row that could not be read
}

// defaultMusic is the class that is played when nobody has said which.
const defaultMusic = "default"

// playlist is the music of a class in the order in which it is played.
func (s *Settings) playlist(class string) *music {
	c := s.Music[class]
	if c == nil {
		c = s.Music[defaultMusic]
	}
	m := &music{}
	if c == nil {
		return m
	}
	m.files = c.Entries
	if c.Mode == musiconhold.Files {
		m.files = soundFilesIn(c.Directory)
	}
	switch c.Sort {
	case musiconhold.Random:
		m.files = slices.Clone(m.files)
		rand.Shuffle(len(m.files), func(i, j int) { m.files[i], m.files[j] = m.files[j], m.files[i] })
	case musiconhold.RandomStart:
		if len(m.files) > 0 {
			m.next = rand.IntN(len(m.files))
		}
	}
	return m
}

// soundFilesIn are the names, without suffix, of the sounds in a directory, in
// alphabetical order. A piece in several formats is one.
func soundFilesIn(dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		suffix := filepath.Ext(e.Name())
		if e.Type().IsRegular() && slices.Contains(media.Extensions(), strings.ToLower(suffix)) {
			names = append(names, filepath.Join(dir, strings.TrimSuffix(e.Name(), suffix)))
		}
	}
	return slices.Compact(names)
}

// startMusic plays a class to the leg's peer until something else is played.
func (l *leg) startMusic(class string) {
	l.play(nil)
	l.music = l.ch.set.playlist(class)
	l.nextPiece()
}

// nextPiece plays the next piece; music is kept.
func (l *leg) nextPiece() {
	m, sounds := l.music, l.ch.set.Sounds
	for m.silly < len(m.files) {
		file := m.files[m.next%len(m.files)]
		m.next++
		clip, err := sounds.Load(file, l.ch.language())
		if err == nil && len(clip.Samples()) > 0 {
			m.silly = 0
			l.begin(clip.Play(1))
			return
		}
		m.silly++
		l.ch.log().Warn("music on hold: not played", "file", file, "error", err)
	}
	l.begin(sounds.tune().Play(0))
}

// begin plays a piece of music.
func (l *leg) begin(src media.Source) {
	l.playing = src
	if l.rtp != nil {
		l.rtp.Play(src)
	}
}

// tune is the program's own music.
func (s *Sounds) tune() *media.Clip {
	const key = "carried:tune"
	s.mu.Lock()
	f := s.clips[key]
	s.mu.Unlock()
	if f == nil {
		f = &soundFile{clip: media.Tune()}
		s.keep(key, f)
	}
	return f.clip
}

// held plays music to whom the leg is connected with while its peer has put us on
// hold, and ends that afterwards.
func (l *leg) held() {
	other := l.peer
	if other == nil {
		return
	}
	on := !other.endpoint.MOHPassthrough && l.talk.Agreed.Held && !(l.endpoint.SuppressMOHOnSendonly && l.talk.Agreed.Direction.Receives())
	switch {
	case on && other.music == nil:
		class := l.endpoint.MusicOnHold
		if other == l.ch.caller && l.ch.musicClass != "" {
			class = l.ch.musicClass
		}
		other.startMusic(class)
	case !on && other.music != nil:
		other.play(nil)
	}
}

// StartMusic implements Studio.
func (ch *channel) StartMusic(class string) {
	if class == "" {
		class = ch.musicClass
	}
	if class == "" {
		class = ch.caller.endpoint.MusicOnHold
	}
	if err := ch.caller.open(ch.caller.remoteAddr); err != nil {
		ch.log().Warn("music on hold: not played", "error", err)
		return
	}
	ch.caller.startMusic(class)
}

// entertain plays music to the caller of a Dial with option m: before the answer
// as early media.
func (d *dialing) entertain(ctx context.Context) {
	if !d.ch.Answered() {
		if err := d.ch.Indicate(ctx, Progress); err != nil {
			return
		}
	}
	d.ch.StartMusic(d.req.Options.MusicClass)
}
