package flow_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/call"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/leg/media"
	"sotto/line"
	"sotto/route"
)

// What the menus of these tests say, in French and in English.
const (
	mainFR, mainEN = 2000, 2150
	moreFR         = 2300
	inEnglish      = 1500 // how the line's notice about recording sounds in English
)

// withMenus gives the line two menus, and English sounds where these tests
// hear them.
func (d *desk) withMenus(t *testing.T, edit func(*route.Plan)) sotto.MenuID {
	t.Helper()
	ctx := context.Background()
	sound := func(locale string, hz float64) int64 {
		n, err := d.lines.AddMenuSound(ctx, admin, d.line.ID, locale, wav(media.Tone(hz, 400*time.Millisecond)))
		check(t, err)
		return n
	}
	all, err := d.agents.AddGroup(ctx, admin, "Accueil") // the first is that of everybody who is in none
	check(t, err)
	way := func(key string, a route.Action, o route.Options) route.Route {
		return route.Route{Keypress: key, Way: route.Way{Action: a, Options: o}}
	}
	p := route.Plan{Menus: []route.Menu{
		{
			ID: 1, Name: "Accueil", Default: true, KeySeconds: 1, Repeats: 1,
			Greetings: []route.Spoken{{Locale: "fr", GreetingID: sound("fr", mainFR)}, {Locale: "en", GreetingID: sound("en", mainEN)}},
			Routes: []route.Route{
				way("1", route.ToGroup, route.Options{GroupIDs: []sotto.GroupID{all.ID}}), way("2", route.ToMenu, route.Options{MenuID: 2}),
				way("3", route.ToLanguage, route.Options{Locale: "en"}), way("4", route.ToNumber, route.Options{Number: "+33199009876"}),
				way(route.NoKey, route.ToVoicemail, route.Options{}),
			},
		},
		{
			ID: 2, Name: "Suite", KeySeconds: 1, Greetings: []route.Spoken{{Locale: "fr", GreetingID: sound("fr", moreFR)}},
			Routes: []route.Route{way("1", route.ToVoicemail, route.Options{}), way("2", route.ToMenu, route.Options{MenuID: 1})},
		},
	}}
	if edit != nil {
		edit(&p)
	}
	v, err := d.menus.Create(ctx, admin, "Accueil", p)
	check(t, err)
	if _, found, err := d.menus.Publish(ctx, admin, v.ID); err != nil {
		t.Fatal(err, found)
	}
	for _, c := range []line.Category{line.ConsentOptIn, line.WrongKey} {
		check(t, d.lines.SetSound(ctx, admin, d.line.ID, c, "en", wav(media.Tone(inEnglish, 400*time.Millisecond))))
	}
	d.set(t, func(s *line.Settings) { s.Menu = v.ID })
	return v.ID
}

// took are the ways the one call took through its menus.
func (d *desk) took(t *testing.T) (all []string) {
	t.Helper()
	visits, err := d.menus.Visits(context.Background(), d.record(t).ID)
	check(t, err)
	for _, v := range visits {
		all = append(all, fmt.Sprintf("%d %s", v.Menu, v.Took))
		if v.Left.Before(v.Entered) || v.Version != 1 || v.IVR != d.line.Menu {
			t.Errorf("visit %+v", v)
		}
	}
	return all
}

func (d *desk) hears(t *testing.T, p *legtest.Party, hz float64) {
	t.Helper()
	eventually(t, fmt.Sprintf("the caller hears %v Hz", hz), func() bool { return p.HeardTone(hz) })
}

