package flow

import (
	"context"
	"time"

	"sotto/call"
	"sotto/db"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/line"
	"sotto/locales"
	"sotto/recording"
)

// asked is what the caller was told about recording, and decided.
type asked struct {
	recording.Consent
	record bool      // may be recorded now
	since  time.Time // when that was decided
}

// ask plays the line's notice about recording and waits for key 3, during it
// and a little longer. What was decided is on the disk before ask returns; a
// decision that could not be written is no consent.
func (j *journey) ask(ctx context.Context) error {
	mode := recording.Mode(j.line.Consent)
	category := j.line.Consent.Notice()
	if category == "" {
		j.call.Decided(string(recording.NotAsked))
		return nil
	}
	j.call.Enter(call.Consenting)
	if t, ok := j.told(); ok {
		j.takeTick(ctx, t)
		return nil
	}
	s := j.sound(ctx, category)
	decision, askedAt, err := j.decide(ctx, mode, s)
	if err != nil {
		return err
	}
	now := j.f.Clock()
	j.noteConsent(ctx, recording.Consent{
		Call: j.call.ID, Purpose: recording.Call, Mode: mode, Outcome: decision.Outcome, Evidence: decision.Evidence,
		Notice: s.Notice, Locale: j.locale, NoticeHash: s.SHA256, AskedAt: askedAt, DecidedAt: now,
	}, decision.Record)
	return nil
}

// decide plays the notice and returns what came of it, and when the notice
// ended.
func (j *journey) decide(ctx context.Context, mode recording.Mode, s line.Sound) (recording.Decision, time.Time, error) {
	port := j.caller.Media()
	drain(port)
	playing, stop := context.WithCancel(ctx)
	played := make(chan error, 1)
	wait := j.aside("notice", func() error {
		played <- port.Play(playing, s.Clip, false)
		return nil
	})
	defer wait()
	defer stop()
	var patience <-chan time.Time
	askedAt := j.f.Clock()
	for {
		select {
		case key, ok := <-port.Digits():
			if !ok {
				return recording.Decision{}, askedAt, stopped(ctx, media.ErrClosed)
			}
			if d := recording.Decide(mode, key, false); d.Outcome != "" {
				if patience == nil {
					askedAt = j.f.Clock() // heard as far as this
				}
				return d, askedAt, nil
			}
		case err := <-played:
			if err != nil {
				return recording.Decision{}, askedAt, stopped(ctx, err)
			}
			askedAt = j.f.Clock()
			if mode == recording.Always {
				return recording.Decide(mode, 0, true), askedAt, nil
			}
			patience = time.After(j.f.Times.Key)
		case <-patience:
			return recording.Decide(mode, 0, true), askedAt, nil
		case <-ctx.Done():
			return recording.Decision{}, askedAt, context.Cause(ctx)
		}
	}
}

// noteConsent writes a decision. The call goes on, unrecorded, when it cannot
// be written.
func (j *journey) noteConsent(ctx context.Context, c recording.Consent, record bool) {
	err := j.f.DB.Write(context.WithoutCancel(ctx), func(tx *db.Tx) error { return j.f.Recordings.Consent(tx, c) })
	if err != nil {
		j.f.Log.Error("flow: a decision about recording was not written; the call is not recorded", "call", int64(j.call.ID), "err", err)
		record = false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked = asked{c, record, time.Now()}
	j.call.Decided(string(c.Outcome))
}

// listen heeds key 3 while the caller waits and talks: it takes a consent
// back (GDPR 7(3)). also gets the other keys; it may be nil. stop ends that
// and waits.
func (j *journey) listen(ctx context.Context, also func(media.Digit)) (stop func()) {
	port := j.caller.Media()
	return j.during(ctx, "keys", func(ctx context.Context) (err error) {
		for {
			select {
			case key, ok := <-port.Digits():
				if !ok {
					return err
				}
				switch {
				case j.takesBack(key):
					err = j.withdraw(ctx)
				case also != nil:
					also(key)
				}
			case <-ctx.Done():
				return err
			}
		}
	})
}

// takesBack reports whether key ends the recording: key 3 where the caller
// had the choice, not as part of the press that chose.
func (j *journey) takesBack(key media.Digit) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	choice := j.asked.Mode == recording.OptIn || j.asked.Mode == recording.OptOut
	same := j.asked.Evidence == recording.ByKey && time.Since(j.asked.since) < j.f.Times.Bounce
	return key == '3' && choice && j.asked.record && !same
}

