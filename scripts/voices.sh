#!/usr/bin/env bash
# Makes the two voices of `make run` from the sentences below. They are
# committed, so this runs only when a sentence changes (espeak-ng, sox).
set -euo pipefail
cd "$(dirname "$0")/../cmd/hometone/voices"

# say FILE VOICE SPEED PITCH SENTENCE: 8 kHz, mono, G.711 µ-law, 0.2 s of
# silence around it, peak at -6 dB.
say() {
	espeak-ng -v "$2" -s "$3" -p "$4" --stdout "$5" |
		sox -t wav - -r 8000 -c 1 -e u-law "$1" highpass 200 lowpass 3500 pad 0.2 0.2 norm -6
}

say caller.wav en-us+f3 165 60 \
	'Good morning, this is the calling phone. One, two, three, four, five. Can you hear me clearly?'
say callee.wav en-gb+m3 160 35 \
	'Hello, the called phone is speaking. The quick brown fox jumps over the lazy dog.'
soxi ./*.wav
