package media

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func FuzzParsePacket(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x80\x00\x00\x01\x00\x00\x00\xa0\x12\x34\x56\x78audio"))
	f.Add([]byte("\x91\x80\x00\x01\x00\x00\x00\xa0\x12\x34\x56\x78CSRC\xbe\xde\x00\x01extdaudio"))
	f.Add([]byte("\xa0\x00\x00\x01\x00\x00\x00\xa0\x12\x34\x56\x78audio\x00\x00\x03"))
	f.Add([]byte("\x80\xc8\x00\x06\x00\x00\x00\xa0\x12\x34\x56\x78report"))
	f.Add([]byte("\x9f\x00\x00\x01\x00\x00\x00\xa0\x12\x34\x56\x78"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, why := parsePacket(b)
		if why != kept {
			if why >= dropCount || why.reason() == "" {
				t.Fatalf("no reason for %d", why)
			}
			return
		}
		if len(p.payload) == 0 || len(p.payload) > len(b)-headerLen || !bytes.Contains(b, p.payload) {
			t.Fatalf("payload of %d bytes out of a packet of %d", len(p.payload), len(b))
		}
		out := make([]byte, headerLen, headerLen+len(p.payload))
		putHeader(out, p.marker, p.pt, p.seq, p.ts, p.ssrc)
		q, why := parsePacket(append(out, p.payload...))
		if why != kept || q.seq != p.seq || q.ts != p.ts || q.ssrc != p.ssrc || q.pt != p.pt || q.marker != p.marker {
			t.Fatalf("written again it is %+v (%v), want %+v", q, why.reason(), p)
		}
	})
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte{1, 10, 0, 160}, uint32(1000), false)
	f.Add([]byte{11, 0x8A, 3, 32}, uint32(0xFFFFFFF0), true)
	f.Add([]byte{200, 0xFF, 0xFF, 0xFF, 7}, uint32(0), true)
	f.Add([]byte{3, 0}, uint32(5), false)
	f.Fuzz(func(t *testing.T, b []byte, ts uint32, marker bool) {
		v, ok := parseEvent(b)
		if ok != (len(b) >= eventLen) {
			t.Fatalf("parseEvent of %d bytes = %v", len(b), ok)
		}
		if !ok {
			return
		}
		var k keyReader
		p := &packet{ts: ts, marker: marker}
		d, pressed := k.read(v, p, time.Second)
		if pressed != (v.code < 16) {
			t.Fatalf("code %d: pressed = %v", v.code, pressed)
		}
		if pressed && d.code() != v.code {
			t.Fatalf("code %d became %d", v.code, d.code())
		}
		if _, again := k.read(v, p, time.Second); again {
			t.Fatal("the same packet pressed the key again")
		}
	})
}

// TestReceiverAgreesWithASlowModel sends random numbers and compares what is
// kept and counted with a set.
func TestReceiverAgreesWithASlowModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r receiver
		base := rapid.Uint16().Draw(t, "base")
		order := func(n int) drop { return r.order(&packet{seq: base + uint16(n), ssrc: 1}, time.Second) }
		if why := order(0); why != kept {
			t.Fatalf("the first packet is %q", why.reason())
		}
		seen, top, doubles := map[int]bool{0: true}, 0, 0
		for _, step := range rapid.SliceOfN(rapid.IntRange(-150, 100), 1, 300).Draw(t, "steps") {
			n := max(top+step, 0)
			got := order(n)
			want := kept
			switch {
			case n <= top-windowBits:
				want = dropLate
			case seen[n]:
				want = dropDuplicate
				doubles++
			default:
				seen[n] = true
				top = max(top, n)
			}
			if got != want && !(want == dropLate && r.count == 1) {
				t.Fatalf("packet %d with %d the newest: %q, want %q", n, top, got.reason(), want.reason())
			}
			if r.run > 0 { // two late ones in sequence are a new start: the model ends
				return
			}
		}
		if q := r.report(); q.Received != uint64(len(seen)) || q.Lost != uint64(top+1-len(seen)) || q.Duplicate != uint64(doubles) {
			t.Fatalf("%+v, want %d received, %d lost, %d double", q, len(seen), top+1-len(seen), doubles)
		}
	})
}

