package desk

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sotto"
	"sotto/db"
	"sotto/receipt"
)

// manifestName is the file of a backup that says what it is of.
const manifestName = "backup.json"

// manifest says when a backup was taken: the length and root of the signed
// log are what a restore replays from.
type manifest struct {
	Version  int       `json:"version"`
	At       time.Time `json:"at"`
	Receipts int64     `json:"receipts"`
	Root     string    `json:"root"`
	Key      string    `json:"key"`  // the log's public key
	Rows     string    `json:"rows"` // "sqlite": a file beside this one; "postgres": copied by the operator
}

// Backed is what Backup copied.
type Backed struct {
	Files    int64
	Bytes    int64
	Receipts int64
	Rows     bool // the rows are in it; on PostgreSQL the operator copies them with pg_dump
}

// Backup copies the rows and files into a new folder, and the keys into
// another one if keys is not "". The receipts are not copied: a restore needs
// today's, and an old copy would hide what was erased since.
func (d *Desk) Backup(ctx context.Context, to, keys string) (b Backed, err error) {
	defer sotto.Wrap(&err, "desk.Backup")
	if err := newFolder(to); err != nil {
		return b, err
	}
	// The log's head is read first: what is erased while the copy is made is
	// erased again by the restore.
	size, root := d.Receipts.Head()
	m := manifest{Version: 1, At: d.DB.Now(), Receipts: size, Root: hex.EncodeToString(root[:]), Key: d.Receipts.Key(), Rows: string(d.DB.Dialect())}
	if b.Rows = d.DB.Dialect() == db.SQLite; b.Rows {
		if err := d.DB.Snapshot(ctx, filepath.Join(to, "sotto.db")); err != nil {
			return b, err
		}
	}
	if err := copyTree(d.cfg.BlobsDir(), filepath.Join(to, "blobs"), &b); err != nil {
		return b, err
	}
	if keys != "" {
		if err := newFolder(keys); err != nil {
			return b, err
		}
		// The ring copies itself: while it is copied as files, a rotation may
		// put a file under a key that the copy does not have.
		if err := d.Ring.Copy(keys); err != nil {
			return b, err
		}
		if err := copyFile(d.cfg.receipts().KeyFile, filepath.Join(keys, receiptKey), &b); err != nil {
			return b, err
		}
	}
	b.Receipts = size
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return b, err
	}
	return b, writeFile(filepath.Join(to, manifestName), raw)
}

// Sources are the three parts of a restore.
type Sources struct {
	Data     string // what Backup wrote
	Keys     string // the folder of keys
	Receipts string // today's folder of receipts
}

// Restored is what a restore did.
type Restored struct {
	From  int64 // the receipt the backup was taken at
	Again int   // erasures and deletions done again
}

// Restore makes a new desk in cfg's folders from a backup and erases again
// everybody who was erased since, before anything answers. It refuses when the
// signed log is missing, is another desk's, or is older than the backup:
// without it nobody knows who must stay forgotten.
func Restore(ctx context.Context, cfg Config, src Sources) (r Restored, err error) {
	defer sotto.Wrap(&err, "desk.Restore")
	m, err := readManifest(src)
	if err != nil {
		return r, err
	}
	if err := cfg.fill(); err != nil {
		return r, err
	}
	if (cfg.DatabaseURL == "") != (m.Rows == string(db.SQLite)) {
		return r, sotto.Fail(sotto.Conflict, "The backup's rows are of the other kind of database: restore SQLite to SQLite, PostgreSQL (with pg_restore, first) to PostgreSQL.")
	}
	if _, err := os.Stat(cfg.DatabasePath()); err == nil {
		return r, sotto.Fail(sotto.Conflict, "There is a desk in the data folder already. Name a new folder with --data.")
	}
	if err := newFolder(cfg.Data); err != nil {
		return r, err
	}
	d, err := openCopy(ctx, cfg, src, m)
	if err != nil {
		return r, err
	}
	r.From = m.Receipts
	if err = d.noteRestore(ctx, m.Receipts); err == nil {
		r.Again, err = d.Eraser.Replay(ctx, sotto.ReceiptNo(m.Receipts))
		d.caught = err == nil
	}
	return r, errors.Join(err, d.Close())
}

