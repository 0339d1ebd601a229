package receipt

import (
	"context"
	"errors"
	"slices"

	"sotto"
)

// How much one write takes; the rest waits for the next.
const (
	maxBatch      = 1024
	maxBatchBytes = 8 << 20
)

// entry is one record on its way into the log. done is closed once receipt
// and err are set.
type entry struct {
	record  Record // a copy that the caller cannot change
	length  int
	done    chan struct{}
	receipt Receipt
	err     error
}

func (e *entry) settle(err error) {
	if e.err == nil {
		e.err = err
	}
	close(e.done)
}

// Append writes r as the next record and returns its receipt. r.No must be 0,
// a zero r.At becomes now. When Append returns without error the record is
// signed and on the disk. Appends that wait at the same time are written and
// synced together.
//
// An Invalid error, or that of ctx, means that nothing was written. Once the
// record is being written ctx no longer counts. After an Internal error the
// record may or may not be there: the log has stopped, see Err.
func (l *Log) Append(ctx context.Context, r Record) (_ Receipt, err error) {
	defer sotto.Wrap(&err, "receipt.Append(request %d)", r.Request)
	e, err := l.enqueue(ctx, r)
	if err != nil {
		return Receipt{}, err
	}
	for {
		select {
		case <-e.done:
			return e.receipt, e.err
		case l.turn <- struct{}{}:
			l.commit()
		case <-ctx.Done():
			if l.withdraw(e) {
				return Receipt{}, ctx.Err()
			}
			<-e.done
			return e.receipt, e.err
		}
	}
}

// enqueue checks r and puts it behind the others that wait.
func (l *Log) enqueue(ctx context.Context, r Record) (*entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.No != 0 {
		return nil, sotto.FailField("No", "The log numbers its records itself; leave the number out.")
	}
	if r.At.IsZero() {
		r.At = l.clock()
	}
	b, err := r.encode()
	if err != nil {
		return nil, err
	}
	e := &entry{length: len(b), done: make(chan struct{})}
	if e.record, err = DecodeRecord(b); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped != nil {
		return nil, l.stopped
	}
	l.pending = append(l.pending, e)
	return e, nil
}

// withdraw takes e back, unless somebody is writing it or has written it.
func (l *Log) withdraw(e *entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.pending, e)
	if i >= 0 {
		l.pending = slices.Delete(l.pending, i, i+1)
	}
	return i >= 0
}

// take removes the next batch from those that wait.
func (l *Log) take() []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, length := 0, 0
	for n < len(l.pending) && n < maxBatch && (n == 0 || length+l.pending[n].length <= maxBatchBytes) {
		length += l.pending[n].length
		n++
	}
	batch := slices.Clone(l.pending[:n])
	l.pending = slices.Delete(l.pending, 0, n)
	return batch
}

// commit writes the next batch. The caller has the turn; commit gives it back.
// Whatever happens, each entry of the batch is settled.
func (l *Log) commit() {
	defer func() { <-l.turn }()
	batch := l.take()
	if len(batch) == 0 {
		return
	}
	err := errors.New("writing panicked")
	defer func() {
		if err != nil {
			err = l.stop(err)
		}
		for _, e := range batch {
			e.settle(err)
		}
	}()
	if err = l.Err(); err == nil {
		err = l.write(batch)
	}
}

// write makes batch durable and signed: leaves, sync, checkpoint beside,
// sync, rename, sync. An error means that the truth on disk is unknown.
func (l *Log) write(batch []*entry) error {
	t := l.snapshot().tree
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() != t.end {
		return damaged("Another program wrote into the receipt log.", nil)
	}
	first, from := t.size(), t.end
	var leaves [][]byte
	var data []byte
	for _, e := range batch {
		e.record.No = sotto.ReceiptNo(t.size())
		leaf, err := e.record.encode()
		if err != nil {
			e.err = err // its number made it too long; the others go on
			continue
		}
		if err := t.add(leaf); err != nil {
			return err
		}
		leaves = append(leaves, leaf)
		data = append(append(data, leaf...), '\n')
	}
	if len(leaves) == 0 {
		return nil
	}
	if err := l.disk.do("write log", func() error { _, err := l.file.WriteAt(data, from); return err }); err != nil {
		return err
	}
	if err := l.disk.do("sync log", l.file.Sync); err != nil {
		return err
	}
	next, err := l.sign(t)
	if err != nil {
		return err
	}
	if err := l.disk.replace(l.path(checkpointFile), next.checkpoint); err != nil {
		return err
	}
	l.publish(next, batch)
	return l.prove(next, first, leaves, batch)
}

// publish makes the new head the one that readers see.
func (l *Log) publish(next head, batch []*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.head = next
	for _, e := range batch {
		if e.err == nil {
			l.remember(e.record)
		}
	}
}

// prove gives each entry of the batch its receipt; leaves are theirs, the
// first of them has number first.
func (l *Log) prove(h head, first int64, leaves [][]byte, batch []*entry) error {
	for _, e := range batch {
		if e.err != nil {
			continue
		}
		no := int64(e.record.No)
		parts, err := l.portable(h, no, leaves[no-first])
		if err != nil {
			return err
		}
		e.receipt = Receipt{record: e.record, parts: parts}
	}
	return nil
}
