package dial_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sotto"
	"sotto/audit"
	"sotto/blob"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/dial"
	"sotto/keyring"
	"sotto/line"
	"sotto/locales"
	"sotto/person"
)

type desk struct {
	db     *db.DB
	people *person.People
	audit  *audit.Log
	gate   *dial.Gate
	clock  *atomic.Int64
}

const (
	home    = "+33199001234"
	ownLine = "+33199000000"
)

func each(t *testing.T, f func(t *testing.T, d desk)) {
	t.Helper()
	at := &atomic.Int64{}
	at.Store(time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC).UnixMilli())
	dbtest.EachConfig(t, func() time.Time { return time.UnixMilli(at.Load()).UTC() }, func(t *testing.T, cfg db.Config) {
		base := dbtest.Open(t, cfg)
		dir := t.TempDir()
		if err := keyring.Create(filepath.Join(dir, "keys")); err != nil {
			t.Fatal(err)
		}
		ring, err := keyring.Open(filepath.Join(dir, "keys"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := ring.Close(); err != nil {
				t.Error(err)
			}
		})
		blobs, err := blob.Open(filepath.Join(dir, "blobs"))
		if err != nil {
			t.Fatal(err)
		}
		log := audit.New(base)
		people := person.New(base, ring, log, "FR")
		lines, err := line.New(base, blobs, log, "FR")
		if err != nil {
			t.Fatal(err)
		}
		s := line.Defaults()
		s.Number, s.Name = ownLine, "Accueil"
		if _, err := lines.Create(context.Background(), sotto.Operator(), s); err != nil {
			t.Fatal(err)
		}
		gate, err := dial.New(dial.Config{DB: base, People: people, Lines: lines, Audit: log, Region: "FR"})
		if err != nil {
			t.Fatal(err)
		}
		if err := gate.SetRules(context.Background(), sotto.Operator(), dial.Rules{
			Countries: []string{"be", "BE"}, Rates: []dial.Rate{{"+32", 20_000}, {"+3247", 100_000}},
		}); err != nil {
			t.Fatal(err)
		}
		f(t, desk{base, people, log, gate, at})
	})
}

func (d desk) member(t *testing.T, role sotto.Role) sotto.Actor {
	t.Helper()
	id, err := d.people.Create(context.Background(), sotto.Operator(), person.Draft{Role: role, Name: "Sacha Exemple"})
	if err != nil {
		t.Fatal(err)
	}
	return sotto.Actor{Person: id, Role: role}
}

func (d desk) set(t *testing.T, name db.SettingName, value int64) {
	t.Helper()
	if err := d.db.Write(context.Background(), func(tx *db.Tx) error { return db.SetSetting(tx, name, value) }); err != nil {
		t.Fatal(err)
	}
}

func (d desk) ask(by sotto.Actor, path dial.Path, number string) (dial.Grant, dial.Reason, error) {
	g, err := d.gate.Authorize(context.Background(), dial.Attempt{By: by, Path: path, Number: number})
	why := dial.ReasonOf(err)
	if why != "" {
		err = nil
	}
	return g, why, err
}

// destinations are typed numbers, and why they are refused; "" for the ones
// that may be dialled.
func destinations() map[string]dial.Reason {
	return map[string]dial.Reason{
		home: "", "01 99 00 12 34": "", "+33 (0)1 99 00 12 34": "", "+32470123456": "", "+33800123456": "",
		"112": dial.AllowedEmergency, "15": dial.AllowedEmergency, "17": dial.AllowedEmergency, "18": dial.AllowedEmergency, "114": dial.AllowedEmergency,
		"+12015550123": dial.Country, "+447624123456": dial.Country, "+37060112345": dial.Country, "+5352345678": dial.Country,
		"+33899123456": dial.PremiumNumber, "+33812345678": dial.PremiumNumber, "0899 123 456": dial.PremiumNumber,
		"+447012345678": dial.SpecialNumber, "+881612345678": dial.SatelliteNumber, "+979123456789": dial.SatelliteNumber,
		ownLine: dial.DeskNumber, "3631": dial.ShortNumber, "911": dial.ShortNumber,
		"": dial.NoNumber, "+": dial.NoNumber, "sip:a@b": dial.NoNumber, "+3319900": dial.NoNumber, "+33199001234;ext=9": dial.NoNumber,
		"+33199001234,,899": dial.NoNumber, "0199001234#": dial.NoNumber, "+1+33199001234": dial.NoNumber,
	}
}

