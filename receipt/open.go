package receipt

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"sotto"
)

// Open opens a log. It reads all of it and refuses one whose records are not
// those that were signed. What a crash left behind the last signed record is
// repaired, see Recovered. Without MustExist a log that never was is created.
func Open(cfg Config) (_ *Log, err error) {
	defer sotto.Wrap(&err, "receipt.Open")
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if !cfg.MustExist && !exists(cfg.KeyFile) {
		return Create(cfg)
	}
	l := &Log{disk: disk{cfg.around}, dir: cfg.Dir, clock: cfg.Clock,
		turn: make(chan struct{}, 1), dead: map[[32]byte]Tombstone{}, died: map[sotto.PersonID]bool{}}
	if !exists(l.path(logFile)) || !exists(l.path(checkpointFile)) {
		return nil, sotto.Fail(sotto.NotFound, "The receipt log is missing. Bring its folder back from where it is kept; without it the desk does not know who was erased.")
	}
	if l.signer, l.key, err = readKey(cfg.KeyFile); err != nil {
		return nil, err
	}
	if cfg.Origin != "" && cfg.Origin != l.signer.Name() {
		return nil, sotto.FailField("Origin", "The signing key belongs to a receipt log of another name.")
	}
	if err := l.load(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (cfg Config) check() error {
	switch {
	case cfg.Dir == "":
		return sotto.FailField("Dir", "The receipt log needs a folder.")
	case cfg.KeyFile == "":
		return sotto.FailField("KeyFile", "The receipt log needs a path for its signing key.")
	case cfg.Clock == nil:
		return sotto.FailField("Clock", "The receipt log needs a clock.")
	}
	inside, err := filepath.Rel(cfg.Dir, cfg.KeyFile)
	if err == nil && inside != ".." && !strings.HasPrefix(inside, ".."+string(filepath.Separator)) {
		return sotto.FailField("KeyFile", "The signing key must not lie in the folder of the receipt log.")
	}
	return nil
}

func (l *Log) path(name string) string { return filepath.Join(l.dir, name) }

// exists reports whether something is at path, or might be.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// load reads the three files, compares them and repairs the tail.
func (l *Log) load() error {
	var err error
	if l.file, err = os.OpenFile(l.path(logFile), os.O_RDWR, 0); err != nil {
		return err
	}
	if err := lock(l.file); err != nil {
		return sotto.FailCause(sotto.Conflict, "Another process has the receipt log open. Stop it first.", err)
	}
	signed, err := l.readHead()
	if err != nil {
		return err
	}
	if err := l.readLeaves(signed.Size); err != nil {
		return err
	}
	root, err := tlog.TreeHash(signed.Size, l.head.tree)
	if err != nil {
		return err
	}
	if root != signed.Root {
		return damaged("The receipt log was changed: its records are not the ones that were signed.", nil)
	}
	return l.repair(signed.Size)
}

// readHead reads verifier and checkpoint.
func (l *Log) readHead() (Head, error) {
	key, err := os.ReadFile(l.path(verifierFile))
	if err != nil || string(key) != l.key+"\n" {
		return Head{}, damaged("The file verifier of the receipt log is not that of the signing key.", err)
	}
	msg, err := os.ReadFile(l.path(checkpointFile))
	if err != nil {
		return Head{}, err
	}
	signed, err := openCheckpoint(msg, l.key, l.key)
	if err != nil {
		return Head{}, damaged("The checkpoint of the receipt log was changed, or is of another log.", err)
	}
	l.head.checkpoint = msg
	return signed, nil
}

// readLeaves reads every whole leaf into the tree. Up to the signed size a
// leaf that is not whole is damage; behind it, it is where the log ends.
func (l *Log) readLeaves(signed int64) error {
	r := bufio.NewReaderSize(l.file, maxLeaf+1)
	t := &l.head.tree
	for {
		line, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		var record Record
		if err == nil {
			line = line[:len(line)-1]
			record, err = DecodeRecord(line)
		}
		if err == nil && int64(record.No) != t.size() {
			err = sotto.Fail(sotto.Invalid, "The record has a wrong number.")
		}
		if err != nil && t.size() < signed {
			return damaged("The receipt log is torn: a record that was signed is missing or damaged. Bring the folder back from where it is kept.", err)
		}
		if err != nil {
			return nil
		}
		if err := t.add(line); err != nil {
			return err
		}
		l.remember(record)
	}
}

// repair cuts what is not whole behind the last whole leaf and signs whole
// leaves that a crash kept from being signed.
func (l *Log) repair(signed int64) (err error) {
	t := l.head.tree
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	l.recovered = Recovery{Signed: t.size() - signed, Cut: info.Size() - t.end}
	if l.recovered.Cut > 0 {
		if err := l.disk.do("cut", func() error { return l.file.Truncate(t.end) }); err != nil {
			return err
		}
	}
	if l.recovered.Signed > 0 {
		if err := l.disk.do("write log", func() error { return l.rewrite(t.starts[signed], t.end) }); err != nil {
			return err
		}
	}
	if l.recovered != (Recovery{}) {
		if err := l.disk.do("sync log", l.file.Sync); err != nil {
			return err
		}
	}
	next, err := l.sign(t)
	if err != nil {
		return err
	}
	if l.recovered.Signed == 0 {
		next.checkpoint = l.head.checkpoint
		l.head = next
		return nil
	}
	l.head = next
	return l.disk.replace(l.path(checkpointFile), next.checkpoint)
}

// rewrite writes what the log file holds from start to end to the same place.
// After a failed sync the kernel may hold bytes it takes for written; only
// bytes written again are sure to reach the disk with the next sync.
func (l *Log) rewrite(start, end int64) error {
	part := make([]byte, maxLeaf)
	for start < end {
		part = part[:min(int64(len(part)), end-start)]
		if _, err := l.file.ReadAt(part, start); err != nil {
			return err
		}
		if _, err := l.file.WriteAt(part, start); err != nil {
			return err
		}
		start += int64(len(part))
	}
	return nil
}

func damaged(say string, cause error) error { return sotto.FailCause(sotto.Conflict, say, cause) }
