package privacy

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
	"sotto/receipt"
)

// FormatVersion is the version of the archive's data.json. It grows when a
// field changes its meaning, never for a new field.
const FormatVersion = 1

// keepExport is how long an archive waits to be fetched.
const keepExport = 3 * 24 * time.Hour

// Export writes the archive of everything held about a person to w and notes
// that it was handed over (GDPR 15(3), 20). The archive is a zip of an index
// for people (index.html), the data for machines (data.json, one list for each
// kind of thing), the person's own voice (audio/) and files (attachments/).
func (r *Rights) Export(ctx context.Context, actor sotto.Actor, id sotto.PersonID, w io.Writer) (no sotto.ReceiptNo, err error) {
	defer sotto.Wrap(&err, "privacy.Export(%d)", id)
	if !actor.IsAdmin() && actor.Person != id {
		return 0, errOnlyAdmin()
	}
	if err := r.WriteArchive(ctx, id, w); err != nil {
		return 0, err
	}
	got, err := r.c.Receipts.Append(ctx, receipt.Record{Kind: receipt.Export, Subject: id, Actor: actor.Person})
	if err != nil {
		return 0, err
	}
	return got.No(), r.note(ctx, actor, id, Export, audit.Export, got.No())
}

// WriteArchive writes the archive and notes nothing: whoever calls it does.
// The same data gives the same bytes.
func (r *Rights) WriteArchive(ctx context.Context, id sotto.PersonID, w io.Writer) (err error) {
	defer sotto.Wrap(&err, "privacy.WriteArchive(%d)", id)
	z := zip.NewWriter(w)
	doc, files, err := r.document(ctx, id)
	if err != nil {
		return err
	}
	if err := writeEntry(z, "index.html", func(w io.Writer) error { return writeIndex(w, doc) }); err != nil {
		return err
	}
	if err := writeEntry(z, "data.json", doc.write); err != nil {
		return err
	}
	for _, f := range files {
		if err := writeEntry(z, f.name, func(w io.Writer) error { return r.writeFile(ctx, w, f) }); err != nil {
			return err
		}
	}
	return z.Close()
}

// writeEntry adds one file without a time, so that equal data gives equal bytes.
func writeEntry(z *zip.Writer, name string, f func(io.Writer) error) error {
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
	if err != nil {
		return err
	}
	return f(w)
}

// document is data.json: collections in catalogue order, rows by key.
type document struct {
	person      sotto.PersonID
	locale      string
	collections []collection
}

type collection struct {
	name   string
	table  catalogue.Table
	fields []string // the names in the export, in catalogue order
	rows   []map[string]any
}

// exportFile is one file of the archive.
type exportFile struct {
	name  string
	class catalogue.BlobClass
	id    int64
}

func (r *Rights) document(ctx context.Context, id sotto.PersonID) (doc document, files []exportFile, err error) {
	doc.person = id
	err = r.c.DB.Read(ctx, func(tx *db.Tx) error {
		p, err := r.c.People.Load(tx, id)
		if err != nil {
			return err
		}
		if !p.ErasedAt.IsZero() {
			return sotto.Fail(sotto.Gone, "This person was erased. The receipt says when.")
		}
		doc.locale = p.Locale
		return r.walk(tx, id, func(t catalogue.Table, rows []row) error {
			doc.add(t, rows)
			b, ok := catalogue.BlobsOf(t.Name)
			if !ok || strings.HasPrefix(b.Export, "-") {
				return nil
			}
			for _, w := range rows {
				if w.own && w.values["redacted_at"] == nil {
					name := strings.ReplaceAll(b.Export, "{id}", fmt.Sprint(w.key))
					files = append(files, exportFile{name, b, w.key})
				}
			}
			return nil
		})
	})
	return doc, files, err
}

// add turns rows into the fields the catalogue names.
func (d *document) add(t catalogue.Table, rows []row) {
	c := collection{table: t}
	for _, col := range t.Columns {
		if coll, name := field(col); name != "" && !strings.HasPrefix(col.Export, "-") {
			c.name = coll
			c.fields = append(c.fields, name)
		}
	}
	for _, w := range rows {
		out := map[string]any{}
		for _, col := range t.Columns {
			if v, ok := w.values[col.Name]; ok {
				_, name := field(col)
				out[name] = v
			}
		}
		c.rows = append(c.rows, out)
	}
	d.collections = append(d.collections, c)
}

// write writes data.json, a row a line.
func (d document) write(w io.Writer) error {
	p := &jsonWriter{w: w}
	p.text("{\n\"format\": \"sotto-export\",\n")
	p.text(fmt.Sprintf("\"version\": %d,\n\"person_id\": %d", FormatVersion, d.person))
	for _, c := range d.collections {
		p.text(",\n")
		p.value(c.name)
		p.text(": [")
		for i, row := range c.rows {
			p.text(map[bool]string{true: "\n  {", false: ",\n  {"}[i == 0])
			p.fields(c.fields, row)
			p.text("}")
		}
		p.text("\n]")
	}
	p.text("\n}\n")
	return p.err
}

type jsonWriter struct {
	w   io.Writer
	err error
}

func (p *jsonWriter) text(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s)
	}
}

func (p *jsonWriter) value(v any) {
	b, err := json.Marshal(v)
	p.err = errors.Join(p.err, err)
	p.text(string(b))
}

// fields writes a row's fields in catalogue order; what the person may not see
// of it is left out.
func (p *jsonWriter) fields(names []string, row map[string]any) {
	first := true
	for _, name := range slices.Compact(slices.Clone(names)) {
		v, ok := row[name]
		if !ok {
			continue
		}
		if !first {
			p.text(", ")
		}
		first = false
		p.value(name)
		p.text(": ")
		p.value(v)
	}
}

// writeFile opens one sealed file into the archive. Sound becomes a WAV.
func (r *Rights) writeFile(ctx context.Context, w io.Writer, f exportFile) error {
	if f.class.Class == catalogue.CallTrack {
		return r.writeVoice(ctx, sotto.TrackID(f.id), w)
	}
	src, err := r.c.Blobs.Open(f.class.Class, f.id)
	if err != nil {
		return err
	}
	rd, err := r.c.Ring.NewReader(src, src.Size, f.class.Class, f.id)
	if err == nil {
		_, err = io.Copy(w, rd)
	}
	return errors.Join(err, src.Close())
}

// writeVoice writes one voice alone as a WAV. A track whose sound was lost
// writes nothing: its row says why.
func (r *Rights) writeVoice(ctx context.Context, id sotto.TrackID, w io.Writer) error {
	wav, err := r.c.Recordings.TrackWAV(ctx, id)
	if sotto.KindOf(err) == sotto.NotFound && err != nil {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(w, wav)
	return errors.Join(err, wav.Close())
}
