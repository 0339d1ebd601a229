#!/bin/sh
# Makes the sounds that every line has before anybody uploads one: speech from
# the texts in en.txt and fr.txt, the tone before a message, and a few seconds
# of music to wait to. Telephone format: WAV, 8 kHz, mono, µ-law.
#
# Needs espeak-ng and sox (Debian: apt-get install espeak-ng sox). The results
# are committed; run this after a change of the texts, from anywhere.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
LC_ALL=C
export LC_ALL

# level IN OUT: the band of the telephone, speech at -20 dB of full scale on
# average or as near as the peaks allow, 100 ms of silence around it.
level() {
	sox -R -D "$1" -r 8000 -c 1 -e signed -b 16 "$work/band.wav" gain -6 highpass 200 lowpass 3600 \
		silence 1 0.01 0.1% reverse silence 1 0.01 0.1% reverse
	sox -R -D "$work/band.wav" -n stats 2>"$work/stats"
	gain=$(awk '/^Pk lev dB/ {p = -3 - $4} /^RMS lev dB/ {r = -20 - $4} END {print p < r ? p : r}' "$work/stats")
	sox -R -D "$work/band.wav" -e mu-law -b 8 "$2" gain "$gain" pad 0.1 0.1
}

# speak LANGUAGE VOICE SPEED
speak() {
	grep -v '^#' "$1.txt" | while IFS= read -r line; do
		category=${line%%: *}
		text=${line#*: }
		espeak-ng -v "$2" -s "$3" -p 42 -g 2 -w "$work/said.wav" -- "$text"
		level "$work/said.wav" "$1/$category.wav"
	done
}

speak en en-gb 150
speak fr fr-fr 145

# The tone before a message: 1000 Hz, 400 ms.
sox -R -D -n -r 8000 -c 1 -e mu-law -b 8 beep.wav synth 0.4 sine 1000 fade t 0.01 0.4 0.01 gain -12 pad 0.2 0.1

# Music to wait to: four soft broken chords, 12 s, meant to be repeated.
n=0
for chord in "C4 E4 G4 C5" "A3 C4 E4 A4" "F3 A3 C4 F4" "G3 B3 D4 G4"; do
	n=$((n + 1))
	set -- $chord
	sox -R -D -n -r 8000 -c 1 -b 16 "$work/chord$n.wav" \
		synth 3 sine "$1" sine "$2" sine "$3" sine "$4" \
		delay 0 0.35 0.7 1.05 remix - fade h 0.25 3 0.9
done
sox -R -D "$work"/chord[1-4].wav -e mu-law -b 8 hold.wav gain -n -16

# What each sound was made from, so that a test can tell a stale one.
for f in en/*.wav fr/*.wav beep.wav hold.wav; do
	text=-
	case $f in */*)
		category=$(basename "$f" .wav)
		text=$(grep "^$category: " "${f%%/*}.txt" | sha256sum | cut -c1-64) ;;
	esac
	printf '%s %s %s\n' "$f" "$text" "$(sha256sum "$f" | cut -c1-64)"
done >made.txt
