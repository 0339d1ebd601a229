package media_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

// room is parties of one engine, each of whom sings a note of its own.
type room struct {
	e      *media.Engine
	phones []*phone
	ports  []*media.Port
	laws   []media.Law
}

// note is the tone of party i: notes do not disturb one another over 200 ms.
func note(i int) float64 { return []float64{405, 705, 1105, 1605, 2205}[i] }

// newRoom opens n parties; every second one speaks A-law.
func newRoom(t *testing.T, n int) *room {
	t.Helper()
	r := &room{e: open(t, media.Config{})}
	for i := range n {
		f := newPhone(t)
		how, law := mulaw(f), media.Mulaw
		if i%2 == 1 {
			how, law = alaw(f), media.Alaw
		}
		f.next.pt = how.PayloadType
		r.phones, r.laws = append(r.phones, f), append(r.laws, law)
		r.ports = append(r.ports, connect(t, r.e, f, how))
	}
	return r
}

// sing lets every party sing until the test ends.
func (r *room) sing(t *testing.T) {
	t.Helper()
	stop := make(chan struct{})
	for i, f := range r.phones {
		spin(t, func() { f.sing(r.laws[i], note(i), stop) })
	}
	t.Cleanup(func() { close(stop) }) // before spin waits
}

// sing sends a tone that never breaks off.
func (f *phone) sing(law media.Law, hz float64, stop <-chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for at := 0; ; at += 160 {
		b := make([]byte, 160)
		for i := range b {
			b[i] = law.Encode(int16(6000 * math.Sin(2*math.Pi*hz*float64(at+i)/8000)))
		}
		f.say(b)
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

// notes are the parties whom f heard in the last 200 ms.
func (f *phone) notes(n int) []int {
	var recent []rtp
	for _, p := range f.heard() {
		if time.Since(p.at) < 300*time.Millisecond {
			recent = append(recent, p)
		}
	}
	s := pcm(recent)
	if len(s) < 1600 {
		return nil
	}
	s = s[len(s)-1600:]
	var heard []int
	for i := range n {
		if mediatest.Goertzel(s, 8000, note(i)) > 2500*2500 {
			heard = append(heard, i)
		}
	}
	return heard
}

// expect waits until everybody hears exactly whom want says, and still does a
// little later.
func (r *room) expect(t *testing.T, what string, want [][]int) {
	t.Helper()
	right := func() bool {
		for i, f := range r.phones {
			if !slices.Equal(f.notes(len(r.phones)), want[i]) {
				return false
			}
		}
		return true
	}
	eventually(t, fmt.Sprintf("%s: %v", what, want), right)
	pause(60 * time.Millisecond)
	eventually(t, fmt.Sprintf("%s, a little later: %v", what, want), right)
}

// put has the matrix say that party i hears row[i].
func (r *room) put(m *media.Mix, rows [][]int) {
	for i, row := range rows {
		var speakers []*media.Port
		for _, s := range row {
			speakers = append(speakers, r.ports[s])
		}
		m.Hears(r.ports[i], speakers...)
	}
}

func TestMatrixIsHeardAsItSays(t *testing.T) {
	t.Parallel()
	r := newRoom(t, 3) // a caller, an agent, a supervisor
	m := r.e.NewMix()
	r.sing(t)
	for _, test := range []struct {
		name string
		rows [][]int
	}{
		{"two parties", [][]int{{1}, {0}, nil}},
		{"listen", [][]int{{1}, {0}, {0, 1}}},
		{"whisper", [][]int{{1}, {0, 2}, {0, 1}}},
		{"barge", [][]int{{1, 2}, {0, 2}, {0, 1}}},
		{"hold", [][]int{nil, nil, nil}},
		{"consultation", [][]int{nil, {2}, {1}}},
		{"conference", [][]int{{1, 2}, {0, 2}, {0, 1}}},
		{"one speaks to two", [][]int{nil, {0}, {0}}},
	} {
		r.put(m, test.rows)
		r.expect(t, test.name, test.rows)
	}
	m.Leave(r.ports[2])
	r.put(m, [][]int{{1}, {0}})
	r.expect(t, "one has left", [][]int{{1}, {0}, nil})
	m.Close()
	m.Close()
	m.Hears(r.ports[0], r.ports[1])
	r.expect(t, "closed", [][]int{nil, nil, nil})
}

// TestRandomMatricesAreHeardAsTheySay changes rows at random and compares with
// the rows: who hears whom, one stream for each party, nothing lost in it.
func TestRandomMatricesAreHeardAsTheySay(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 77))
			const parties = 4
			r := newRoom(t, parties)
			mixes := []*media.Mix{r.e.NewMix(), r.e.NewMix()}
			r.sing(t)
			rows := make([][]int, parties)
			in := make([]int, parties) // the mix each is in; -1 is none
			for i := range in {
				in[i] = -1
			}
			leave := func(p int) {
				in[p], rows[p] = -1, nil
				for i := range rows {
					rows[i] = slices.DeleteFunc(slices.Clone(rows[i]), func(s int) bool { return s == p })
				}
			}
			join := func(p, m int) {
				if in[p] != m {
					leave(p)
					in[p] = m
				}
			}
			for range 8 {
				for range 1 + random.IntN(3) {
					l, m := random.IntN(parties), random.IntN(10)/8
					if random.IntN(8) == 0 {
						if in[l] == m {
							leave(l)
						}
						mixes[m].Leave(r.ports[l])
						continue
					}
					var row []int
					var speakers []*media.Port
					for s := range parties {
						if random.IntN(2) == 0 {
							speakers = append(speakers, r.ports[s])
							if s != l {
								row = append(row, s)
							}
						}
					}
					join(l, m)
					for _, s := range row {
						join(s, m)
					}
					rows[l] = row
					mixes[m].Hears(r.ports[l], speakers...)
				}
				r.expect(t, "the matrix", rows)
			}
			for i, f := range r.phones {
				if err := whole(f.heard()); err != nil {
					t.Errorf("party %d: %v", i, err)
				}
			}
		})
	}
}

