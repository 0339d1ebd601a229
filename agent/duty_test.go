package agent_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/agent"
	"sotto/db"
)

func (d desk) get(t *testing.T, id sotto.PersonID) agent.Agent {
	t.Helper()
	a, err := d.agents.Get(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (d desk) settle(t *testing.T) {
	t.Helper()
	if err := d.agents.Settle(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestWrapUpEndsByItsLimitOrTheAgent(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		a, _ := d.ready(t)
		talk := func(limit time.Duration) {
			t.Helper()
			if !d.agents.Take(a) {
				t.Fatal("the agent is not free")
			}
			d.agents.Accepted(a)
			d.clock.pass(time.Minute)
			d.agents.Finish(a, limit, 0)
		}
		talk(10 * time.Second)
		if g := d.get(t, a); g.Status != agent.WrapUp || g.Busy || d.agents.Take(a) {
			t.Errorf("in wrap-up: %+v", g)
		}
		d.want(t, "in wrap-up nobody is rung")
		if r, err := d.agents.Roster(ctx); err != nil || len(r.Agents) != 1 || !r.Next.Equal(d.clock.now().Add(10*time.Second)) {
			t.Errorf("Roster = %+v, %v", r, err)
		}
		d.clock.pass(10 * time.Second)
		d.want(t, "after the limit", a)
		talk(agent.NoLimit)
		d.clock.pass(time.Hour - 1)
		other := sotto.Actor{Person: d.member(t, sotto.Agent), Role: sotto.Agent}
		if err := d.agents.EndWrapUp(ctx, other, a); sotto.KindOf(err) != sotto.Denied {
			t.Errorf("another agent ended it: %v", err)
		}
		d.want(t, "without a limit")
		if err := d.agents.EndWrapUp(ctx, sotto.Actor{Person: a, Role: sotto.Agent}, a); err != nil {
			t.Fatal(err)
		}
		d.register(t, d.devices(t, a)[0].ID, time.Hour)
		d.want(t, "after the agent ended it", a)
	})
}

func (d desk) devices(t *testing.T, id sotto.PersonID) []agent.Device {
	t.Helper()
	all, err := d.agents.Devices(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestOffersThatRingOutSendAnAgentAway(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		a, _ := d.ready(t)
		offer := func(what func(sotto.PersonID)) {
			t.Helper()
			if !d.agents.Take(a) {
				t.Fatal("the agent is not free")
			}
			what(a)
			d.agents.Free(a, false)
		}
		offer(d.agents.Missed)
		offer(d.agents.Missed)
		offer(d.agents.Denied) // somebody is there
		offer(d.agents.Missed)
		offer(d.agents.Missed)
		d.want(t, "two in a row", a)
		offer(d.agents.Missed)
		d.want(t, "three in a row")
		d.settle(t)
		if g := d.get(t, a); g.State != agent.Away || !g.Reason.Unanswered {
			t.Errorf("after three: %+v", g)
		}
		d.state(t, a, agent.Online)
		d.want(t, "back", a)
		if g := d.get(t, a); g.Reason != (agent.Reason{}) {
			t.Errorf("the reason stays: %+v", g)
		}
		if err := d.db.Write(ctx, func(tx *db.Tx) error { return db.SetSetting(tx, db.AutoAwayAfter, 0) }); err != nil {
			t.Fatal(err)
		}
		d.want(t, "never away by itself", a)
		for range 9 {
			offer(d.agents.Missed)
		}
		d.want(t, "never away by itself", a)
	})
}

func TestFiguresOfTodayOutliveARestartAndEndWithTheDay(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		a, _ := d.ready(t) // online since a second
		today := func() agent.Tally {
			t.Helper()
			all, err := d.agents.Today(ctx)
			if err != nil || len(all) != 1 {
				t.Fatalf("Today = %v, %v", all, err)
			}
			return all[0].Tally
		}
		d.agents.Take(a)
		d.agents.Accepted(a)
		d.clock.pass(time.Minute)
		d.agents.Finish(a, time.Minute, 0)
		d.clock.pass(30 * time.Second)
		if err := d.agents.EndWrapUp(ctx, admin, a); err != nil {
			t.Fatal(err)
		}
		d.agents.Take(a)
		d.agents.Missed(a)
		d.agents.Free(a, false)
		d.settle(t)
		d.agents.Count(a, agent.Tally{Holds: 1, Hold: 5 * time.Second})
		d.state(t, a, agent.Away)
		d.clock.pass(20 * time.Second)
		want := agent.Tally{
			Accepted: 1, Missed: 1, Talks: 1, Talk: time.Minute, WrapUps: 1, WrapUp: 30 * time.Second, Holds: 1, Hold: 5 * time.Second,
			Available: 91 * time.Second, Away: 20 * time.Second,
		}
		if diff := cmp.Diff(want, today()); diff != "" {
			t.Errorf("today (-want +got):\n%s", diff)
		}
		d.settle(t)
		d.agents = agent.New(d.db, d.ring, d.people, nil)
		if diff := cmp.Diff(want, today()); diff != "" {
			t.Errorf("after a restart (-want +got):\n%s", diff)
		}
		d.clock.pass(24 * time.Hour)
		if got := today(); got.Accepted != 0 || got.Available != 0 || got.Away != d.clock.now().Sub(d.clock.now().Truncate(24*time.Hour)) {
			t.Errorf("the next day: %+v", got)
		}
		d.clock.pass(40 * 24 * time.Hour)
		if err := d.agents.Expire(ctx); err != nil {
			t.Fatal(err)
		}
		var n int64
		if err := d.db.Read(ctx, func(tx *db.Tx) (err error) {
			n, err = db.One(tx, db.Int, "SELECT COUNT(*) FROM agent_day")
			return err
		}); err != nil || n != 0 {
			t.Errorf("%d days are kept, %v", n, err)
		}
	})
}

