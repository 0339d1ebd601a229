package media_test

import (
	"testing"
	"time"

	"sotto/leg/media"
)

// TestNoKindOfPacketIsAmplified floods a bridged call, from a party's own
// address and from a stranger's, with each kind of packet. Nobody is sent more
// than was received, and never more than what a call may say in the time.
func TestNoKindOfPacketIsAmplified(t *testing.T) {
	const packets = 3000
	event := func(n int) []byte { // a new key, its end and the next one, as fast as they come
		f := rtp{pt: 101, seq: uint16(n), ts: uint32(n * 160), ssrc: 7, payload: []byte{byte(n % 16), 0x80 | 10, 3, 32}}
		return f.bytes()
	}
	for _, test := range []struct {
		name string
		most int // packets out that the kind may cause by itself, beside a second's audio
		make func(n int) []byte
	}{
		{"audio", 260, func(n int) []byte {
			return rtp{seq: uint16(n), ts: uint32(n * 160), ssrc: 7, payload: frame(byte(n))}.bytes()
		}},
		{"audio of no length", 260, func(n int) []byte { return rtp{seq: uint16(n), ts: uint32(n), ssrc: 7}.bytes() }},
		{"streams that change", 260, func(n int) []byte {
			return rtp{seq: uint16(n), ts: uint32(n * 160), ssrc: uint32(n), payload: frame(1)}.bytes()
		}},
		{"keys", 1010, event}, // each is as 40 samples of the 5 s that may come at once
		{"sender reports", 10, func(n int) []byte {
			return append([]byte{0x80, 200, 0, 6}, make([]byte, 24)...)
		}},
		{"receiver reports", 10, func(n int) []byte {
			return append([]byte{0x81, 201, 0, 7, 0, 0, 0, byte(n)}, make([]byte, 24)...)
		}},
		{"good-byes", 10, func(n int) []byte { return []byte{0x81, 203, 0, 1, 0, 0, 0, 7} }},
		{"questions of ICE", 10, func(n int) []byte {
			return append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...)
		}},
		{"rubbish", 10, func(n int) []byte { return make([]byte, n%1400) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := open(t, media.Config{})
			f, b, stranger := newPhone(t), newPhone(t), newPhone(t, "127.6.6.6:0")
			p, pb := connect(t, e, f, muxed(f)), connect(t, e, b, muxed(b))
			f.say(frame(1))
			b.say(frame(1))
			eventually(t, "both parties", func() bool { return p.Quality().Received == 1 && pb.Quality().Received == 1 })
			defer media.Bridge(p, pb)()
			before, began := e.Stats(), time.Now()
			for n := range packets {
				for _, from := range []*phone{f, stranger} {
					if _, err := from.conn.WriteToUDPAddrPort(test.make(n), p.Local()); err != nil {
						t.Fatal(err)
					}
				}
			}
			last := before.In
			eventually(t, "what came was read", func() bool {
				now := e.Stats().In
				same := now == last && now > before.In+packets/2
				last = now
				return same
			})
			took := time.Since(began).Seconds()
			after := e.Stats()
			// Keep-alives and reports of both ports are sent whatever comes in.
			if out, most := int(after.Out-before.Out), test.most+int(130*took); out > most || out > int(after.In-before.In) {
				t.Errorf("%d packets in, %d out in %.1f s, want %d at most", after.In-before.In, out, took, most)
			}
			if n := len(stranger.heard()); n != 0 {
				t.Errorf("the stranger was sent %d packets", n)
			}
		})
	}
}

// muxed is how a party is connected that takes reports where its audio is.
func muxed(f *phone) media.Remote {
	r := mulaw(f)
	r.RTCPMux, r.EventType = true, 101
	return r
}
