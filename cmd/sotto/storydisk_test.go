package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

// tone makes a WAV file of a tone: tone FILE HZ SECONDS.
func tone(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "tone FILE HZ SECONDS")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), clipOf(ts, args[1], args[2]).WAV(), 0o600))
}

// rawSound makes a file of bare µ-law, as sipp sends it: rtp FILE HZ SECONDS.
func rawSound(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "rtp FILE HZ SECONDS")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), clipOf(ts, args[1], args[2]).Mulaw, 0o600))
}

func clipOf(ts *testscript.TestScript, hz, seconds string) media.Clip {
	return media.Tone(number(ts, hz), time.Duration(number(ts, seconds)*float64(time.Second)))
}

func number(ts *testscript.TestScript, text string) float64 {
	f, err := strconv.ParseFloat(text, 64)
	ts.Check(err)
	return f
}

// listened is how much of a file is looked at at once: 100 ms.
const listened = media.SampleRate / 10

// hears measures a WAV file: hears left|right|mono FILE HZ [SECONDS]. The
// tone must carry at least so many seconds of it, 1 unless told; with ! not a
// tenth of a second, not even faintly.
func hears(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 3 || len(args) == 4, "hears left|right|mono FILE HZ [SECONDS]")
	channels := readWAV(ts, args[1])
	side, known := map[string]int{"left": 0, "mono": 0, "right": 1}[args[0]]
	usage(ts, known, "hears left|right|mono FILE HZ [SECONDS]")
	if (args[0] == "mono") != (len(channels) == 1) {
		ts.Fatalf("%s has %d channels", args[1], len(channels))
	}
	hz, want := number(ts, args[2]), 1.0
	if len(args) == 4 {
		want = number(ts, args[3])
	}
	clear, faint := 0.0, 0.0
	pcm := channels[side]
	for at := 0; at+listened <= len(pcm); at += listened {
		part := pcm[at : at+listened]
		if mediatest.HasTone(part, media.SampleRate, hz) {
			clear += 0.1
		}
		if p := mediatest.Goertzel(part, media.SampleRate, hz); p > 32767*32767/10000.0 && p > mediatest.Power(part)/10 {
			faint += 0.1
		}
	}
	ts.Logf("%s %s: %.1f s of %.1f s are %.0f Hz", args[0], args[1], clear, float64(len(pcm))/media.SampleRate, hz)
	switch {
	case neg && faint > 0:
		ts.Fatalf("%.1f s of %s %s are %.0f Hz, want none", faint, args[0], args[1], hz)
	case !neg && clear < want-0.001:
		ts.Fatalf("%.1f s of %s %s are %.0f Hz, want %.1f s of %.1f s", clear, args[0], args[1], hz, want, float64(len(pcm))/media.SampleRate)
	}
}

// readWAV returns the channels of a file of 16-bit PCM or of µ-law.
func readWAV(ts *testscript.TestScript, name string) [][]int16 {
	b := []byte(ts.ReadFile(name))
	if len(b) < 12 || string(b[:4]) != "RIFF" {
		ts.Fatalf("%s is no WAV file", name)
	}
	var format, channels, bits uint16
	for at := 12; at+8 <= len(b); {
		size := int(binary.LittleEndian.Uint32(b[at+4:]))
		body := b[at+8 : min(at+8+size, len(b))]
		switch string(b[at : at+4]) {
		case "fmt ":
			format, channels, bits = binary.LittleEndian.Uint16(body), binary.LittleEndian.Uint16(body[2:]), binary.LittleEndian.Uint16(body[14:])
		case "data":
			switch {
			case format == 7 && channels == 1:
				return [][]int16{mediatest.Decode(media.Mulaw, body)}
			case format == 1 && bits == 16:
				out := make([][]int16, channels)
				for i := 0; i+2 <= len(body); i += 2 {
					c := i / 2 % int(channels)
					out[c] = append(out[c], int16(binary.LittleEndian.Uint16(body[i:])))
				}
				return out
			}
		}
		at += 8 + size + size&1
	}
	ts.Fatalf("%s: format %d, %d channels of %d bits", name, format, channels, bits)
	return nil
}

// filesIn counts the files of a folder and of those in it: filesin DIR N.
func filesIn(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 2, "filesin DIR N")
	all := filesBelow(ts, args[0])
	if (strconv.Itoa(len(all)) == args[1]) == neg {
		ts.Fatalf("%s holds %d files\n%s", args[0], len(all), strings.Join(all, "\n"))
	}
}

// fragment is how much of a word must not be found: 8 characters.
const fragment = 8

