package insight_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/audit"
	"sotto/call"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/insight"
	"sotto/keyring"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/line"
	"sotto/person"
	"sotto/route"
)

// morning is the first moment of the day that these tests are about.
var morning = time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)

type desk struct {
	t      testing.TB
	db     *db.DB
	in     *insight.Insight
	lines  [2]sotto.LineID
	agents [2]sotto.PersonID
}

func each(t *testing.T, f func(t *testing.T, d *desk)) {
	t.Helper()
	dbtest.EachConfig(t, func() time.Time { return morning.Add(20 * time.Hour) }, func(t *testing.T, cfg db.Config) { f(t, newDesk(t, dbtest.Open(t, cfg))) })
}

func newDesk(t testing.TB, base *db.DB) *desk {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	check(t, keyring.Create(dir))
	ring, err := keyring.Open(dir)
	check(t, err)
	t.Cleanup(func() { check(t, ring.Close()) })
	log := audit.New(base)
	people := person.New(base, ring, log, "FR")
	lines, err := line.New(base, nil, log, "FR")
	check(t, err)
	d := &desk{t: t, db: base, in: insight.New(base)}
	for i, number := range []string{"+33199000001", "+33199000002"} {
		s := line.Defaults()
		s.Number, s.Name, s.Consent = number, "Support", line.OptIn
		l, err := lines.Create(context.Background(), sotto.Operator(), s)
		check(t, err)
		d.lines[i] = l.ID
		d.agents[i], err = people.Create(context.Background(), sotto.Operator(), person.Draft{Name: "Agent Sample", Role: sotto.Agent})
		check(t, err)
	}
	return d
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// row is a call as package call writes it; times are seconds after morning, -1
// is never.
type row struct {
	line                                        int // 0 or 1; 2 is no line
	direction                                   call.Direction
	closed, overdue, voicemail                  bool
	started, answered, connected, ended, queued int64
	wait, hold, holds                           int64
	reason                                      call.Reason
	legs                                        []legRow
	steps                                       []route.Action
	callback                                    string
}

type legRow struct {
	kind                     call.LegKind
	part                     call.Part
	agent, by                int // 1 or 2; 0 for nobody
	started, answered, ended int64
	cause                    leg.Cause
	issues                   string
	talk, wrapUp             int64
}

func at(seconds int64) any {
	if seconds < 0 {
		return nil
	}
	return db.Millis(morning.Add(time.Duration(seconds) * time.Second))
}

func (d *desk) who(n int) any {
	if n == 0 {
		return nil
	}
	return int64(d.agents[n-1])
}

// write puts a call on the disk.
func (d *desk) write(r row) (id sotto.CallID) {
	d.t.Helper()
	check(d.t, d.db.Write(context.Background(), func(tx *db.Tx) error {
		id = sotto.CallID(tx.NewID())
		var on any
		if r.line < len(d.lines) {
			on = int64(d.lines[r.line])
		}
		_, err := tx.Exec(`INSERT INTO call (id, line_id, direction, state, in_hours, consent, voicemail, started_at, answered_at, connected_at, ended_at,
			reason, holds, hold_ms, queued_at, wait_ms, overdue, callback) VALUES ($1, $2, $3, 'ended', $4, '', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
			int64(id), on, string(r.direction), db.Bit(!r.closed), db.Bit(r.voicemail), at(r.started), at(r.answered), at(r.connected), at(r.ended),
			string(r.reason), r.holds, r.hold*1000, at(r.queued), r.wait*1000, db.Bit(r.overdue), r.callback)
		for _, l := range r.legs {
			if err == nil {
				_, err = tx.Exec(`INSERT INTO call_leg (id, call_id, person_id, kind, started_at, answered_at, ended_at, cause, packets, lost, jitter_us,
					part, by_id, talk_ms, hold_ms, consult_ms, issues, wrap_up_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, $9, $10, $11, 0, 0, $12, $13)`,
					tx.NewID(), int64(id), d.who(l.agent), string(l.kind), at(l.started), at(l.answered), at(l.ended), string(l.cause),
					string(l.part), d.who(l.by), l.talk*1000, l.issues, l.wrapUp*1000)
			}
		}
		for i, s := range r.steps {
			if err == nil {
				_, err = tx.Exec(`INSERT INTO ivr_step (id, call_id, ivr_id, version, menu_id, action, entered_at, left_at) VALUES ($1, $2, 1, 1, 1, $3, $4, $5)`,
					tx.NewID(), int64(id), string(s), at(r.started+int64(i)*5), at(r.started+int64(i)*5+5))
			}
		}
		return err
	}))
	return id
}

// aDay is a day of few calls of every kind.
func (d *desk) aDay() []sotto.CallID {
	talk := []legRow{
		{kind: call.AgentLeg, part: call.ByOffer, agent: 2, started: 112, answered: -1, ended: 118, cause: leg.Rejected, issues: "information_not_available"},
		{kind: call.AgentLeg, part: call.ByOffer, agent: 1, started: 118, answered: 120, ended: 180, issues: "high_packet_loss", talk: 50, wrapUp: 7},
		{kind: call.AgentLeg, part: call.Conference, agent: 2, by: 1, started: 150, answered: 152, ended: 180, issues: "high_jitter,high_packet_loss", talk: 28},
		{kind: call.CallerLeg, part: call.ByLine, started: 100, answered: 101, ended: 180, issues: "none"},
	}
	return []sotto.CallID{
		d.write(row{direction: call.Inbound, started: 100, answered: 101, queued: 110, wait: 10, connected: 120, ended: 180, holds: 2, hold: 10, reason: call.AgentHungUp,
			legs: talk, steps: []route.Action{route.ToMenu, route.ToGroup}}),
		d.write(row{direction: call.Inbound, started: 112, answered: 113, queued: 115, wait: 20, connected: -1, ended: 135, reason: call.AbandonedInQueue}),
		d.write(row{line: 1, direction: call.Inbound, started: 112, answered: 113, queued: 116, wait: 60, overdue: true, connected: -1, ended: 200, voicemail: true,
			reason: call.VoicemailLeft, steps: []route.Action{route.ToVoicemail}}),
		d.write(row{line: 1, direction: call.Inbound, closed: true, started: 300, answered: 301, queued: -1, connected: -1, ended: 310, reason: call.LineClosed,
			steps: []route.Action{route.ToTextBack}}),
		d.write(row{direction: call.Outbound, started: 400, answered: 405, queued: -1, connected: 410, ended: 435, reason: call.CallerHungUp, callback: "queue"}),
		d.write(row{line: 2, direction: call.Inbound, started: 420, answered: -1, queued: -1, connected: -1, ended: 421, reason: call.UnknownNumber}),
	}
}

func TestOverviewOfADay(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		d.aDay()
		got, err := d.in.Overview(context.Background(), morning, morning.Add(24*time.Hour))
		check(t, err)
		want := insight.Account{
			Calls: 5, Inbound: 4, Abandoned: 1, OutsideHours: 1, Exceeded: 1, Voicemails: 1, WantedVoicemail: 1, TextBacks: 1, Callbacks: 1,
			Answered: 5, Duration: (79 + 22 + 87 + 9 + 30) * time.Second, Held: 1, Hold: 10 * time.Second,
			Queued: 3, Wait: 90 * time.Second, MaxWait: 60 * time.Second, MaxWaiting: 3, Connected: 1, ToAnswer: 20 * time.Second,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got.Outbound() != 1 {
			t.Errorf("%d outgoing", got.Outbound())
		}
		one, err := d.in.Overview(context.Background(), morning, morning.Add(24*time.Hour), d.lines[1])
		check(t, err)
		if one.Calls != 2 || one.MaxWaiting != 1 || one.TextBacks != 1 || one.Hold != 0 {
			t.Errorf("of one line: %+v", one)
		}
		none, err := d.in.Overview(context.Background(), morning.Add(24*time.Hour), morning.Add(48*time.Hour))
		check(t, err)
		if none != (insight.Account{}) {
			t.Errorf("of tomorrow: %+v", none)
		}
		agents, err := d.in.Agents(context.Background(), morning, morning.Add(24*time.Hour))
		check(t, err)
		if diff := cmp.Diff(map[sotto.PersonID]insight.OfAgent{
			d.agents[0]: {Duration: 60 * time.Second, ConferencesStarted: 1},
			d.agents[1]: {Duration: 28 * time.Second, ConferencesAccepted: 1},
		}, agents); diff != "" {
			t.Errorf("agents (-want +got):\n%s", diff)
		}
	})
}

func TestCallsAndLegsAsReportsHaveThem(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ids := d.aDay()
		all, err := d.in.Calls(context.Background(), morning)
		check(t, err)
		if len(all) != 6 || all[0].ID != ids[1] || all[5].ID != ids[4] {
			t.Fatalf("%d calls, by their end: %+v", len(all), all)
		}
		c := all[1]
		if c.ID != ids[0] || c.Completion() != "completed" || c.Duration() != 79*time.Second || c.ToAnswer() != 20*time.Second || c.Talk != 78*time.Second ||
			c.Hops != 2 || c.InMenus != 10*time.Second || c.Chosen != route.ToGroup || c.LineNumber != "+33199000001" || c.WrapUp != 7*time.Second || c.Consent != "opt-in" {
			t.Errorf("%+v", c)
		}
		if diff := cmp.Diff([]media.Issue{media.HighPacketLoss, media.HighJitter}, c.Issues()); diff != "" {
			t.Errorf("issues (-want +got):\n%s", diff)
		}
		if all[0].Completion() != "abandoned_in_queue" || !all[2].WantedVoicemail || !all[2].Exceeded {
			t.Errorf("%+v, %+v", all[0], all[2])
		}
		legs, err := d.in.Legs(context.Background(), morning)
		check(t, err)
		var ends []string
		for _, l := range legs {
			ends = append(ends, string(l.Kind)+" "+string(l.Completion()))
		}
		if diff := cmp.Diff([]string{"agent agent_declined", "agent completed", "agent completed", "caller completed"}, ends); diff != "" {
			t.Errorf("legs (-want +got):\n%s", diff)
		}
	})
}
