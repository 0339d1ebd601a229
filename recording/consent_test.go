package recording_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/db"
	"sotto/leg/media"
	"sotto/recording"
)

func TestDecide(t *testing.T) {
	type decision = recording.Decision
	open := decision{}
	tests := []struct {
		name  string
		mode  recording.Mode
		key   media.Digit
		ended bool
		want  decision
	}{
		{"AlwaysBeforeTheEnd", recording.Always, 0, false, open},
		{"AlwaysAtTheEnd", recording.Always, 0, true, decision{true, recording.NotAsked, recording.ByRule}},
		{"AlwaysKey3BeforeTheEnd", recording.Always, '3', false, open},
		{"AlwaysKey3", recording.Always, '3', true, decision{true, recording.NotAsked, recording.ByRule}},
		{"OptInBeforeTheEnd", recording.OptIn, 0, false, open},
		{"OptInKey3BeforeTheEnd", recording.OptIn, '3', false, decision{true, recording.Granted, recording.ByKey}},
		{"OptInKey3", recording.OptIn, '3', true, decision{true, recording.Granted, recording.ByKey}},
		{"OptInNoKey", recording.OptIn, 0, true, decision{false, recording.Refused, recording.WithoutKey}},
		{"OptInOtherKey", recording.OptIn, '4', true, decision{false, recording.Refused, recording.WithoutKey}},
		{"OptInOtherKeyBeforeTheEnd", recording.OptIn, '#', false, open},
		{"OptOutBeforeTheEnd", recording.OptOut, 0, false, open},
		{"OptOutKey3BeforeTheEnd", recording.OptOut, '3', false, decision{false, recording.Refused, recording.ByKey}},
		{"OptOutKey3", recording.OptOut, '3', true, decision{false, recording.Refused, recording.ByKey}},
		{"OptOutNoKey", recording.OptOut, 0, true, decision{true, recording.Granted, recording.WithoutKey}},
		{"OptOutOtherKey", recording.OptOut, '1', true, decision{true, recording.Granted, recording.WithoutKey}},
		{"OptOutOtherKeyBeforeTheEnd", recording.OptOut, '1', false, open},
		{"NeverBeforeTheEnd", recording.Never, 0, false, decision{false, recording.NotAsked, recording.ByRule}},
		{"NeverKey3", recording.Never, '3', true, decision{false, recording.NotAsked, recording.ByRule}},
		{"UnknownIsNever", "sometimes", '3', true, decision{false, recording.NotAsked, recording.ByRule}},
		{"EmptyIsNever", "", '3', true, decision{false, recording.NotAsked, recording.ByRule}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := recording.Decide(tt.mode, tt.key, tt.ended); got != tt.want {
				t.Errorf("Decide(%s, %q, %v) = %+v, want %+v", tt.mode, byte(tt.key), tt.ended, got, tt.want)
			}
		})
	}
}

func TestDecideTick(t *testing.T) {
	for _, tt := range []struct {
		mode   recording.Mode
		ticked bool
		want   recording.Decision
	}{
		{recording.Always, false, recording.Decision{Record: true, Outcome: recording.NotAsked, Evidence: recording.ByRule}},
		{recording.Always, true, recording.Decision{Record: true, Outcome: recording.NotAsked, Evidence: recording.ByRule}},
		{recording.OptIn, true, recording.Decision{Record: true, Outcome: recording.Granted, Evidence: recording.ByTick}},
		{recording.OptIn, false, recording.Decision{Outcome: recording.Refused, Evidence: recording.WithoutTick}},
		{recording.OptOut, true, recording.Decision{Outcome: recording.Refused, Evidence: recording.ByTick}},
		{recording.OptOut, false, recording.Decision{Record: true, Outcome: recording.Granted, Evidence: recording.WithoutTick}},
		{recording.Never, true, recording.Decision{Outcome: recording.NotAsked, Evidence: recording.ByRule}},
		{"sometimes", true, recording.Decision{Outcome: recording.NotAsked, Evidence: recording.ByRule}},
	} {
		if got := recording.DecideTick(tt.mode, tt.ticked); got != tt.want {
			t.Errorf("DecideTick(%s, %v) = %+v, want %+v", tt.mode, tt.ticked, got, tt.want)
		}
	}
}

