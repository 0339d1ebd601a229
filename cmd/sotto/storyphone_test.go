package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sotto/leg"
	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

// telephone is a `sotto phone` that rings or talks while the story goes on.
type telephone struct {
	hz   float64 // what it says, a tone of its own
	out  told
	stop context.CancelFunc
	over chan struct{}
	code int // once over

	mu  sync.Mutex
	leg leg.Leg
	ear *listener
}

// told is what a command has printed so far.
type told struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write keeps b.
func (t *told) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

// String returns everything.
func (t *told) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// telephones are those of a story, by name.
type telephones map[string]*telephone

// telephonesKey finds them in a story.
type telephonesKey struct{}

func telephonesOf(ts *testscript.TestScript) telephones {
	return ts.Value(telephonesKey{}).(telephones)
}

func telephoneOf(ts *testscript.TestScript, name string) *telephone {
	p := telephonesOf(ts)[name]
	if p == nil {
		ts.Fatalf("there is no telephone %s", name)
	}
	return p
}

// end hangs all up.
func (all telephones) end() {
	for _, p := range all {
		p.stop()
		<-p.over
	}
}

// phone begins a telephone of its own name and tone: phone NAME HZ [FLAGS OF
// sotto phone]. With --wait it returns when the telephone can be called; --as
// WHO is the telephone of an agent who was hired. A name may be used again when
// the telephone before is over.
func phone(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 2, "phone NAME HZ [FLAGS OF sotto phone]")
	name, all := args[0], telephonesOf(ts)
	if before := all[name]; before != nil {
		select {
		case <-before.over:
		default:
			ts.Fatalf("telephone %s is still on", name)
		}
	}
	p := &telephone{hz: number(ts, args[1]), over: make(chan struct{})}
	wav := filepath.Join(ts.Getenv("WORK"), ".tmp", name+".tone.wav")
	ts.Check(os.WriteFile(wav, media.Tone(p.hz, 2*time.Second).WAV(), 0o600))
	if i := slices.Index(args, "--as"); i > 0 {
		who := args[i+1]
		args = slices.Replace(slices.Clone(args), i, i+2, "--wait", "--user", ts.Getenv(who+"_USER"), "--password", ts.Getenv(who+"_SECRET"))
	}
	front := []string{"phone", "--server", ts.Getenv("SIP"), "--play", wav, "--for", "60s"}
	s := streams{in: strings.NewReader(""), out: &p.out, err: &p.out, clock: time.Now, dir: ts.MkAbs(".")}
	g, chosen, _ := parse(append(front, args[2:]...), &s)
	c, ok := chosen.(*phoneCmd)
	if !ok {
		ts.Fatalf("%s", p.out.String())
	}
	c.watch = func(l leg.Leg, ear *listener) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.leg, p.ear = l, ear
	}
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	go func() {
		defer close(p.over)
		p.code = report(c.Do(ctx, g, s), &p.out)
	}()
	all[name] = p
	if c.Wait {
		p.says(ts, name, "waiting for a call")
	}
}

// hire adds an agent with a telephone: hire WHO NAME [STATE [ROLE]]. It sets
// WHO, WHO_USER and WHO_SECRET.
func hire(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 2 && len(args) <= 4, "hire WHO NAME [STATE [ROLE]]")
	who, state, role := args[0], "online", "agent"
	if len(args) > 2 {
		state = args[2]
	}
	if len(args) > 3 {
		role = args[3]
	}
	id := strings.TrimSpace(must(ts, "person", "add", "--name", args[1], "--role", role, "--email", strings.ToLower(who)+"@sotto.example"))
	must(ts, "agent", "state", id, state)
	user, secret, _ := strings.Cut(strings.TrimSpace(must(ts, "agent", "device", id)), " ")
	ts.Setenv(who, id)
	ts.Setenv(who+"_USER", user)
	ts.Setenv(who+"_SECRET", secret)
}

// says waits until the telephone has printed a match.
func (p *telephone) says(ts *testscript.TestScript, name, pattern string) {
	want := regexp.MustCompile("(?m)" + pattern)
	patiently(ts, func() bool { return want.MatchString(p.out.String()) }, func() string {
		return fmt.Sprintf("telephone %s does not say %q:\n%s", name, pattern, p.out.String())
	})
}