func TestEachPathTakesOnlyWhoMayToWhereTheRulesAllow(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		for _, s := range []db.SettingName{db.DialAgentMinutes, db.DialDeskMinutes, db.DialAgentCents, db.DialDeskCents} {
			d.set(t, s, 10_000_000)
		}
		suspended, deleted := d.member(t, sotto.Agent), d.member(t, sotto.Agent)
		yes := true
		if err := d.people.Update(context.Background(), sotto.Operator(), suspended.Person, person.Change{Suspended: &yes}); err != nil {
			t.Fatal(err)
		}
		if err := d.people.SoftDelete(context.Background(), sotto.Operator(), deleted.Person); err != nil {
			t.Fatal(err)
		}
		principals := []struct {
			name        string
			by          sotto.Actor
			staff, desk bool
		}{
			{"agent", d.member(t, sotto.Agent), true, false},
			{"administrator", d.member(t, sotto.Admin), true, false},
			{"operator", sotto.Operator(), true, false},
			{"desk", sotto.Desk(), false, true},
			{"anonymous", sotto.Actor{Role: sotto.EndUser}, false, false},
			{"anonymous who says agent", sotto.Actor{Role: sotto.Agent}, false, false},
			{"caller", d.member(t, sotto.EndUser), false, false},
			{"suspended agent", suspended, false, false},
			{"telephone of a deleted agent", deleted, false, false},
			{"telephone of nobody any more", sotto.Actor{Person: 1 << 40, Role: sotto.Agent}, false, false},
		}
		granted := map[int64]bool{}
		for _, path := range dial.Paths() {
			byStaff := slices.Contains([]dial.Path{
				dial.Click, dial.Ticket, dial.Refer, dial.Redirect, dial.Callback, dial.Forward, dial.Transfer, dial.Conference, dial.Text,
			}, path)
			byDesk := slices.Contains([]dial.Path{dial.Menu, dial.Overflow, dial.Callback, dial.Text}, path)
			for _, p := range principals {
				for number, want := range destinations() {
					emergency := want == dial.AllowedEmergency
					if emergency {
						want = ""
					}
					if !(p.staff && byStaff || p.desk && byDesk) || emergency && (p.desk || path == dial.Forward || path == dial.Redirect) {
						want = dial.NotAllowed
					}
					g, why, err := d.ask(p.by, path, number)
					if err != nil || why != want || (want == "") != (g.Number() != "") || g.Emergency() != (emergency && want == "") {
						t.Fatalf("%s by %s to %q: %q, %v, grant %v; want %q", path, p.name, number, why, err, g.Number() != "", want)
					}
					if want != "" {
						continue
					}
					granted[g.ID()] = true
					if err := d.gate.Done(context.Background(), g, 0); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		d.auditHolds(t, granted)
	})
}

// auditHolds compares the grants with what the audit log says was allowed.
func (d desk) auditHolds(t *testing.T, granted map[int64]bool) {
	t.Helper()
	allowed := 0
	for after := int64(0); ; {
		page, next, err := d.audit.List(context.Background(), sotto.Operator(), audit.Filter{Source: audit.Dial, After: after, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			if e.Action == audit.Create && !granted[e.SourceID] {
				t.Errorf("entry %d allows what was never granted", e.ID)
			}
			if e.Action == audit.Create {
				allowed++
			}
		}
		if after = next; after == 0 {
			break
		}
	}
	if allowed != len(granted) || allowed == 0 {
		t.Errorf("the log allows %d, %d were granted", allowed, len(granted))
	}
}

func TestEachRefusalHasWordsInBothLanguages(t *testing.T) {
	words, err := locales.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range dial.Reasons() {
		for _, l := range locales.Languages() {
			if !words.Has(l, r.Words()) {
				t.Errorf("%s has no words in %s", r, l)
			}
		}
	}
}

func TestMarketingIsRefusedToWhoObjectedAndSupportIsNot(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx, agent := context.Background(), d.member(t, sotto.Agent)
		id, err := d.people.Create(ctx, sotto.Operator(), person.Draft{Name: "Camille Exemple", Phones: []string{home}})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.people.Object(ctx, sotto.Operator(), id, person.Marketing); err != nil {
			t.Fatal(err)
		}
		for purpose, want := range map[dial.Purpose]dial.Reason{dial.Marketing: dial.Objection, dial.Support: "", "": ""} {
			g, err := d.gate.Authorize(ctx, dial.Attempt{By: agent, Path: dial.Click, Number: "01 99 00 12 34", Purpose: purpose})
			if got := dial.ReasonOf(err); got != want {
				t.Errorf("%q: %q, %v; want %q", purpose, got, err, want)
			}
			if err := d.gate.Done(ctx, g, 0); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestCapsBoundTheDayAndNeverAnEmergency(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		one, two := d.member(t, sotto.Agent), d.member(t, sotto.Agent)
		d.set(t, db.DialAgentMinutes, 10)
		d.set(t, db.DialDeskMinutes, 15)
		d.set(t, db.DialAgentCalls, 1)
		grant := func(by sotto.Actor, number string, want dial.Reason, most time.Duration) dial.Grant {
			t.Helper()
			g, why, err := d.ask(by, dial.Click, number)
			if err != nil || why != want || g.Max() != most {
				t.Fatalf("%q, %v, %v; want %q, %v", why, g.Max(), err, want, most)
			}
			return g
		}
		first := grant(one, home, "", 10*time.Minute)
		grant(one, home, dial.AgentCalls, 0)
		grant(one, "112", "", 0)
		second := grant(two, home, "", 5*time.Minute)
		if err := d.gate.Done(ctx, first, 4*time.Minute-time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if err := d.gate.Done(ctx, second, 0); err != nil {
			t.Fatal(err)
		}
		third := grant(one, home, "", 6*time.Minute)
		if err := d.gate.Done(ctx, third, 6*time.Minute); err != nil {
			t.Fatal(err)
		}
		grant(one, home, dial.AgentMinutes, 0)
		grant(one, "15", "", 0)
		d.clock.Add((24 * time.Hour).Milliseconds())
		grant(one, home, "", 10*time.Minute)
		d.set(t, db.DialDeskCents, 25)
		d.set(t, db.DialAgentCents, 100)
		grant(two, "+32470123456", "", 2*time.Minute) // ten cents a minute
	})
}

func TestACallInFlightWhenTheDeskDiesKeepsWhatItReserved(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx, agent := context.Background(), d.member(t, sotto.Agent)
		d.set(t, db.DialAgentMinutes, 10)
		if _, _, err := d.ask(agent, dial.Click, home); err != nil {
			t.Fatal(err)
		}
		if err := d.gate.Recover(ctx); err != nil {
			t.Fatal(err)
		}
		u, err := d.gate.Used(ctx, agent.Person)
		if err != nil || u != (dial.Usage{Seconds: 600}) {
			t.Errorf("%+v, %v", u, err)
		}
	})
}

func TestAGrantIsGoodForOneCall(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		g, _, err := d.ask(d.member(t, sotto.Agent), dial.Click, home)
		if err != nil || !d.gate.Use(g) || d.gate.Use(g) || d.gate.Use(dial.Grant{}) {
			t.Error("a grant was refused, or taken twice", err)
		}
		if err := d.gate.Done(context.Background(), g, 0); err != nil || d.gate.Use(g) {
			t.Error("a settled grant was taken", err)
		}
	})
}

