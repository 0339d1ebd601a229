package agent_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"sotto"
	"sotto/agent"
	"sotto/audit"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/keyring"
	"sotto/leg/sip"
	"sotto/person"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var admin = sotto.Operator()

type desk struct {
	db     *db.DB
	ring   *keyring.Ring
	people *person.People
	agents *agent.Agents
	clock  *clock
}

// clock is the desk's time: it stands still until it is moved.
type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time       { return time.UnixMilli(c.ms.Load()).UTC() }
func (c *clock) pass(d time.Duration) { c.ms.Add(d.Milliseconds()) }

func each(t *testing.T, f func(t *testing.T, d desk)) {
	t.Helper()
	c := &clock{}
	c.ms.Store(time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC).UnixMilli())
	dbtest.EachConfig(t, c.now, func(t *testing.T, cfg db.Config) {
		base := dbtest.Open(t, cfg)
		dir := filepath.Join(t.TempDir(), "keys")
		if err := keyring.Create(dir); err != nil {
			t.Fatal(err)
		}
		ring, err := keyring.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := ring.Close(); err != nil {
				t.Error(err)
			}
		})
		log := audit.New(base)
		people := person.New(base, ring, log, "FR")
		f(t, desk{base, ring, people, agent.New(base, ring, people, log), c})
	})
}

// member adds one of the staff with a role.
func (d desk) member(t *testing.T, role sotto.Role) sotto.PersonID {
	t.Helper()
	id, err := d.people.Create(context.Background(), admin, person.Draft{Role: role, Name: "Sacha Exemple"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// ready adds an agent who is online with one registered telephone.
func (d desk) ready(t *testing.T) (sotto.PersonID, sotto.DeviceID) {
	t.Helper()
	id := d.member(t, sotto.Agent)
	device := d.device(t, id)
	d.register(t, device.ID, time.Hour)
	d.state(t, id, agent.Online)
	d.clock.pass(time.Second)
	return id, device.ID
}

func (d desk) device(t *testing.T, id sotto.PersonID) agent.Device {
	t.Helper()
	device, _, err := d.agents.AddDevice(context.Background(), admin, id)
	if err != nil {
		t.Fatal(err)
	}
	return device
}

func (d desk) register(t *testing.T, id sotto.DeviceID, life time.Duration) {
	t.Helper()
	if err := d.agents.Registered(context.Background(), id, []sip.Contact{contact(d.clock.now().Add(life))}); err != nil {
		t.Fatal(err)
	}
}

func contact(until time.Time) sip.Contact {
	return sip.Contact{URI: "sip:a1@192.0.2.7:5062", From: netip.MustParseAddrPort("192.0.2.7:5062"), CallID: "x@y", Seq: 7, Expires: until}
}

func (d desk) state(t *testing.T, id sotto.PersonID, s agent.State) {
	t.Helper()
	if err := d.agents.SetState(context.Background(), admin, id, s); err != nil {
		t.Fatal(err)
	}
}

// turn is who could be rung now, in order.
func (d desk) turn(t *testing.T) (ids []sotto.PersonID) {
	t.Helper()
	there, err := d.agents.Roster(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(there.Agents, func(a, b agent.Candidate) int { return a.IdleSince.Compare(b.IdleSince) })
	for _, c := range there.Agents {
		if !c.Free {
			continue
		}
		ids = append(ids, c.Person)
		if c.Key == 0 || len(c.Devices) == 0 {
			t.Errorf("candidate %d has key %d and devices %v", c.Person, c.Key, c.Devices)
		}
	}
	return ids
}

func (d desk) want(t *testing.T, why string, want ...sotto.PersonID) {
	t.Helper()
	if diff := cmp.Diff(want, d.turn(t)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", why, diff)
	}
}

func TestLongestIdleIsFirstAndTheTalkedLast(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		a, _ := d.ready(t)
		b, second := d.ready(t)
		c, _ := d.ready(t)
		d.want(t, "as they came", a, b, c)
		if !d.agents.Take(a) || d.agents.Take(a) {
			t.Error("Take gives an agent twice, or never")
		}
		d.want(t, "one is rung", b, c)
		d.agents.Free(a, false)
		d.want(t, "a call that was not taken costs no turn", a, b, c)
		d.agents.Take(a)
		if err := d.db.Write(context.Background(), func(tx *db.Tx) error { return d.agents.Talked(tx, a) }); err != nil {
			t.Fatal(err)
		}
		d.agents.Free(a, true)
		d.want(t, "after a call", b, c, a)
		d.agents.Take(b)
		d.agents.Free(b, true) // the transaction that says so failed
		d.clock.pass(time.Second)
		d.want(t, "the memory is later than the table", c, a, b)
		d.state(t, c, agent.Away)
		d.want(t, "one is away", a, b)
		d.state(t, c, agent.Online)
		d.want(t, "a break costs no turn", c, a, b)
		if err := d.agents.Registered(context.Background(), second, nil); err != nil {
			t.Fatal(err)
		}
		d.want(t, "a telephone signed off", c, a)
		d.clock.pass(time.Hour)
		d.want(t, "registrations are over")
	})
}

func TestOnlyWhoMayWorkIsRung(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		id, _ := d.ready(t)
		yes, no := true, false
		user := sotto.EndUser
		staff := sotto.Agent
		for _, c := range []struct {
			name   string
			change person.Change
			rung   bool
		}{
			{"suspended", person.Change{Suspended: &yes}, false}, {"back", person.Change{Suspended: &no}, true},
			{"no longer an agent", person.Change{Role: &user}, false}, {"again", person.Change{Role: &staff}, true},
		} {
			if err := d.people.Update(ctx, admin, id, c.change); err != nil {
				t.Fatal(err)
			}
			devices, err := d.agents.Devices(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := d.agents.Credentials(ctx, devices[0].Username); ok != c.rung || (len(d.turn(t)) == 1) != c.rung {
				t.Errorf("%s: may sign in %v, in turn %v", c.name, ok, d.turn(t))
			}
		}
		if err := d.agents.SetState(ctx, admin, d.member(t, sotto.EndUser), agent.Online); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("a caller became an agent: %v", err)
		}
	})
}

