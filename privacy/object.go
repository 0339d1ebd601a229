package privacy

import (
	"context"

	"sotto"
	"sotto/audit"
	"sotto/person"
)

// Object records an objection (GDPR 21). Marketing is absolute: from the next
// outgoing call or text on, the person's addresses are refused, also after
// erasure.
func (r *Rights) Object(ctx context.Context, actor sotto.Actor, id sotto.PersonID, purpose person.Purpose) (err error) {
	defer sotto.Wrap(&err, "privacy.Object(%d)", id)
	if err := r.c.People.Object(ctx, actor, id, purpose); err != nil {
		return err
	}
	return r.note(ctx, actor, id, Objection, audit.Create, -1)
}

// WithdrawObjection takes it back on the person's word.
func (r *Rights) WithdrawObjection(ctx context.Context, actor sotto.Actor, id sotto.PersonID, purpose person.Purpose) (err error) {
	defer sotto.Wrap(&err, "privacy.WithdrawObjection(%d)", id)
	if err := r.c.People.WithdrawObjection(ctx, actor, id, purpose); err != nil {
		return err
	}
	return r.note(ctx, actor, id, Objection, audit.Destroy, -1)
}
