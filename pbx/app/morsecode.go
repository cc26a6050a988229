package app

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hometone/hometone/pbx"
)

// morse is the international code (ITU-R M.1677-1 §1).
var morse = map[rune]string{
	'A': ".-", 'B': "-...", 'C': "-.-.", 'D': "-..", 'E': ".", 'F': "..-.", 'G': "--.", 'H': "....", 'I': "..", 'J': ".---", 'K': "-.-", 'L': ".-..", 'M': "--",
	'N': "-.", 'O': "---", 'P': ".--.", 'Q': "--.-", 'R': ".-.", 'S': "...", 'T': "-", 'U': "..-", 'V': "...-", 'W': ".--", 'X': "-..-", 'Y': "-.--", 'Z': "--..",
	'0': "-----", '1': ".----", '2': "..---", '3': "...--", '4': "....-", '5': ".....", '6': "-....", '7': "--...", '8': "---..", '9': "----.",
	'.': ".-.-.-", ',': "--..--", ':': "---...", '?': "..--..", '\'': ".----.", '-': "-....-", '/': "-..-.", '(': "-.--.", ')': "-.--.-",
	'"': ".-..-.", '=': "-...-", '+': ".-.-.", '@': ".--.-.",
}

// maxMorse bounds a text, in characters.
const maxMorse = 256

// morseCode is Morsecode(text): plays it. MORSEDITLEN is the length of a dot in
// milliseconds (80), MORSETONE the frequency in Hz (800). A dash is three dots long, and so
// is the pause between letters; between words it is seven (ITU-R M.1677-1 §2).
func morseCode(ctx context.Context, ch pbx.Channel, args string) error {
	dot := wholeNumber(ch.Get("MORSEDITLEN"), 80)
	hz := wholeNumber(ch.Get("MORSETONE"), 800)
	if strings.EqualFold(ch.Get("MORSETYPE"), "AMERICAN") {
		ch.Log().Warn("Morsecode: the American code is not known; the international one is played")
	}
	list, length := morseTones(args, min(max(dot, 10), 1000), hz)
	if length == 0 {
		return nil
	}
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	if err := ch.StartTone(list); err != nil {
		return fmt.Errorf("Morsecode: %w", err)
	}
	err := ch.Wait(ctx, length)
	ch.StopTone()
	return err
}

// morseTones is a text as a list of tones, and its length.
func morseTones(text string, dot, hz int) (list string, length time.Duration) {
	var b strings.Builder
	total, pause := 0, 0
	add := func(hz, dots int) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString("!" + strconv.Itoa(hz) + "/" + strconv.Itoa(dots*dot))
		total += dots * dot
	}
	for i, r := range []rune(text) {
		code, ok := morse[unicode.ToUpper(r)]
		switch {
		case i >= maxMorse:
			return b.String(), time.Duration(total) * time.Millisecond
		case r == ' ' && pause > 0:
			pause = 7
			continue
		case !ok:
			continue
		}
		if pause > 0 {
			add(0, pause)
		}
		for j, mark := range code {
			if j > 0 {
				add(0, 1)
			}
			if mark == '.' {
				add(hz, 1)
			} else {
				add(hz, 3)
			}
		}
		pause = 3
	}
	if b.Len() > 0 {
		add(0, 3) // so that nothing follows the last mark at once
	}
	return b.String(), time.Duration(total) * time.Millisecond
}
