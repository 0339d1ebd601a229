package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"sotto/db"
)

// row is an entry exactly as the table holds it, NULLs included: what is
// hashed is what is stored, and nothing read in between can hide a change.
type row struct {
	id        int64
	at        int64
	actor     *int64
	actorKind string
	action    string
	source    string
	sourceID  int64
	ticket    *int64
	person    *int64
	prev      []byte
	hash      []byte
}

// format is hashed first: a later way of writing entries down gets another.
const format = "sotto audit entry 1"

// Genesis returns the hash before the first entry.
func Genesis() []byte { return make([]byte, sha256.Size) }

func scanRow(s db.Scanner) (r row, err error) {
	err = s.Scan(&r.id, &r.at, &r.actor, &r.actorKind, &r.action, &r.source, &r.sourceID, &r.ticket, &r.person, &r.prev, &r.hash)
	return r, err
}

// sum hashes every field but the hash itself.
func (r row) sum() []byte {
	h := sha256.Sum256(r.encode())
	return h[:]
}

// encode writes the fields one after the other, each behind its length in 8
// bytes, so that no two rows read the same. Numbers are 8 bytes, big-endian;
// NULL is 0 bytes.
func (r row) encode() []byte {
	var b bytes.Buffer
	text(&b, format)
	text(&b, string(r.prev))
	integer(&b, &r.id)
	integer(&b, &r.at)
	integer(&b, r.actor)
	text(&b, r.actorKind)
	text(&b, r.action)
	text(&b, r.source)
	integer(&b, &r.sourceID)
	integer(&b, r.ticket)
	integer(&b, r.person)
	return b.Bytes()
}

func text(b *bytes.Buffer, s string) {
	b.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
	b.WriteString(s)
}

func integer(b *bytes.Buffer, n *int64) {
	if n == nil {
		text(b, "")
		return
	}
	text(b, string(binary.BigEndian.AppendUint64(nil, uint64(*n))))
}