func TestTheMinutesOfADayStayBelowTheCapWhoeverDialsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		const most = 7
		ctx, agent := context.Background(), d.member(t, sotto.Agent)
		d.set(t, db.DialAgentMinutes, most)
		d.set(t, db.DialCallMinutes, 2)
		d.set(t, db.DialAgentCalls, 100)
		var charged atomic.Int64
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				if g, _, err := d.ask(agent, dial.Click, home); err == nil && g.Number() != "" {
					charged.Add(int64(g.Max() / time.Second))
					if err := d.gate.Done(ctx, g, g.Max()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if charged.Load() != most*60 {
			t.Errorf("%d seconds were granted in all, the cap is %d", charged.Load(), most*60)
		}
	})
}

func TestClassifyNeverLetsAnOddNumberThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typed := rapid.StringOf(rapid.RuneFrom([]rune("+0123456789 .-()#*,;p"))).Draw(t, "typed")
		to := dial.Classify(typed, "FR")
		if to.Kind != dial.Ordinary {
			return
		}
		if again := dial.Classify(to.Number, "FR"); again != to {
			t.Fatalf("%q is %v, and its own form %v", typed, to, again)
		}
	})
}

func FuzzClassify(f *testing.F) {
	for number := range destinations() {
		f.Add(number, "FR")
	}
	f.Add("911", "US")
	f.Add("999", "GB")
	f.Fuzz(func(t *testing.T, typed, region string) {
		to := dial.Classify(typed, region)
		if to.Kind == dial.Ordinary && (to.Region == "" || to.Number == "" || to.Number[0] != '+') {
			t.Errorf("%q: %v", typed, to)
		}
	})
}