// TestNothingIsWrittenWithoutConsent goes through every mode, outcome and
// evidence: Start lets in what Decide lets in and nothing else.
func TestNothingIsWrittenWithoutConsent(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		for _, mode := range []recording.Mode{recording.Always, recording.OptIn, recording.OptOut, recording.Never} {
			for _, outcome := range []recording.Outcome{recording.Granted, recording.Refused, recording.Withdrawn, recording.NotAsked} {
				call := d.call()
				c := consent(call, recording.Call)
				c.Mode, c.Outcome, c.DecidedAt = mode, outcome, c.DecidedAt.Add(time.Minute) // after the first
				d.write(func(tx *db.Tx) error { return d.rs.Consent(tx, c) })
				r, err := d.rs.Start(d.ctx, recording.Start{Call: call, Line: d.line, Kind: recording.Call, CallerKey: d.callerKey})
				want := outcome == recording.Granted || outcome == recording.NotAsked && mode == recording.Always
				if got := err == nil; got != want {
					t.Errorf("%s, %s: Start = %v, want it to be allowed: %v", mode, outcome, err, want)
				}
				if err == nil {
					d.finish(r)
				} else if sotto.KindOf(err) != sotto.Denied {
					t.Errorf("%s, %s: Start = %v, want denied", mode, outcome, err)
				}
			}
		}
		if n, rows := len(d.files()), d.count(`SELECT COUNT(*) FROM track`); n != 0 || rows != 0 {
			t.Errorf("%d files and %d tracks before anybody spoke", n, rows)
		}
	})
}

func TestConsentForOnePurposeIsNoneForAnother(t *testing.T) {
	d := sqlite(t, recording.Config{})
	call := d.call()
	d.exec(`DELETE FROM consent WHERE call_id = $1 AND purpose = 'voicemail'`, int64(call))
	_, err := d.rs.Start(d.ctx, recording.Start{Call: call, Kind: recording.Voicemail, CallerKey: d.callerKey})
	if sotto.KindOf(err) != sotto.Denied {
		t.Errorf("Start = %v, want denied", err)
	}
}

func TestProveReturnsWhatWasPlayedAndPressed(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		r := d.start()
		d.hearCaller(r).say(0, media.Mulaw, tone(440, 0, 800))
		got, err := d.rs.Prove(d.ctx, r.ID())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(consent(d.get(r.ID()).Call, recording.Call), got); diff != "" {
			t.Error(diff)
		}
		if _, err := d.rs.Prove(d.ctx, 1); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("Prove of nothing = %v, want not found", err)
		}
		d.exec("DELETE FROM consent")
		if _, err := d.rs.Prove(d.ctx, r.ID()); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("Prove without a consent = %v, want not found", err)
		}
		d.broken = true
	})
}

func TestConsentRefusesOtherWords(t *testing.T) {
	d := sqlite(t, recording.Config{})
	call := d.call()
	tests := []struct {
		name  string
		spoil func(c *recording.Consent)
		field string
	}{
		{"Purpose", func(c *recording.Consent) { c.Purpose = "training" }, "purpose"},
		{"Mode", func(c *recording.Consent) { c.Mode = "" }, "mode"},
		{"Outcome", func(c *recording.Consent) { c.Outcome = "perhaps" }, "outcome"},
		{"Evidence", func(c *recording.Consent) { c.Evidence = "a long story" }, "evidence"},
		{"Notice", func(c *recording.Consent) { c.Notice = string(make([]byte, 65)) }, "notice"},
		{"Time", func(c *recording.Consent) { c.AskedAt = time.Time{} }, "decided_at"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := consent(call, recording.Call)
			tt.spoil(&c)
			err := d.db.Write(d.ctx, func(tx *db.Tx) error { return d.rs.Consent(tx, c) })
			if sotto.FieldOf(err) != tt.field {
				t.Errorf("Consent = %v, want a complaint about %s", err, tt.field)
			}
		})
	}
}
