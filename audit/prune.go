package audit

import (
	"errors"
	"time"

	"sotto"
	"sotto/db"
)

// Years is how long an entry stays at least, as catalogue.Accountable says.
const Years = 3

// Prune removes the oldest entries up to the first that is not older than
// before, and adds an entry that says up to which place: without it Verify
// would call the log broken. The last entry always stays. It returns how many
// went; nothing is added when none did. Package retention calls it when the
// time is over (GDPR 5(1)(e)); entries younger than Years nobody can remove.
func (l *Log) Prune(tx *db.Tx, actor sotto.Actor, before time.Time) (removed int64, err error) {
	defer sotto.Wrap(&err, "audit.Prune")
	if !actor.IsAdmin() && actor != sotto.Desk() {
		return 0, sotto.Fail(sotto.Denied, "Only the desk itself or an administrator may remove old entries.")
	}
	if before.After(tx.Now.AddDate(-Years, 0, 0)) {
		return 0, sotto.Fail(sotto.Invalid, "Audit entries are kept for three years.")
	}
	if err := tx.Lock("audit"); err != nil {
		return 0, err
	}
	keep, err := db.One(tx, db.Int, l.q["FirstSince"], db.Millis(before))
	if errors.Is(err, db.ErrNone) {
		keep, _, err = l.Head(tx)
	}
	if err != nil {
		return 0, err
	}
	removed, err = tx.Exec(l.q["Prune"], keep)
	if err != nil || removed == 0 {
		return 0, err
	}
	return removed, l.Add(tx, actor, Entry{Action: Destroy, Source: Chain, SourceID: keep - 1})
}
