package recording_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/db"
	"sotto/leg/media"
	"sotto/leg/media/mediatest"
	"sotto/recording"
)

func goertzel(pcm []int16, hz float64) float64 { return mediatest.Goertzel(pcm, media.SampleRate, hz) }

func TestRecordingsAreFoundByCallAndTicket(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		r := d.start()
		d.hearCaller(r).say(0, media.Mulaw, tone(440, 0, 8000))
		ticket := d.onTicket(r)
		got := d.finish(r)
		if got.Ticket != ticket || got.Caller != d.caller || got.Line != d.line || got.Kind != recording.Call {
			t.Errorf("recording is %+v", got)
		}
		for name, find := range map[string]func() ([]recording.Recording, error){
			"ByCall":   func() ([]recording.Recording, error) { return d.rs.ByCall(d.ctx, staff, got.Call) },
			"ByTicket": func() ([]recording.Recording, error) { return d.rs.ByTicket(d.ctx, staff, ticket) },
		} {
			all, err := find()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]recording.Recording{got}, all); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		if s, err := d.rs.State(d.ctx, r.ID()); s != recording.Durable || err != nil {
			t.Errorf("State = %s, %v", s, err)
		}
	})
}

func TestTheTicketOfACallIsTakenOver(t *testing.T) {
	d := sqlite(t, recording.Config{})
	first := d.start()
	ticket := d.onTicket(first)
	call := d.get(first.ID()).Call
	d.exec(`UPDATE call SET ticket_id = $1 WHERE id = $2`, int64(ticket), int64(call))
	second, err := d.rs.Start(d.ctx, recording.Start{Call: call, Line: d.line, Kind: recording.Voicemail, CallerKey: d.callerKey})
	if err != nil {
		t.Fatal(err)
	}
	if got := d.get(second.ID()).Ticket; got != ticket {
		t.Errorf("ticket %d, want %d", got, ticket)
	}
}

func TestDueByTheLinesOwnTimes(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		call, message, never := d.start(), d.startKind(recording.Voicemail), d.start()
		for _, r := range []*recording.Recorder{call, message, never} {
			d.hearCaller(r).say(0, media.Mulaw, tone(440, 0, 800))
			d.finish(r)
		}
		ended := d.get(call.ID()).EndedAt
		d.exec(`UPDATE recording SET ended_at = $1`, db.Millis(ended))
		d.exec(`UPDATE recording SET line_id = NULL WHERE id = $1`, int64(never.ID()))
		tests := []struct {
			name  string
			after time.Duration
			want  []sotto.RecordingID
		}{
			{"DayNine", 10*24*time.Hour - time.Millisecond, nil},
			{"DayTen", 10 * 24 * time.Hour, []sotto.RecordingID{message.ID()}},
			{"DayThirtyAlmost", 30*24*time.Hour - time.Millisecond, []sotto.RecordingID{message.ID()}},
			{"DayThirty", 30 * 24 * time.Hour, []sotto.RecordingID{call.ID(), message.ID()}},
			{"TenYears", 3650 * 24 * time.Hour, []sotto.RecordingID{call.ID(), message.ID()}},
		}
		due := func(now time.Time) (ids []sotto.RecordingID) {
			if err := d.db.Read(d.ctx, func(tx *db.Tx) (err error) {
				ids, err = d.rs.Due(tx, now)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return ids
		}
		for _, tt := range tests {
			if diff := cmp.Diff(tt.want, due(ended.Add(tt.after))); diff != "" {
				t.Errorf("%s: %s", tt.name, diff)
			}
		}
		d.exec(`UPDATE line SET keep_call_days = NULL, keep_voicemail_days = NULL`)
		if ids := due(ended.Add(1e6 * time.Hour)); len(ids) != 0 {
			t.Errorf("lines that keep for ever: %v are due", ids)
		}
	})
}

