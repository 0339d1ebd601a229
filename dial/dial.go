// Package dial is the one gate before every number that is called: who may
// call where, for how long, at what cost.
//
// It owns the tables dial_country, dial_rate and dial_attempt. Nothing is
// dialled without a Grant of this package: flow's way to a trunk takes one and
// nothing else, whatever asked (a click, a ticket, REFER, a redirection, a
// callback, a menu, an overflow, forwarding, a transfer, a conference, a
// text). Countries are denied unless they are allowed; premium, shared-cost,
// satellite and unassigned numbers are denied always; emergency numbers never,
// and no cap counts for them. The number is not written down: an attempt is a
// row of ids, times and words of closed lists.
package dial

import (
	"context"
	_ "embed"
	"sync"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
	"sotto/line"
	"sotto/locales"
	"sotto/obs"
	"sotto/person"
)

//go:embed dial.sql
var statements string

// Path is how somebody came to dial, a word of a closed list.
type Path string

// The paths to a trunk.
const (
	Click      Path = "click"      // an agent asked for a call
	Ticket     Path = "ticket"     // an agent asked for it on a case
	Refer      Path = "refer"      // a telephone asked to transfer its call (RFC 3515)
	Redirect   Path = "redirect"   // a telephone answered that the call goes elsewhere (SIP 302)
	Callback   Path = "callback"   // somebody asked to be called back
	Menu       Path = "menu"       // a menu of a line leads out
	Overflow   Path = "overflow"   // nobody took a call and the line leads out
	Forward    Path = "forward"    // an agent answers at an outside number
	Transfer   Path = "transfer"   // an agent gives a call away
	Conference Path = "conference" // an agent adds somebody to a call
	Text       Path = "text"       // a text, not a call
)

// Paths returns every path.
func Paths() []Path {
	return []Path{Click, Ticket, Refer, Redirect, Callback, Menu, Overflow, Forward, Transfer, Conference, Text}
}

// who is who may take a path: staff, the desk by a rule that an administrator
// made, or both. Nobody else takes any.
func (p Path) who() (staff, desk bool) {
	switch p {
	case Click, Ticket, Refer, Redirect, Forward, Transfer, Conference:
		return true, false
	case Menu, Overflow:
		return false, true
	case Callback, Text:
		return true, true
	}
	return false, false
}

// Purpose is what somebody is called or written to for.
type Purpose string

// The purposes. Marketing is refused for whoever objected to it, also after
// erasure (GDPR 21(3)).
const (
	Support   Purpose = "support"
	Marketing Purpose = "marketing"
	// Confirmation is the one text by which the desk answers who wants no more
	// of them, or wants them again. Only the desk sends it.
	Confirmation Purpose = "confirmation"
)

// Attempt is somebody's wish to dial.
type Attempt struct {
	By      sotto.Actor // an agent, or sotto.Desk for a rule of the desk
	Path    Path
	Number  string  // as it was typed
	Purpose Purpose // "" is Support
}

// Grant is the right to dial one number once. Only Authorize makes one that
// holds a number. It may be copied; all copies are one right.
type Grant struct {
	number    string
	id        int64
	max       time.Duration
	emergency bool
	path      Path
	agent     sotto.PersonID
}

// Number is what to dial: E.164, or an emergency number as it is. "" for the
// zero Grant, which no trunk takes.
func (g Grant) Number() string { return g.number }

// ID is the number of the attempt in the audit log (source "dial").
func (g Grant) ID() int64 { return g.id }

// Max is the longest the call may last, from its answer on; 0 is no limit.
func (g Grant) Max() time.Duration { return g.max }

// Emergency reports whether it is an emergency number.
func (g Grant) Emergency() bool { return g.emergency }

// Path is how it came to it.
func (g Grant) Path() Path { return g.path }

// Agent is whose caps it counts for; 0 for the desk's alone.
func (g Grant) Agent() sotto.PersonID { return g.agent }