func TestStateIsOnesOwnOrTheAdministrators(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		a, b := d.member(t, sotto.Agent), d.member(t, sotto.Agent)
		for _, c := range []struct {
			name  string
			actor sotto.Actor
			state agent.State
			want  sotto.Kind
		}{
			{"OK", sotto.Actor{Person: a, Role: sotto.Agent}, agent.Online, sotto.Internal},
			{"OK administrator", sotto.Actor{Person: b, Role: sotto.Admin}, agent.Away, sotto.Internal},
			{"another agent", sotto.Actor{Person: b, Role: sotto.Agent}, agent.Offline, sotto.Denied},
			{"an end user", sotto.Actor{Person: a, Role: sotto.EndUser}, agent.Offline, sotto.Denied},
			{"no such state", sotto.Actor{Person: a, Role: sotto.Agent}, "asleep", sotto.Invalid},
		} {
			err := d.agents.SetState(ctx, c.actor, a, c.state)
			if (err == nil) != (c.want == sotto.Internal) || err != nil && sotto.KindOf(err) != c.want {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		got, err := d.agents.Get(ctx, a)
		if err != nil || got.State != agent.Away || got.Busy {
			t.Errorf("Get = %+v, %v", got, err)
		}
		d.agents.Take(a)
		all, err := d.agents.List(ctx)
		if err != nil || len(all) != 1 || !all[0].Busy || d.agents.Busy() != 1 {
			t.Errorf("List = %+v, %v", all, err)
		}
		if _, err := d.agents.Get(ctx, b); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("Get of a person who is no agent: %v", err)
		}
	})
}