func TestGroupsSkillsAndDirectLines(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		a, _ := d.ready(t)
		b, _ := d.ready(t)
		sales, err := d.agents.AddGroup(ctx, admin, " Ventes ")
		if err != nil || !sales.Default || sales.Name != "Ventes" {
			t.Fatalf("the first group: %+v, %v", sales, err)
		}
		help, err := d.agents.AddGroup(ctx, admin, "Aide")
		if err != nil || help.Default {
			t.Fatalf("the second group: %+v, %v", help, err)
		}
		m, err := d.agents.Enter(ctx, admin, a, help.ID)
		if err != nil || !m.Default {
			t.Fatalf("Enter = %+v, %v", m, err)
		}
		if _, err := d.agents.Enter(ctx, admin, a, help.ID); sotto.KindOf(err) != sotto.Conflict {
			t.Errorf("twice in one group: %v", err)
		}
		if _, err := d.agents.Enter(ctx, sotto.Actor{Person: b, Role: sotto.Agent}, b, help.ID); sotto.KindOf(err) != sotto.Denied {
			t.Errorf("an agent entered by itself: %v", err)
		}
		german, err := d.agents.AddSkill(ctx, admin, "Deutsch")
		if err != nil {
			t.Fatal(err)
		}
		if again, err := d.agents.AddSkill(ctx, admin, "Deutsch"); err != nil || again != german {
			t.Errorf("the same skill again: %+v, %v", again, err)
		}
		if err := d.agents.GiveSkill(ctx, admin, b, german.ID); err != nil {
			t.Fatal(err)
		}
		if err := d.agents.GiveSkill(ctx, admin, b, 4711); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("no such skill: %v", err)
		}
		r, err := d.agents.Roster(ctx)
		if err != nil || len(r.Agents) != 2 {
			t.Fatalf("Roster = %+v, %v", r, err)
		}
		if diff := cmp.Diff([][]sotto.GroupID{{help.ID}, {sales.ID}}, [][]sotto.GroupID{r.Agents[0].Groups, r.Agents[1].Groups}); diff != "" {
			t.Errorf("who is in no group is in the default one (-want +got):\n%s", diff)
		}
		if len(r.Agents[0].Skills) != 0 || !cmp.Equal(r.Agents[1].Skills, []sotto.SkillID{german.ID}) {
			t.Errorf("skills: %v and %v", r.Agents[0].Skills, r.Agents[1].Skills)
		}
		if err := d.agents.RemoveGroup(ctx, admin, sales.ID); sotto.KindOf(err) != sotto.Conflict {
			t.Errorf("the default group went: %v", err)
		}
		if err := d.agents.RemoveGroup(ctx, admin, help.ID); err != nil {
			t.Fatal(err)
		}
		if all, err := d.agents.Memberships(ctx); err != nil || len(all) != 0 {
			t.Errorf("memberships of a group that went: %v, %v", all, err)
		}
		if err := d.agents.RemoveSkill(ctx, admin, german.ID); err != nil {
			t.Fatal(err)
		}
		if err := d.agents.SetDirect(ctx, admin, 4711, a); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("no such line: %v", err)
		}
		if who, err := d.agents.Direct(ctx, 4711); err != nil || who != 0 {
			t.Errorf("Direct = %d, %v", who, err)
		}
	})
}

