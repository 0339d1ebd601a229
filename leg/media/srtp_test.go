package media_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pion/srtp/v3"

	"sotto"
	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

// newKeys draws keys for both ways.
func newKeys(s media.Suite) media.Keys {
	draw := func() string {
		b := make([]byte, s.KeyLen())
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		return string(b)
	}
	return media.Keys{Suite: s, In: draw(), Out: draw()}
}

// wire makes the context by which the library has key.
func wire(t testing.TB, s media.Suite, key string, opts ...srtp.ContextOption) *srtp.Context {
	t.Helper()
	profile := map[media.Suite]srtp.ProtectionProfile{
		media.GCM128: srtp.ProtectionProfileAeadAes128Gcm, media.CM128SHA80: srtp.ProtectionProfileAes128CmHmacSha1_80,
		media.CM128SHA32: srtp.ProtectionProfileAes128CmHmacSha1_32,
	}[s]
	c, err := srtp.CreateContext([]byte(key[:16]), []byte(key[16:]), profile, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// encrypts gives the telephone the other end of k.
func (f *phone) encrypts(k media.Keys) {
	f.t.Helper()
	out, in := wire(f.t, k.Suite, k.In), wire(f.t, k.Suite, k.Out)
	f.seal = func(b []byte) []byte {
		s, err := out.EncryptRTP(nil, b, nil)
		if err != nil {
			f.t.Error(err)
		}
		return s
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unseal = func(b []byte) []byte {
		s, err := in.DecryptRTP(nil, b, nil)
		if err != nil {
			f.t.Errorf("what the party was sent: %v", err)
			return b
		}
		return s
	}
}

// encryptsFrom is encrypts with a counter that goes on.
func (f *phone) encryptsFrom(k media.Keys, roc uint32) {
	out := wire(f.t, k.Suite, k.In)
	out.SetROC(f.next.ssrc, roc)
	f.seal = func(b []byte) []byte {
		s, err := out.EncryptRTP(nil, b, nil)
		if err != nil {
			f.t.Error(err)
		}
		return s
	}
}

// sealed is how f is connected with k.
func sealed(f *phone, k media.Keys) media.Remote {
	r := mulaw(f)
	r.Keys = k
	return r
}

func TestEncryptedPartiesAreHeardAndTappedInPlain(t *testing.T) {
	for _, s := range []media.Suite{media.GCM128, media.CM128SHA80, media.CM128SHA32} {
		t.Run(string(s), func(t *testing.T) {
			e := open(t, media.Config{})
			a, b := newPhone(t), newPhone(t)
			k := newKeys(s)
			a.encrypts(k)
			pa, pb := connect(t, e, a, sealed(a, k)), connect(t, e, b, alaw(b))
			b.next.pt = 8
			var ear mediatest.Ear
			defer pa.Tap(&ear)()
			defer media.Bridge(pa, pb)()
			spin(t, func() { a.hum(media.Mulaw, 440, 500*time.Millisecond) })
			b.hum(media.Alaw, 1000, 500*time.Millisecond)
			eventually(t, "both tones", func() bool { return b.hears(440) && a.hears(1000) && ear.Hears(440) })
			if err := pa.SendDigits(t.Context(), "7"); err != nil {
				t.Error(err)
			}
			stop := playing(t, pa, 600)
			eventually(t, "a prompt", func() bool { return a.hears(600) })
			stop()
			if n := e.Stats().Dropped[media.ReasonForged]; n != 0 {
				t.Errorf("%d packets were taken for forged", n)
			}
		})
	}
}

func TestForgedPacketsAreDroppedAndTheCallGoesOn(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	k := newKeys(media.CM128SHA80)
	p := connect(t, e, f, sealed(f, k))
	var ear mediatest.Ear
	defer p.Tap(&ear)()
	forged := func(n int) { // from the party's own address, in its own stream
		for i := range n {
			r := f.next
			r.seq, r.ssrc = r.seq+uint16(i%50), r.ssrc+uint32(i%3)
			r.payload = append(frame(66), make([]byte, 10)...)
			f.seal = nil
			f.send(r.bytes())
			if i%500 == 499 {
				until := uint64(f.sent)
				eventually(t, "they were read", func() bool { return e.Stats().In >= until-1 })
			}
		}
		f.encrypts(k)
	}
	f.encrypts(k)
	f.say(frame(1))
	eventually(t, "the first packet", func() bool { return len(ear.Frames()) == 1 })
	out := f.seal
	for round, n := range []int{100, 10_000} {
		forged(n)
		f.seal = out
		f.say(frame(byte(2 + round)))
		eventually(t, "the party after them", func() bool { return len(ear.Frames()) == 2+round })
	}
	if n := e.Stats().Dropped[media.ReasonForged]; n < 10_000 {
		t.Errorf("%d packets counted as forged, want 10100", n)
	}
	for _, fr := range ear.Frames() {
		if bytes.IndexByte(fr.Payload, 66) >= 0 {
			t.Fatal("a forged sample is at the tap")
		}
	}
	if q := p.Quality(); q.Received != 3 {
		t.Errorf("Quality() = %+v, want 3 received", q)
	}
}

func TestPacketsPlayedAgainAreNotHeardAgain(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	k := newKeys(media.GCM128)
	f.encrypts(k)
	p := connect(t, e, f, sealed(f, k))
	var ear mediatest.Ear
	defer p.Tap(&ear)()
	var kept [][]byte
	seal := f.seal
	f.seal = func(b []byte) []byte {
		b = seal(b)
		kept = append(kept, bytes.Clone(b))
		return b
	}
	for range 200 {
		f.say(frame(1))
	}
	eventually(t, "200 packets", func() bool { return len(ear.Frames()) == 200 })
	f.seal = nil
	pause(70 * time.Millisecond) // the party is silent: now another stream could begin
	for _, b := range kept {
		f.send(b)
	}
	eventually(t, "200 refused", func() bool { return e.Stats().Dropped[media.ReasonForged] == 200 })
	if n := len(ear.Frames()); n != 200 {
		t.Errorf("%d frames at the tap, want 200", n)
	}
}

func TestRolloverIsFollowedThroughLoss(t *testing.T) {
	for _, rekey := range []string{"", "the counter goes on", "the counter begins again"} {
		t.Run("keys change: "+rekey, func(t *testing.T) {
			e, f := open(t, media.Config{}), newPhone(t)
			k := newKeys(media.CM128SHA32)
			f.encrypts(k)
			p := connect(t, e, f, sealed(f, k))
			var ear mediatest.Ear
			defer p.Tap(&ear)()
			say := func() {
				n := len(ear.Frames())
				f.say(frame(1))
				eventually(t, "the packet", func() bool { return len(ear.Frames()) == n+1 })
			}
			lose := func(n int) {
				for range n {
					f.seal(f.next.bytes())
					f.next.seq++
				}
			}
			f.next.seq = 100
			for range 60 { // over two wraps
				say()
				lose(2499)
			}
			if rekey != "" {
				late := f.seal(f.next.bytes())
				f.next.seq++
				k.In = newKeys(k.Suite).In
				if err := p.Connect(sealed(f, k)); err != nil {
					t.Fatal(err)
				}
				f.encrypts(k)
				if rekey == "the counter goes on" {
					f.encryptsFrom(k, 2)
				}
				say()
				seal := f.seal
				f.seal = nil
				f.send(late) // of the old key, on its way when it changed
				eventually(t, "the late packet", func() bool { return p.Quality().Received == 62 })
				f.seal = seal
				say()
				if out := f.heard(); len(out) > 0 && out[0].ssrc != out[len(out)-1].ssrc {
					t.Error("our stream changed although our key did not")
				}
			}
			if n := e.Stats().Dropped[media.ReasonForged]; n != 0 {
				t.Errorf("%d packets were taken for forged", n)
			}
		})
	}
}

func TestStrangerWithoutTheKeyIsNeitherHeardNorSentAnything(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	k := newKeys(media.CM128SHA80)
	p := connect(t, e, f, sealed(f, k))
	var ear mediatest.Ear
	defer p.Tap(&ear)()
	stranger, other := elsewhere(t, f), elsewhere(t, f)
	other.encrypts(newKeys(media.CM128SHA80))
	for range 50 { // in sequence, within the window, from the party's own host
		stranger.say(frame(66))
		other.say(frame(66))
	}
	party := elsewhere(t, f)
	party.encrypts(k)
	for range 3 {
		party.say(frame(1))
	}
	eventually(t, "the party behind its NAT", func() bool { return len(ear.Frames()) == 2 })
	playing(t, p, 440)
	eventually(t, "the tone", func() bool { return party.hears(440) })
	if n := len(stranger.heard()) + len(other.heard()); n != 0 {
		t.Errorf("the strangers were sent %d packets", n)
	}
	for _, fr := range ear.Frames() {
		if fr.Payload[0] != 1 {
			t.Error("a stranger is at the tap")
		}
	}
}

func TestKeysAreNeverPrinted(t *testing.T) {
	k := media.Keys{Suite: media.CM128SHA80, In: strings.Repeat("s", 30), Out: strings.Repeat("t", 30)}
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "k", k, "r", slog.AnyValue(media.Remote{Keys: k}))
	fmt.Fprintf(&b, "%v %+v %#v %s %v %#v", k, k, k, k, media.Remote{Keys: k}, &media.Remote{Keys: k})
	if s := b.String(); strings.Contains(s, "ssss") || strings.Contains(s, "tttt") {
		t.Errorf("keys are in %s", s)
	}
}

func TestKeysThatDoNotFitAreRefused(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	p := connect(t, e, f)
	good := newKeys(media.GCM128)
	for _, k := range []media.Keys{
		{Suite: "NULL", In: good.In, Out: good.Out}, {Suite: media.GCM128},
		{Suite: media.CM128SHA80, In: good.In, Out: good.Out}, {Suite: media.GCM128, In: good.In, Out: good.In},
	} {
		if err := p.Connect(sealed(f, k)); sotto.KindOf(err) != sotto.Invalid || strings.Contains(err.Error(), good.In) {
			t.Errorf("Connect(%s) = %v, want it refused", k.Suite, err)
		}
	}
}
