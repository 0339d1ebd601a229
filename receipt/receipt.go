// Package receipt proves what the desk did with people's data: a signed,
// append-only log of records, and portable receipts that anyone can check
// offline.
//
// A folder holds three files: log, one canonical JSON line per record;
// checkpoint, the log's size and Merkle root (RFC 6962) signed with Ed25519 as
// a C2SP tlog-checkpoint; verifier, the public key. The private key lies
// elsewhere, at a path the caller gives. The folder belongs in no backup of
// the data: after a restore its later records are replayed (Log.Since) before
// the desk answers, and imports and late webhooks ask Log.Tombstoned.
//
// If log is lost, proofs and tombstones are lost and the desk does not start;
// who can change it is found out by the checkpoint. If checkpoint is lost the
// desk does not start either. verifier can be written again from the key. Who
// has the private key can forge a history, but not one that agrees with a
// receipt or a head (Log.Extends) that somebody else has kept.
//
// Records hold opaque ids, counts, closed words and keyed hashes; never a
// name, a number, an address or a text of a person.
//
// erasure, retention and privacy append; restore, imports and providers ask.
// Nothing here touches the data itself, a database or the network.
package receipt

import (
	"bytes"
	"io"

	"sotto"
)

// Receipt is the portable proof of one record: the record, its place in the
// log, the Merkle proof, the signed checkpoint and the public key. It is a
// value; the zero Receipt proves nothing and WriteTo refuses it.
type Receipt struct {
	record Record
	parts  portable
}

// Record returns the record the receipt proves.
func (r Receipt) Record() Record { return r.record }

// No returns the record's number.
func (r Receipt) No() sotto.ReceiptNo { return r.record.No }

// Key returns the verifier key that the receipt names.
func (r Receipt) Key() string { return r.parts.key }

// WriteTo writes the receipt file: text, lines ended by a single newline. From
// the line "c2sp.org/tlog-proof@v1" on it is a C2SP tlog-proof whose entry is
// the text behind "leaf ".
func (r Receipt) WriteTo(w io.Writer) (int64, error) {
	if r.parts.key == "" {
		return 0, sotto.Fail(sotto.Invalid, "There is no receipt to write.")
	}
	n, err := w.Write(r.parts.format())
	return int64(n), err
}

// Parse reads a receipt file and checks it as Verify does with trusted. The
// record must also be one this version of the desk could have written.
func Parse(r io.Reader, trusted string) (_ Receipt, err error) {
	defer sotto.Wrap(&err, "receipt.Parse")
	data, err := io.ReadAll(io.LimitReader(r, maxReceipt+1))
	if err != nil {
		return Receipt{}, err
	}
	v, err := Verify(bytes.NewReader(data), trusted)
	if err != nil {
		return Receipt{}, err
	}
	record, err := DecodeRecord(v.Leaf)
	if err != nil {
		return Receipt{}, err
	}
	parts, err := parsePortable(data)
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{record: record, parts: parts}, nil
}

// As lets the faces of the desk treat a rejection as wrong input with a
// sentence for the person. errors.As and sotto.KindOf call it.
func (r Rejected) As(target any) bool {
	e, ok := target.(**sotto.Error)
	if ok {
		*e = &sotto.Error{Kind: sotto.Invalid, Say: string(r)}
	}
	return ok
}
