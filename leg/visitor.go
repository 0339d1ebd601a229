package leg

import "time"

// Told is what a party was shown about recording before it called, and what
// it answered (GDPR 7(1)).
type Told struct {
	Mode   string   // the line's rule the words belong to
	Notice string   // names the words: "page/fr/opt-in"
	Locale string   // the language they were in, and the party speaks
	SHA256 [32]byte // of the very words
	Ticked bool     // the box beside them
	At     time.Time
}

// Progress is how far a call has come, for a party that reads it.
type Progress struct {
	State   string // a word of package call: queued, connected
	Consent string // what was decided about recording, a word of package recording; "" before
	Reason  string // why it ended, a word of package call; "" while it has not
}

// Visitor is a leg whose party calls from a page, as one without a telephone
// does: it reads before it calls, and while it waits.
type Visitor interface {
	Leg
	// Told returns what the party was shown. ok is false for a party that
	// called from no page.
	Told() (t Told, ok bool)
	// Show tells the page how far the call has come. It does not wait.
	Show(p Progress)
}