// patiently waits until ok; what says what is missing.
func patiently(ts *testscript.TestScript, ok func() bool, what func() string) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			ts.Fatalf("after %v: %s", patience, what())
		}
	}
}

// says waits until telephones say the same; with ! they have not so far:
// [!] says PATTERN NAME…
func says(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) > 1, "[!] says PATTERN NAME…")
	for _, name := range args[1:] {
		p := telephoneOf(ts, name)
		if !neg {
			p.says(ts, name, args[0])
		} else if said := p.out.String(); regexp.MustCompile("(?m)" + args[0]).MatchString(said) {
			ts.Fatalf("telephone %s says %q", name, said)
		}
	}
}

// hangUp ends telephones, whatever they were doing, and prints what they said:
// hangup NAME…
func hangUp(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 0, "hangup NAME…")
	for _, name := range args {
		telephoneOf(ts, name).stop()
	}
	for _, name := range args {
		telephoneOf(ts, name).wait(ts, name)
	}
}

// over waits until telephones end by themselves, well or with ! not, and prints
// what they said: [!] over NAME…
func over(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) > 0, "[!] over NAME…")
	for _, name := range args {
		p := telephoneOf(ts, name)
		p.wait(ts, name)
		if (p.code == exitOK) == neg {
			ts.Fatalf("telephone %s: exit %d", name, p.code)
		}
	}
}

// wait waits until the telephone is over and prints what it said.
func (p *telephone) wait(ts *testscript.TestScript, name string) {
	patiently(ts, func() bool {
		select {
		case <-p.over:
			return true
		default:
			return false
		}
	}, func() string { return "telephone " + name + " is still on:\n" + p.out.String() })
	_, err := io.WriteString(ts.Stdout(), p.out.String())
	ts.Check(err)
}

// press presses keys on a telephone: press NAME KEYS.
func press(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "press NAME KEYS")
	p := telephoneOf(ts, args[0])
	p.says(ts, args[0], "^answered")
	p.mu.Lock()
	l := p.leg
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ts.Check(l.Media().SendDigits(ctx, args[1]))
}

// attention is how much of what a telephone hears is looked at: long enough to
// tell tones apart, and that something is not there.
const attention = 300 * time.Millisecond

// hear waits until a telephone hears, from now on, exactly what is said of the
// tones of all telephones of the story, for a third of a second:
//
//	hear NAME WHAT…    these others and no other; or tones in Hz of who is no telephone
//	hear NAME nobody   nothing
//	hear NAME music    something, but nobody
func hear(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 2, "hear NAME WHAT…|nobody|music")
	p := telephoneOf(ts, args[0])
	p.says(ts, args[0], "^answered")
	want := wantOf(ts, args[1:])
	type moment struct {
		at   time.Time
		long int
	}
	var past []moment
	var last string
	patiently(ts, func() bool {
		pcm := p.heard()
		past = append(past, moment{time.Now(), len(pcm)})
		i := 0
		for i+1 < len(past) && time.Since(past[i+1].at) >= attention {
			i++
		}
		if time.Since(past[i].at) < attention {
			return false
		}
		last = want.lacks(pcm[min(past[i].long, len(pcm)):], telephonesOf(ts), args[0])
		return last == ""
	}, func() string { return args[0] + " " + last })
}

// wanted is what is to be heard.
type wanted struct {
	names []string
	tones []float64
	loud  bool // something must be heard
}

func wantOf(ts *testscript.TestScript, args []string) (w wanted) {
	if args[0] == "nobody" {
		return w
	}
	w.loud = true
	if args[0] == "music" {
		return w
	}
	for _, what := range args {
		if telephonesOf(ts)[what] != nil {
			w.names = append(w.names, what)
		} else {
			w.tones = append(w.tones, number(ts, what))
		}
	}
	return w
}

