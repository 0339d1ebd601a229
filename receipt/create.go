package receipt

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"sotto"
)

// Create makes a new, empty log and its signing key, and opens it. It never
// writes over a log or a key that is there. A Create that was cut short may be
// done again: the key is written last, and without it nothing was signed.
func Create(cfg Config) (_ *Log, err error) {
	defer sotto.Wrap(&err, "receipt.Create")
	if err := cfg.check(); err != nil {
		return nil, err
	}
	private, public, err := newKey(cfg.Origin)
	if err != nil {
		return nil, err
	}
	if err := cfg.build(private, public); err != nil {
		return nil, err
	}
	cfg.MustExist = true
	return Open(cfg)
}

// build writes the files of a new log. It holds the lock of the log file, so
// that two processes cannot build at the same time.
func (cfg Config) build(private, public string) (err error) {
	l := &Log{disk: disk{cfg.around}, dir: cfg.Dir}
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	if l.signer, err = note.NewSigner(private); err != nil || strings.ContainsFunc(cfg.Origin, control) {
		return sotto.FailField("Origin", "The receipt log needs a name without blanks and plus signs, such as desk.example/receipts.")
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return err
	}
	if exists(cfg.KeyFile) {
		return sotto.Fail(sotto.Conflict, "There is a signing key already, but its receipt log is missing or is in use. Bring the log back; or, if it never held anything, remove the key by hand.")
	}
	f, err := os.OpenFile(l.path(logFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := lock(f); err != nil {
		return sotto.FailCause(sotto.Conflict, "Another process is making this receipt log.", err)
	}
	if info, err := f.Stat(); err != nil || info.Size() > 0 || exists(cfg.KeyFile) || l.signedBefore() {
		return sotto.FailCause(sotto.Conflict, "The folder holds a receipt log already. Bring its signing key back, or choose another folder.", err)
	}
	empty, err := l.sign(tree{})
	if err != nil {
		return err
	}
	if err := l.disk.replace(l.path(verifierFile), []byte(public+"\n")); err != nil {
		return err
	}
	if err := l.disk.replace(l.path(checkpointFile), empty.checkpoint); err != nil {
		return err
	}
	if err := l.disk.syncDir(filepath.Dir(filepath.Clean(cfg.Dir))); err != nil {
		return err
	}
	return l.disk.writeKey(cfg.KeyFile, private)
}

// signedBefore reports whether a checkpoint lies here that is not the one of
// an empty log.
func (l *Log) signedBefore() bool {
	if !exists(l.path(checkpointFile)) {
		return false
	}
	msg, err := os.ReadFile(l.path(checkpointFile))
	lines := strings.SplitN(string(msg), "\n", 3)
	return err != nil || len(lines) != 3 || lines[1] != "0"
}
