package flow

import (
	"context"
	"sync/atomic"
	"time"

	"sotto/call"
	"sotto/db"
	"sotto/leg/media"
	"sotto/line"
	"sotto/recording"
	"sotto/route"
)

// message lets the caller leave a voice message: the words, the tone, then
// what is said until key #, silence, the longest time, or the caller is gone.
// A message that cannot be kept is not taken.
func (j *journey) message(ctx context.Context, to route.Destination) error {
	j.call.Enter(call.Voicemail)
	s := j.sound(ctx, line.Voicemail)
	if err := j.play(ctx, s.Clip); err != nil {
		return err
	}
	if err := j.noteMessage(ctx, s); err != nil {
		return j.noMessage(ctx, to, err)
	}
	if err := j.play(ctx, j.f.Lines.Beep()); err != nil {
		return err
	}
	port, e := j.caller.Media(), &ear{}
	drain(port)
	defer port.Tap(e)()
	if err := j.record(context.WithoutCancel(ctx), recording.Voicemail, func(r *recording.Recorder) error { return r.Caller(port) }); err != nil {
		return j.noMessage(ctx, to, err)
	}
	gone := j.hear(ctx, e)
	if e.spoken() < j.f.Times.Spoken {
		if gone != nil {
			return gone
		}
		return call.Because(call.AbandonedInVoicemail)
	}
	j.call.LeftMessage()
	if gone == nil {
		_ = j.say(ctx, line.Thanks) // the message is left, also when the caller does not stay to hear it
	}
	return call.Because(call.VoicemailLeft)
}

// noMessage ends the call of a caller whose message cannot be kept: the disk
// is full, say, or the caller is being erased.
func (j *journey) noMessage(ctx context.Context, to route.Destination, why error) error {
	j.f.Log.Error("flow: a voice message could not be taken", "call", int64(j.call.ID), "err", why)
	return j.sorry(ctx, to)
}

// hear waits for the end of the message. Its error says that the caller, or
// the desk, is gone.
func (j *journey) hear(ctx context.Context, e *ear) error {
	port := j.caller.Media()
	longest := time.NewTimer(j.f.Times.Message)
	defer longest.Stop()
	look := time.NewTicker(min(200*time.Millisecond, j.f.Times.Silence/4))
	defer look.Stop()
	last, since := e.spoken(), time.Now()
	for {
		select {
		case key, ok := <-port.Digits():
			if !ok {
				return stopped(ctx, media.ErrClosed)
			}
			if key == '#' {
				return nil
			}
		case <-look.C:
			if now := e.spoken(); now != last {
				last, since = now, time.Now()
			}
			if time.Since(since) >= j.f.Times.Silence {
				return nil
			}
		case <-longest.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// noteMessage writes what the caller was told before the tone. Who speaks
// after it knows, and that is all a message is: the line's rule about
// recording calls has no say in it.
func (j *journey) noteMessage(ctx context.Context, s line.Sound) error {
	now := j.f.Clock()
	c := recording.Consent{
		Call: j.call.ID, Purpose: recording.Voicemail, Mode: recording.Always, Outcome: recording.NotAsked, Evidence: recording.ByRule,
		Notice: s.Notice, Locale: j.locale, NoticeHash: s.SHA256, AskedAt: now, DecidedAt: now,
	}
	return j.f.DB.Write(context.WithoutCancel(ctx), func(tx *db.Tx) error { return j.f.Recordings.Consent(tx, c) })
}

// ear measures how much was spoken. It is a media.Sink: it neither waits nor
// allocates.
type ear struct{ samples atomic.Int64 }

// loud is the least peak of a frame that counts as speech: -36 dB of full
// scale. A line's hiss is below it.
const loud = 512

// Push counts a frame that is loud.
func (e *ear) Push(f media.Frame) {
	for _, c := range f.Payload {
		if v := f.Law.Decode(c); v > loud || v < -loud {
			e.samples.Add(int64(len(f.Payload)))
			return
		}
	}
}

// spoken is how long it was loud.
func (e *ear) spoken() time.Duration {
	return time.Duration(e.samples.Load()) * time.Second / media.SampleRate
}