func TestEveryDeviceThatIsThereIsRung(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		a, phone := d.ready(t)
		me := sotto.Actor{Person: a, Role: sotto.Agent}
		outside, err := d.agents.AddForward(ctx, me, a, "01 99 00 12 34")
		if err != nil {
			t.Fatal(err)
		}
		page, err := d.agents.AddBrowser(ctx, me, a)
		if err != nil {
			t.Fatal(err)
		}
		rung := func(want ...sotto.DeviceID) {
			t.Helper()
			r, err := d.agents.Roster(ctx)
			if err != nil || len(r.Agents) != 1 {
				t.Fatalf("Roster = %+v, %v", r, err)
			}
			reached, err := d.agents.Reach(ctx, a)
			if err != nil || !slices.Equal(reached.Outside, r.Agents[0].Outside) {
				t.Errorf("Reach = %+v, %v", reached, err)
			}
			if diff := cmp.Diff(want, append(r.Agents[0].Devices, r.Agents[0].Outside...)); diff != "" {
				t.Errorf("devices (-want +got):\n%s", diff)
			}
		}
		rung(phone, outside.ID)
		gone := d.agents.Present(page.ID)
		rung(phone, page.ID, outside.ID)
		gone()
		gone()
		if err := d.agents.SetRung(ctx, me, phone, false); err != nil {
			t.Fatal(err)
		}
		rung(outside.ID)
		if n, err := d.agents.Number(ctx, outside.ID); err != nil || n != "+33199001234" {
			t.Errorf("Number = %v, %v", n, err)
		}
		if _, err := d.agents.Number(ctx, phone); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("a telephone's number: %v", err)
		}
		if _, err := d.agents.RenewSecret(ctx, me, outside.ID); sotto.KindOf(err) != sotto.Invalid {
			t.Errorf("a number outside has a password: %v", err)
		}
		d.state(t, a, agent.TransfersOnly)
		if r, err := d.agents.Roster(ctx); err != nil || len(r.Agents) != 0 {
			t.Errorf("transfers only is offered calls of the queue: %+v, %v", r, err)
		}
		if all, err := d.agents.Takes(ctx); err != nil || len(all) != 1 {
			t.Errorf("Takes = %+v, %v", all, err)
		}
	})
}

func TestReasonsBringTheirState(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		a, _ := d.ready(t)
		lunch, err := d.agents.AddReason(ctx, admin, "Déjeuner", agent.Away)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.agents.SetReason(ctx, sotto.Actor{Person: a, Role: sotto.Agent}, a, lunch.ID); err != nil {
			t.Fatal(err)
		}
		if g := d.get(t, a); g.State != agent.Away || g.Reason.ID != lunch.ID {
			t.Errorf("at lunch: %+v", g)
		}
		if err := d.agents.RemoveReason(ctx, admin, lunch.ID); err != nil {
			t.Fatal(err)
		}
		if err := d.agents.SetReason(ctx, admin, a, lunch.ID); sotto.FieldOf(err) != "reason" {
			t.Errorf("a reason that went: %v", err)
		}
		if all, err := d.agents.Reasons(ctx); err != nil || len(all) != 0 {
			t.Errorf("Reasons = %v, %v", all, err)
		}
	})
}

func TestTimeOfAWrapUpIsToldOnceWithItsCall(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		a, _ := d.ready(t)
		ctx := context.Background()
		type told struct {
			call  sotto.CallID
			agent sotto.PersonID
			spent time.Duration
		}
		var got []told
		fail := true
		d.agents.TellWrapUps(func(_ *db.Tx, call sotto.CallID, agent sotto.PersonID, spent time.Duration) error {
			if fail {
				fail = false
				return errors.New("the disk is full")
			}
			got = append(got, told{call, agent, spent})
			return nil
		})
		for i, end := range []func(){
			func() { d.clock.pass(30 * time.Second) },
			func() {
				d.clock.pass(4 * time.Second)
				if err := d.agents.EndWrapUp(ctx, admin, a); err != nil {
					t.Fatal(err)
				}
			},
		} {
			if !d.agents.Take(a) {
				t.Fatal("not free")
			}
			d.agents.Accepted(a)
			d.agents.Finish(a, 20*time.Second, sotto.CallID(i+1))
			end()
			if err := d.agents.Settle(ctx); err == nil && i == 0 {
				t.Fatal("a wrap-up that could not be written is forgotten")
			}
		}
		if want := []told{{1, a, 20 * time.Second}, {2, a, 4 * time.Second}}; !slices.Equal(got, want) {
			t.Errorf("told %v, want %v", got, want)
		}
	})
}
