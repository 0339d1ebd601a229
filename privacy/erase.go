package privacy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/erasure"
	"sotto/job"
	"sotto/person"
	"sotto/ticket"
)

// Preview is what an erasure would do, before anybody orders it.
type Preview struct {
	Person   sotto.PersonID
	Places   []PreviewPlace
	OnCall   bool             // the person is on the telephone now; erasing is correct all the same
	Mentions []sotto.TicketID // other people's tickets that hold the person's name or number
}

// PreviewPlace is what becomes of one table's rows.
type PreviewPlace struct {
	Table   string
	Rows    int64
	Outcome string
}

// PreviewErasure counts what would go, what would stay and why, and finds
// mentions in other people's tickets, which somebody must look at.
func (r *Rights) PreviewErasure(ctx context.Context, actor sotto.Actor, id sotto.PersonID) (p Preview, err error) {
	defer sotto.Wrap(&err, "privacy.PreviewErasure(%d)", id)
	if !actor.IsAdmin() {
		return p, errOnlyAdmin()
	}
	p.Person = id
	var who person.Person
	err = r.c.DB.Read(ctx, func(tx *db.Tx) error {
		if who, err = r.c.People.Load(tx, id); err != nil {
			return err
		}
		if !who.ErasedAt.IsZero() {
			return sotto.Fail(sotto.Gone, "This person was erased already. The receipt says when.")
		}
		if p.Places, err = previewPlaces(tx, id); err != nil {
			return err
		}
		p.OnCall, err = tx.Has("SELECT id FROM call WHERE person_id = $1 AND ended_at IS NULL", int64(id))
		return err
	})
	if err != nil {
		return p, err
	}
	p.Mentions, err = r.mentions(ctx, who)
	return p, err
}