func TestCallerChoosesInMenu(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		d.set(t, func(s *line.Settings) { s.Consent = line.OptIn })
		d.withMenus(t, nil)
		for _, c := range []struct {
			name string
			walk func(p *legtest.Party)
			in   call.State // where the call is then; the caller hangs up
			took []string
		}{
			{"a group, and the notice in the line's language", func(p *legtest.Party) {
				d.hears(t, p, mainFR)
				p.Press('1')
				d.hears(t, p, pitch(line.ConsentOptIn))
			}, call.Queued, []string{"1 group"}},
			{"another language, and the notice in it", func(p *legtest.Party) {
				d.hears(t, p, mainFR)
				p.Press('3')
				d.hears(t, p, mainEN)
				p.Press('1')
				d.hears(t, p, inEnglish)
			}, call.Queued, []string{"1 language", "1 group"}},
			{"another menu, and a message", func(p *legtest.Party) {
				d.hears(t, p, mainFR)
				p.Press('2')
				d.hears(t, p, moreFR)
				p.Press('1')
				d.hears(t, p, pitch(line.Voicemail))
			}, call.Voicemail, []string{"1 menu", "2 voicemail"}},
			{"a wrong key, and then a right one", func(p *legtest.Party) {
				d.hears(t, p, mainFR)
				p.Press('9')
				d.hears(t, p, pitch(line.WrongKey))
				p.Press('1')
			}, call.Consenting, []string{"1 invalid", "1 group"}},
			{"no key", func(p *legtest.Party) { d.hears(t, p, pitch(line.Voicemail)) }, call.Voicemail, []string{"1 none", "1 voicemail"}},
			{"a number outside, which nobody connects yet", func(p *legtest.Party) {
				d.hears(t, p, mainFR)
				p.Press('4')
				d.hears(t, p, pitch(line.Voicemail))
			}, call.Voicemail, []string{"1 phone_number"}},
			{"a key during the first words", func(p *legtest.Party) {
				d.hears(t, p, pitch(line.Greeting))
				p.Press('1')
			}, call.Consenting, []string{"1 group"}},
			{"gone", func(p *legtest.Party) { d.hears(t, p, mainFR) }, call.Menu, []string{"1 abandoned"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				for _, table := range []string{"ivr_step", "track", "recording", "consent", "comment", "ticket_event", "ticket_word", "call_leg", "call", "ticket"} {
					d.exec(t, "DELETE FROM "+table)
				}
				p, over := d.call(t, leg.Caller{Number: camille}, front)
				c.walk(p)
				d.in(t, c.in)
				p.HangUp(leg.HungUp)
				done(t, over)
				if diff := cmp.Diff(c.took, d.took(t)); diff != "" {
					t.Errorf("ways (-want +got):\n%s", diff)
				}
				if r := d.record(t); c.in == call.Menu && (r.Reason != call.AbandonedInMenu || r.Reason.Completion() != "abandoned_in_ivr") {
					t.Errorf("call: %+v", r)
				}
			})
		}
	})
}

// TestLanguageChosenInAMenuIsOnTheTicketAndInTheConsent: what the caller was
// told is proved in the language it was said in.
func TestLanguageChosenInAMenuIsOnTheTicketAndInTheConsent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		d.set(t, func(s *line.Settings) { s.Consent = line.OptIn })
		d.withMenus(t, nil)
		w := d.hire(t, nil)
		p, over := d.call(t, leg.Caller{Number: camille}, front)
		d.hears(t, p, mainFR)
		p.Press('3')
		d.hears(t, p, mainEN)
		p.Press('1')
		d.hears(t, p, inEnglish)
		p.Press('3')
		w.answer(t)
		d.in(t, call.Connected)
		eventually(t, "it is recorded", func() bool { return d.count(t, "SELECT COUNT(*) FROM track") == 2 })
		if n := d.count(t, "SELECT COUNT(*) FROM recording r JOIN call c ON c.id = r.call_id WHERE r.started_at < c.connected_at"); n != 0 {
			t.Error("the recording began before the agent was on")
		}
		p.HangUp(leg.HungUp)
		done(t, over)
		if n := d.count(t, "SELECT COUNT(*) FROM consent WHERE locale = 'en' AND outcome = 'granted'"); n != 1 {
			t.Errorf("%d consents in English", n)
		}
		d.wantTicket(t, d.record(t), "Appel de "+camille, "L'appelant a choisi l'anglais.")
	})
}

