package receipt

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sotto"
)

// Config says where a log lies.
type Config struct {
	Dir     string // folder of the log, for nothing else
	KeyFile string // signing key, outside Dir, mode 0600
	Origin  string // the log's name, such as "desk.example/receipts"; Open accepts "" for whatever the key says
	Clock   sotto.Clock
	// MustExist makes Open refuse a missing log instead of making a new one.
	// Set it wherever a desk has run before.
	MustExist bool

	around func(act string, do func() error) error // see disk
}

// Log is an open receipt log. All methods may be called from any goroutine.
type Log struct {
	disk   disk
	dir    string
	clock  sotto.Clock
	signer note.Signer
	key    string // verifier key

	// turn holds one token. Who has it may write the files and extend tree.
	turn chan struct{}
	file *os.File // the log file, locked against other processes

	mu        sync.RWMutex // guards what follows
	head      head
	dead      map[[32]byte]Tombstone
	died      map[sotto.PersonID]bool // whose identities are in dead, or were
	pending   []*entry
	stopped   error // why every call now fails
	recovered Recovery
}

// head is the state the last checkpoint signed.
type head struct {
	tree       tree
	root       tlog.Hash
	checkpoint []byte
}

// Recovery says what Open did about an append that a crash cut short. Such an
// append had not returned; its caller does not know and does it again.
type Recovery struct {
	Signed int64 // whole records that had no signature yet and got one
	Cut    int64 // bytes of records that were not whole, cut off
}

// Tombstone says which record last declared an identity dead. Of the records
// about one subject it is the first: the others only repeat it, perhaps days
// later, when somebody new may be reached there.
type Tombstone struct {
	No      sotto.ReceiptNo
	Subject sotto.PersonID
}

// Key returns the log's verifier key, to be published.
func (l *Log) Key() string { return l.key }

// Head returns the number of records and the Merkle root that were signed
// last. Keep both elsewhere, with each backup, and give them to Extends.
func (l *Log) Head() (size int64, root [32]byte) {
	h := l.snapshot()
	return h.tree.size(), h.root
}

// Recovered returns what Open had to repair; the zero Recovery when nothing.
func (l *Log) Recovered() Recovery {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.recovered
}

// Err returns nil while the log works. After a write whose outcome is unknown,
// after damage was seen, and after Close, it returns the error that every
// other call returns too. Only opening the log again helps.
func (l *Log) Err() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.stopped
}

// Close waits for the append that is being written and closes the files.
// Closing twice is fine; closing a stopped log is too.
func (l *Log) Close() error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	closed := sotto.Fail(sotto.Conflict, "The receipt log is closed.")
	l.mu.Lock()
	if l.stopped == nil {
		l.stopped = closed
	}
	left := l.pending
	l.pending = nil
	l.mu.Unlock()
	for _, e := range left {
		e.settle(closed)
	}
	if l.file == nil {
		return nil
	}
	if err := l.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

func (l *Log) snapshot() head {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.head
}

// stop makes every later call fail, because the truth is no longer known, and
// returns the error they get. The first reason wins.
func (l *Log) stop(cause error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped == nil {
		l.stopped = sotto.FailCause(sotto.Internal, "The receipt log stopped, because it is not known what is on the disk. Start the desk again; it finds out.", cause)
	}
	return l.stopped
}

// sign returns the signed checkpoint of t and its root.
// C2SP tlog-checkpoint: origin, size, root, one per line.
func (l *Log) sign(t tree) (head, error) {
	root, err := tlog.TreeHash(t.size(), t)
	if err != nil {
		return head{}, err
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", l.signer.Name(), t.size(), root)
	msg, err := note.Sign(&note.Note{Text: text}, l.signer)
	return head{tree: t, root: root, checkpoint: msg}, err
}

// remember takes in what r says about the dead. l.mu is held, or nobody else
// knows l yet.
func (l *Log) remember(r Record) {
	if len(r.Tombstones) == 0 {
		return
	}
	again := l.died[r.Subject]
	l.died[r.Subject] = true
	for _, mac := range r.Tombstones {
		if _, known := l.dead[[32]byte(mac)]; !known || !again {
			l.dead[[32]byte(mac)] = Tombstone{No: r.No, Subject: r.Subject}
		}
	}
}
