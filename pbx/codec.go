package pbx

import "github.com/hometone/hometone/sdp"

// codec is one codec by its name in pjsip.conf. Those that package media
// cannot code still pass from one side of a call to the other.
type codec struct {
	name string
	kind sdp.Kind
	sdp.Codec
}

// codecs are the codecs that can be in a description, in the order in which
// allow=all has them. The payload types without a meaning in RFC 3551 are those
// that Asterisk offers, because some peers know no others.
var codecs = [...]codec{
	{"codec2", sdp.Audio, sdp.Codec{PT: 120, Name: "codec2", ClockRate: 8000}},
	{"g723", sdp.Audio, sdp.Codec{PT: 4, Name: "G723", ClockRate: 8000}},
	{"ulaw", sdp.Audio, sdp.Codec{PT: 0, Name: "PCMU", ClockRate: 8000}},
	{"alaw", sdp.Audio, sdp.Codec{PT: 8, Name: "PCMA", ClockRate: 8000}},
	{"gsm", sdp.Audio, sdp.Codec{PT: 3, Name: "GSM", ClockRate: 8000}},
	{"g726", sdp.Audio, sdp.Codec{PT: 111, Name: "G726-32", ClockRate: 8000}},
	{"g726aal2", sdp.Audio, sdp.Codec{PT: 112, Name: "AAL2-G726-32", ClockRate: 8000}},
	{"adpcm", sdp.Audio, sdp.Codec{PT: 5, Name: "DVI4", ClockRate: 8000}},
	{"slin", sdp.Audio, sdp.Codec{PT: 10, Name: "L16", ClockRate: 8000}},
	{"slin12", sdp.Audio, sdp.Codec{PT: 122, Name: "L16", ClockRate: 12000}},
	{"slin16", sdp.Audio, sdp.Codec{PT: 118, Name: "L16", ClockRate: 16000}},
	{"slin24", sdp.Audio, sdp.Codec{PT: 123, Name: "L16", ClockRate: 24000}},
	{"slin32", sdp.Audio, sdp.Codec{PT: 124, Name: "L16", ClockRate: 32000}},
	{"slin44", sdp.Audio, sdp.Codec{PT: 125, Name: "L16", ClockRate: 44100}},
	{"slin48", sdp.Audio, sdp.Codec{PT: 126, Name: "L16", ClockRate: 48000}},
	{"slin96", sdp.Audio, sdp.Codec{PT: 127, Name: "L16", ClockRate: 96000}},
	{"lpc10", sdp.Audio, sdp.Codec{PT: 7, Name: "LPC", ClockRate: 8000}},
	{"g729", sdp.Audio, sdp.Codec{PT: 18, Name: "G729", ClockRate: 8000}},
	{"speex", sdp.Audio, sdp.Codec{PT: 110, Name: "speex", ClockRate: 8000}},
	{"speex16", sdp.Audio, sdp.Codec{PT: 117, Name: "speex", ClockRate: 16000}},
	{"speex32", sdp.Audio, sdp.Codec{PT: 119, Name: "speex", ClockRate: 32000}},
	{"ilbc", sdp.Audio, sdp.Codec{PT: 97, Name: "iLBC", ClockRate: 8000}},
	{"g722", sdp.Audio, sdp.Codec{PT: 9, Name: "G722", ClockRate: 8000}}, // RFC 3551 §4.5.2: the clock is 8000
	{"siren7", sdp.Audio, sdp.Codec{PT: 102, Name: "G7221", ClockRate: 16000}},
	{"siren14", sdp.Audio, sdp.Codec{PT: 115, Name: "G7221", ClockRate: 32000}},
	{"g719", sdp.Audio, sdp.Codec{PT: 116, Name: "G719", ClockRate: 48000}},
	{"opus", sdp.Audio, sdp.Codec{PT: 107, Name: "opus", ClockRate: 48000, Channels: 2}}, // RFC 7587 §7
	{"silk8", sdp.Audio, sdp.Codec{PT: 113, Name: "SILK", ClockRate: 8000}},
	{"silk12", sdp.Audio, sdp.Codec{PT: 114, Name: "SILK", ClockRate: 12000}},
	{"silk16", sdp.Audio, sdp.Codec{PT: 105, Name: "SILK", ClockRate: 16000}},
	{"silk24", sdp.Audio, sdp.Codec{PT: 108, Name: "SILK", ClockRate: 24000}},
	{"jpeg", sdp.Video, sdp.Codec{PT: 26, Name: "JPEG", ClockRate: 90000}},
	{"h261", sdp.Video, sdp.Codec{PT: 31, Name: "H261", ClockRate: 90000}},
	{"h263", sdp.Video, sdp.Codec{PT: 34, Name: "H263", ClockRate: 90000}},
	{"h263p", sdp.Video, sdp.Codec{PT: 98, Name: "h263-1998", ClockRate: 90000}},
	{"h264", sdp.Video, sdp.Codec{PT: 99, Name: "H264", ClockRate: 90000}},
	{"h265", sdp.Video, sdp.Codec{PT: 109, Name: "H265", ClockRate: 90000}},
	{"mpeg4", sdp.Video, sdp.Codec{PT: 104, Name: "MP4V-ES", ClockRate: 90000}},
	{"vp8", sdp.Video, sdp.Codec{PT: 100, Name: "VP8", ClockRate: 90000}},
	{"vp9", sdp.Video, sdp.Codec{PT: 106, Name: "VP9", ClockRate: 90000}},
	{"av1", sdp.Video, sdp.Codec{PT: 103, Name: "AV1", ClockRate: 90000}},
}

// codecNamed finds a codec by its name in pjsip.conf; the zero value, which has
// no name, for one that cannot be in a description.
func codecNamed(name string) codec {
	for i := range codecs {
		if codecs[i].name == name {
			return codecs[i]
		}
	}
	return codec{}
}

// isVideo reports whether the codec is one for pictures.
func (c codec) isVideo() bool { return c.name != "" && c.kind == sdp.Video }

// asteriskName is the name pjsip.conf has for a codec, "" for none.
func asteriskName(c sdp.Codec) string {
	for i := range codecs {
		if codecs[i].Same(c) {
			return codecs[i].name
		}
	}
	return ""
}

// codecsOf are the codecs of one kind that a list of names has, those of first
// before the others.
func codecsOf(names []string, kind sdp.Kind, first []sdp.Format) []sdp.Codec {
	var list []sdp.Codec
	add := func(c sdp.Codec) {
		if list == nil {
			list = make([]sdp.Codec, 0, min(len(names), len(codecs)))
		}
		list = append(list, c)
	}
	for _, f := range first {
		if c := allowed(names, f.Codec); c.name != "" && c.kind == kind && !contains(list, c.Codec) {
			own := c.Codec
			own.Fmtp = f.Fmtp // of a codec that only passes through, as its sender has it
			add(own)
		}
	}
	for _, name := range names {
		if c := codecNamed(name); c.name != "" && c.kind == kind && !contains(list, c.Codec) {
			add(c.Codec)
		}
	}
	return list
}

// allowed returns our form of a codec, if a list of names has it; else the zero
// value.
func allowed(names []string, c sdp.Codec) codec {
	for _, name := range names {
		if own := codecNamed(name); own.name != "" && own.Same(c) {
			return own
		}
	}
	return codec{}
}

func contains(list []sdp.Codec, c sdp.Codec) bool {
	for _, other := range list {
		if other.Same(c) {
			return true
		}
	}
	return false
}
