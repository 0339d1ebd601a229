package flow_test

import (
	"context"
	"testing"
	"time"

	"sotto"
	"sotto/call"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/leg"
	"sotto/line"
	"sotto/recording"
)

// consents are the decisions written about calls, in order.
func (d *desk) consents(t *testing.T, purpose recording.Kind) (all []string) {
	t.Helper()
	check(t, d.db.Read(context.Background(), func(tx *db.Tx) (err error) {
		all, err = db.All(tx, db.Text, "SELECT mode || ' ' || outcome || ' ' || evidence FROM consent WHERE purpose = $1 ORDER BY id", string(purpose))
		return err
	}))
	return all
}

func TestNothingIsRecordedBeforeTheCallerHasDecided(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		for _, c := range []struct {
			name   string
			mode   line.Consent
			during byte // key pressed while the notice plays, 0 for none
			after  byte // key pressed when it has ended
			want   string
			record bool
		}{
			{"always", line.Always, 0, 0, "always not-asked rule", true},
			{"always, key 3", line.Always, '3', 0, "always not-asked rule", true},
			{"never", line.Never, '3', 0, "", false},
			{"opt-in, key 3 in the notice", line.OptIn, '3', 0, "opt-in granted key-3", true},
			{"opt-in, key 3 after the notice", line.OptIn, 0, '3', "opt-in granted key-3", true},
			{"opt-in, no key", line.OptIn, 0, 0, "opt-in refused no-key", false},
			{"opt-in, another key", line.OptIn, '5', '*', "opt-in refused no-key", false},
			{"opt-out, no key", line.OptOut, 0, 0, "opt-out granted no-key", true},
			{"opt-out, another key", line.OptOut, '1', 0, "opt-out granted no-key", true},
			{"opt-out, key 3 in the notice", line.OptOut, '3', 0, "opt-out refused key-3", false},
			{"opt-out, key 3 after the notice", line.OptOut, 0, '3', "opt-out refused key-3", false},
		} {
			t.Run(c.name, func(t *testing.T) { d.decide(t, c.mode, c.during, c.after, c.want, c.record) })
		}
	})
}

// decide lets one caller call, be asked, decide, wait and talk.
func (d *desk) decide(t *testing.T, mode line.Consent, during, after byte, want string, record bool) {
	t.Helper()
	d.set(t, func(s *line.Settings) { s.Consent = mode })
	d.exec(t, "DELETE FROM consent")
	before, bytes := d.count(t, "SELECT COUNT(*) FROM recording"), d.bytesOnDisk(t)
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	p.Hum(440)
	silent := func(where string) {
		t.Helper()
		if n := d.count(t, "SELECT COUNT(*) FROM recording"); n != before || d.bytesOnDisk(t) != bytes {
			t.Errorf("%s: something was recorded", where)
		}
	}
	if mode.Notice() != "" {
		eventually(t, "the notice", func() bool { return p.HeardTone(pitch(mode.Notice())) })
		silent("in the notice")
		if during != 0 {
			p.Press(during)
		}
	}
	if after != 0 {
		<-time.After(600 * time.Millisecond) // the notice is 400 ms, and a part of it was heard
		p.Press(after)
	}
	c := d.in(t, call.Queued)
	eventually(t, "the music", func() bool { return p.HeardTone(pitch(line.Wait)) })
	silent("in the queue")
	w := d.hire(t, nil)
	w.answer(t).Hum(1000)
	d.in(t, call.Connected)
	eventually(t, "it is heard", func() bool { return p.Hears(1000) })
	if record {
		eventually(t, "it is recorded", func() bool { return d.bytesOnDisk(t) > bytes+8000 })
	}
	p.HangUp(leg.HungUp)
	done(t, over)
	if !record {
		silent("after the call")
	}
	check(t, d.agents.SetState(context.Background(), admin, w.id, "offline"))
	got := ""
	if all := d.consents(t, recording.Call); len(all) > 0 {
		got = all[0]
	}
	r, err := d.calls.Get(context.Background(), c.ID)
	check(t, err)
	if got != want || (d.count(t, "SELECT COUNT(*) FROM recording") > before) != record || r.Consent == "" {
		t.Errorf("consent %q, want %q; the call says %q", got, want, r.Consent)
	}
}

func TestConsentTakenBackShredsTheRecording(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		d.set(t, func(s *line.Settings) { s.Consent = line.OptIn })
		p, over := d.call(t, leg.Caller{Number: camille}, front)
		p.Hum(440)
		eventually(t, "the notice", func() bool { return p.HeardTone(pitch(line.ConsentOptIn)) })
		p.Press('3')
		d.in(t, call.Queued)
		w := d.hire(t, nil)
		a := w.answer(t)
		a.Hum(1000)
		d.in(t, call.Connected)
		eventually(t, "it is recorded", func() bool { return d.bytesOnDisk(t) > 2*8000 })
		p.Press('3')
		eventually(t, "what there was is gone", func() bool { return d.bytesOnDisk(t) == 0 })
		eventually(t, "they go on talking", func() bool { return a.Hears(440) && p.Hears(1000) })
		p.Press('3') // there is nothing to take back any more
		p.HangUp(leg.HungUp)
		done(t, over)
		r := d.record(t)
		all := d.consents(t, recording.Call)
		if len(all) != 2 || all[0] != "opt-in granted key-3" || all[1] != "opt-in withdrawn key-3" || r.Consent != string(recording.Withdrawn) {
			t.Errorf("consents %q; the call says %q", all, r.Consent)
		}
		if n := d.count(t, "SELECT COUNT(*) FROM recording WHERE state = 'deleted' AND reason = 'consent-withdrawn'"); n != 1 || d.bytesOnDisk(t) != 0 {
			t.Errorf("%d recordings are deleted, %d bytes are left", n, d.bytesOnDisk(t))
		}
		d.wantTicket(t, r, "Appel de "+camille, "L'appelant a retiré son accord.")
	})
}

