package flow_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto/call"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/line"
	"sotto/recording"
)

// visitor is a party that called from a page.
type visitor struct {
	*legtest.Party
	told leg.Told

	mu    sync.Mutex
	shown []string // guarded by mu
}

// Told implements leg.Visitor.
func (v *visitor) Told() (leg.Told, bool) { return v.told, true }

// Show implements leg.Visitor.
func (v *visitor) Show(p leg.Progress) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := p.State + " " + p.Consent + " " + p.Reason; !slices.Contains(v.shown, s) {
		v.shown = append(v.shown, s)
	}
}

// visit lets somebody call the line from its page, where words were shown.
func (d *desk) visit(t *testing.T, name string, words line.Words, ticked bool) (*visitor, chan struct{}) {
	t.Helper()
	v := &visitor{Party: legtest.Call(t, d.engine, leg.Caller{Name: name, Withheld: name == ""}, "boutique"), told: leg.Told{
		Mode: string(words.Mode), Notice: words.Notice, Locale: words.Locale, SHA256: words.SHA256, Ticked: ticked, At: time.Now(),
	}}
	over := make(chan struct{})
	go func() {
		defer close(over)
		d.flow.Accept(context.Background(), v)
	}()
	t.Cleanup(func() {
		if t.Failed() {
			d.explain(t, v.Party)
		}
		done(t, over)
	})
	return v, over
}

func TestVisitorDecidesAboutRecordingWithTheBox(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		for _, c := range []struct {
			name   string
			mode   line.Consent // of the line
			shown  line.Consent // on the page
			ticked bool
			want   string
			record bool
		}{
			{"always", line.Always, line.Always, false, "always not-asked rule", true},
			{"opt-in, ticked", line.OptIn, line.OptIn, true, "opt-in granted tick", true},
			{"opt-in, not ticked", line.OptIn, line.OptIn, false, "opt-in refused no-tick", false},
			{"opt-out, ticked", line.OptOut, line.OptOut, true, "opt-out refused tick", false},
			{"opt-out, not ticked", line.OptOut, line.OptOut, false, "opt-out granted no-tick", true},
			{"other words than the line's were shown", line.OptOut, line.Never, false, "opt-out refused no-tick", false},
			{"never", line.Never, line.Never, true, "", false},
		} {
			t.Run(c.name, func(t *testing.T) {
				d.set(t, func(s *line.Settings) {
					s.Kind, s.Number, s.SMS, s.Consent = line.Digital, "boutique", false, c.mode
				})
				d.exec(t, "DELETE FROM consent")
				before := d.count(t, "SELECT COUNT(*) FROM recording")
				v, over := d.visit(t, "", d.lines.Words(c.shown, "fr"), c.ticked)
				v.Hum(440)
				d.in(t, call.Queued)
				w := d.hire(t, nil)
				w.answer(t).Hum(1000)
				d.in(t, call.Connected)
				eventually(t, "they hear each other", func() bool { return v.Hears(1000) })
				if c.record {
					eventually(t, "it is recorded", func() bool { return d.bytesOnDisk(t) > 8000 })
				}
				v.HangUp(leg.HungUp)
				done(t, over)
				check(t, d.agents.SetState(context.Background(), admin, w.id, "offline"))
				got := ""
				if all := d.consents(t, recording.Call); len(all) > 0 {
					got = all[0]
				}
				if got != c.want || (d.count(t, "SELECT COUNT(*) FROM recording") > before) != c.record {
					t.Errorf("consent %q, want %q; recorded %v", got, c.want, !c.record)
				}
				if v.HeardTone(pitch(line.ConsentOptIn)) || v.HeardTone(pitch(line.ConsentOptOut)) || v.HeardTone(pitch(line.ConsentAlways)) {
					t.Error("the notice was played to somebody who has read it")
				}
			})
		}
	})
}

func TestVisitorIsToldHowFarTheCallIsAndNamedOnTheTicket(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		d.set(t, func(s *line.Settings) {
			s.Kind, s.Number, s.SMS, s.Consent = line.Digital, "boutique", false, line.OptIn
		})
		v, over := d.visit(t, "Camille Exemple", d.lines.Words(line.OptIn, "en"), true)
		v.Hum(440)
		w := d.hire(t, nil)
		w.answer(t).Hum(1000)
		d.in(t, call.Connected)
		eventually(t, "it is recorded", func() bool { return d.bytesOnDisk(t) > 8000 })
		v.Press('3')
		eventually(t, "what there was is gone", func() bool { return d.bytesOnDisk(t) == 0 })
		v.HangUp(leg.HungUp)
		done(t, over)
		r := d.record(t)
		if r.Person != 0 || r.Number != "" || r.Name != "Camille Exemple" || r.Key == 0 {
			t.Errorf("a visitor is %+v", r)
		}
		d.wantTicket(t, r, "Appel de Camille Exemple (page web)", "depuis sa page web", "L'appelant a choisi l'anglais.")
		want := []string{"greeting  ", "consent  ", "consent granted ", "queued granted ", "connected granted ", "connected withdrawn ", "ended  caller-hung-up"}
		if diff := cmp.Diff(want, v.shown); diff != "" {
			t.Errorf("the page shows (-want +got):\n%s", diff)
		}
		if all := d.consents(t, recording.Call); len(all) != 2 || all[0] != "opt-in granted tick" || all[1] != "opt-in withdrawn key-3" {
			t.Errorf("consents: %q", all)
		}
		words := d.lines.Words(line.OptIn, "en")
		if n := d.count(t, "SELECT COUNT(*) FROM consent WHERE notice = 'page/en/opt-in' AND locale = 'en' AND notice_hash = $1", words.SHA256[:]); n != 2 {
			t.Errorf("%d decisions say what was shown", n)
		}
	})
}
