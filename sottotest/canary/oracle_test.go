package canary

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"

	"sotto/catalogue"
	"sotto/db"
	"sotto/desk"
)

// opened is an archive taken apart, by means of its own.
type opened struct {
	data  map[string][]map[string]any // collections of data.json
	files map[string][]byte
}

func open(raw []byte) (o opened, err error) {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return o, err
	}
	o.files = map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return o, err
		}
		if o.files[f.Name], err = io.ReadAll(r); err != nil {
			return o, err
		}
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(o.files["data.json"], &all); err != nil {
		return o, err
	}
	o.data = map[string][]map[string]any{}
	for name, rows := range all {
		if rows[0] == '[' {
			var list []map[string]any
			if err := json.Unmarshal(rows, &list); err != nil {
				return o, err
			}
			o.data[name] = list
		}
	}
	return o, nil
}

// texts returns a field of every row of a collection, in order, without the
// empty ones.
func (o opened) texts(collection, field string) []string {
	var out []string
	for _, row := range o.data[collection] {
		if s, ok := row[field].(string); ok && s != "" {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

func (o opened) under(folder string) []string {
	var out []string
	for name := range o.files {
		if strings.HasPrefix(name, folder+"/") {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// expected is what an archive of p must hold, text for text. Nothing of it is
// read from the catalogue.
func expected(p *Person) map[string][]string {
	want := map[string][]string{
		"person.name": {p.Text(Name)}, "person.notes": {p.Text(Notes)}, "person.details": {p.Text(Details)},
		"person.external_id": {p.Text(External)}, "addresses.value": {p.Number(), p.Text(Email)}, "uploads.name": {p.Text(UploadName)},
		"tickets.subject": nil, "comments.body": nil, "attachments.name": nil, "calls.from_number": nil, "calls.from_name": nil,
		"statements.body": nil, "texts.number": nil, "registrations.contact": nil,
	}
	if p.Staff {
		want["registrations.contact"] = []string{"udp 192.0.2.7:5060 x 1 sip:" + p.Words[Contact] + "@192.0.2.7"}
		return want
	}
	want["tickets.subject"] = []string{p.Text(Subject), "Text from " + p.Number()}
	want["comments.body"] = []string{p.Text(Body), p.Text(Private), p.Text(Texted), p.Text(Replied)}
	want["texts.number"] = []string{p.Number(), p.Number()}
	want["attachments.name"] = []string{p.Text(FileName)}
	want["calls.from_number"], want["calls.from_name"] = []string{p.Number()}, []string{p.Text(CallerName)}
	want["statements.body"] = []string{p.Text(Statement)}
	for _, texts := range want {
		slices.Sort(texts)
	}
	return want
}

// recall says what is missing from, or not as entered in, an archive of p.
// voices is how many recordings p speaks in.
func recall(p *Person, o opened, voices int) (wrong []string) {
	for place, want := range expected(p) {
		collection, field, _ := strings.Cut(place, ".")
		if diff := cmp.Diff(want, o.texts(collection, field)); diff != "" {
			wrong = append(wrong, fmt.Sprintf("%s of person %d differs", place, p.Index))
		}
	}
	for folder, text := range map[string]string{"attachments": p.Text(File), "uploads": p.Text(Upload)} {
		if folder == "attachments" && p.Staff {
			continue
		}
		if names := o.under(folder); len(names) != 1 || string(o.files[names[0]]) != text {
			wrong = append(wrong, fmt.Sprintf("%s of person %d: %d files, or not as sent", folder, p.Index, len(names)))
		}
	}
	heard := 0
	for _, name := range o.under("audio") {
		if bytes.Contains(o.files[name], pcm(p.Sound(2*voiceLength))) {
			heard++
		}
	}
	if heard != voices || len(o.under("audio")) != voices {
		wrong = append(wrong, fmt.Sprintf("person %d is heard in %d of %d voices, want %d", p.Index, heard, len(o.under("audio")), voices))
	}
	for place := range places {
		word := p.Words[place]
		if word == "" || place == Voice || place == Device || place == File || place == Upload {
			continue
		}
		if n := bytes.Count(o.files["index.html"], []byte(word)); n == 0 {
			wrong = append(wrong, fmt.Sprintf("the page for people does not have the %s of person %d", place, p.Index))
		}
	}
	return wrong
}

// precision says whose words an archive of p holds besides p's own.
func precision(p *Person, o opened, everybody *Finder) (wrong []string) {
	for name, raw := range o.files {
		everybody.Bytes(raw, func(at int64, from Source) {
			if from.Person != p.Index && len(wrong) < 5 {
				wrong = append(wrong, fmt.Sprintf("%s of person %d holds the %s of person %d", name, p.Index, from.Place, from.Person))
			}
		})
	}
	return wrong
}

// exporter looks at the archives of many people.
type exporter struct {
	d         *desk.Desk
	everybody *Finder
}

func newExporter(d *desk.Desk, people []*Person) *exporter {
	e := &exporter{d: d, everybody: &Finder{}}
	for _, p := range people {
		p.Exported(func(place Place, form Form, needle []byte) { e.everybody.Add(needle, Source{p.Index, place, form}) })
	}
	e.everybody.Build()
	return e
}

// all returns the archives of the people and everything that is wrong with
// them. voices says how many recordings each speaks in.
func (e *exporter) all(ctx context.Context, people []*Person, voices func(*Person) int) (archives map[int][]byte, wrong []string, err error) {
	archives = map[int][]byte{}
	var mu sync.Mutex
	err = each(people, 8, func(p *Person) error {
		raw, err := archive(ctx, e.d.Rights, p)
		if err != nil {
			return fmt.Errorf("person %d: %w", p.Index, err)
		}
		o, err := open(raw)
		if err != nil {
			return fmt.Errorf("person %d: %w", p.Index, err)
		}
		more := append(recall(p, o, voices(p)), precision(p, o, e.everybody)...)
		mu.Lock()
		defer mu.Unlock()
		archives[p.Index] = raw
		wrong = append(wrong, more...)
		return nil
	})
	return archives, wrong, err
}

// unfilled walks the catalogue and returns the places that hold too few values:
// every sealed column and every class of sealed files has one of each person
// who can have it, every table that leads to people has a row.
func unfilled(ctx context.Context, d *desk.Desk, people, staff int) (missing []string, err error) {
	least := func(table string) int64 {
		switch table {
		case "device", "registration":
			return int64(staff)
		case "person", "address", "upload":
			return int64(people + staff)
		}
		return int64(people)
	}
	err = d.DB.Read(ctx, func(tx *db.Tx) error {
		for _, c := range catalogue.Cells() {
			table, column, _ := strings.Cut(c.String(), ".")
			n, err := db.One(tx, db.Int, fmt.Sprintf("SELECT COUNT(%s) FROM %s", column, table))
			if err != nil {
				return err
			}
			if n < least(table) {
				missing = append(missing, fmt.Sprintf("column %s has %d values", c, n))
			}
		}
		for _, t := range catalogue.Tables() {
			if len(t.Edges) == 0 || t.Name == "erasure" {
				continue
			}
			has, err := tx.Has("SELECT 1 FROM " + t.Name + " LIMIT 1")
			if err != nil {
				return err
			}
			if !has {
				missing = append(missing, "table "+t.Name+" has no row")
			}
		}
		return nil
	})
	for _, b := range catalogue.Blobs() {
		var n int64
		if err == nil {
			err = d.Blobs.Each(b.Class, func(int64) error { n++; return nil })
		}
		if b.Sealed && n < least(b.Table) {
			missing = append(missing, fmt.Sprintf("files of class %s: %d", b.Class, n))
		}
	}
	return missing, err
}
