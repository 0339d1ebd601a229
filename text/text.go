// Package text keeps the texts: which person wrote on which line, which case
// that is, and what became of each text that went out. It also reads the words
// by which somebody wants no more of them.
//
// It owns the table text_message. The words of a text stand once, in the
// comment of its case, so that redaction, correction and erasure need to look
// nowhere else; here is the number, sealed under the person's key. Package
// thread writes texts and sends them; this one sends nothing.
package text

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
	"sotto/job"
	"sotto/keyring"
	"sotto/person"
)

//go:embed text.sql
var statements string

// JobSend is the job that sends one text, by its number.
const JobSend = "text.send"

// Kind is why there is a text, a word of a closed list.
type Kind string

// The kinds. Confirmation, Back and Missed are the desk's own.
const (
	Inbound      Kind = "inbound"      // the person wrote it
	Reply        Kind = "reply"        // an agent wrote it
	Confirmation Kind = "confirmation" // answers who wants no more texts, or wants them again
	Back         Kind = "text-back"    // a caller chose it in a menu
	Missed       Kind = "missed-call"  // nobody took the call
)

// State is how far a text has come.
type State string

// The states. The last three are final, and so is Received.
const (
	Received  State = "received"
	Queued    State = "queued"
	Sending   State = "sending"   // the carrier is being asked
	Sent      State = "sent"      // the carrier has it (RFC 3428 7, status 202)
	Delivered State = "delivered" // the party has it (RFC 3428 7, status 200)
	Failed    State = "failed"
)

// Reason is why a text failed, a word of a closed list; its words are in
// package locales under "text.failed." and the reason.
type Reason string

// The reasons.
const (
	Stopped     Reason = "stopped"     // the person wants no texts
	NotAllowed  Reason = "not-allowed" // the dial gate refused
	TooMany     Reason = "too-many"    // as many as a day allows were sent
	NoTrunk     Reason = "no-trunk"    // no trunk of the desk sends texts
	NoNumber    Reason = "no-number"   // the carrier does not know the number
	Refused     Reason = "refused"     // the carrier or the party refused it
	Unreachable Reason = "unreachable" // nobody took it, in six attempts
	Uncertain   Reason = "uncertain"   // it was sent and nobody answered: it may have arrived
)

// Reasons returns every reason.
func Reasons() []Reason {
	return []Reason{Stopped, NotAllowed, TooMany, NoTrunk, NoNumber, Refused, Unreachable, Uncertain}
}

// Words is the key of the reason's words in package locales.
func (r Reason) Words() string { return "text.failed." + string(r) }

// Text is one text, opened. Its words are those of Comment.
type Text struct {
	ID        sotto.TextID
	Line      sotto.LineID
	Person    sotto.PersonID
	Ticket    sotto.TicketID
	Comment   sotto.CommentID
	Agent     sotto.PersonID // who wrote it; 0 for the person, the desk and the operator
	Call      sotto.CallID   // the call it answers; 0 for none
	Kind      Kind
	State     State
	Reason    Reason // "" unless State is Failed
	Attempts  int
	Number    string // the other side's, E.164
	CreatedAt time.Time
	EndedAt   time.Time // zero while it is under way
}

// Inbound reports whether the person wrote it.
func (t Text) Inbound() bool { return t.Kind == Inbound }

// Automatic reports whether the desk wrote it by itself.
func (k Kind) Automatic() bool { return k == Confirmation || k == Back || k == Missed }

// Config is what the texts stand on. All fields are needed.
type Config struct {
	DB     *db.DB
	Ring   *keyring.Ring
	People *person.People
	Audit  *audit.Log
	Jobs   *job.Jobs
}

// Texts are the desk's texts. Its methods may be called from any goroutine.
type Texts struct {
	Config
	q db.Queries
}

// New returns the texts of a desk.
func New(cfg Config) *Texts { return &Texts{Config: cfg, q: db.Parse(statements)} }

// Draft is a text to keep: what Text says of the same names. Seen is the
// carrier's own name for an inbound one.
type Draft struct {
	Line    sotto.LineID
	Person  sotto.PersonID
	Ticket  sotto.TicketID
	Comment sotto.CommentID
	Agent   sotto.PersonID
	Call    sotto.CallID
	Kind    Kind
	Number  string
	Seen    string
}

// mostAutomatic is how many texts of its own the desk writes to one person in
// a day: somebody else's machine may be answering.
const mostAutomatic = 6

// Quiet reports whether the desk must not write to a person by itself: the
// person wants no texts, or has had enough of them in the last day.
func (tt *Texts) Quiet(tx *db.Tx, id sotto.PersonID, number string) (bool, error) {
	may, err := tt.People.MayContact(tx, person.Phone, number, person.Texts)
	if err != nil || !may {
		return true, err
	}
	return tt.Enough(tx, id)
}

// Enough reports whether a person has had as many texts of the desk's own in
// the last day as anybody gets.
func (tt *Texts) Enough(tx *db.Tx, id sotto.PersonID) (bool, error) {
	n, err := db.One(tx, db.Int, tt.q["Automatic"], int64(id), db.Millis(tx.Now.Add(-24*time.Hour)))
	return n >= mostAutomatic, err
}