// whole checks that a party got one stream: one SSRC, numbers without a gap,
// timestamps that go on.
func whole(got []rtp) error {
	// Two threads send; at a change their packets may cross.
	slices.SortStableFunc(got, func(p, q rtp) int { return int(int16(p.seq - q.seq)) })
	for i := 1; i < len(got); i++ {
		p, last := got[i], got[i-1]
		if p.ssrc != last.ssrc || p.seq != last.seq+1 || int32(p.ts-last.ts) <= 0 {
			return fmt.Errorf("packet %d: stream %x number %d time %d after %x %d %d", i, p.ssrc, p.seq, p.ts, last.ssrc, last.seq, last.ts)
		}
	}
	return nil
}

func TestPromptTakesOneEarOfAConference(t *testing.T) {
	t.Parallel()
	r := newRoom(t, 3)
	m := r.e.NewMix()
	r.put(m, [][]int{{1, 2}, {0, 2}, {0, 1}})
	r.sing(t)
	r.expect(t, "conference", [][]int{{1, 2}, {0, 2}, {0, 1}})
	stop := playing(t, r.ports[0], 3000)
	eventually(t, "the prompt", func() bool { return r.phones[0].hears(3000) })
	r.expect(t, "during the prompt", [][]int{nil, {0, 2}, {0, 1}})
	stop()
	r.expect(t, "after the prompt", [][]int{{1, 2}, {0, 2}, {0, 1}})
}

func TestOneKeyPassesThroughAConference(t *testing.T) {
	t.Parallel()
	r := newRoom(t, 3)
	m := r.e.NewMix()
	r.put(m, [][]int{{1, 2}, {0, 2}, {0, 1}})
	a, b := r.phones[0], r.phones[1]
	eventually(t, "the sum", func() bool { return len(b.heard()) > 5 })
	a.key(101, press{key: '7'})
	eventually(t, "the key and sound after it", func() bool {
		got := b.heard()
		last := slices.IndexFunc(got, func(p rtp) bool { return p.pt == 101 && p.payload[1]&0x80 != 0 })
		return last >= 0 && len(got) > last+6
	})
	var stamps []uint32
	for _, p := range b.heard() {
		if p.pt == 101 {
			stamps = append(stamps, p.ts)
			if p.payload[0] != 7 {
				t.Errorf("key %d, want 7", p.payload[0])
			}
		}
	}
	if len(stamps) != 8 || stamps[0] != stamps[7] {
		t.Errorf("the key came as %v, want 8 packets of one timestamp", stamps)
	}
}

func TestPortIsInOneMixOrBridgeOnly(t *testing.T) {
	t.Parallel()
	r := newRoom(t, 4)
	m := r.e.NewMix()
	r.put(m, [][]int{{1, 2}, {0, 2}, {0, 1}})
	r.sing(t)
	r.expect(t, "conference", [][]int{{1, 2}, {0, 2}, {0, 1}, nil})
	unbridge := media.Bridge(r.ports[2], r.ports[3])
	r.expect(t, "one was bridged away", [][]int{{1}, {0}, {3}, {2}})
	m.Hears(r.ports[3], r.ports[0], r.ports[1])
	r.expect(t, "the other came back", [][]int{{1}, {0}, nil, {0, 1}})
	unbridge() // it ends what is left of its own
	r.ports[0].Close()
	r.expect(t, "one has hung up", [][]int{nil, nil, nil, {1}})
}

func TestSumForgivesJitterAndCountsWhatIsLate(t *testing.T) {
	t.Parallel()
	r := newRoom(t, 3)
	m := r.e.NewMix()
	defer m.Close()
	m.Hears(r.ports[2], r.ports[0], r.ports[1])
	f := r.phones[0]
	f.packets(0)
	pause(20 * time.Millisecond)
	f.packets(3, 1, 2) // early and out of order, but in time
	eventually(t, "three frames", func() bool { return r.e.Stats().In == 4 })
	if n := r.e.Stats().Dropped[media.ReasonLate]; n != 0 {
		t.Errorf("%d frames late, want none", n)
	}
	pause(250 * time.Millisecond)
	f.packets(14)
	f.packets(4)
	eventually(t, "one late frame", func() bool { return r.e.Stats().Dropped[media.ReasonLate] == 1 })
}