func TestDeviceSignsInUntilItIsRemoved(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		id := d.member(t, sotto.Agent)
		device, secret, err := d.agents.AddDevice(ctx, sotto.Actor{Person: id, Role: sotto.Agent}, id)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^a\d{8}$`).MatchString(device.Username) || len(secret) < 26 {
			t.Errorf("user name %q, secret of %d", device.Username, len(secret))
		}
		c, ok := d.agents.Credentials(ctx, device.Username)
		if diff := cmp.Diff(sip.Credentials{Device: device.ID, Secret: secret}, c); !ok || diff != "" {
			t.Errorf("Credentials: %v (-want +got):\n%s", ok, diff)
		}
		d.register(t, device.ID, time.Hour)
		renewed, err := d.agents.RenewSecret(ctx, admin, device.ID)
		if err != nil || renewed == secret {
			t.Fatalf("RenewSecret: %v", err)
		}
		if c, _ := d.agents.Credentials(ctx, device.Username); c.Secret != renewed {
			t.Error("the new password is not the one")
		}
		all, err := d.agents.Devices(ctx, id)
		if err != nil || len(all) != 1 || all[0].Registered != 0 {
			t.Errorf("after RenewSecret: %+v, %v", all, err)
		}
		other := sotto.Actor{Person: d.member(t, sotto.Agent), Role: sotto.Agent}
		if err := d.agents.RemoveDevice(ctx, other, device.ID); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("another agent removed it: %v", err)
		}
		if err := d.agents.RemoveDevice(ctx, admin, device.ID); err != nil {
			t.Fatal(err)
		}
		if _, ok := d.agents.Credentials(ctx, device.Username); ok {
			t.Error("a removed telephone signs in")
		}
		if err := d.agents.Registered(ctx, device.ID, []sip.Contact{contact(d.clock.now().Add(time.Hour))}); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("a removed telephone registers: %v", err)
		}
		for i := range 11 {
			_, _, err := d.agents.AddDevice(ctx, admin, id)
			if (err == nil) != (i < 10) {
				t.Errorf("telephone %d: %v", i+1, err)
			}
		}
	})
}

func TestRegistrationsOutliveARestart(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		id := d.member(t, sotto.Agent)
		device, old, gone := d.device(t, id), d.device(t, id), d.device(t, d.member(t, sotto.Agent))
		want := []sip.Contact{
			contact(d.clock.now().Add(time.Hour)),
			{URI: "sip:a1@[2001:db8::7]:5060;ob", From: netip.MustParseAddrPort("[2001:db8::7]:5060"), CallID: "-", Seq: 1, Expires: d.clock.now().Add(2 * time.Hour)},
		}
		if err := d.agents.Registered(ctx, device.ID, want); err != nil {
			t.Fatal(err)
		}
		d.register(t, gone.ID, time.Hour)
		d.register(t, old.ID, time.Minute)
		d.clock.pass(time.Minute)
		ep, err := sip.Open(sip.Config{UDP: "127.0.0.1:0", Clock: d.clock.now})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := ep.Close(); err != nil {
				t.Error(err)
			}
		}()
		p, err := d.people.Get(ctx, gone.Person)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.ring.Destroy(p.Key); err != nil {
			t.Fatal(err)
		}
		if err := d.agents.Attach(ctx, ep); err != nil {
			t.Fatal(err)
		}
		byAddr := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
		if diff := cmp.Diff(want, ep.Contacts(device.ID), byAddr); diff != "" {
			t.Errorf("restored (-want +got):\n%s", diff)
		}
		if l := append(ep.Contacts(old.ID), ep.Contacts(gone.ID)...); len(l) != 0 {
			t.Errorf("restored what is over or erased: %v", l)
		}
		if err := d.agents.SignOut(ctx, id); err != nil || len(ep.Contacts(device.ID)) != 0 {
			t.Errorf("after SignOut: %v, %v", err, ep.Contacts(device.ID))
		}
	})
}

func TestAgentBeingErasedIsNotWrittenAbout(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		id, device := d.ready(t)
		if err := d.db.Write(ctx, func(tx *db.Tx) error { _, err := d.people.Freeze(tx, id); return err }); err != nil {
			t.Fatal(err)
		}
		d.want(t, "nobody is rung")
		_, _, e1 := d.agents.AddDevice(ctx, admin, id)
		for i, err := range []error{
			d.agents.Registered(ctx, device, []sip.Contact{contact(d.clock.now().Add(time.Hour))}), d.agents.SetState(ctx, admin, id, agent.Away), e1,
		} {
			if kind := sotto.KindOf(err); kind != sotto.Gone && kind != sotto.NotFound {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
}

func TestTakeIsGivenToOneOfMany(t *testing.T) {
	aa := agent.New(dbtest.SQLite(t), nil, nil, nil)
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if aa.Take(1) {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d took the same agent", won.Load())
	}
}

func TestWatchTellsThatSomebodyMayBeFree(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		w, stop := d.agents.Watch()
		told := func(why string) {
			t.Helper()
			select {
			case <-w:
			case <-time.After(5 * time.Second):
				t.Fatalf("not told: %s", why)
			}
		}
		id, _ := d.ready(t)
		told("online and registered")
		d.agents.Take(id)
		d.agents.Free(id, false)
		told("free")
		stop()
		d.agents.Free(id, false)
		select {
		case <-w:
			t.Error("told after stop")
		default:
		}
	})
}

func TestBrowserIsOneDeviceHoweverManyPagesOpen(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		actor := sotto.Actor{Person: d.member(t, sotto.Agent), Role: sotto.Agent}
		ids := make(chan sotto.DeviceID, 4)
		var work sync.WaitGroup
		for range cap(ids) {
			work.Go(func() {
				b, err := d.agents.Browser(ctx, actor)
				if err != nil || b.Kind != agent.Browser || b.Person != actor.Person {
					t.Errorf("Browser = %+v, %v", b, err)
				}
				ids <- b.ID
			})
		}
		work.Wait()
		first := <-ids
		for len(ids) > 0 {
			if id := <-ids; id != first {
				t.Errorf("two devices: %d and %d", first, id)
			}
		}
		caller := sotto.Actor{Person: d.member(t, sotto.EndUser), Role: sotto.EndUser}
		if _, err := d.agents.Browser(ctx, caller); sotto.KindOf(err) != sotto.Denied {
			t.Errorf("a caller has a browser device: %v", err)
		}
	})
}
