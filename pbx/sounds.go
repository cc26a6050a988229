package pbx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hometone/hometone/media"
)

// ErrNoSound means that no directory has the sound file.
var ErrNoSound = errors.New("pbx: no such sound file")

// soundTypes are the suffixes looked for, best first.
var soundTypes = []string{".wav", ".ulaw", ".ul", ".pcm", ".alaw", ".al", ".sln", ".raw", ".WAV"}

// The bounds of the cache of sound files: how much audio it keeps, how much one
// file may have, and for how long a file is believed unchanged.
const (
	maxCached   = 32 << 20 // bytes of samples
	soundFresh  = 2 * time.Second
	sampleBytes = 2
)

// Sounds finds and keeps sound files. It is safe for concurrent use.
type Sounds struct {
	dirs []string // searched in order

	mu     sync.Mutex // guards the following
	clips  map[string]*soundFile
	cached int // bytes
}

// soundFile is one file in the cache.
type soundFile struct {
	clip    *media.Clip
	size    int64
	changed time.Time
	checked time.Time
}

// NewSounds searches dirs in order, in each one first the folder of the
// language.
func NewSounds(dirs ...string) *Sounds { return &Sounds{dirs: dirs, clips: map[string]*soundFile{}} }

// Load returns a sound by its name without suffix, such as digits/1; an
// absolute path is taken as it is. It reads the disk the first time.
func (s *Sounds) Load(name, language string) (*media.Clip, error) {
	if name == "" || strings.Contains(name, "..") || strings.ContainsRune(name, 0) {
		return nil, fmt.Errorf("%w: %q", ErrNoSound, name)
	}
	for _, stem := range s.stems(name, language) {
		for _, suffix := range soundTypes {
			clip, err := s.file(stem + suffix)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return clip, err
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrNoSound, name)
}

// stems are the paths a name may stand for.
func (s *Sounds) stems(name, language string) []string {
	if filepath.IsAbs(name) {
		return []string{name}
	}
	list := make([]string, 0, 2*len(s.dirs))
	for _, d := range s.dirs {
		list = append(list, filepath.Join(d, language, name), filepath.Join(d, name))
	}
	return list
}

// file returns one file, from the cache if it has not changed.
func (s *Sounds) file(path string) (*media.Clip, error) {
	now := time.Now()
	s.mu.Lock()
	f := s.clips[path]
	s.mu.Unlock()
	if f != nil && now.Sub(f.checked) < soundFresh {
		return f.clip, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if f != nil && f.size == info.Size() && f.changed.Equal(info.ModTime()) {
		s.keep(path, &soundFile{f.clip, f.size, f.changed, now})
		return f.clip, nil
	}
	clip, err := media.Load(path)
	if err != nil {
		return nil, fmt.Errorf("pbx: read %s: %w", path, err)
	}
	s.keep(path, &soundFile{clip, info.Size(), info.ModTime(), now})
	return clip, nil
}

// keep puts a file into the cache and makes room.
func (s *Sounds) keep(path string, f *soundFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.clips[path]; old != nil {
		s.cached -= sampleBytes * len(old.clip.Samples())
	}
	s.clips[path] = f
	s.cached += sampleBytes * len(f.clip.Samples())
	for other, o := range s.clips {
		if s.cached <= maxCached {
			return
		}
		if other != path {
			s.cached -= sampleBytes * len(o.clip.Samples())
			delete(s.clips, other)
		}
	}
}