// noteRestore writes into the signed log that an older audit log is in force
// from here on, and which: what was anchored by the receipt from and later is gone
// with the desk that was replaced.
func (d *Desk) noteRestore(ctx context.Context, from int64) error {
	rec := receipt.Record{Kind: receipt.Restore}
	if from > 0 {
		rec.Thing, rec.ThingID = "receipt", from
	}
	err := d.DB.Read(ctx, func(tx *db.Tx) (err error) {
		rec.AuditSize, rec.AuditHead, err = d.Audit.Head(tx)
		return err
	})
	if err == nil {
		_, err = d.Receipts.Append(ctx, rec)
	}
	return err
}

// openCopy copies the parts of a backup into the new data folder and opens the
// desk. When that fails the folder is empty again: it can be tried once more.
func openCopy(ctx context.Context, cfg Config, src Sources, m manifest) (d *Desk, err error) {
	if err = copyProof(cfg, src, m); err == nil {
		err = copyData(cfg, src)
	}
	if err == nil {
		d, err = open(ctx, cfg)
	}
	if err == nil {
		if err = d.keysFit(ctx); err != nil {
			err = errors.Join(err, d.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, empty(cfg.Data))
	}
	return d, nil
}

// keysFit refuses keys that are not those the rows are sealed under: a ring of
// another desk, or one that was restored itself since and went another way. It
// opens the people whose keys are the youngest: those differ first.
func (d *Desk) keysFit(ctx context.Context) error {
	return d.DB.Read(ctx, func(tx *db.Tx) error {
		youngest, err := db.All(tx, db.Int, "SELECT id FROM person WHERE key_id IS NOT NULL AND frozen_at IS NULL ORDER BY key_id DESC LIMIT 100")
		for _, id := range youngest {
			if err == nil {
				_, err = d.People.Load(tx, sotto.PersonID(id))
			}
			if err != nil && sotto.KindOf(err) == sotto.Gone {
				err = nil // erased since
			}
		}
		if err != nil {
			return sotto.FailCause(sotto.Conflict, "These keys do not belong to this backup: name the copy of the keys that was taken with it. Nothing is restored.", err)
		}
		return nil
	})
}

func empty(dir string) error {
	found, err := os.ReadDir(dir)
	for _, f := range found {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, f.Name())))
	}
	return err
}

func readManifest(src Sources) (m manifest, err error) {
	raw, err := os.ReadFile(filepath.Join(src.Data, manifestName))
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err != nil {
		return m, sotto.FailCause(sotto.Invalid, "This folder is not a whole backup.", err)
	}
	return m, nil
}

// copyProof copies the receipts with the key that signs them, and refuses
// receipts that do not hold everything that was erased since the backup. A
// record that a crash kept from being signed counts: it may be somebody's
// erasure.
func copyProof(cfg Config, src Sources, m manifest) error {
	var b Backed
	err := copyInto(src.Receipts, cfg.ReceiptsDir(), &b)
	if err == nil && absOr(src.Keys) != absOr(cfg.KeysDir()) {
		if err = os.MkdirAll(cfg.KeysDir(), 0o700); err == nil {
			err = copyFile(filepath.Join(src.Keys, receiptKey), filepath.Join(cfg.KeysDir(), receiptKey), &b)
		}
	}
	if err != nil {
		return sotto.FailCause(sotto.Conflict, "The receipts are not there. Without them nobody knows who was erased since the backup; nothing is restored.", err)
	}
	log, err := receipt.Open(cfg.receipts())
	if err == nil {
		if err = log.Extends(m.Receipts, m.root()); err == nil && log.Key() != m.Key {
			err = errors.New("another key")
		}
		err = errors.Join(err, log.Close())
	}
	if err != nil {
		return sotto.FailCause(sotto.Conflict, "The receipts are missing, damaged, another desk's or older than the backup. Without them nobody knows who was erased since the backup; nothing is restored.", err)
	}
	return nil
}

// root is the root of the log when the backup was taken.
func (m manifest) root() (root [32]byte) {
	raw, err := hex.DecodeString(m.Root)
	if err == nil && len(raw) == len(root) {
		copy(root[:], raw)
	}
	return root // no log has the zero root
}

// copyData copies the files, then the keys, and last and at once the rows: a
// folder that a crash left half copied does not open.
func copyData(cfg Config, src Sources) error {
	var b Backed
	if err := copyInto(filepath.Join(src.Data, "blobs"), cfg.BlobsDir(), &b); err != nil {
		return err
	}
	if absOr(src.Keys) != absOr(cfg.KeysDir()) {
		if err := os.Remove(filepath.Join(cfg.KeysDir(), receiptKey)); err != nil {
			return err
		}
	}
	if err := copyInto(src.Keys, cfg.KeysDir(), &b); err != nil {
		return err
	}
	if cfg.DatabaseURL != "" {
		return nil // the operator has restored the rows already
	}
	part := cfg.DatabasePath() + ".part"
	if err := copyFile(filepath.Join(src.Data, "sotto.db"), part, &b); err != nil {
		return err
	}
	return os.Rename(part, cfg.DatabasePath())
}

