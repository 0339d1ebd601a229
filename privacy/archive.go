package privacy

import (
	"context"
	"errors"
	"io"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
)

// JobExport is the job that writes a requested archive; its handler is
// Rights.RunExport.
const JobExport = "export"

// Archive is one archive made for a person and not yet expired.
type Archive struct {
	ID        int64
	Person    sotto.PersonID
	State     string // waiting or ready
	CreatedAt time.Time
	ExpiresAt time.Time
	Size      int64 // bytes as they are stored
}

// RequestExport asks for an archive to be made in the background and returns
// its number. The archive is sealed under the person's key: it dies with it.
func (r *Rights) RequestExport(ctx context.Context, actor sotto.Actor, id sotto.PersonID) (no int64, err error) {
	defer sotto.Wrap(&err, "privacy.RequestExport(%d)", id)
	if !actor.IsAdmin() && actor.Person != id {
		return 0, errOnlyAdmin()
	}
	err = r.c.DB.Write(ctx, func(tx *db.Tx) error {
		if err := r.c.People.Live(tx, id); err != nil {
			return err
		}
		no = tx.NewID()
		if _, err := tx.Exec(r.q["InsertExport"], no, int64(id), db.OrNull(actor.Person),
			db.Millis(tx.Now), db.Millis(tx.Now.Add(keepExport))); err != nil {
			return err
		}
		if err := r.c.Audit.Add(tx, actor, audit.Entry{Action: audit.Export, Source: audit.Exported, SourceID: no, Person: id}); err != nil {
			return err
		}
		return r.c.Jobs.Enqueue(tx, JobExport, no, tx.Now)
	})
	return no, err
}

// RunExport writes archive no. A person erased meanwhile leaves nothing.
func (r *Rights) RunExport(ctx context.Context, no int64) (err error) {
	defer sotto.Wrap(&err, "privacy.RunExport(%d)", no)
	a, err := r.archive(ctx, no)
	if sotto.KindOf(err) == sotto.NotFound && err != nil {
		return nil
	}
	if err != nil || a.State != "waiting" {
		return err
	}
	size, err := r.writeSealed(ctx, a)
	if err != nil && sotto.KindOf(err) == sotto.Gone {
		return nil // erased meanwhile; the row and the file are erasure's
	}
	if err != nil {
		return err
	}
	return r.c.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(r.q["ExportReady"], no, size)
		if err == nil && n == 0 {
			_, err = r.c.Blobs.Delete(catalogue.PersonExport, no)
		}
		return err
	})
}

func (r *Rights) writeSealed(ctx context.Context, a Archive) (size int64, err error) {
	p, err := r.c.People.Get(ctx, a.Person)
	if err != nil {
		return 0, err
	}
	if _, err := r.c.Blobs.Delete(catalogue.PersonExport, a.ID); err != nil {
		return 0, err // what a crash left of an earlier try
	}
	f, err := r.c.Blobs.Create(catalogue.PersonExport, a.ID)
	if err != nil {
		return 0, err
	}
	w, err := r.c.Ring.NewWriter(f, catalogue.PersonExport, a.ID, p.Key)
	if err == nil {
		err = r.WriteArchive(ctx, a.Person, w)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return 0, errors.Join(err, f.Abort())
	}
	return f.Size(), f.Commit()
}

// OpenExport returns the archive's plain bytes. Each call is authorised and
// written down.
func (r *Rights) OpenExport(ctx context.Context, actor sotto.Actor, no int64) (_ io.ReadSeekCloser, a Archive, err error) {
	defer sotto.Wrap(&err, "privacy.OpenExport(%d)", no)
	if a, err = r.archive(ctx, no); err != nil {
		return nil, a, err
	}
	if !actor.IsAdmin() && actor.Person != a.Person {
		return nil, a, sotto.Fail(sotto.NotFound, "There is no such export.")
	}
	if a.State != "ready" {
		return nil, a, sotto.Fail(sotto.Conflict, "The export is not ready yet. Ask again in a moment.")
	}
	src, err := r.c.Blobs.Open(catalogue.PersonExport, no)
	if err != nil {
		return nil, a, err
	}
	rd, err := r.c.Ring.NewReader(src, src.Size, catalogue.PersonExport, no)
	if err == nil {
		err = r.note(ctx, actor, a.Person, Export, audit.Download, -1)
	}
	if err != nil {
		return nil, a, errors.Join(err, src.Close())
	}
	return struct {
		*keyring.Reader
		io.Closer
	}{rd, src}, a, nil
}

func (r *Rights) archive(ctx context.Context, no int64) (a Archive, err error) {
	err = r.c.DB.Read(ctx, func(tx *db.Tx) error {
		a, err = db.One(tx, func(s db.Scanner) (a Archive, err error) {
			var who, created, expires int64
			err = s.Scan(&a.ID, &who, &a.State, &created, &expires, &a.Size)
			a.Person, a.CreatedAt, a.ExpiresAt = sotto.PersonID(who), db.Time(created), db.Time(expires)
			return a, err
		}, r.q["Export"], no)
		if errors.Is(err, db.ErrNone) || (err == nil && !tx.Now.Before(a.ExpiresAt)) {
			return sotto.Fail(sotto.NotFound, "There is no such export, or it has expired.")
		}
		return err
	})
	return a, err
}

// ExpireExports removes archives nobody fetched in time.
func (r *Rights) ExpireExports(ctx context.Context) (n int, err error) {
	defer sotto.Wrap(&err, "privacy.ExpireExports")
	var due []int64
	err = r.c.DB.Read(ctx, func(tx *db.Tx) error {
		due, err = db.All(tx, db.Int, r.q["ExportsDue"], db.Millis(tx.Now))
		return err
	})
	for _, id := range due {
		if err != nil {
			return n, err
		}
		if _, err = r.c.Blobs.Delete(catalogue.PersonExport, id); err != nil {
			return n, err
		}
		err = r.c.DB.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(r.q["DeleteExport"], id)
			return err
		})
		n++
	}
	return n, err
}

// Recover brings into order what a crash left: archives without a row go, and
// open requests for erasure are looked after at once. Call it before the jobs
// start.
func (r *Rights) Recover(ctx context.Context) (err error) {
	defer sotto.Wrap(&err, "privacy.Recover")
	var orphans []int64
	err = r.c.Blobs.Each(catalogue.PersonExport, func(id int64) error {
		return r.c.DB.Read(ctx, func(tx *db.Tx) error {
			has, err := tx.Has(r.q["ExportRow"], id)
			if err == nil && !has {
				orphans = append(orphans, id)
			}
			return err
		})
	})
	for _, id := range orphans {
		if err == nil {
			_, err = r.c.Blobs.Delete(catalogue.PersonExport, id)
		}
	}
	if err != nil {
		return err
	}
	return r.c.DB.Write(ctx, func(tx *db.Tx) error {
		open, err := db.All(tx, db.Int, r.q["OpenErasures"])
		for _, id := range open {
			if err == nil {
				err = r.c.Jobs.Enqueue(tx, JobRequest, id, tx.Now)
			}
		}
		return err
	})
}
