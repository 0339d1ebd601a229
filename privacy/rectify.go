package privacy

import (
	"context"
	"slices"

	"sotto"
	"sotto/audit"
	"sotto/db"
	"sotto/erasure"
	"sotto/person"
	"sotto/receipt"
	"sotto/recording"
)

// Correction is what a person says is wrong, and what is right (GDPR 16).
type Correction struct {
	Name      *string
	Notes     *string
	Locale    *string
	Phones    map[string]string // old → new
	Emails    map[string]string // old → new
	Recording sotto.RecordingID // sound is not edited: Statement is bound to it
	Statement string
}

// Corrected is what a correction reached.
type Corrected struct {
	Tickets int // tickets in which the old value stood
	Receipt sotto.ReceiptNo
}

// Correct corrects a person's data in every copy: the entry itself, its
// look-up rows, and the person's tickets in which the old value stands. Freed
// bytes are wiped and recipients are told (GDPR 19). A value that is not there
// is an error, and then nothing is changed.
func (r *Rights) Correct(ctx context.Context, actor sotto.Actor, id sotto.PersonID, c Correction) (out Corrected, err error) {
	defer sotto.Wrap(&err, "privacy.Correct(%d)", id)
	if !actor.IsAdmin() {
		return out, errOnlyAdmin()
	}
	p, err := r.c.People.Get(ctx, id)
	if err != nil {
		return out, err
	}
	if !p.ErasedAt.IsZero() {
		return out, sotto.Fail(sotto.Gone, "This person was erased. The receipt says when.")
	}
	plan, err := planCorrection(p, c)
	if err != nil {
		return out, err
	}
	if err := r.checkStatement(ctx, actor, id, c); err != nil {
		return out, err
	}
	right := person.Change{Name: c.Name, Notes: c.Notes, Locale: c.Locale, Addresses: plan.addresses}
	if err := r.c.People.Update(ctx, actor, id, right); err != nil {
		return out, err
	}
	if c.Statement != "" {
		if err := r.c.Recordings.Statement(ctx, actor, c.Recording, c.Statement); err != nil {
			return out, err
		}
	}
	if out.Tickets, err = r.rewrite(ctx, actor, id, plan.words); err != nil {
		return out, err
	}
	return out, r.proveCorrection(ctx, actor, id, &out)
}

// checkStatement refuses a statement that could not be bound: the recording
// must be one of the person's calls.
func (r *Rights) checkStatement(ctx context.Context, actor sotto.Actor, id sotto.PersonID, c Correction) error {
	if c.Statement == "" && c.Recording == 0 {
		return nil
	}
	if c.Recording == 0 {
		return sotto.FailField("recording", "Say which recording the statement is about.")
	}
	if err := recording.CheckStatement(c.Statement); err != nil {
		return err
	}
	rec, err := r.c.Recordings.Get(ctx, actor, c.Recording)
	if err == nil && rec.Caller != id {
		err = sotto.FailField("recording", "This is not a recording of a call of this person.")
	}
	return err
}

type correctionPlan struct {
	addresses map[int64]string // rows and their right values
	words     [][2]string      // old and new words, as they may stand in tickets
}

// planCorrection finds each old value before anything is changed.
func planCorrection(p person.Person, c Correction) (plan correctionPlan, err error) {
	if c.Name == nil && c.Notes == nil && c.Locale == nil && len(c.Phones)+len(c.Emails) == 0 && c.Statement == "" && c.Recording == 0 {
		return plan, sotto.Fail(sotto.Invalid, "Say what is wrong, and what is right.")
	}
	plan.addresses = map[int64]string{}
	if c.Name != nil && p.Name != "" && *c.Name != p.Name {
		plan.words = append(plan.words, [2]string{p.Name, *c.Name})
	}
	for kind, pairs := range map[person.Kind]map[string]string{person.Phone: c.Phones, person.Email: c.Emails} {
		for old, right := range pairs {
			i := slices.IndexFunc(p.Addresses, func(a person.Address) bool { return a.Kind == kind && sameAddress(kind, a.Value, old) })
			if i < 0 {
				return plan, sotto.FailField(string(kind), "This person has no such address to correct.")
			}
			plan.addresses[p.Addresses[i].ID] = right
			plan.words = append(plan.words, [2]string{p.Addresses[i].Value, right})
			if old != p.Addresses[i].Value {
				plan.words = append(plan.words, [2]string{old, right})
			}
		}
	}
	return plan, nil
}

func sameAddress(kind person.Kind, have, asked string) bool {
	if kind == person.Email {
		asked, err := person.NormalEmail(asked)
		return err == nil && asked == have
	}
	asked, err := person.NormalNumber(asked, "")
	return err == nil && asked == have
}

func (r *Rights) proveCorrection(ctx context.Context, actor sotto.Actor, id sotto.PersonID, out *Corrected) error {
	got, err := r.c.Receipts.Append(ctx, receipt.Record{Kind: receipt.Rectification, Subject: id, Actor: actor.Person})
	if err != nil {
		return err
	}
	out.Receipt = got.No()
	if err := r.c.DB.Write(ctx, func(tx *db.Tx) error {
		return r.c.Jobs.Enqueue(tx, erasure.JobClean, 0, tx.Now)
	}); err != nil {
		return err
	}
	if err := r.c.Eraser.TellRectified(ctx, id); err != nil {
		return err
	}
	return r.note(ctx, actor, id, Rectification, audit.Update, got.No())
}
