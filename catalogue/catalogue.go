// Package catalogue says of every place where personal data may be what is
// there, whose it is, why and on which legal basis, how long, how it is
// exported, corrected and erased. It is plain values, read as one document
// and reviewed as one diff (GDPR 30).
//
// It imports nothing of ours and does nothing by itself: package db refuses a
// database that differs from it, blob, obs and outbound take its values as
// tickets of admission, and export, erasure, retention and CATALOGUE.md are
// interpreters of it. A place that holds nobody's data is declared too; the
// reason is the point.
package catalogue

// Role is the part a person plays towards a place.
type Role string

// The roles. A place is owned by the first role of its edges and shared with
// the others.
const (
	Caller Role = "caller" // an end user: calls, writes, asks
	Staff  Role = "staff"  // works here: agents and administrators
)

// Form says how a column holds its value.
type Form uint8

// The forms. Plain columns hold ids, times, counts and words of closed lists;
// nothing a person said, is called or can be reached at.
const (
	_      Form = iota
	Plain       // readable: ids, times, counts, words of a closed list
	Sealed      // keyring.Sealed bytes under the person's key
	Blind       // a keyed HMAC, for look-up by equality only
	KeyRef      // the number of a slot of the keyring; erasure destroys that key
	Digest      // a hash of a random secret or of public bytes; nothing can be read out of it
)

// Basis is the legal ground of keeping something (GDPR 6(1)).
type Basis string

// The bases.
const (
	Consent  Basis = "consent, GDPR 6(1)(a)"
	Contract Basis = "contract, GDPR 6(1)(b)"
	LegalDut Basis = "legal duty, GDPR 6(1)(c)"
	Interest Basis = "legitimate interest, GDPR 6(1)(f)"
)

// Keep is how long a value stays. The list is closed: "for ever" is not a
// duration, so every value ends with a row, a person, a rule or a duty.
type Keep string

// The durations. Package retention is the clock of those that name a rule.
const (
	WithRow     Keep = "as long as its row"
	WithPerson  Keep = "until the person is erased"
	WithTicket  Keep = "until the ticket is deleted for good: 7 days after deletion, setting ticket_purge_days"
	WithLine    Keep = "the line's automatic deletion of recordings (calls or voicemail), at most until the ticket is deleted for good"
	UntilExpiry Keep = "until its own expiry"
	Accountable Keep = "three years after the act it proves, to show what was done (GDPR 5(2))"
	WithDesk    Keep = "as long as the desk; holds nobody's data"
)

// Correct is how a value is set right (GDPR 16).
type Correct string

// The ways.
const (
	InPlace    Correct = "edited in place; look-up rows and copies follow in the same transaction"
	Derived    Correct = "never by hand: follows what it is made from"
	Fact       Correct = "never: it records what happened; a statement can be added beside it"
	ByStmt     Correct = "sound is not edited: a supplementary statement is bound to it"
	NotNeeded  Correct = "nothing to correct: nobody's data"
	BySettings Correct = "in the settings"
)

// Erase is what erasure of the person does to the value. The list is closed.
type Erase string

// The outcomes (architecture: Delete, Null, Pseudonym, DestroyKey,
// Keep-with-duty). Detach is the figure that remains: the row stays and no
// longer leads to anyone.
const (
	Delete     Erase = "the row is deleted"
	Null       Erase = "set to NULL"
	Pseudonym  Erase = "stays as an opaque number; whoever it led to is gone"
	DestroyKey Erase = "the key is destroyed, then the bytes are removed"
	Detach     Erase = "stays as a figure; the row's link to the person is removed"
	Retain     Erase = "kept by a duty that is named on the receipt"
	Untouched  Erase = "nothing to erase: nobody's data"
)

// Fate is what happens to a whole row when the person at the end of an edge
// is erased.
type Fate uint8

// The fates.
const (
	_         Fate = iota
	RowGoes        // the row is deleted
	RowStays       // the row stays; its columns say what becomes of each value
	RowIsKept      // the row stays by the duty its columns name
)

// Edge is a path from a row to a person. Path reads
// "track.recording_id→recording.call_id→call.person_id": each arrow goes from
// a column to the id of the next table; the last column holds the person.
type Edge struct {
	Name string
	Path string
	As   Role
	Fate Fate
}

// Column is one column's answers. There is no optional answer: Whose is
// either edge names or empty together with Nobody, the reason why.
type Column struct {
	Name    string
	Form    Form
	Whose   []string // names of the table's edges; a person at the end of one may see it
	Nobody  string   // why it is nobody's data; "" when Whose is set
	Why     string
	Basis   Basis
	Keep    Keep
	Export  string // place in the export document, or "-: reason"
	Correct Correct
	Erase   Erase
}

// Table is one table of the database and everything in it.
type Table struct {
	Name    string
	Owner   string // the one package that writes it
	What    string // "one row for each …"
	Parent  string // "ticket_id→ticket": the row goes when its parent's row goes; "" for none
	Edges   []Edge
	Columns []Column
	// Indexes lists every index but the primary key's. An index may hold
	// plain and blind columns only.
	Indexes []string
}

// Column returns the named column's answers.
func (t *Table) Column(name string) (Column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// Edge returns the named edge.
func (t *Table) Edge(name string) (Edge, bool) {
	for _, e := range t.Edges {
		if e.Name == name {
			return e, true
		}
	}
	return Edge{}, false
}

// Tables returns the declared tables, parents before children: whoever
// deletes rows goes through them backwards.
func Tables() []Table {
	var all []Table
	all = append(all, desk()...)
	all = append(all, people()...)
	all = append(all, staff()...)
	all = append(all, lines()...)
	all = append(all, lineParts()...)
	all = append(all, tickets()...)
	all = append(all, calls()...)
	all = append(all, texts()...)
	all = append(all, monitorings()...)
	all = append(all, callbacks()...)
	all = append(all, recordings()...)
	all = append(all, dialling()...)
	all = append(all, duties()...)
	return all
}

// FindTable returns the declared table of that name.
func FindTable(name string) (Table, bool) {
	for _, t := range Tables() {
		if t.Name == name {
			return t, true
		}
	}
	return Table{}, false
}