func TestAStatementIsBoundToTheRecordingAndSealed(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		r := d.start()
		d.hearCaller(r).say(0, media.Mulaw, tone(440, 0, 800))
		d.finish(r)
		const text = "I said the fifth of May, not of June."
		if err := d.rs.Statement(d.ctx, staff, r.ID(), "  "+text+"\n"); err != nil {
			t.Fatal(err)
		}
		all, err := d.rs.Statements(d.ctx, staff, r.ID())
		if err != nil || len(all) != 1 || all[0].Text != text || all[0].Recording != r.ID() {
			t.Errorf("Statements = %+v, %v", all, err)
		}
		if n := d.count(`SELECT COUNT(*) FROM audit_entry WHERE action = 'create' AND source = 'statement' AND source_id = $1`, all[0].ID); n != 1 {
			t.Errorf("%d audit entries, want 1", n)
		}
		caller := sotto.Actor{Person: d.caller, Role: sotto.EndUser}
		tests := []struct {
			name  string
			actor sotto.Actor
			id    sotto.RecordingID
			text  string
			want  sotto.Kind
		}{
			{"NotStaff", caller, r.ID(), text, sotto.NotFound},
			{"NoRecording", staff, 1, text, sotto.NotFound},
			{"Empty", staff, r.ID(), " \n", sotto.Invalid},
			{"TooLong", staff, r.ID(), strings.Repeat("x", 20_001), sotto.Invalid},
			{"NotText", staff, r.ID(), "\xff", sotto.Invalid},
		}
		for _, tt := range tests {
			if err := d.rs.Statement(d.ctx, tt.actor, tt.id, tt.text); sotto.KindOf(err) != tt.want {
				t.Errorf("%s: Statement = %v, want %v", tt.name, err, tt.want)
			}
		}
		if all, _ := d.rs.Statements(d.ctx, caller, r.ID()); len(all) != 0 {
			t.Error("the statement is shown to an end user")
		}
		d.ring.Freeze(d.callerKey)
		if err := d.rs.Statement(d.ctx, staff, r.ID(), text); sotto.KindOf(err) != sotto.Gone {
			t.Errorf("Statement while the caller is forgotten = %v, want gone", err)
		}
	})
}

func TestTheRowsKnowHowFarARecordingIs(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		r := d.start()
		caller := d.hearCaller(r)
		caller.say(100, media.Mulaw, tone(440, 0, 48_000), 7)
		agent := d.hearAgent(r)
		agent.say(9_700, media.Mulaw, tone(440, 0, 800))
		until(t, "the loss in the row", func() bool {
			d.rs.Tell()
			got := d.get(r.ID())
			return got.Tracks[0].Lost == 160 && got.Tracks[1].Offset == 9_600
		})
		if got := d.get(r.ID()); got.State != recording.Writing || !got.EndedAt.IsZero() {
			t.Errorf("recording is %s, ended %v", got.State, got.EndedAt)
		}
	})
}

func TestStopEndsWhatIsUnderWay(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	d.hearCaller(r).say(0, media.Mulaw, tone(440, 0, 10_000))
	if err := d.rs.Stop(d.ctx); err != nil {
		t.Fatal(err)
	}
	if got := d.get(r.ID()); got.State != recording.Durable || got.Reason != recording.NoReason || got.Tracks[0].Samples != 10_000 {
		t.Errorf("recording is %s %q, track %s", got.State, got.Reason, describe(got.Tracks[0]))
	}
	call := d.call()
	if _, err := d.rs.Start(d.ctx, recording.Start{Call: call, Kind: recording.Call, CallerKey: d.callerKey}); sotto.KindOf(err) != sotto.Busy {
		t.Errorf("Start after Stop = %v, want busy", err)
	}
}

func TestStartRefusesWhatMakesNoSense(t *testing.T) {
	d := sqlite(t, recording.Config{})
	call := d.call()
	for _, s := range []recording.Start{
		{Call: call, Kind: "film", CallerKey: d.callerKey},
		{Call: call, Kind: recording.Call},
	} {
		if _, err := d.rs.Start(d.ctx, s); sotto.KindOf(err) != sotto.Invalid {
			t.Errorf("Start(%+v) = %v, want invalid", s, err)
		}
	}
	if err := d.start().HearAgent((&mouth{}).tap, d.agent, 99999); err == nil {
		t.Error("a track under a key that is not there was begun")
	}
}
