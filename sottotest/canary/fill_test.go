package canary

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/call"
	"sotto/db"
	"sotto/desk"
	"sotto/dial"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/leg/sip"
	"sotto/line"
	"sotto/person"
	"sotto/privacy"
	"sotto/queue"
	"sotto/recording"
	"sotto/route"
	"sotto/sottotest"
	"sotto/text"
	"sotto/thread"
	"sotto/ticket"
)

// hands is how many people are worked on at the same time: the database shares
// one sync among those that wait.
const hands = 64

// filler puts people into a desk, through what the desk itself offers.
type filler struct {
	d      *desk.Desk
	engine *media.Engine
	people []*Person
	staff  []*Person
	line   sotto.LineID
	queue  *queue.Queue
}

// fill puts every person into every place.
func fill(ctx context.Context, d *desk.Desk, people []*Person) (err error) {
	f := &filler{d: d}
	for _, p := range people {
		if p.Staff {
			f.staff = append(f.staff, p)
		} else {
			f.people = append(f.people, p)
		}
	}
	if f.engine, err = media.Open(media.Config{Addr: netip.MustParseAddr("127.0.0.1")}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.engine.Close()) }()
	f.queue = queue.New(queue.Config{DB: d.DB, Ring: d.Ring, People: d.People, Audit: d.Audit, Agents: d.Agents})
	defer f.queue.Stop()
	if err := f.addStaff(ctx); err != nil {
		return err
	}
	if err := d.Jobs.Start(ctx); err != nil {
		return err
	}
	if err := f.addPeople(ctx); err != nil {
		return err
	}
	return f.settle(ctx)
}

// addStaff makes the agents, their telephones, tokens and the line.
func (f *filler) addStaff(ctx context.Context) error {
	operator := sotto.Operator()
	for _, p := range f.staff {
		var err error
		if p.ID, err = f.d.People.Create(ctx, operator, person.Draft{
			Role: sotto.Agent, Name: p.Text(Name), Notes: p.Text(Notes), Details: p.Text(Details), ExternalID: p.Text(External),
			Phones: []string{p.Number()}, Emails: []string{p.Text(Email)}, Verified: true,
		}); err != nil {
			return err
		}
		if err := f.d.Agents.SetState(ctx, operator, p.ID, "online"); err != nil {
			return err
		}
		phone, secret, err := f.d.Agents.AddDevice(ctx, operator, p.ID)
		if err != nil {
			return err
		}
		p.Words[Device] = secret
		if err := f.d.Agents.Registered(ctx, phone.ID, []sip.Contact{{
			URI: "sip:" + p.Words[Contact] + "@192.0.2.7", From: netip.MustParseAddrPort("192.0.2.7:5060"), CallID: "x", Seq: 1,
			Expires: time.Now().Add(24 * time.Hour),
		}}); err != nil {
			return err
		}
		if _, _, err := f.d.Accounts.CreateToken(ctx, operator, p.ID); err != nil {
			return err
		}
		if _, err := f.d.Tickets.Upload(ctx, f.actor(p), p.Text(UploadName), "application/pdf", strings.NewReader(p.Text(Upload))); err != nil {
			return err
		}
		if err := f.dial(ctx, p); err != nil {
			return err
		}
	}
	if err := f.addLine(ctx); err != nil {
		return err
	}
	return f.addTeam(ctx)
}

// addTeam puts the agents into a group, gives them a skill, a number outside
// and figures, and one of them a line.
func (f *filler) addTeam(ctx context.Context) error {
	operator := sotto.Operator()
	g, err := f.d.Agents.AddGroup(ctx, operator, "Accueil")
	if err != nil {
		return err
	}
	k, err := f.d.Agents.AddSkill(ctx, operator, "Deutsch")
	if err != nil {
		return err
	}
	for _, p := range f.staff {
		if _, err := f.d.Agents.AddForward(ctx, operator, p.ID, p.Number()); err != nil {
			return err
		}
		if _, err := f.d.Agents.Enter(ctx, operator, p.ID, g.ID); err != nil {
			return err
		}
		if err := f.d.Agents.GiveSkill(ctx, operator, p.ID, k.ID); err != nil {
			return err
		}
		f.d.Agents.Count(p.ID, agent.Tally{Accepted: 1})
	}
	return errors.Join(f.d.Agents.SetDirect(ctx, operator, f.line, f.staff[0].ID), f.d.Agents.Settle(ctx))
}

