package line

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto/leg/media"
	"sotto/leg/media/audio"
	"sotto/leg/media/mediatest"
	"sotto/locales"
)

func defaultsOf(t *testing.T) defaults {
	t.Helper()
	d, err := loadDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// level is the mean level of a clip in dB of full scale.
func level(c media.Clip) float64 {
	return 10 * math.Log10(mediatest.Power(mediatest.Decode(media.Mulaw, c.Mulaw))/(2*32767*32767))
}

func TestEveryCategoryHasTextAndSoundInEveryLanguage(t *testing.T) {
	d := defaultsOf(t)
	for _, locale := range locales.Languages() {
		for _, c := range append(Categories(), MenuGreeting) {
			name := locale + "/" + string(c)
			if d.texts[name] == "" && c != Hold {
				t.Errorf("%s has no text", name)
			}
			if d.by[name].Notice == "" {
				t.Errorf("%s has no sound", name)
			}
			if got, l, ok := ParseDefaultID(DefaultID(c, locale)); got != c || l != locale || !ok || CategoryOf(c.ID()) != c {
				t.Errorf("%s is called %s, which is %s in %s; its number is %d", name, DefaultID(c, locale), got, l, c.ID())
			}
		}
	}
	for name := range d.texts {
		clip := d.by[name].Clip
		if l := clip.Duration(); l < time.Second || l > 22*time.Second {
			t.Errorf("%s plays %v", name, l)
		}
		if is := audio.Loudness(clip.PCM()); math.Abs(is-audio.Target) > 4.5 {
			t.Errorf("%s is at %.1f LUFS, want about %.0f", name, is, audio.Target)
		}
	}
}

func TestZendesksNineCategoriesHaveItsNumbers(t *testing.T) {
	for i, word := range []string{
		"voicemail", "available", "wait", "hold", "ivr", "callback", "callback_confirmation", "call_recording_opt_out", "call_recording_opt_in",
	} {
		if c := CategoryOf(i + 1); c.Word() != word {
			t.Errorf("category %d is %q, want %q", i+1, c.Word(), word)
		}
	}
	for _, id := range []string{"", "wait", "_en", "wait_de", "jingle_en", "wait_en_en"} {
		if c, l, ok := ParseDefaultID(id); ok {
			t.Errorf("%q is %s in %s", id, c, l)
		}
	}
}

func TestAnnouncementsAreSpokenForEveryPlaceAndWait(t *testing.T) {
	ll := &Lines{sounds: defaultsOf(t)}
	for _, locale := range locales.Languages() {
		seen := map[string]bool{}
		for n := range 13 {
			seen[string(ll.Position(locale, n).Mulaw)] = true
		}
		if len(seen) != 11 || seen[""] {
			t.Errorf("%s: %d different places, want 11", locale, len(seen))
		}
		clear(seen)
		for wait := time.Duration(0); wait < 40*time.Minute; wait += 30 * time.Second {
			seen[string(ll.AverageWait(locale, wait).Mulaw)] = true
		}
		if len(seen) != 10 || seen[""] {
			t.Errorf("%s: %d different waits, want 10", locale, len(seen))
		}
	}
}

func TestHoldIsQuietAndBeepIsATone(t *testing.T) {
	d := defaultsOf(t)
	if dB := level(d.by["en/hold"].Clip); dB < -35 || dB > -24 {
		t.Errorf("the music is at %.1f dB, want well below speech", dB)
	}
	if l := d.by["en/hold"].Clip.Duration(); l < 5*time.Second || l > 20*time.Second {
		t.Errorf("the music plays %v", l)
	}
	beep := mediatest.Decode(media.Mulaw, d.beep.Mulaw)
	if !mediatest.HasTone(beep[2400:4000], media.SampleRate, 1000) {
		t.Error("the beep is not 1000 Hz")
	}
}

func TestSoundsWereMadeFromTheTexts(t *testing.T) {
	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	made, err := soundFiles.ReadFile("sound/made.txt")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, l := range locales.Languages() {
		b, err := soundFiles.ReadFile("sound/" + l + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		for row := range strings.Lines(string(b)) {
			if category, _, ok := strings.Cut(row, ": "); ok && !strings.HasPrefix(row, "#") {
				texts[l+"/"+category+".wav"] = sum([]byte(row))
			}
		}
	}
	seen := 0
	for row := range strings.Lines(string(made)) {
		f := strings.Fields(row)
		b, err := soundFiles.ReadFile("sound/" + f[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := sum(b); got != f[2] {
			t.Errorf("%s is not the sound that was made: run line/sound/make.sh", f[0])
		}
		if want, ok := texts[f[0]]; ok {
			seen++
			if want != f[1] {
				t.Errorf("the text of %s has changed: run line/sound/make.sh", f[0])
			}
		}
	}
	if seen != len(texts) {
		t.Errorf("%d sounds for %d texts: run line/sound/make.sh", seen, len(texts))
	}
}

func TestNoticesNameTheKeyTheyAskFor(t *testing.T) {
	d := defaultsOf(t)
	for _, name := range []string{"en/consent-opt-in", "en/consent-opt-out", "fr/consent-opt-in", "fr/consent-opt-out"} {
		if !strings.Contains(d.texts[name], "3") {
			t.Errorf("%s does not name key 3: %q", name, d.texts[name])
		}
	}
	for _, c := range []Consent{Always, OptIn, OptOut} {
		if !slices.Contains(Categories(), c.Notice()) {
			t.Errorf("%s has no notice", c)
		}
	}
	if Never.Notice() != "" {
		t.Error("a line that never records needs no notice")
	}
}

func TestWavFileIsReadBackUnchanged(t *testing.T) {
	for _, n := range []int{1, 2, 159, 8000} {
		want := media.Clip{Mulaw: make([]byte, n)}
		for i := range want.Mulaw {
			want.Mulaw[i] = byte(i * 7)
		}
		got, err := media.ParseWAV(want.WAV())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d samples (-want +got):\n%s", n, diff)
		}
	}
}
