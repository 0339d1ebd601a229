package receipt

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"sotto"
)

// Kind says what a record is the proof of.
type Kind string

// The kinds.
const (
	Intent        Kind = "intent"        // an erasure begins; a restore finishes it if no result follows
	Erasure       Kind = "erasure"       // a person was erased
	Deletion      Kind = "deletion"      // single things were deleted: a recording, a ticket
	Anchor        Kind = "anchor"        // the audit log's head at this time
	Rectification Kind = "rectification" // data of a person was corrected
	Export        Kind = "export"        // data of a person was handed over
	Restore       Kind = "restore"       // a backup was put back, with the audit log anchored here; later records are replayed
)

func (k Kind) known() bool {
	switch k {
	case Intent, Erasure, Deletion, Anchor, Rectification, Export, Restore:
		return true
	}
	return false
}

// Action says what was done in one place.
type Action string

// The actions, as in the catalogue.
const (
	Delete     Action = "delete"
	Null       Action = "null"
	Pseudonym  Action = "pseudonym"
	DestroyKey Action = "destroy-key"
	Retain     Action = "retain" // kept, see Step.Why
)

func (a Action) known() bool {
	switch a {
	case Delete, Null, Pseudonym, DestroyKey, Retain:
		return true
	}
	return false
}

// Record is one fact in the log. It holds ids, counts, closed words and
// hashes only; one encoded record has at most 1 MiB.
type Record struct {
	No         sotto.ReceiptNo // set by Append; 0 before
	At         time.Time       // UTC, kept in milliseconds; Append sets a zero At
	Kind       Kind
	Subject    sotto.PersonID // whom it is about; 0 when nobody, never 0 for an erasure
	Thing      string         // what was deleted, when it was no person: "ticket" or "recording"; "receipt" for a Restore; else ""
	ThingID    int64          // its number; of a Restore: the first record that the restored database does not know
	Request    sotto.RequestID
	Actor      sotto.PersonID // who did it; 0 is the desk itself
	Keys       []sotto.KeyID  // destroyed
	Steps      []Step
	Tombstones [][]byte // HMAC-SHA256 of the person's identities, made by the caller: 32 bytes each
	Commitment []byte   // Commit(nonce, identity), or empty
	Scan       Scan
	AuditSize  int64    // entries in the audit log …
	AuditHead  []byte   // … and its hash-chain head, 32 bytes, or empty
	Incomplete []string // places that have not confirmed; Append another record when they have
}

// Step says what was done in one place of the catalogue.
type Step struct {
	Place    string // catalogue name, such as "ticket.subject" or "blob recording"
	Action   Action
	Removed  int64
	Retained int64
	Why      string    // closed code of the duty to keep, such as "GDPR 17(3)(b)"; needed when something is retained
	Until    time.Time // when that duty ends, kept in milliseconds; zero when it has no date
}

// Scan is what the search of raw bytes after an erasure found.
type Scan struct {
	Files int64
	Bytes int64
	Hits  int64 // must be 0 for the erasure to be complete
}

// Complete reports whether every place has confirmed and the scan found nothing.
func (r Record) Complete() bool { return len(r.Incomplete) == 0 && r.Scan.Hits == 0 }

// DecodeRecord reads one leaf of the log. Bytes that are not exactly what
// encoding the result would give are refused, so one record has one form.
func DecodeRecord(b []byte) (Record, error) {
	var l leaf
	if err := json.Unmarshal(b, &l); err != nil || l.Version != leafVersion {
		return Record{}, sotto.FailCause(sotto.Invalid, "The record cannot be read, or was written by a later version.", err)
	}
	r, err := l.record()
	if err != nil {
		return Record{}, sotto.FailCause(sotto.Invalid, "The record has a malformed time or hash.", err)
	}
	again, err := r.encode()
	if err != nil {
		return Record{}, err
	}
	if string(again) != string(b) {
		return Record{}, sotto.Fail(sotto.Invalid, "The record is not in the one form a record has.")
	}
	return r, nil
}

// encode returns the one form of r, and refuses a record that breaks a rule.
func (r Record) encode() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	l := leaf{
		Version: leafVersion, No: int64(r.No), At: stamp(r.At), Kind: string(r.Kind),
		Subject: int64(r.Subject), Thing: r.Thing, ThingID: r.ThingID, Request: int64(r.Request), Actor: int64(r.Actor),
		Keys: make([]int64, len(r.Keys)), Steps: make([]leafStep, len(r.Steps)),
		Tombstones: make([]string, len(r.Tombstones)), Commitment: hex.EncodeToString(r.Commitment),
		Scan:      leafScan(r.Scan),
		AuditSize: r.AuditSize, AuditHead: hex.EncodeToString(r.AuditHead),
		Incomplete: append([]string{}, r.Incomplete...),
	}
	for i, k := range r.Keys {
		l.Keys[i] = int64(k)
	}
	for i, s := range r.Steps {
		l.Steps[i] = leafStep{Place: s.Place, Action: string(s.Action), Removed: s.Removed,
			Retained: s.Retained, Why: s.Why, Until: stamp(s.Until)}
	}
	for i, t := range r.Tombstones {
		l.Tombstones[i] = hex.EncodeToString(t)
	}
	b, err := json.Marshal(l)
	if err == nil && len(b) > maxLeaf {
		return nil, sotto.Fail(sotto.Invalid, "The record is longer than 1 MiB. Split it into several.")
	}
	return b, err
}

// record turns the wire form into a Record without checking its rules.
func (l leaf) record() (Record, error) {
	var errs []error
	bytesOf := func(s string) []byte {
		b, err := hex.DecodeString(s)
		errs = append(errs, err)
		if len(b) == 0 {
			return nil
		}
		return b
	}
	timeOf := func(s string) time.Time {
		if s == "" {
			return time.Time{}
		}
		t, err := time.Parse(timeFormat, s)
		errs = append(errs, err)
		return t
	}
	r := Record{
		No: sotto.ReceiptNo(l.No), At: timeOf(l.At), Kind: Kind(l.Kind),
		Subject: sotto.PersonID(l.Subject), Thing: l.Thing, ThingID: l.ThingID, Request: sotto.RequestID(l.Request), Actor: sotto.PersonID(l.Actor),
		Commitment: bytesOf(l.Commitment), Scan: Scan(l.Scan),
		AuditSize: l.AuditSize, AuditHead: bytesOf(l.AuditHead),
	}
	r.Incomplete = append(r.Incomplete, l.Incomplete...)
	for _, k := range l.Keys {
		r.Keys = append(r.Keys, sotto.KeyID(k))
	}
	for _, s := range l.Steps {
		r.Steps = append(r.Steps, Step{Place: s.Place, Action: Action(s.Action), Removed: s.Removed,
			Retained: s.Retained, Why: s.Why, Until: timeOf(s.Until)})
	}
	for _, t := range l.Tombstones {
		r.Tombstones = append(r.Tombstones, bytesOf(t))
	}
	return r, errors.Join(errs...)
}

// stamp writes a time as it stands in a leaf; the zero time as "".
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeFormat)
}