// deskNumber is the desk's line.
const deskNumber = "+33199000000"

// text lets a person write a text, and its agent answer with one, which waits
// to be sent.
func (f *filler) text(ctx context.Context, p *Person) error {
	if err := f.d.Threads.Receive(ctx, thread.Incoming{
		From: leg.Caller{Number: p.Number()}, To: deskNumber, Body: p.Text(Texted), Name: fmt.Sprint("carrier ", p.Index),
	}); err != nil {
		return err
	}
	history, _, err := f.d.Texts.History(ctx, sotto.Operator(), text.Filter{Person: p.ID})
	if err != nil || len(history) != 1 {
		return errors.Join(err, fmt.Errorf("%d texts of person %d", len(history), p.ID))
	}
	_, err = f.d.Tickets.Comment(ctx, f.actor(f.agentOf(p)), history[0].Ticket, ticket.CommentDraft{Public: true, Body: p.Text(Replied)})
	return err
}

// promise lets a person be called back.
func (f *filler) promise(ctx context.Context, p *Person) error {
	_, err := f.queue.Request(ctx, f.actor(f.agentOf(p)), queue.Demand{Line: f.line}, p.Number())
	return err
}

// dial asks for a call that is never made, by an agent to a number outside.
func (f *filler) dial(ctx context.Context, p *Person) error {
	g, err := f.d.Dials.Authorize(ctx, dial.Attempt{By: f.actor(p), Path: dial.Click, Number: "+33199009999"})
	if err != nil {
		return err
	}
	return f.d.Dials.Done(ctx, g, 0)
}

func (f *filler) addLine(ctx context.Context) error {
	s := line.Defaults()
	s.Number, s.Name, s.Consent, s.SMS = deskNumber, "Accueil", line.OptIn, true
	l, err := f.d.Lines.Create(ctx, sotto.Operator(), s)
	if err != nil {
		return err
	}
	f.line = l.ID
	admin := sotto.Actor{Person: f.staff[0].ID, Role: sotto.Admin}
	return f.d.Lines.SetSound(ctx, admin, l.ID, line.Greeting, "fr", media.Tone(440, 200*time.Millisecond).WAV())
}

// actor is a person acting for itself.
func (f *filler) actor(p *Person) sotto.Actor {
	if p.Staff {
		return sotto.Actor{Person: p.ID, Role: sotto.Agent}
	}
	return sotto.Actor{Person: p.ID, Role: sotto.EndUser}
}

// agentOf is the agent who serves a person.
func (f *filler) agentOf(p *Person) *Person { return f.staff[p.Index%len(f.staff)] }

// addPeople adds everybody, hands at a time.
func (f *filler) addPeople(ctx context.Context) error {
	return each(f.people, hands, func(p *Person) error {
		if err := f.addPerson(ctx, p); err != nil {
			return fmt.Errorf("person %d: %w", p.Index, err)
		}
		return nil
	})
}

