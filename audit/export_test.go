package audit

import "sotto/db"

// VerifyIn verifies what tx sees, so that a test can tamper and roll back.
func (l *Log) VerifyIn(tx *db.Tx) (Report, error) {
	c := newCheck()
	for more := true; more; {
		var err error
		if more, err = l.verifyPage(tx, c); err != nil {
			return Report{}, err
		}
	}
	return c.end(), nil
}

// HashIn is what VerifyAnchor compares.
func (l *Log) HashIn(tx *db.Tx, id int64) ([]byte, error) { return l.hashAt(tx, id) }

// Page is how many entries are read at once.
const Page = page

// Encode is what is hashed of a row with these fields.
func Encode(id, at int64, actor *int64, kind, action, source string, sourceID int64, ticket, person *int64, prev []byte) []byte {
	return row{id: id, at: at, actor: actor, actorKind: kind, action: action, source: source, sourceID: sourceID, ticket: ticket, person: person, prev: prev}.encode()
}