func TestAnotherStreamWaitsForSilence(t *testing.T) {
	var r receiver
	now := time.Second
	for i := range uint16(20) {
		if why := r.order(&packet{ssrc: 1, seq: 65530 + i}, now); why != kept {
			t.Fatalf("packet %d: %q", i, why.reason())
		}
		if why := r.order(&packet{ssrc: 99, seq: i}, now+switchSilence-1); why != dropForeignStream {
			t.Fatalf("a forged packet while the party talks: %q", why.reason())
		}
		now += 20 * time.Millisecond
	}
	now += switchSilence
	if why := r.order(&packet{ssrc: 2, seq: 7}, now); why != kept || r.run != 1 {
		t.Errorf("a new stream after silence: %q, run %d", why.reason(), r.run)
	}
	if why := r.order(&packet{ssrc: 1, seq: 14}, now); why != dropForeignStream {
		t.Errorf("a straggler of the old stream: %q", why.reason())
	}
	if q := r.report(); q.Received != 21 || q.Lost != 0 {
		t.Errorf("quality %+v, want 21 received and 0 lost", q)
	}
}

// TestSenderKeepsOneTimeline feeds a sender from random sources and checks
// what a party must be able to rely on.
func TestSenderKeepsOneTimeline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := newSender(0)
		type feed struct {
			seq uint16
			ts  uint32
		}
		feeds := map[source]*feed{1: {65535, 1 << 31}, 2: {7, 0}, 3: {0, 0xFFFFFFFF}}
		now := time.Duration(0)
		current := source(0)
		for range rapid.IntRange(1, 200).Draw(t, "packets") {
			src := source(rapid.IntRange(1, 3).Draw(t, "source"))
			gap := time.Duration(rapid.IntRange(0, 50).Draw(t, "gap")) * 20 * time.Millisecond
			now += gap
			lastSeq, lastTS, lastAt := o.seq, o.ts, o.at
			f := feeds[src]
			f.seq++
			f.ts += 160
			seq, ts, first, ok := o.stamp(src, f.seq, f.ts, 160, now)
			if !ok || first != (src != current) {
				t.Fatalf("stamp of source %d after %d: first %v, ok %v", src, current, first, ok)
			}
			if seq != lastSeq+1 {
				t.Fatalf("number %d after %d", seq, lastSeq)
			}
			step := int32(ts - lastTS)
			if elapsed := int32(samples(now - lastAt)); first && step != max(elapsed, 160) && current != 0 {
				t.Fatalf("at a switch the timestamp went on by %d in %d samples of time", step, elapsed)
			}
			if !first && step != 160 {
				t.Fatalf("within a source the timestamp went on by %d", step)
			}
			current = src
		}
	})
}

func TestSenderDropsWhatIsOlderThanItsSource(t *testing.T) {
	o := newSender(0)
	o.stamp(1, 100, 0, 160, 0)
	o.stamp(2, 500, 0, 160, 0)
	if _, _, _, ok := o.stamp(2, 499, 0, 160, 0); ok {
		t.Error("a packet from before the switch took a number of the other source")
	}
	for i := range uint16(40000) { // longer than the number space is wide
		if _, _, _, ok := o.stamp(2, 501+i, 160*uint32(i+1), 160, 0); !ok {
			t.Fatalf("packet %d of a long call is dropped", i)
		}
	}
	if _, _, _, ok := o.stamp(2, 501+39990, 0, 160, 0); !ok {
		t.Error("a reordered packet of a long call is dropped")
	}
}

// counting counts what it is pushed.
type counting struct{ frames int }

func (c *counting) Push(Frame) { c.frames++ }

