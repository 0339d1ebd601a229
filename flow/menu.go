package flow

import (
	"context"
	"time"

	"sotto/call"
	"sotto/db"
	"sotto/leg/media"
	"sotto/line"
	"sotto/route"
	"sotto/text"
	"sotto/thread"
)

// choose leads the caller through the line's menus, if it has any, and returns
// where the call goes then. The version that is live now stays the call's own
// to the end. A key stops what is being said; which key it was is forgotten at
// once, and only the way it led to is written. A key pressed during the first
// words counts: who calls often knows the way. Nothing is recorded here.
func (j *journey) choose(ctx context.Context, to route.Destination) (route.Destination, error) {
	if j.line.Menu == 0 || !to.InHours {
		return to, nil
	}
	live, err := j.f.Menus.Live(context.WithoutCancel(ctx), j.line.Menu)
	if err != nil { // better an agent than nobody
		j.f.Log.Error("flow: the menus of the line cannot be read; the call goes on without", "line", int64(j.line.ID), "call", int64(j.call.ID), "err", err)
		return to, nil
	}
	j.call.Enter(call.Menu)
	v := visits{in: live, at: j.f.Clock()}
	defer func() { j.note(v.all) }()
	s, do := live.Plan.Step(route.State{Locale: j.locale}, route.Event{Kind: route.Entered})
	for do.Kind != route.Leave {
		e, err := j.perform(ctx, do)
		if err != nil {
			v.left(s.Menu, route.TookAbandoned, j.f.Clock())
			return to, err
		}
		s, do = live.Plan.Step(s, e)
		v.left(do.From, do.Took, j.f.Clock())
		j.locale = s.Locale
	}
	return to.Through(do.Route, j.line), nil
}

// textBack answers a caller who chose it with a text instead of an agent.
// errNobody is that this caller cannot be written to.
func (j *journey) textBack(ctx context.Context, words string) error {
	if err := j.f.DB.Write(context.WithoutCancel(ctx), func(tx *db.Tx) error { return j.back(tx, text.Back, words) }); err != nil {
		j.f.Log.Error("flow: a caller could not be texted back", "call", int64(j.call.ID), "err", err)
		return errNobody
	}
	if j.texted == 0 {
		return errNobody
	}
	_ = j.say(ctx, line.Goodbye) // the text goes, also when the caller does not stay to hear it
	return call.Because(call.TextedBack)
}

// textMissed texts a caller nobody talked to, if the line does that.
func (j *journey) textMissed(tx *db.Tx, why call.Reason) error {
	if !j.line.TextBack || j.out != nil || !j.call.Summary().ConnectedAt.IsZero() {
		return nil
	}
	switch why {
	case call.Cancelled, call.AbandonedInGreeting, call.AbandonedInMenu, call.AbandonedInConsent, call.AbandonedInQueue,
		call.AbandonedInVoicemail, call.NoAgent, call.LineClosed:
		return unlessErased(j.back(tx, text.Missed, j.line.TextBackWords))
	}
	return nil
}

// back queues a text to the caller and notes on which case.
func (j *journey) back(tx *db.Tx, kind text.Kind, words string) (err error) {
	if j.f.Threads == nil {
		return nil
	}
	id, err := j.f.Threads.Back(tx, thread.Call{
		ID: j.call.ID, Line: j.line, Person: j.call.Person, Number: j.call.Caller().Number, Locale: j.locale, Kind: kind, Words: words,
	})
	if id != 0 {
		j.texted = id
	}
	return err
}

// visits are the stays of one call in the menus of one version.
type visits struct {
	in  route.Version
	at  time.Time // since when the caller is in the menu
	all []route.Visit
}

// left notes what a stay came to; "" is that it goes on.
func (v *visits) left(menu int64, took string, now time.Time) {
	if took == "" {
		return
	}
	v.all = append(v.all, route.Visit{IVR: v.in.IVR, Version: v.in.Number, Menu: menu, Took: took, Entered: v.at, Left: now})
	v.at = now
}

// note writes the figures of a call in its menus. The call goes on without.
func (j *journey) note(all []route.Visit) {
	if len(all) == 0 {
		return
	}
	err := j.f.DB.Write(context.Background(), func(tx *db.Tx) error { return j.f.Menus.Note(tx, j.call.ID, all) })
	if err != nil {
		j.f.Log.Error("flow: the way of a call through its menus was not written", "call", int64(j.call.ID), "err", err)
	}
}

// perform does what the menu says, and returns what the caller made of it.
func (j *journey) perform(ctx context.Context, do route.Do) (route.Event, error) {
	if do.Kind == route.Await {
		return j.key(ctx, do.Patience)
	}
	var clips []media.Clip
	if do.Wrong {
		clips = append(clips, j.sound(ctx, line.WrongKey).Clip)
	}
	if do.Greeting != 0 {
		s, err := j.f.Lines.MenuSound(context.WithoutCancel(ctx), do.Greeting)
		if err != nil {
			j.f.Log.Error("flow: what a menu says cannot be read; its keys work all the same", "line", int64(j.line.ID), "err", err)
		}
		clips = append(clips, s.Clip)
	}
	for _, clip := range clips {
		e, err := j.unlessKey(ctx, clip)
		if err != nil || e.Kind == route.Key {
			return e, err
		}
	}
	return route.Event{Kind: route.Said}, nil
}

// unlessKey plays a sound until it is over or a key is pressed.
func (j *journey) unlessKey(ctx context.Context, clip media.Clip) (route.Event, error) {
	port := j.caller.Media()
	playing, stop := context.WithCancel(ctx)
	played := make(chan error, 1)
	wait := j.aside("menu", func() error {
		played <- port.Play(playing, clip, false)
		return nil
	})
	defer wait()
	defer stop()
	select {
	case key, ok := <-port.Digits():
		if !ok {
			return route.Event{}, stopped(ctx, media.ErrClosed)
		}
		return route.Event{Kind: route.Key, Key: byte(key)}, nil
	case err := <-played:
		return route.Event{Kind: route.Said}, stopped(ctx, err)
	case <-ctx.Done():
		return route.Event{}, context.Cause(ctx)
	}
}

// key waits for a key in silence.
func (j *journey) key(ctx context.Context, patience time.Duration) (route.Event, error) {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case key, ok := <-j.caller.Media().Digits():
		if !ok {
			return route.Event{}, stopped(ctx, media.ErrClosed)
		}
		return route.Event{Kind: route.Key, Key: byte(key)}, nil
	case <-late.C:
		return route.Event{Kind: route.Waited}, nil
	case <-ctx.Done():
		return route.Event{}, context.Cause(ctx)
	}
}
