package media_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

// RTP bleed and injection: a stranger sends to every media port what a party
// would send, from elsewhere and from the party's own host, before and after
// the party has spoken.
func TestSprayerNeitherHearsNorIsHeard(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		t.Run(fmt.Sprintf("encrypted: %v", encrypted), func(t *testing.T) {
			const marker = 66
			e := open(t, media.Config{})
			var parties [4]*phone
			var ports [4]*media.Port
			var ears [4]mediatest.Ear
			for i := range parties {
				f := newPhone(t)
				how := mulaw(f)
				if encrypted {
					k := newKeys(media.CM128SHA80)
					f.encrypts(k)
					how = sealed(f, k)
				}
				parties[i], ports[i] = f, connect(t, e, f, how)
				defer ports[i].Tap(&ears[i])()
			}
			defer media.Bridge(ports[0], ports[1])()
			defer media.Bridge(ports[2], ports[3])()
			away, near := newPhone(t, "127.6.6.6:0"), newPhone(t)
			spray := func(from ...*phone) {
				for n := range 20 {
					for _, a := range from {
						for i, p := range ports {
							r := parties[i].next // it knows stream, number and time
							r.seq, r.ts, r.payload = r.seq+uint16(n), r.ts+uint32(160*n), frame(marker)
							a.to = p.Local()
							a.send(r.bytes())
						}
					}
				}
			}
			settled := func(packets int) { // what was sent is read
				in := e.Stats().In
				eventually(t, "everything was read", func() bool {
					now := e.Stats().In
					same := now == in && int(now) >= packets
					in = now
					return same
				})
			}
			spray(away) // another host never comes in, in the window either
			if encrypted {
				spray(near) // nor the party's own without the key
			}
			for _, f := range parties {
				f.say(frame(1))
			}
			eventually(t, "the parties", func() bool {
				for i := range ears {
					if len(ears[i].Frames()) == 0 {
						return false
					}
				}
				return true
			})
			spray(away, near)
			for range 5 {
				for _, f := range parties {
					f.say(frame(1))
				}
			}
			settled(20 * 4 * 3)
			pause(20 * time.Millisecond)
			if n := len(away.heard()) + len(near.heard()); n != 0 {
				t.Errorf("the sprayer was sent %d packets", n)
			}
			for i := range parties {
				for _, fr := range ears[i].Frames() {
					if bytes.IndexByte(fr.Payload, marker) >= 0 {
						t.Fatalf("the sprayer is recorded as party %d", i)
					}
				}
				for _, p := range parties[i].heard() {
					if bytes.IndexByte(p.payload, marker) >= 0 {
						t.Fatalf("party %d hears the sprayer", i)
					}
				}
				if n := len(ears[i].Frames()); n != 6 {
					t.Errorf("%d frames of party %d, want 6", n, i)
				}
			}
		})
	}
}