// copyInto copies a folder, unless it is the very one.
func copyInto(from, to string, b *Backed) error {
	if absOr(from) == absOr(to) {
		return nil // today's own folder
	}
	return copyTree(from, to, b)
}

func absOr(path string) string {
	if a, err := filepath.Abs(path); err == nil {
		return a
	}
	return path
}

// newFolder makes a folder that must not hold anything yet.
func newFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	found, err := os.ReadDir(dir)
	if err == nil && len(found) > 0 {
		return sotto.Fail(sotto.Conflict, "The folder is not empty. Name a new one.")
	}
	return err
}

func copyTree(from, to string, b *Backed) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != from {
			return nil // removed while we walk
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		if !e.Type().IsRegular() {
			return nil
		}
		return copyFile(path, filepath.Join(to, rel), b)
	})
}

func copyFile(from, to string, b *Backed) error {
	src, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return errors.Join(err, src.Close())
	}
	n, err := io.Copy(dst, src)
	b.Files++
	b.Bytes += n
	return errors.Join(err, src.Close(), dst.Sync(), dst.Close())
}

func writeFile(path string, raw []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	return errors.Join(err, f.Sync(), f.Close())
}

// rememberHead stores how long the signed log is, so that a log that was put
// back by hand is noticed at the next start.
func (d *Desk) rememberHead(ctx context.Context) error {
	size, root := d.Receipts.Head()
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		return errors.Join(tx.Remember(db.ReceiptSize, fmt.Sprint(size)), tx.Remember(db.ReceiptRoot, hex.EncodeToString(root[:])))
	})
}

// knownHead returns how long the signed log was when the database last looked,
// and its root then; 0 when it never did.
func (d *Desk) knownHead(ctx context.Context) (size int64, root [32]byte, err error) {
	err = d.DB.Read(ctx, func(tx *db.Tx) error {
		text, err := tx.Known(db.ReceiptSize)
		if err != nil || text == "" {
			return err
		}
		if _, err := fmt.Sscan(text, &size); err != nil {
			return err
		}
		if text, err = tx.Known(db.ReceiptRoot); err != nil {
			return err
		}
		raw, err := hex.DecodeString(text)
		if err == nil && len(raw) == len(root) {
			copy(root[:], raw)
		}
		return err
	})
	return size, root, err
}

// checkHead refuses a signed log that is shorter than, or different from, the
// one the database knows.
func (d *Desk) checkHead(ctx context.Context) error {
	size, root, err := d.knownHead(ctx)
	if err != nil || size == 0 {
		return err
	}
	if err := d.Receipts.Extends(size, root); err != nil {
		return sotto.FailCause(sotto.Conflict, "The receipts are older than the database or were changed. Put today's receipts back; without them nobody knows who was erased.", err)
	}
	return nil
}

// catchUp erases again what the signed log has and the database does not: a
// copy of the database that was put back by hand, or a restore that was cut
// off. After it the database knows the log as it is.
func (d *Desk) catchUp(ctx context.Context) error {
	size, _, err := d.knownHead(ctx)
	if now, _ := d.Receipts.Head(); err != nil || now == size {
		d.caught = err == nil
		return err
	}
	if err := d.noteIfOlder(ctx, sotto.ReceiptNo(size)); err != nil {
		return err
	}
	n, err := d.Eraser.CatchUp(ctx, sotto.ReceiptNo(size))
	if err != nil {
		return err
	}
	if n > 0 {
		d.log.Warn("the database was older than the receipts: what was erased since was erased again", "count", n)
	}
	d.caught = true
	return d.rememberHead(ctx)
}

// noteIfOlder writes into the signed log that an older database is in force,
// when a record since then anchors what its audit log does not have: more
// entries, or others.
func (d *Desk) noteIfOlder(ctx context.Context, since sotto.ReceiptNo) error {
	for rec, err := range d.Receipts.Since(since) {
		if err != nil {
			return err
		}
		if rec.AuditSize == 0 {
			continue
		}
		if err := d.Audit.VerifyAnchor(ctx, rec.AuditSize, rec.AuditHead); sotto.KindOf(err) == sotto.Conflict {
			return d.noteRestore(ctx, int64(since))
		} else if err != nil {
			return err
		}
	}
	return nil
}