// withdraw stops the recording and shreds what there was, then writes that
// the caller took the consent back. A tone tells both that it is done.
func (j *journey) withdraw(ctx context.Context) error {
	j.mu.Lock()
	j.asked.record = false
	c := j.asked.Consent
	j.mu.Unlock()
	err := j.stopRecording(recording.ConsentWithdrawn)
	c.Outcome, c.Evidence, c.DecidedAt = recording.Withdrawn, recording.ByKey, j.f.Clock()
	j.noteConsent(ctx, c, false)
	if j.call.State() == call.Connected {
		_ = j.caller.Media().Play(ctx, j.f.Lines.Beep(), false) // courtesy: the recording has ended either way
	}
	return err
}

// record starts a recorder if the caller may be recorded and lets voices add
// who is heard. Whatever fails is returned for the log; the call goes on.
func (j *journey) record(ctx context.Context, kind recording.Kind, voices func(*recording.Recorder) error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if kind == recording.Call && !j.asked.record || j.call.Key == 0 {
		return nil
	}
	r, err := j.f.Recordings.Start(ctx, recording.Start{Call: j.call.ID, Line: j.line.ID, Kind: kind, CallerKey: j.call.Key})
	if err != nil {
		return err
	}
	j.recorder = r
	if j.hushed {
		r.Pause()
	}
	for id, on := range j.muted {
		r.Mute(id, on)
	}
	return voices(r)
}

// stopRecording ends the recording, if there is one, and waits until it is on
// the disk or gone from it.
func (j *journey) stopRecording(why recording.Reason) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.recorder == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), j.f.Times.Finish)
	defer cancel()
	return j.recorder.Stop(ctx, why)
}

// told is what the caller was shown on the page it calls from; ok is false
// for a caller from no page.
func (j *journey) told() (t leg.Told, ok bool) {
	v, ok := j.caller.(leg.Visitor)
	if !ok {
		return t, false
	}
	return v.Told()
}

// speaks is the language the caller hears: that of its page, or the line's.
func (j *journey) speaks() string {
	if t, ok := j.told(); ok && locales.Speaks(t.Locale) {
		return t.Locale
	}
	return j.line.Locale
}

// follow shows the caller's page how far the call is; nil for a caller from
// no page.
func (j *journey) follow() func(call.State, string) {
	if _, ok := j.told(); !ok {
		return nil
	}
	return func(s call.State, consent string) { j.show(leg.Progress{State: string(s), Consent: consent}) }
}

func (j *journey) show(p leg.Progress) {
	if v, ok := j.caller.(leg.Visitor); ok {
		v.Show(p)
	}
}

// takeTick writes what a visitor decided with the box on the page. Nothing is
// played: it was read. Words that are not the line's any more are no consent.
func (j *journey) takeTick(ctx context.Context, t leg.Told) {
	mode := recording.Mode(j.line.Consent)
	words := j.f.Lines.Words(j.line.Consent, t.Locale)
	d := recording.DecideTick(mode, t.Ticked)
	if t.Mode != string(mode) || t.SHA256 != words.SHA256 {
		d = recording.Decision{Outcome: recording.Refused, Evidence: recording.WithoutTick}
	}
	j.noteConsent(ctx, recording.Consent{
		Call: j.call.ID, Purpose: recording.Call, Mode: mode, Outcome: d.Outcome, Evidence: d.Evidence,
		Notice: t.Notice, Locale: t.Locale, NoticeHash: t.SHA256, AskedAt: t.At, DecidedAt: t.At,
	}, d.Record)
}

// drain forgets the keys that were pressed before they could mean anything.
func drain(port *media.Port) {
	for {
		select {
		case _, ok := <-port.Digits():
			if !ok {
				return
			}
		default:
			return
		}
	}
}