// Gate authorizes. Its methods may be called from any goroutine.
type Gate struct {
	db     *db.DB
	people *person.People
	lines  *line.Lines
	audit  *audit.Log
	words  *locales.Texts
	dials  *obs.Counter
	region string
	q      db.Queries

	mu   sync.Mutex
	used map[int64]bool // grants that were not settled yet, and whether they were dialled
}

// Config is what a gate is made with. Region (ISO 3166, as "FR") is the home
// country: numbers without a country code are read there, and it is allowed
// without being asked for.
type Config struct {
	DB      *db.DB
	People  *person.People
	Lines   *line.Lines
	Audit   *audit.Log
	Metrics obs.Metrics
	Region  string
}

// New returns a gate. It fails only when the binary was built from broken
// texts.
func New(cfg Config) (*Gate, error) {
	words, err := locales.Load()
	if err != nil {
		return nil, err
	}
	return &Gate{
		db: cfg.DB, people: cfg.People, lines: cfg.Lines, audit: cfg.Audit, words: words, dials: cfg.Metrics.Dials, region: cfg.Region,
		q: db.Parse(statements), used: map[int64]bool{},
	}, nil
}

// Authorize decides whether a may dial. The decision is in the audit log
// before it returns, without the number; if that cannot be written nothing is
// dialled. An error of a refusal carries a Reason (ReasonOf). Whoever gets a
// Grant calls Done when the call is over, or was never made.
//
// What a call under way may still use counts as used: the sum of a day never
// exceeds a cap.
func (g *Gate) Authorize(ctx context.Context, a Attempt) (grant Grant, err error) {
	defer sotto.Wrap(&err, "dial.Authorize(%s)", a.Path)
	to := Classify(a.Number, g.region)
	own, err := g.isOwn(ctx, to)
	if err != nil {
		return Grant{}, err
	}
	if own {
		to.Kind = OwnNumber
	}
	var why Reason
	if err := g.db.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("dial"); err != nil {
			return err
		}
		grant = Grant{number: to.Number, id: tx.NewID(), emergency: to.Kind == Emergency, path: a.Path}
		if a.By.Person != 0 {
			grant.agent = a.By.Person
		}
		var cost int64
		if why, grant.max, cost, err = g.decide(tx, a, to); err != nil {
			return err
		}
		return g.write(tx, a, grant, why, cost)
	}); err != nil {
		return Grant{}, err
	}
	if why != Allowed && why != AllowedEmergency {
		g.dials.Add(1, string(why))
		return Grant{}, g.refuse(why)
	}
	g.dials.Add(1, string(why))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used[grant.id] = false
	return grant, nil
}

// Emergency reports whether a number, as it was typed, is an emergency number.
// Authorize says so of the grant too; this is for what must not stand in the
// way before it.
func (g *Gate) Emergency(typed string) bool { return Classify(typed, g.region).Kind == Emergency }

// isOwn reports whether a number is one of the desk's lines: those are called
// from outside, and a line that calls itself would never stop.
func (g *Gate) isOwn(ctx context.Context, to Destination) (bool, error) {
	if to.Number == "" {
		return false, nil
	}
	_, err := g.lines.ByNumber(ctx, to.Number)
	if err != nil && sotto.KindOf(err) == sotto.NotFound {
		return false, nil
	}
	return err == nil, err
}

// decide applies the rules in their order: who asks, where to, who must not be
// asked, and how much is left.
func (g *Gate) decide(tx *db.Tx, a Attempt, to Destination) (why Reason, most time.Duration, cost int64, err error) {
	may, err := g.mayTake(tx, a)
	if err != nil || !may {
		return NotAllowed, 0, 0, err
	}
	if to.Kind == Emergency {
		if a.By == sotto.Desk() || a.Path == Forward || a.Path == Redirect { // a person calls for help, not a rule
			return NotAllowed, 0, 0, nil
		}
		return AllowedEmergency, 0, 0, nil
	}
	if why := to.Kind.refused(); why != "" {
		return why, 0, 0, nil
	}
	if ok, err := g.countryAllowed(tx, to.Region); err != nil || !ok {
		return Country, 0, 0, err
	}
	for _, p := range a.asks() {
		if ok, err := g.people.MayContact(tx, person.Phone, to.Number, p); err != nil || !ok {
			return Objection, 0, 0, err
		}
	}
	if a.Path == Text {
		why, err = g.affordText(tx, a.By.Person)
		return why, 0, 0, err
	}
	return g.afford(tx, a, to)
}