func TestRulesSayWhatIsWrongWithThem(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		for i, r := range []dial.Rules{
			{Countries: []string{"XX"}}, {Countries: []string{"France"}}, {Rates: []dial.Rate{{"33", 1}}}, {Rates: []dial.Rate{{"+33", -1}}},
			{Rates: []dial.Rate{{"+33", 1}, {"+33", 2}}},
		} {
			if err := d.gate.SetRules(ctx, sotto.Operator(), r); sotto.KindOf(err) != sotto.Invalid {
				t.Errorf("rules %d: %v", i, err)
			}
		}
		if err := d.gate.SetRules(ctx, d.member(t, sotto.Agent), dial.Rules{}); sotto.KindOf(err) != sotto.Denied {
			t.Errorf("an agent set the rules: %v", err)
		}
		r, err := d.gate.Rules(ctx)
		if got, want := fmt.Sprint(r.Countries, r.Rates), "[BE FR] [{+32 20000} {+3247 100000}]"; err != nil || got != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	})
}

func TestTextsHaveCapsOfTheirOwnAndAskWhoWantsNone(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		agent := d.member(t, sotto.Agent)
		d.set(t, db.DialAgentCalls, 0) // who may not call may write
		d.set(t, db.DialAgentTexts, 2)
		d.set(t, db.DialDeskTexts, 3)
		for i, want := range []dial.Reason{"", "", dial.AgentTexts} {
			g, why, err := d.ask(agent, dial.Text, home)
			if why != want || err != nil {
				t.Errorf("text %d of the agent: %q, %v, want %q", i, why, err, want)
			}
			if err := d.gate.Done(ctx, g, 0); err != nil {
				t.Error(err)
			}
		}
		for i, want := range []dial.Reason{"", dial.DeskTexts} {
			if _, why, err := d.ask(sotto.Desk(), dial.Text, home); why != want || err != nil {
				t.Errorf("text %d of the desk: %q, %v, want %q", i, why, err, want)
			}
		}
		d.set(t, db.DialDeskTexts, 100)
		if err := d.db.Write(ctx, func(tx *db.Tx) error {
			id, _, err := d.people.Identify(tx, home, "", "fr")
			if err != nil {
				return err
			}
			changed, err := d.people.Said(tx, id, home, person.Texts, true)
			if !changed {
				t.Error("the first STOP changed nothing")
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			by      sotto.Actor
			path    dial.Path
			purpose dial.Purpose
			want    dial.Reason
		}{
			{sotto.Desk(), dial.Text, "", dial.Objection}, {sotto.Operator(), dial.Text, "", dial.Objection},
			{sotto.Operator(), dial.Text, dial.Confirmation, dial.Objection}, {sotto.Desk(), dial.Text, dial.Confirmation, ""},
			{sotto.Operator(), dial.Click, "", ""},
		} {
			_, err := d.gate.Authorize(ctx, dial.Attempt{By: tt.by, Path: tt.path, Number: home, Purpose: tt.purpose})
			if got := dial.ReasonOf(err); got != tt.want {
				t.Errorf("%+v by %s: %q, want %q", tt.by, tt.path, got, tt.want)
			}
		}
	})
}