// each calls f with every person, so many at a time, and returns the first
// errors.
func each(people []*Person, hands int, f func(p *Person) error) error {
	var all sync.WaitGroup
	next := make(chan *Person)
	errs := make(chan error, hands)
	for range hands {
		all.Go(func() {
			for p := range next {
				if err := f(p); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	var failed error
	for _, p := range people {
		select {
		case next <- p:
			continue
		case failed = <-errs:
		}
		break
	}
	close(next)
	all.Wait()
	close(errs)
	for err := range errs {
		failed = errors.Join(failed, err)
	}
	return failed
}

func (f *filler) addPerson(ctx context.Context, p *Person) (err error) {
	if p.ID, err = f.d.People.Create(ctx, sotto.Operator(), person.Draft{
		Name: p.Text(Name), Notes: p.Text(Notes), Details: p.Text(Details), ExternalID: p.Text(External),
		Phones: []string{p.Number()}, Emails: []string{p.Text(Email)}, Locale: []string{"en", "fr"}[p.Index%2],
	}); err != nil {
		return err
	}
	if err := f.d.Rights.Object(ctx, sotto.Operator(), p.ID, person.Marketing); err != nil {
		return err
	}
	me := f.actor(p)
	file, err := f.d.Tickets.Upload(ctx, me, p.Text(FileName), "text/plain", strings.NewReader(p.Text(File)))
	if err != nil {
		return err
	}
	if _, err := f.d.Tickets.Upload(ctx, me, p.Text(UploadName), "application/pdf", strings.NewReader(p.Text(Upload))); err != nil {
		return err
	}
	t, err := f.d.Tickets.Open(ctx, me, ticket.Draft{
		Via: ticket.ByWeb, Subject: p.Text(Subject), Comment: ticket.CommentDraft{Body: p.Text(Body), Uploads: []string{file.Token}},
	})
	if err != nil {
		return err
	}
	agent := f.actor(f.agentOf(p))
	if _, err := f.d.Tickets.Update(ctx, agent, t.ID, ticket.Change{
		Assignee: &agent.Person, Comment: &ticket.CommentDraft{Body: p.Text(Private)},
	}); err != nil {
		return err
	}
	made, err := f.call(ctx, p, t.ID)
	if err != nil {
		return err
	}
	if err := f.d.Recordings.Statement(ctx, agent, made, p.Text(Statement)); err != nil {
		return err
	}
	if err := errors.Join(f.promise(ctx, p), f.text(ctx, p)); err != nil {
		return err
	}
	if p.Index%7 == 0 { // among the deleted, by an agent
		if err := f.d.Tickets.Delete(ctx, sotto.Actor{Person: agent.Person, Role: sotto.Admin}, t.ID); err != nil {
			return err
		}
	}
	_, err = f.d.Rights.RequestExport(ctx, agentAsAdmin(agent), p.ID)
	return err
}

func agentAsAdmin(a sotto.Actor) sotto.Actor { return sotto.Actor{Person: a.Person, Role: sotto.Admin} }

// call is a call from the first ring to the end, with both voices recorded.
func (f *filler) call(ctx context.Context, p *Person, on sotto.TicketID) (made sotto.RecordingID, err error) {
	c, r, err := f.begin(ctx, p)
	if err != nil {
		return 0, err
	}
	agent := f.agentOf(p)
	if err := f.talk(r, p, agent); err != nil {
		return 0, err
	}
	if err := f.d.Calls.Connect(ctx, c, agent.ID, func(tx *db.Tx) error { return f.file(tx, c, on, agent) }); err != nil {
		return 0, err
	}
	if err := f.pause(ctx, r.ID(), agent); err != nil {
		return 0, err
	}
	if err := r.Stop(ctx, recording.NoReason); err != nil {
		return 0, err
	}
	now := f.d.DB.Now()
	for _, l := range []call.Leg{
		{Kind: call.CallerLeg, StartedAt: c.StartedAt, AnsweredAt: now, EndedAt: now, Cause: leg.HungUp},
		{Kind: call.AgentLeg, Person: agent.ID, By: agent.ID, StartedAt: now, AnsweredAt: now, EndedAt: now, Cause: leg.Released},
	} {
		c.AddLeg(l)
	}
	watch, err := f.d.Calls.BeginMonitoring(ctx, f.d.Audit, sotto.Operator(), call.Monitored{
		Call: c.ID, Ticket: on, Agent: agent.ID, Supervisor: f.staff[0].ID, Action: call.Listen,
	})
	if err != nil {
		return 0, err
	}
	if err := f.d.Calls.EndMonitoring(ctx, watch); err != nil {
		return 0, err
	}
	return r.ID(), f.d.Calls.End(ctx, c, call.CallerHungUp, nil)
}

// pause is a stretch that the agent kept out of a recording.
func (f *filler) pause(ctx context.Context, id sotto.RecordingID, agent *Person) error {
	return f.d.DB.Write(ctx, func(tx *db.Tx) error {
		row, err := f.d.Recordings.BeginPause(tx, id, agent.ID, tx.Now)
		if err != nil {
			return err
		}
		return f.d.Recordings.EndPause(tx, row, tx.Now)
	})
}

// file puts a call and its recordings on a ticket.
func (f *filler) file(tx *db.Tx, c *call.Call, on sotto.TicketID, agent *Person) error {
	if err := f.d.Tickets.AttachCall(tx, on, f.actor(agent), c.ID); err != nil {
		return err
	}
	if err := f.d.Calls.SetTicket(tx, c.ID, on); err != nil {
		return err
	}
	return f.d.Recordings.Attach(tx, c.ID, on)
}

// begin is a call that is answered and, with consent, recorded.
func (f *filler) begin(ctx context.Context, p *Person) (c *call.Call, r *recording.Recorder, err error) {
	if c, err = f.d.Calls.Begin(ctx, call.Arrival{
		Caller: leg.Caller{Number: p.Number(), Name: p.Text(CallerName)}, Line: f.line, InHours: true,
	}); err != nil {
		return nil, nil, err
	}
	if c.Person != p.ID {
		return c, nil, fmt.Errorf("the call of person %d is that of person %d", p.ID, c.Person)
	}
	c.Answered(f.d.DB.Now())
	if err := f.d.DB.Write(ctx, func(tx *db.Tx) error {
		if err := f.d.Menus.Note(tx, c.ID, []route.Visit{{IVR: 1, Version: 1, Menu: 1, Took: string(route.ToVoicemail), Entered: tx.Now, Left: tx.Now}}); err != nil {
			return err
		}
		return f.d.Recordings.Consent(tx, recording.Consent{
			Call: c.ID, Purpose: recording.Call, Mode: recording.OptIn, Outcome: recording.Granted, Evidence: recording.ByKey,
			Notice: "consent-opt-in", Locale: "fr", NoticeHash: [32]byte{1}, AskedAt: tx.Now, DecidedAt: tx.Now,
		})
	}); err != nil {
		return c, nil, err
	}
	c.Decided(string(recording.Granted))
	r, err = f.d.Recordings.Start(ctx, recording.Start{Call: c.ID, Line: f.line, Kind: recording.Call, CallerKey: c.Key})
	return c, r, err
}

// talk lets caller and agent speak into a recording.
func (f *filler) talk(r *recording.Recorder, caller, agent *Person) error {
	key, err := f.d.People.Get(context.Background(), agent.ID)
	if err != nil {
		return err
	}
	for _, who := range []*Person{caller, agent} {
		if err := f.speak(who, func(port *media.Port) error {
			if who == caller {
				return r.Caller(port)
			}
			return r.Agent(port, agent.ID, key.Key)
		}); err != nil {
			return err
		}
	}
	return nil
}

// speak says some frames into a port of its own.
func (f *filler) speak(who *Person, record func(*media.Port) error) (err error) {
	m, err := newMouth()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	port, err := m.dial(f.engine)
	if err != nil {
		return err
	}
	defer port.Close()
	if err := record(port); err != nil {
		return err
	}
	return m.say(port, who, 3)
}

// settle waits until every export that was asked for is ready.
func (f *filler) settle(ctx context.Context) error {
	defer f.d.Jobs.Stop()
	return sottotest.Dwindle(func() (waiting int64, err error) {
		err = f.d.DB.Read(ctx, func(tx *db.Tx) (err error) {
			waiting, err = db.One(tx, db.Int, "SELECT COUNT(*) FROM job WHERE state <> 'done' AND kind IN ('export', 'upload.remove')")
			return err
		})
		return waiting, err
	})
}

// archive is what a person is handed over.
func archive(ctx context.Context, r *privacy.Rights, p *Person) ([]byte, error) {
	var b bytes.Buffer
	err := r.WriteArchive(ctx, p.ID, &b)
	return b.Bytes(), err
}
