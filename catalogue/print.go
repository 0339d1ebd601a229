package catalogue

import (
	"fmt"
	"io"
	"strings"
)

// Print writes the catalogue as the document a data protection officer reads
// (GDPR 30): CATALOGUE.md is its output, and a test keeps the two equal.
func Print(w io.Writer) error {
	p := &printer{w: w}
	p.line("# Catalogue\n")
	p.line("What is stored, whose it is, why, how long, and what becomes of it. Printed by `sotto catalogue`;")
	p.line("the desk does not start on a database that differs. Not legal advice.\n")
	p.line("## Tables\n")
	for _, t := range Tables() {
		p.table(t)
	}
	p.line("## Files\n")
	p.row("class", "what", "belongs to the row of", "sealed", "export", "why")
	p.rule(6)
	for _, b := range Blobs() {
		p.row(b.Class.name, b.What, b.Table, yes(b.Sealed), b.Export, b.Why)
	}
	p.line("\n## What leaves the desk\n")
	p.row("name", "to", "what", "why", "basis", "erasure there")
	p.rule(6)
	for _, r := range Recipients() {
		p.row(r.Disclosure.name, r.To, r.Fields, r.Why, string(r.Basis), r.Erase)
	}
	p.line("\n## Log attributes and metric labels\n")
	p.row("key", "what")
	p.rule(2)
	for _, k := range LogKeys() {
		p.row(k.Name, k.What)
	}
	p.line("\n## Browser\n")
	if len(BrowserItems()) == 0 {
		p.line("No cookie and no browser storage.")
	}
	for _, b := range BrowserItems() {
		p.line("- " + b.Name + ": " + b.What)
	}
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(s string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, s)
	}
}

func (p *printer) row(cells ...string) { p.line("| " + strings.Join(cells, " | ") + " |") }

func (p *printer) rule(n int) { p.line("|" + strings.Repeat(" --- |", n)) }

func (p *printer) table(t Table) {
	p.line("### " + t.Name + "\n")
	p.line(fmt.Sprintf("%s. Written by package %s only.\n", capital(t.What), t.Owner))
	for _, e := range t.Edges {
		p.line(fmt.Sprintf("- *%s* (%s): `%s`; when this person is erased, %s.", e.Name, e.As, e.Path, e.Fate))
	}
	if t.Parent != "" {
		p.line("- goes with its parent: `" + t.Parent + "`")
	}
	if len(t.Edges) > 0 || t.Parent != "" {
		p.line("")
	}
	p.row("column", "form", "whose", "why", "basis", "kept", "export", "correction", "erasure")
	p.rule(9)
	for _, c := range t.Columns {
		whose := strings.Join(c.Whose, ", ")
		if c.Nobody != "" {
			p.row(c.Name, c.Form.String(), "nobody", c.Nobody, "", string(c.Keep), "", "", "")
			continue
		}
		p.row(c.Name, c.Form.String(), whose, c.Why, string(c.Basis), string(c.Keep), c.Export, string(c.Correct), string(c.Erase))
	}
	p.line("")
}

// String returns the form in one word.
func (f Form) String() string {
	return [...]string{"?", "plain", "sealed", "blind", "key", "digest"}[f]
}

// String returns the fate as the end of a sentence.
func (f Fate) String() string {
	return [...]string{"?", "the row is deleted", "the row stays, see its columns", "the row is kept by duty"}[f]
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