// grepRaw searches every byte of every file below a folder for a word, in
// pieces of 8 characters and in the forms a copy could have; or for a sound:
// [!] grepraw WORD|tone:HZ DIR.
func grepRaw(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 2, "grepraw WORD|tone:HZ DIR")
	var needles [][]byte
	if hz, ok := strings.CutPrefix(args[0], "tone:"); ok {
		needles = toneForms(number(ts, hz))
	} else {
		word := strings.TrimPrefix(args[0], "+")
		if len(word) < fragment {
			ts.Fatalf("%q is too short to look for", args[0])
		}
		for at := 0; at+fragment <= len(word); at++ {
			needles = append(needles, forms(word[at:at+fragment])...)
		}
	}
	var found []string
	for _, f := range filesBelow(ts, args[1]) {
		b, err := os.ReadFile(f)
		if err != nil {
			ts.Check(err)
		}
		for _, n := range needles {
			if i := bytes.Index(b, n); i >= 0 {
				found = append(found, fmt.Sprintf("%s, byte %d: %q", f, i, n))
			}
		}
	}
	if neg && len(found) > 0 {
		ts.Fatalf("found:\n%s", strings.Join(found, "\n"))
	}
	if !neg && len(found) == 0 {
		ts.Fatalf("%s is nowhere in %s", args[0], args[1])
	}
}

// forms are a word in UTF-8, UTF-16, hexadecimal, base64 and as part of a URL.
func forms(word string) [][]byte {
	raw := []byte(word)
	var little, big []byte
	for _, u := range utf16.Encode([]rune(word)) {
		little = binary.LittleEndian.AppendUint16(little, u)
		big = binary.BigEndian.AppendUint16(big, u)
	}
	out := [][]byte{raw, little, big, []byte(hex.EncodeToString(raw)), []byte(strings.ToUpper(hex.EncodeToString(raw))), []byte(url.QueryEscape(word))}
	for shift := range 3 {
		// The characters at both ends also depend on the neighbours.
		text := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), raw...))
		out = append(out, []byte(text[(shift*8+5)/6:(shift+len(raw))*8/6]))
	}
	return out
}

// toneForms are 4 ms of a tone, in µ-law and in 16 bits, wherever they begin.
func toneForms(hz float64) (out [][]byte) {
	const length = 32
	samples := media.Tone(hz, time.Second).Mulaw
	for at := range 400 {
		part := samples[at : at+length]
		var pcm []byte
		for _, s := range mediatest.Decode(media.Mulaw, part) {
			pcm = binary.LittleEndian.AppendUint16(pcm, uint16(s))
		}
		out = append(out, part, pcm)
	}
	return out
}

// unzip unpacks an archive into a new folder: unzip FILE DIR.
func unzip(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "unzip FILE DIR")
	z, err := zip.OpenReader(ts.MkAbs(args[0]))
	ts.Check(err)
	defer z.Close()
	for _, f := range z.File {
		to := filepath.Join(ts.MkAbs(args[1]), filepath.Clean("/"+f.Name))
		ts.Check(os.MkdirAll(filepath.Dir(to), 0o700))
		src, err := f.Open()
		ts.Check(err)
		b, err := io.ReadAll(src)
		ts.Check(err)
		ts.Check(os.WriteFile(to, b, 0o600))
		fmt.Fprintf(ts.Stdout(), "%s %d\n", f.Name, len(b))
	}
}

// sameData compares two archives: every file but the page for people, and in
// data.json every list but those named: samedata A.zip B.zip [LIST…].
func sameData(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 2, "samedata A.zip B.zip [LIST…]")
	var both [2]map[string]any
	for i, name := range args[:2] {
		z, err := zip.OpenReader(ts.MkAbs(name))
		ts.Check(err)
		defer z.Close()
		both[i] = map[string]any{}
		for _, f := range z.File {
			src, err := f.Open()
			ts.Check(err)
			b, err := io.ReadAll(src)
			ts.Check(err)
			switch f.Name {
			case "index.html":
			case "data.json":
				var lists map[string]any
				ts.Check(json.Unmarshal(b, &lists))
				for _, list := range args[2:] {
					delete(lists, list)
				}
				both[i][f.Name] = lists
			default:
				both[i][f.Name] = b
			}
		}
	}
	if diff := cmp.Diff(both[0], both[1]); diff != "" {
		ts.Fatalf("%s and %s differ:\n%s", args[0], args[1], diff)
	}
}

// flip changes one bit of a file: flip FILE BYTE. A negative BYTE counts from
// the end.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "flip FILE BYTE")
	b := []byte(ts.ReadFile(args[0]))
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	b[(at+len(b))%len(b)] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

// tinyDisk mounts an empty disk of a few bytes on a folder until the story
// ends: tinydisk DIR SIZE. It needs root.
func tinyDisk(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "tinydisk DIR SIZE")
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+args[1], "tmpfs", dir).CombinedOutput(); err != nil {
		ts.Fatalf("mount: %v\n%s", err, out)
	}
	ts.Defer(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			ts.Logf("umount: %v\n%s", err, out)
		}
	})
}

// fill makes a file that takes all the room there is: fill FILE.
func fill(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "fill FILE")
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	for _, size := range []int{64 << 10, 1 << 10, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		ts.Check(err)
	}
}
