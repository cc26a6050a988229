package pbx

import (
	"fmt"
	"strings"

	"github.com/hometone/hometone/media"
)

// tone returns the source of a call progress tone of a country, by the names
// that indications.conf has for them, or of a list of frequencies and times.
func tone(name, country string) (media.Source, error) {
	tones := media.TonesOf(country)
	switch strings.ToLower(name) {
	case "dial":
		return media.Play(tones.Dial), nil
	case "ring", "ringing":
		return media.Play(tones.Ring), nil
	case "busy":
		return media.Play(tones.Busy), nil
	case "congestion":
		return media.Play(tones.Congestion), nil
	case "milliwatt":
		return media.Milliwatt(), nil
	}
	if strings.ContainsAny(name, "0123456789") { // a list of its own
		list, err := media.ParseCadences(name)
		if err != nil {
			return nil, fmt.Errorf("pbx: %w", err)
		}
		return media.Play(list), nil
	}
	return nil, fmt.Errorf("pbx: no tone %q", name)
}
