package pbx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/media/prompts"
)

// ErrNoSound means that no directory has the sound file.
var ErrNoSound = errors.New("pbx: no such sound file")

// The bounds of the cache of sound files: how much audio it keeps, how much one
// file may have, and for how long a file is believed unchanged.
const (
	maxCached   = 32 << 20 // bytes of samples
	soundFresh  = 2 * time.Second
	sampleBytes = 2
)

// Sounds finds and keeps sound files. Where no directory has one, the program's
// own prompts are the last source. It is safe for concurrent use.
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

// Place is the path at which a sound with a name is written: the name itself if
// it is absolute, else in the first of the directories. The name must not lead
// out of it.
func (s *Sounds) Place(name string) (string, error) {
	if filepath.IsAbs(name) && !badName(name) {
		return name, nil
	}
	if badName(name) || len(s.dirs) == 0 {
		return "", fmt.Errorf("%w: %q is no name for a sound", ErrNoSound, name)
	}
	return filepath.Join(s.dirs[0], name), nil
}

// badName reports whether a name is none, or leads where it must not.
func badName(name string) bool {
	return name == "" || slices.Contains(strings.Split(name, "/"), "..") || strings.ContainsRune(name, 0)
}

// Load returns a sound by its name without suffix, such as digits/1; an
// absolute path is taken as it is. It reads the disk the first time. A sound
// that a language lacks is looked for without one, in the program's own prompts
// of that language, and at last in English.
func (s *Sounds) Load(name, language string) (*media.Clip, error) {
	if badName(name) {
		return nil, fmt.Errorf("%w: %q", ErrNoSound, name)
	}
	if filepath.IsAbs(name) {
		return s.search([]string{name}, name)
	}
	short, _, _ := strings.Cut(language, "_")
	clip, err := s.search(s.stems(name, language, short, ""), name)
	if !errors.Is(err, ErrNoSound) {
		return clip, err
	}
	spoken := prompts.Spoken(language)
	if clip := s.carried(spoken + "/" + name); clip != nil {
		return clip, nil
	}
	if clip, err := s.search(s.stems(name, "en"), name); !errors.Is(err, ErrNoSound) {
		return clip, err
	}
	if clip := s.carried("en/" + name); clip != nil {
		return clip, nil
	}
	return nil, err
}

// search returns the first file that one of the paths stands for.
func (s *Sounds) search(stems []string, name string) (*media.Clip, error) {
	suffixes, fresh := media.Extensions(), soundFresh
	if filepath.IsAbs(name) {
		fresh = 0 // a recording: messages of a mailbox take over each other's names
	}
	if slices.Contains(suffixes, strings.ToLower(filepath.Ext(name))) {
		suffixes = append([]string{""}, suffixes...)
	}
	for _, stem := range stems {
		for _, suffix := range suffixes {
			clip, err := s.file(stem+suffix, fresh)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
				continue
			}
			return clip, err
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrNoSound, name)
}

// stems are the paths a name may stand for, in the folders of languages.
func (s *Sounds) stems(name string, languages ...string) []string {
	languages = slices.Compact(languages)
	list := make([]string, 0, len(languages)*len(s.dirs))
	for _, d := range s.dirs {
		for _, l := range languages {
			list = append(list, filepath.Join(d, l, name))
		}
	}
	return list
}

// carried returns a sound of the program itself, nil if it has none.
func (s *Sounds) carried(name string) *media.Clip {
	const suffix = ".ulaw"
	key := "carried:" + name
	s.mu.Lock()
	f := s.clips[key]
	s.mu.Unlock()
	if f != nil {
		return f.clip
	}
	file, err := prompts.Sound().Open(name + suffix)
	if err != nil {
		return nil
	}
	defer file.Close()
	clip, err := media.ReadClip(file, suffix)
	if err != nil {
		return nil
	}
	s.keep(key, &soundFile{clip: clip})
	return clip
}

// file returns one file, from the cache if it has not changed; it is looked at
// again when it is not fresh any more.
func (s *Sounds) file(path string, fresh time.Duration) (*media.Clip, error) {
	now := time.Now()
	s.mu.Lock()
	f := s.clips[path]
	s.mu.Unlock()
	if f != nil && fresh > 0 && now.Sub(f.checked) < fresh {
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