// asks are the purposes that whoever is called or written to may have objected
// to.
func (a Attempt) asks() (all []person.Purpose) {
	if a.Purpose == Marketing {
		all = append(all, person.Marketing)
	}
	if a.Path == Text && (a.Purpose != Confirmation || a.By != sotto.Desk()) {
		all = append(all, person.Texts)
	}
	return all
}

// mayTake reports whether who asks may take the path at all. Who works here is
// read now, not believed: a telephone may outlive its agent's leave.
func (g *Gate) mayTake(tx *db.Tx, a Attempt) (bool, error) {
	staff, desk := a.Path.who()
	switch {
	case a.By == sotto.Desk():
		return desk, nil
	case a.By.Person == 0:
		return staff && a.By.Shell, nil
	case !staff:
		return false, nil
	}
	return tx.Has(g.q["WorksHere"], int64(a.By.Person))
}

// write notes an attempt and its audit entry.
func (g *Gate) write(tx *db.Tx, a Attempt, grant Grant, why Reason, cost int64) error {
	action, ended := audit.Refuse, any(db.Millis(tx.Now))
	if why == Allowed || why == AllowedEmergency {
		action, ended = audit.Create, nil
	}
	agent, actor := a.By.Person, a.By
	if known, err := tx.Has(g.q["IsPerson"], int64(agent)); err != nil || !known {
		agent = 0
		if err != nil {
			return err
		}
	}
	if actor.Person == 0 && !actor.Shell {
		actor = sotto.Desk() // nobody asked: the desk says so
	}
	if _, err := tx.Exec(g.q["Insert"], grant.id, db.OrNull(agent), string(a.Path), string(why), day(tx.Now),
		db.Millis(tx.Now), ended, int64(grant.max/time.Second), cost); err != nil {
		return err
	}
	return g.audit.Add(tx, actor, audit.Entry{Action: action, Source: audit.Dial, SourceID: grant.id})
}

// Use takes the right to dial: true once for each grant of this process.
// flow's way to a trunk asks it before the first INVITE.
func (g *Gate) Use(grant Grant) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was, open := g.used[grant.id]
	if !open || was {
		return false
	}
	g.used[grant.id] = true
	return true
}

// Done settles a grant: the call lasted talked, from its answer to its end; 0
// when nobody answered. The second call does nothing.
func (g *Gate) Done(ctx context.Context, grant Grant, talked time.Duration) (err error) {
	defer sotto.Wrap(&err, "dial.Done(%d)", grant.id)
	g.mu.Lock()
	delete(g.used, grant.id)
	g.mu.Unlock()
	if grant.id == 0 {
		return nil
	}
	seconds := wholeSeconds(max(talked, 0))
	return g.db.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("dial"); err != nil {
			return err
		}
		rate, err := g.rateOf(tx, grant.number)
		if err != nil {
			return err
		}
		if grant.emergency {
			rate = 0
		}
		_, err = tx.Exec(g.q["Done"], grant.id, db.Millis(tx.Now), seconds, minutes(seconds)*rate)
		return err
	})
}

// Recover closes the attempts that a stop without warning left open. How long
// they lasted is not known, so they keep what they had reserved. Call it once,
// before the first Authorize.
func (g *Gate) Recover(ctx context.Context) (err error) {
	defer sotto.Wrap(&err, "dial.Recover")
	return g.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(g.q["CloseAll"], db.Millis(tx.Now))
		return err
	})
}

func wholeSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// minutes is how many begun minutes a carrier charges.
func minutes(seconds int64) int64 { return (seconds + 59) / 60 }

// day is what a day's caps count for: the day in UTC.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