// TestRelayAllocatesNothing moves packets through two bridged and tapped
// parties, by the same calls a reader makes.
func TestRelayAllocatesNothing(t *testing.T) {
	e, err := Open(Config{Addr: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var ports [2]*Port
	var sink counting
	for i := range ports {
		if ports[i], err = e.NewPort(); err != nil {
			t.Fatal(err)
		}
		law := []Law{Mulaw, Alaw}[i]
		r := Remote{Addr: netip.AddrPortFrom(e.cfg.Addr, uint16(9+i)), Law: law, PayloadType: uint8(law), EventType: 101, Send: true, Receive: true}
		if err := ports[i].Connect(r); err != nil {
			t.Fatal(err)
		}
		ports[i].Tap(&sink)
	}
	Bridge(ports[0], ports[1])
	w := &worker{e: e, out: newOutbox(e), pushes: make([]push, 0, batch)}
	audio, key := make([]byte, headerLen+160), make([]byte, headerLen+eventLen)
	seq := uint16(0)
	run := func() {
		now := e.now()
		for range 8 {
			for i, p := range ports {
				p.pace = pace{} // time does not go by here
				putHeader(audio, false, uint8(8*i), seq, uint32(seq)*160, uint32(i))
				w.take(p.s, p.remote.Addr, audio, now)
			}
			seq++
		}
		putHeader(key, false, 101, seq, 5, 0)
		w.take(ports[0].s, ports[0].remote.Addr, key, now)
		w.take(ports[0].s, netip.AddrPortFrom(e.cfg.Addr, 99), audio, now) // a stranger
		seq++
		w.flush()
	}
	if n := testing.AllocsPerRun(200, run); n != 0 {
		t.Errorf("%v allocations for 18 packets, want 0", n)
	}
	if s := e.Stats(); sink.frames < 3000 || s.Out < 3000 || s.SendFailed > 0 {
		t.Errorf("%d frames tapped, %d packets out, %d failed: the relay was not exercised", sink.frames, s.Out, s.SendFailed)
	}
}

func TestPanicOfOursClosesTheOnePort(t *testing.T) {
	e, err := Open(Config{Addr: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	p, err := e.NewPort()
	if err != nil {
		t.Fatal(err)
	}
	from := netip.AddrPortFrom(e.cfg.Addr, 99)
	if err := p.Connect(Remote{Addr: from, Send: true, Receive: true}); err != nil {
		t.Fatal(err)
	}
	broken := &Port{connected: true, remote: Remote{Send: true}} // no engine: not a whole port
	broken.seat.alone = p
	p.seat.listeners = []*Port{broken}
	b := make([]byte, headerLen+160)
	putHeader(b, false, 0, 1, 1, 1)
	w := &worker{e: e, out: newOutbox(e)}
	w.take(p.s, from, b, e.now())
	select {
	case <-p.Done():
	default:
		t.Error("the port lives on")
	}
	if n := e.Stats().Panics; n != 1 {
		t.Errorf("%d panics counted, want 1", n)
	}
}

// TestPromptIsNotDelayedByAStall steps a prompt by hand through a stall.
func TestPromptIsNotDelayedByAStall(t *testing.T) {
	e, err := Open(Config{Addr: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	p, err := e.NewPort()
	if err != nil {
		t.Fatal(err)
	}
	r := Remote{Addr: netip.AddrPortFrom(e.cfg.Addr, 9), Send: true}
	if err := p.Connect(r); err != nil {
		t.Fatal(err)
	}
	clip := Clip{Mulaw: make([]byte, 160*50)}
	start := e.now()
	q := &prompt{p: p, clip: clip, source: 1 << 40, due: start}
	p.prompt = q
	w := &worker{e: e, out: newOutbox(e)}
	at := func(d time.Duration) (sent uint64, ts uint32) {
		before, ts := e.counters.out.Load(), p.out.ts
		if over, err := q.step(w, start+d); over || err != nil {
			t.Fatalf("over at %v: %v", d, err)
		}
		w.flush()
		return e.counters.out.Load() - before, p.out.ts - ts
	}
	at(0)
	if n, ts := at(20 * time.Millisecond); n != 1 || ts != 160 {
		t.Fatalf("in step: %d packets, timestamp +%d; want 1, +160", n, ts)
	}
	// 400 ms later: frames 2 to 17 are gone, 18 to 21 go out at once, and the
	// next is in step again.
	if n, ts := at(420 * time.Millisecond); n != 4 || ts != 20*160 {
		t.Errorf("after the stall: %d packets, timestamp +%d; want 4, +3200", n, ts)
	}
	if n := e.counters.lateFrames.Load(); n != 16 {
		t.Errorf("%d frames skipped, want 16", n)
	}
	if n, _ := at(430 * time.Millisecond); n != 0 {
		t.Errorf("%d packets too early", n)
	}
	if n, ts := at(440 * time.Millisecond); n != 1 || ts != 160 {
		t.Errorf("in step again: %d packets, timestamp +%d; want 1, +160", n, ts)
	}
	if over, err := q.step(w, start+time.Second+20*time.Millisecond); !over || err != nil {
		t.Errorf("at the end: over %v, %v", over, err)
	}
}
