#!/usr/bin/env bash
# Makes the prompts of media/prompts/text as sound files: 8 kHz, mono, G.711
# µ-law, silence cut off. Needs espeak-ng and sox (scripts/setup.sh).
#
#   scripts/prompts.sh DIR [LANGUAGE...]     everything: DIR/en/digits/1.ulaw …
#   scripts/prompts.sh -core                 what the program carries: media/prompts/sound
#
# A file that is newer than its list stays, so a second run costs nothing.
set -euo pipefail
out=${1:?where to write}
shift
here=$(cd "$(dirname "$0")/../media/prompts/text" && pwd)
core=
if [ "$out" = -core ]; then
	core=$here/core.txt out=$here/../sound
fi
[ $# -gt 0 ] || set -- en zh

# wanted NAME: whether a prompt is made at all.
wanted() {
	[ -z "$core" ] && return
	while read -r pattern; do
		# shellcheck disable=SC2053 # the list has patterns
		[[ $pattern != '#'* && $1 == $pattern ]] && return
	done <"$core"
	return 1
}

# sound FILE: from a WAV on standard input, loudest sample at -4 dB.
sound() {
	sox -V1 -t wav - -r 8000 -c 1 -t ul "$1" highpass 150 lowpass 3600 norm -4 \
		silence 1 0.01 0.4% reverse silence 1 0.01 0.4% reverse pad 0.02 0.06
}

say() { # LANGUAGE FILE TEXT
	local voice speed
	if [[ $3 == en:* ]]; then
		say en "$2" "${3#en:}"
		return
	fi
	case $1 in
	en) voice=en-us+f3 speed=170 ;;
	zh) voice=cmn-latn-pinyin+f3 speed=190 ;;
	*) echo "prompts: no voice for language $1" >&2 && exit 2 ;;
	esac
	# -z: without the pause after a sentence
	espeak-ng -z -v "$voice" -s "$speed" --stdout "$3" | sound "$2"
}

tone() { # FILE SOX-SYNTH-ARGUMENTS...
	local file=$1
	shift
	sox -V1 -n -r 8000 -c 1 -t ul "$file" synth "$@" gain -12
}

tones() { # DIR
	tone "$1/beep.ulaw" 0.4 sine 1000 fade t 0.01 0.4 0.01
	tone "$1/beeperr.ulaw" 0.3 sine 400 sine 440 remix - fade t 0.01 0.3 0.01
	tone "$1/ascending-2tone.ulaw" 0.4 sine 500-900 fade t 0.01 0.4 0.01
	tone "$1/descending-2tone.ulaw" 0.4 sine 900-500 fade t 0.01 0.4 0.01
	tone "$1/confbridge-join.ulaw" 0.3 sine 600-800 fade t 0.01 0.3 0.05
	tone "$1/confbridge-leave.ulaw" 0.3 sine 800-600 fade t 0.01 0.3 0.05
	[ -z "$core" ] || return 0
	mkdir -p "$1/silence"
	for seconds in 1 2 3 4 5 6 7 8 9 10; do
		sox -V1 -D -n -r 8000 -c 1 -t ul "$1/silence/$seconds.ulaw" trim 0 "$seconds"
	done
}

for language in "$@"; do
	list=$here/$language.txt
	mkdir -p "$out/$language"
	while read -r name text; do
		case $name in '' | '#'*) continue ;; esac
		file=$out/$language/$name.ulaw
		wanted "$name" || continue
		[ "$file" -nt "$list" ] && continue
		mkdir -p "$(dirname "$file")"
		say "$language" "$file.part" "$text"
		mv "$file.part" "$file"
	done <"$list"
	[ "$out/$language/confbridge-leave.ulaw" -nt "$0" ] || tones "$out/$language"
done
