package receipt

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"golang.org/x/mod/sumdb/tlog"

	"sotto"
)

// Receipt returns the receipt of any record of the log, proved against the
// newest checkpoint. The same record gets another file once the log has grown;
// both are genuine.
func (l *Log) Receipt(no sotto.ReceiptNo) (_ Receipt, err error) {
	defer sotto.Wrap(&err, "receipt.Log.Receipt(%d)", no)
	if err := l.Err(); err != nil {
		return Receipt{}, err
	}
	h := l.snapshot()
	if no < 0 || int64(no) >= h.tree.size() {
		return Receipt{}, sotto.Fail(sotto.NotFound, "There is no receipt of this number.")
	}
	record, leaf, err := l.read(h.tree, int64(no))
	if err != nil {
		return Receipt{}, err
	}
	parts, err := l.portable(h, int64(no), leaf)
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{record: record, parts: parts}, nil
}

// Since returns the records from number no on, no included, in order, up to
// the last one when the loop begins: what a restore replays whose backup was
// taken when Head said size no. A log shorter than that is an error, because
// records that were there are gone. After an error the loop ends.
func (l *Log) Since(no sotto.ReceiptNo) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if err := l.Err(); err != nil {
			yield(Record{}, err)
			return
		}
		t := l.snapshot().tree
		if no < 0 || int64(no) > t.size() {
			yield(Record{}, sotto.Fail(sotto.Conflict, "The receipt log is older than the backup: records are missing. Bring the newest log back."))
			return
		}
		for i := int64(no); i < t.size(); i++ {
			record, _, err := l.read(t, i)
			if err != nil {
				yield(Record{}, fmt.Errorf("receipt.Log.Since(%d): record %d: %w", no, i, err))
				return
			}
			if !yield(record, nil) {
				return
			}
		}
	}
}

// Tombstoned reports whether mac, made as Record.Tombstones are, was declared
// dead, and by which record last. Imports and late webhooks ask before they
// write. On an error nothing may be written.
func (l *Log) Tombstoned(mac []byte) (t Tombstone, dead bool, err error) {
	if len(mac) != 32 {
		return Tombstone{}, false, sotto.FailField("mac", "A tombstone is an HMAC-SHA256 value of 32 bytes.")
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.stopped != nil {
		return Tombstone{}, false, l.stopped
	}
	t, dead = l.dead[[32]byte(mac)]
	return t, dead, nil
}

// Extends returns nil if the log still begins with the size records whose
// root was root, as Head once said. It finds out a log that was put back to
// an older state or rewritten with its own key.
func (l *Log) Extends(size int64, root [32]byte) (err error) {
	defer sotto.Wrap(&err, "receipt.Log.Extends(%d)", size)
	if err := l.Err(); err != nil {
		return err
	}
	t := l.snapshot().tree
	if size < 0 || size > t.size() {
		return damaged("The receipt log is older than it was known to be: records are missing. Bring the newest log back.", nil)
	}
	was, err := tlog.TreeHash(size, t)
	if err == nil && was != root {
		err = damaged("The receipt log is not the one that was known: its history was changed.", nil)
	}
	return err
}

// read returns record i of t from the disk, and stops the log if the bytes
// are no longer those that were signed.
func (l *Log) read(t tree, i int64) (Record, []byte, error) {
	if err := l.Err(); err != nil {
		return Record{}, nil, err
	}
	start, end := t.span(i)
	leaf := make([]byte, end-start)
	_, err := l.file.ReadAt(leaf, start)
	if errors.Is(err, os.ErrClosed) {
		return Record{}, nil, l.stop(err)
	}
	if errors.Is(err, io.EOF) {
		return Record{}, nil, l.stop(damaged("The receipt log was cut on the disk while the desk was running.", err))
	}
	if err != nil {
		return Record{}, nil, sotto.FailCause(sotto.Internal, "The receipt log cannot be read.", err)
	}
	newline := leaf[len(leaf)-1]
	leaf = leaf[:len(leaf)-1]
	if newline != '\n' || tlog.RecordHash(leaf) != t.leafHash(i) {
		return Record{}, nil, l.stop(damaged("The receipt log was changed on the disk while the desk was running.", nil))
	}
	record, err := DecodeRecord(leaf)
	return record, leaf, err
}

// portable returns the parts of the receipt of leaf no, proved against h.
func (l *Log) portable(h head, no int64, leaf []byte) (portable, error) {
	proof, err := tlog.ProveRecord(h.tree.size(), no, h.tree)
	return portable{key: l.key, leaf: leaf, index: no, proof: proof, checkpoint: h.checkpoint}, err
}