func TestCallKeepsTheVersionItBeganWith(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		id := d.withMenus(t, nil)
		p, over := d.call(t, leg.Caller{Number: camille}, front)
		d.hears(t, p, mainFR)
		_, err := d.menus.Edit(ctx, admin, id, func(v *route.IVR) error {
			v.Draft.Menus[0].Routes[1].Way = route.Way{Action: route.ToVoicemail}
			return nil
		})
		check(t, err)
		_, _, err = d.menus.Publish(ctx, admin, id)
		check(t, err)
		p.Press('2')
		d.hears(t, p, moreFR)
		p.HangUp(leg.HungUp)
		done(t, over)
		if diff := cmp.Diff([]string{"1 menu", "2 abandoned"}, d.took(t)); diff != "" {
			t.Errorf("ways (-want +got):\n%s", diff)
		}
	})
}

// logged is a log that can be read while it is written.
type logged struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

// TestKeysOfAMenuAreNotKept lets two callers press different wrong keys and
// then go the same way: what is left of both is the same.
func TestKeysOfAMenuAreNotKept(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		d.withMenus(t, func(p *route.Plan) { p.Menus[0].Repeats, p.Menus[0].KeySeconds = 5, 20 })
		log := &logged{}
		d.flow.Log = slog.New(slog.NewTextHandler(log, nil))
		var left []string
		for _, key := range []byte{'7', '#'} {
			for _, table := range []string{"ivr_step", "consent", "comment", "ticket_event", "ticket_word", "call_leg", "call", "ticket"} {
				d.exec(t, "DELETE FROM "+table)
			}
			p, over := d.call(t, leg.Caller{Number: camille}, front)
			d.hears(t, p, mainFR)
			for range 3 {
				p.Forget()
				p.Press(key)
				d.hears(t, p, pitch(line.WrongKey))
				p.Forget()
				d.hears(t, p, mainFR)
			}
			p.HangUp(leg.HungUp)
			done(t, over)
			left = append(left, strings.Join(d.took(t), ", "))
		}
		if left[0] != left[1] || left[0] != "1 invalid, 1 invalid, 1 invalid, 1 abandoned" {
			t.Errorf("the keys can be told apart: %q", left)
		}
		log.mu.Lock()
		defer log.mu.Unlock()
		if log.all.Len() > 0 {
			t.Errorf("logged: %s", log.all.String())
		}
	})
}

// TestMenuRingsWhomTheCallerChose: a group's agent, or one agent, though
// another is idle the longest.
func TestMenuRingsWhomTheCallerChose(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		_, _, member := d.hire(t, nil), d.hire(t, nil), d.hire(t, nil)
		_, err := d.agents.AddGroup(ctx, admin, "Tous") // the first is that of everybody who is in none
		check(t, err)
		g, err := d.agents.AddGroup(ctx, admin, "Ventes")
		check(t, err)
		_, err = d.agents.Enter(ctx, admin, member.id, g.ID)
		check(t, err)
		d.withMenus(t, func(p *route.Plan) {
			p.Menus[0].Routes[0].Options.GroupIDs = []sotto.GroupID{g.ID}
			p.Menus[0].Routes[1].Way = route.Way{Action: route.ToAgent, Options: route.Options{AgentID: member.id}}
		})
		for _, key := range []byte{'1', '2'} {
			p, over := d.call(t, leg.Caller{Number: camille}, front)
			d.hears(t, p, mainFR)
			p.Press(key)
			if a := d.in(t, call.Connected).Agent(); a != member.id {
				t.Errorf("key %d rings agent %d, want %d", key, a, member.id)
			}
			p.HangUp(leg.HungUp)
			done(t, over)
			member.answer(t).Gone(t)
		}
	})
}