func previewPlaces(tx *db.Tx, id sotto.PersonID) ([]PreviewPlace, error) {
	var out []PreviewPlace
	for _, t := range catalogue.Tables() {
		for _, e := range t.Edges {
			from, where := t.From(e)
			n, err := db.One(tx, db.Int, fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s", from, where), int64(id))
			if err != nil {
				return nil, err
			}
			if n > 0 {
				out = append(out, PreviewPlace{t.Name, n, e.Fate.String()})
			}
		}
	}
	return out, nil
}

// mentions returns other people's tickets in which the person's name or an
// address stands.
func (r *Rights) mentions(ctx context.Context, p person.Person) ([]sotto.TicketID, error) {
	words := []string{p.Name}
	for _, a := range p.Addresses {
		words = append(words, a.Value)
	}
	found, err := r.c.Tickets.Mentions(ctx, words)
	if err != nil {
		return nil, err
	}
	var out []sotto.TicketID
	for _, id := range found {
		t, err := r.c.Tickets.Get(ctx, sotto.Operator(), id)
		if sotto.KindOf(err) == sotto.NotFound && err != nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		if t.Requester != p.ID && t.Status != ticket.Deleted {
			out = append(out, id)
		}
	}
	return out, nil
}

// Erase forgets a person and closes the request with its receipt. It can be
// called again after a failure: it goes on where it stopped. If nobody does, a
// job goes on.
func (r *Rights) Erase(ctx context.Context, actor sotto.Actor, id sotto.PersonID) (out erasure.Outcome, err error) {
	defer sotto.Wrap(&err, "privacy.Erase(%d)", id)
	req, err := r.eraseRequest(ctx, actor, id)
	if err != nil {
		return out, err
	}
	if out, err = r.c.Eraser.Person(ctx, actor, id, req); err != nil {
		return out, err
	}
	return out, r.closeErasure(ctx, id, out)
}

func (r *Rights) eraseRequest(ctx context.Context, actor sotto.Actor, id sotto.PersonID) (req sotto.RequestID, err error) {
	if !actor.IsAdmin() {
		return 0, errOnlyAdmin()
	}
	err = r.c.DB.Write(ctx, func(tx *db.Tx) error {
		open, err := db.All(tx, db.Int, r.q["OpenErasure"], int64(id))
		if err != nil {
			return err
		}
		if len(open) > 0 {
			req = sotto.RequestID(open[0])
			return nil
		}
		p, err := r.c.People.Load(tx, id)
		if err != nil {
			return err
		}
		if !p.ErasedAt.IsZero() {
			return sotto.Fail(sotto.Gone, "This person was erased already. The receipt says when.")
		}
		if req, err = r.open(tx, actor, id, Erasure); err != nil {
			return err
		}
		return r.c.Jobs.Enqueue(tx, JobRequest, int64(req), tx.Now.Add(time.Minute))
	})
	return req, err
}

// JobRequest is the job that looks after a request for erasure that whoever
// made it did not see through: a request does not lapse because a process
// died. Its handler is Rights.RunRequest.
const JobRequest = "erase.request"

// RunRequest erases the person of a request that is still open, or closes the
// request of somebody who is erased. While somebody else is at it, it is asked
// again.
func (r *Rights) RunRequest(ctx context.Context, id int64) (err error) {
	defer sotto.Wrap(&err, "privacy.RunRequest(%d)", id)
	var who sotto.PersonID
	var is person.Person
	var receiptNo int64
	err = r.c.DB.Read(ctx, func(tx *db.Tx) error {
		n, err := db.One(tx, db.Int, r.q["WhoseErasure"], id)
		if err != nil {
			return err
		}
		who = sotto.PersonID(n)
		if is, err = r.c.People.Load(tx, who); err != nil || is.ErasedAt.IsZero() {
			return err
		}
		receiptNo, err = db.One(tx, db.Int, r.q["ErasureReceipt"], n)
		return err
	})
	switch {
	case errors.Is(err, db.ErrNone):
		return nil // closed meanwhile
	case err != nil && sotto.KindOf(err) == sotto.Gone:
		return job.Again{After: time.Minute}
	case err != nil:
		return err
	}
	out := erasure.Outcome{Receipt: sotto.ReceiptNo(receiptNo)}
	if is.ErasedAt.IsZero() {
		if out, err = r.c.Eraser.Person(ctx, sotto.Operator(), who, sotto.RequestID(id)); err != nil {
			return err
		}
	}
	return r.closeErasure(ctx, who, out)
}

// closeErasure closes what is open of a person's requests for erasure.
func (r *Rights) closeErasure(ctx context.Context, id sotto.PersonID, out erasure.Outcome) error {
	if len(out.Incomplete) > 0 {
		return nil // stays open until every recipient has confirmed
	}
	return r.c.DB.Write(ctx, func(tx *db.Tx) error {
		open, err := db.All(tx, db.Int, r.q["OpenErasure"], int64(id))
		for _, req := range open {
			if err == nil {
				err = r.done(tx, sotto.RequestID(req), "done", out.Receipt)
			}
		}
		return err
	})
}

// JobErase is the job that finishes an erasure in the background; its handler
// is Rights.RunErasure.
const JobErase = erasure.JobRun

// EraseSoon makes everything about a person unreadable now and leaves the rest
// to a job: for faces that answer at once.
func (r *Rights) EraseSoon(ctx context.Context, actor sotto.Actor, id sotto.PersonID) (out erasure.Outcome, err error) {
	defer sotto.Wrap(&err, "privacy.EraseSoon(%d)", id)
	req, err := r.eraseRequest(ctx, actor, id)
	if err != nil {
		return out, err
	}
	out, run, err := r.c.Eraser.Shred(ctx, actor, id, req)
	if err != nil {
		return out, err
	}
	return out, r.Requeue(ctx, []int64{run.ID()})
}

// Requeue asks for erasures to be finished in the background.
func (r *Rights) Requeue(ctx context.Context, erasures []int64) error {
	return r.c.DB.Write(ctx, func(tx *db.Tx) error {
		for _, id := range erasures {
			if err := r.c.Jobs.Enqueue(tx, JobErase, id, tx.Now); err != nil {
				return err
			}
		}
		return nil
	})
}

// RunErasure finishes one erasure and closes its request, and is asked again
// while a recipient has not confirmed.
func (r *Rights) RunErasure(ctx context.Context, id int64) error {
	out, err := r.c.Eraser.Run(ctx, id)
	if err != nil {
		return err
	}
	if len(out.Incomplete) > 0 {
		return job.Again{After: time.Minute}
	}
	if out.Person == 0 {
		return nil
	}
	return r.closeErasure(ctx, out.Person, out)
}
