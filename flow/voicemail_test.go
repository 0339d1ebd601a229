package flow_test

import (
	"context"
	"testing"
	"time"

	"sotto/call"
	"sotto/db/dbtest"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/line"
	"sotto/recording"
	"sotto/ticket"
)

// message lets somebody call a line that takes messages only, and returns
// when the tone before the message has been heard and it is recorded.
func (d *desk) message(t *testing.T) (*legtest.Party, chan struct{}) {
	t.Helper()
	d.set(t, func(s *line.Settings) { s.Wait = 0 })
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	eventually(t, "the words before the tone", func() bool { return p.HeardTone(pitch(line.Voicemail)) })
	eventually(t, "the tone", func() bool { return p.HeardTone(1000) })
	eventually(t, "it is recorded", func() bool { return d.count(t, "SELECT COUNT(*) FROM track") == 1 })
	return p, over
}

func TestMessageIsLeftAndFiled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		for _, c := range []struct {
			name string
			end  func(*legtest.Party)
			last leg.Cause
		}{
			{"key #", func(p *legtest.Party) { p.Press('#') }, leg.Released},
			{"hang-up", func(p *legtest.Party) { p.HangUp(leg.HungUp) }, leg.HungUp},
			{"silence", func(p *legtest.Party) { p.Hush() }, leg.Released},
			{"the network fails", func(p *legtest.Party) { p.HangUp(leg.PeerLost) }, leg.PeerLost},
		} {
			t.Run(c.name, func(t *testing.T) {
				for _, table := range []string{"track", "recording", "consent", "comment", "ticket_event", "ticket_word", "call_leg", "call", "ticket"} {
					d.exec(t, "DELETE FROM "+table)
				}
				p, over := d.message(t)
				p.Hum(440)
				bytes := d.bytesOnDisk(t)
				eventually(t, "it is on the disk", func() bool { return d.bytesOnDisk(t) > bytes+8000 })
				c.end(p)
				if c.last == leg.Released {
					eventually(t, "thanks", func() bool { return p.HeardTone(pitch(line.Thanks)) })
				}
				done(t, over)
				if got := p.Gone(t); got != c.last {
					t.Errorf("ended for %q, want %q", got, c.last)
				}
				r := d.record(t)
				if r.Reason != call.VoicemailLeft || !r.Voicemail || r.Agent != 0 {
					t.Errorf("call: %+v", r)
				}
				tk := d.wantTicket(t, r, "Message vocal de "+camille, "Le message vocal se trouve dans l'enregistrement.")
				if tk.Via != ticket.ByVoicemail {
					t.Errorf("via %q", tk.Via)
				}
				d.wantMessage(t, r)
			})
		}
	})
}

func (d *desk) wantMessage(t *testing.T, r call.Record) {
	t.Helper()
	all, err := d.recordings.ByCall(context.Background(), admin, r.ID)
	check(t, err)
	if len(all) != 1 || all[0].Kind != recording.Voicemail || all[0].State != recording.Durable || all[0].Ticket != r.Ticket || len(all[0].Tracks) != 1 {
		t.Fatalf("recordings: %+v", all)
	}
	if c := d.sound(t, all[0].ID); len(c) != 1 || !isTone(c[0], 440) {
		t.Errorf("the message is not what was said (%d channels)", len(c))
	}
	proof, err := d.recordings.Prove(context.Background(), all[0].ID)
	check(t, err)
	if proof.Purpose != recording.Voicemail || proof.NoticeHash == ([32]byte{}) || proof.Locale != "fr" {
		t.Errorf("proof: %+v", proof)
	}
}

func TestMessageOfNothingIsNone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		p, over := d.message(t)
		done(t, over) // silence ends it
		p.Gone(t)
		r := d.record(t)
		if r.Reason != call.AbandonedInVoicemail || r.Voicemail {
			t.Errorf("call: %+v", r)
		}
		d.wantTicket(t, r, "Appel manqué de "+camille, "sans laisser de message")
	})
}

func TestMessageIsTakenWhenNobodyAnswers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		d.set(t, func(s *line.Settings) { s.Wait = time.Second })
		d.hire(t, silent)
		p, over := d.call(t, leg.Caller{Number: camille}, front)
		p.Hum(440)
		eventually(t, "that nobody is free", func() bool { return p.HeardTone(pitch(line.Unavailable)) })
		eventually(t, "the words before the tone", func() bool { return p.HeardTone(pitch(line.Voicemail)) })
		eventually(t, "it is on the disk", func() bool { return d.bytesOnDisk(t) > 8000 })
		p.Press('#')
		done(t, over)
		if r := d.record(t); r.Reason != call.VoicemailLeft {
			t.Errorf("reason %q", r.Reason)
		}
	})
}

func TestLongestMessageEnds(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.flow.Times.Message = 600 * time.Millisecond
	p, over := d.message(t)
	p.Hum(440)
	done(t, over)
	if r := d.record(t); r.Reason != call.VoicemailLeft {
		t.Errorf("reason %q", r.Reason)
	}
}

func TestMessageThatCannotBeKeptIsNotTaken(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"consent", "recording"} {
		t.Run(table, func(t *testing.T) {
			d := newDesk(t, dbtest.SQLite(t))
			d.set(t, func(s *line.Settings) { s.Wait = 0 })
			d.exec(t, "CREATE TRIGGER full BEFORE INSERT ON "+table+" BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
			p, over := d.call(t, leg.Caller{Number: camille}, front)
			p.Hum(440)
			eventually(t, "good-bye", func() bool { return p.HeardTone(pitch(line.Goodbye)) })
			done(t, over)
			if r := d.record(t); r.Reason != call.NoAgent || r.Voicemail || r.Ticket == 0 {
				t.Errorf("call: %+v", r)
			}
		})
	}
}