// lacks says what is wrong with what a telephone heard; "" when nothing is.
func (w wanted) lacks(pcm []int16, all telephones, ear string) string {
	if w.loud && len(pcm) < media.SampleRate/5 {
		return fmt.Sprintf("hears too little: %d samples", len(pcm))
	}
	if power := mediatest.Power(pcm); w.loud != (power > audible) {
		return fmt.Sprintf("hears a power of %.0f", power)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if power, share := toneIn(pcm, all[name].hz); slices.Contains(w.names, name) {
			if power < audible || share < 1.0/6 {
				return fmt.Sprintf("does not hear %s: a share of %.3f", name, share)
			}
		} else if power > audible && share > 1.0/60 {
			return fmt.Sprintf("hears %s: a share of %.3f", name, share)
		}
	}
	for _, hz := range w.tones {
		if _, share := toneIn(pcm, hz); share < 1.0/6 {
			return fmt.Sprintf("does not hear %.0f Hz: a share of %.3f", hz, share)
		}
	}
	return ""
}

// audible is the least power that is heard: -40 dB of full scale.
const audible = 32767.0 * 32767.0 / 10000

// toneIn is the power of a tone and its share of everything.
func toneIn(pcm []int16, hz float64) (power, share float64) {
	power = mediatest.Goertzel(pcm, media.SampleRate, hz)
	return power, power / max(mediatest.Power(pcm), 1)
}

// heard is all the telephone has heard.
func (p *telephone) heard() []int16 {
	p.mu.Lock()
	ear := p.ear
	p.mu.Unlock()
	if ear == nil {
		return nil
	}
	ear.mu.Lock()
	defer ear.mu.Unlock()
	return mediatest.Decode(media.Mulaw, ear.heard)
}

// order gives an order in the story's one call under way, as the desk's
// operator in the place of its agent: [!] order ORDER [FLAGS OF sotto call do].
// It sets CALL, and notes when it was given for gap.
func order(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) > 0, "order ORDER [FLAGS]")
	ts.Setenv("CALL", between(ts, must(ts, "call", "list"), `^(\d+) +line \d+ +connected`))
	given := ts.Value(ordersKey{}).(map[string]span)
	s := span{from: time.Now()}
	failed := here(ts, append([]string{"call", "do", ts.Getenv("CALL")}, args...), ts.Stdout(), ts.Stderr()) != exitOK
	s.to = time.Now()
	given[args[0]] = s
	if failed != neg {
		ts.Fatalf("refused: %v, want %v", failed, neg)
	}
}

// span is between which two moments something happened.
type span struct{ from, to time.Time }

// ordersKey finds in a story when each order was given last.
type ordersKey struct{}

// gap looks for silence in a recording: gap left|right FILE HZ FROM TO. The
// tone is there before and after exactly one gap, as long as between the
// orders FROM and TO, give or take a tenth of a second, in which there is
// nothing at all. What is shorter than a fifth of a second is no gap: the
// machine may be busy.
func gap(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 5, "gap left|right FILE HZ FROM TO")
	given := ts.Value(ordersKey{}).(map[string]span)
	pcm := readWAV(ts, args[1])[map[string]int{"left": 0, "right": 1}[args[0]]]
	const step = media.SampleRate / 50
	var gaps [][2]int
	last := -1
	for at := 0; at+step <= len(pcm); at += step {
		if !mediatest.HasTone(pcm[at:at+step], media.SampleRate, number(ts, args[2])) {
			continue
		}
		if last >= 0 && samples(at-last) > 200*time.Millisecond {
			gaps = append(gaps, [2]int{last, at})
		}
		last = at + step
	}
	if len(gaps) != 1 {
		ts.Fatalf("%s of %s has %d gaps in %.0f Hz, want 1: %v", args[0], args[1], len(gaps), number(ts, args[2]), gaps)
	}
	from, to := gaps[0][0], gaps[0][1]
	const give = 100 * time.Millisecond
	least, most := given[args[4]].from.Sub(given[args[3]].to)-give, given[args[4]].to.Sub(given[args[3]].from)+give
	if long := samples(to - from); long < least || long > most {
		ts.Fatalf("the gap is %v at %v of %v, want %v to %v", long, samples(from), samples(len(pcm)), least, most)
	}
	for _, v := range pcm[from+step : to-step] {
		if v > 8 || v < -8 {
			ts.Fatalf("there is sound in the gap of %v at %v", samples(to-from), samples(from))
		}
	}
}

// samples is how long so many samples are.
func samples(n int) time.Duration { return time.Duration(n) * time.Second / media.SampleRate }