// Add keeps a text. One that goes out is queued, and a job sends it; when the
// person wants no texts it fails at once. The person is held (person.Live) by
// the caller of the transaction.
func (tt *Texts) Add(tx *db.Tx, d Draft) (t Text, err error) {
	defer sotto.Wrap(&err, "text.Add(ticket %d)", d.Ticket)
	t = Text{
		ID: sotto.TextID(tx.NewID()), Line: d.Line, Person: d.Person, Ticket: d.Ticket, Comment: d.Comment, Agent: d.Agent, Call: d.Call,
		Kind: d.Kind, State: Queued, Number: d.Number, CreatedAt: tx.Now,
	}
	if d.Kind == Inbound {
		t.State, t.EndedAt = Received, tx.Now
	} else if d.Kind != Confirmation {
		may, err := tt.People.MayContact(tx, person.Phone, d.Number, person.Texts)
		if err != nil {
			return t, err
		}
		if !may {
			t.State, t.Reason, t.EndedAt = Failed, Stopped, tx.Now
		}
	}
	if err := tt.insert(tx, t, d.Seen); err != nil || t.State != Queued {
		return t, err
	}
	return t, tt.Jobs.Enqueue(tx, JobSend, int64(t.ID), tx.Now)
}

func (tt *Texts) insert(tx *db.Tx, t Text, seen string) error {
	key, err := db.One(tx, db.Int, tt.q["PersonKey"], int64(t.Person))
	if errors.Is(err, db.ErrNone) {
		return sotto.Fail(sotto.Gone, "This person is being erased or was erased; nothing more is written about them.")
	}
	if err != nil {
		return err
	}
	number, err := tt.Ring.SealText(sotto.KeyID(key), catalogue.TextNumber, int64(t.ID), t.Number)
	if err != nil {
		return err
	}
	var hash any
	if seen != "" {
		hash = tt.hash(seen)
	}
	_, err = tx.Exec(tt.q["Insert"], int64(t.ID), int64(t.Line), int64(t.Person), int64(t.Ticket), int64(t.Comment), db.OrNull(t.Agent),
		db.OrNull(t.Call), string(t.Kind), string(t.State), string(t.Reason), number, hash, db.Millis(t.CreatedAt), db.MillisOrNull(t.EndedAt))
	return err
}

func (tt *Texts) hash(seen string) []byte { return tt.Ring.Hash(catalogue.TextIndex, seen) }

// Seen reports whether a text of that name was kept already. Until the
// transaction ends nobody else keeps one.
func (tt *Texts) Seen(tx *db.Tx, name string) (bool, error) {
	if name == "" {
		return false, nil
	}
	if err := tx.Lock("text " + name); err != nil {
		return false, err
	}
	return tx.Has(tt.q["Seen"], tt.hash(name))
}

// Answered reports whether a call was answered by a text. Until the
// transaction ends nobody else answers one.
func (tt *Texts) Answered(tx *db.Tx, call sotto.CallID) (bool, error) {
	if err := tx.Lock("text back"); err != nil {
		return false, err
	}
	return tx.Has(tt.q["Answered"], int64(call))
}

// Thread returns the case of the last text between a person and a line; 0 for
// none. It may be solved, closed or deleted.
func (tt *Texts) Thread(tx *db.Tx, id sotto.PersonID, line sotto.LineID) (sotto.TicketID, error) {
	t, err := db.One(tx, db.Int, tt.q["Thread"], int64(id), int64(line))
	if errors.Is(err, db.ErrNone) {
		return 0, nil
	}
	return sotto.TicketID(t), err
}

// Last returns the newest text of a case; NotFound when it has none.
func (tt *Texts) Last(tx *db.Tx, id sotto.TicketID) (Text, error) {
	return tt.one(tx, "LastOfTicket", int64(id))
}

// OfComment returns the text whose words a comment holds; NotFound for none.
func (tt *Texts) OfComment(tx *db.Tx, id sotto.CommentID) (Text, error) {
	return tt.one(tx, "OfComment", int64(id))
}

// Get returns one text, without asking who looks.
func (tt *Texts) Get(ctx context.Context, id sotto.TextID) (t Text, err error) {
	defer sotto.Wrap(&err, "text.Get(%d)", id)
	err = tt.DB.Read(ctx, func(tx *db.Tx) error {
		t, err = tt.one(tx, "Get", int64(id))
		return err
	})
	return t, err
}

func (tt *Texts) one(tx *db.Tx, query string, args ...any) (Text, error) {
	t, err := db.One(tx, tt.scan, tt.q[query], args...)
	if errors.Is(err, db.ErrNone) {
		return t, sotto.Fail(sotto.NotFound, "There is no such text.")
	}
	return t, err
}

func (tt *Texts) scan(s db.Scanner) (t Text, err error) {
	var agent *sotto.PersonID
	var call *sotto.CallID
	var number keyring.Sealed
	var attempts, created int64
	var ended *int64
	if err := s.Scan((*int64)(&t.ID), (*int64)(&t.Line), (*int64)(&t.Person), (*int64)(&t.Ticket), (*int64)(&t.Comment), &agent, &call,
		(*string)(&t.Kind), (*string)(&t.State), (*string)(&t.Reason), &attempts, &number, &created, &ended); err != nil {
		return t, err
	}
	t.Agent, t.Call, t.Attempts = db.Value(agent), db.Value(call), int(attempts)
	t.CreatedAt, t.EndedAt = db.Time(created), db.TimeOrZero(ended)
	t.Number, err = tt.Ring.OpenText(number, catalogue.TextNumber, int64(t.ID))
	return t, err
}