func TestConsentTakenBackInTheQueueIsHeeded(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) { s.Consent = line.OptOut })
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	d.in(t, call.Queued)
	<-time.After(100 * time.Millisecond) // more than a bounce of the key
	p.Press('3')
	eventually(t, "the consent is taken back", func() bool { return len(d.consents(t, recording.Call)) == 2 })
	w := d.hire(t, nil)
	w.answer(t)
	d.in(t, call.Connected)
	p.HangUp(leg.HungUp)
	done(t, over)
	if n := d.count(t, "SELECT COUNT(*) FROM recording"); n != 0 {
		t.Errorf("%d recordings", n)
	}
}

func TestDecisionThatCannotBeWrittenIsNoConsent(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) { s.Consent = line.Always })
	d.exec(t, "CREATE TRIGGER full BEFORE INSERT ON consent BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
	w := d.hire(t, nil)
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	p.Hum(440)
	a := w.answer(t)
	eventually(t, "they talk", func() bool { return a.Hears(440) })
	p.HangUp(leg.HungUp)
	done(t, over)
	if r := d.record(t); r.Reason != call.CallerHungUp || r.Ticket == 0 {
		t.Errorf("call: %+v", r)
	}
	if n := d.count(t, "SELECT COUNT(*) FROM recording"); n != 0 || d.bytesOnDisk(t) != 0 {
		t.Errorf("%d recordings without a consent", n)
	}
}

func TestCallIsServedThoughItCannotBeRecorded(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) { s.Consent = line.Always })
	d.exec(t, "CREATE TRIGGER full BEFORE INSERT ON recording BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
	w := d.hire(t, nil)
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	p.Hum(440)
	a := w.answer(t)
	eventually(t, "they talk", func() bool { return a.Hears(440) })
	a.HangUp(leg.HungUp)
	done(t, over)
	if r := d.record(t); r.Reason != call.AgentHungUp || r.Ticket == 0 {
		t.Errorf("call: %+v", r)
	}
}

// erase is what an erasure does to a caller while the call goes on.
func (d *desk) erase(t *testing.T, id sotto.PersonID, key sotto.KeyID) {
	t.Helper()
	ctx := context.Background()
	check(t, d.db.Write(ctx, func(tx *db.Tx) error {
		_, err := d.people.Freeze(tx, id)
		return err
	}))
	d.ring.Freeze(key)
	d.recordings.StopPerson(key)
	check(t, d.ring.Destroy(key))
	d.exec(t, "DELETE FROM track")
	d.exec(t, "DELETE FROM recording")
	d.exec(t, "UPDATE call SET person_id = NULL, ticket_id = NULL WHERE person_id = $1", int64(id))
	for _, table := range []string{"ticket_word", "comment", "ticket_event", "ticket"} {
		d.exec(t, "DELETE FROM "+table)
	}
}

func TestCallOutlivesTheErasureOfItsCaller(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		for _, s := range []call.State{call.Queued, call.Connected, call.Voicemail} {
			t.Run(string(s), func(t *testing.T) {
				wait := 20
				if s == call.Voicemail {
					wait = 0
				}
				d.exec(t, "UPDATE line SET consent = 'always', wait_seconds = $1", wait)
				var w *worker
				if s == call.Connected {
					w = d.hire(t, nil)
				}
				p, over := d.call(t, leg.Caller{Number: camille}, front)
				p.Hum(440)
				c := d.in(t, s)
				if s != call.Queued {
					eventually(t, "it is recorded", func() bool { return d.bytesOnDisk(t) > 8000 })
				}
				d.erase(t, c.Person, c.Key)
				if w != nil {
					a := w.answer(t)
					a.Forget()
					eventually(t, "they go on talking", func() bool { return a.Hears(440) })
				}
				p.HangUp(leg.HungUp)
				done(t, over)
				r, err := d.calls.Get(context.Background(), c.ID)
				check(t, err)
				if r.Reason == "" || r.Reason == call.Failed || r.Person != 0 || r.Ticket != 0 || r.Number != "" || r.EndedAt.IsZero() {
					t.Errorf("call: %+v", r)
				}
				if n := d.count(t, "SELECT (SELECT COUNT(*) FROM ticket) + (SELECT COUNT(*) FROM comment)"); n != 0 {
					t.Errorf("%d tickets and comments of somebody who is erased", n)
				}
				d.exec(t, "DELETE FROM consent")
				d.exec(t, "DELETE FROM address_index")
				d.exec(t, "DELETE FROM address")
			})
		}
	})
}
