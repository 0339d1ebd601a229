package privacy

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"sotto/catalogue"
)

//go:embed index.html
var indexPage string

// writeIndex writes the archive's page for people, in the person's language.
func writeIndex(w io.Writer, d document) error {
	page, err := template.New("index").Parse(indexPage)
	if err != nil {
		return err
	}
	return page.Execute(w, indexOf(d))
}

type indexData struct {
	Lang, Title, Intro, WhyWord, NoneWord string
	Sections                              []indexSection
}

type indexSection struct {
	Name, What string
	Fields     []indexField
	Rows       [][]string
}

type indexField struct{ Name, Why string }

func indexOf(d document) indexData {
	out := indexData{
		Lang: "en", Title: "Your data", WhyWord: "why", NoneWord: "Nothing is held.",
		Intro: "Everything this desk holds about you. data.json has the same for machines; audio/ has your own voice; attachments/ has your files. Numbers lead from one table to another.",
	}
	if d.locale == "fr" {
		out = indexData{
			Lang: "fr", Title: "Vos données", WhyWord: "pourquoi", NoneWord: "Rien n’est conservé.",
			Intro: "Tout ce que ce service conserve à votre sujet. data.json contient la même chose pour les machines, audio/ votre propre voix, attachments/ vos fichiers. Les numéros relient les tableaux entre eux.",
		}
	}
	for _, c := range d.collections {
		out.Sections = append(out.Sections, sectionOf(c))
	}
	return out
}

func sectionOf(c collection) indexSection {
	s := indexSection{Name: c.name, What: c.table.What}
	for _, name := range c.fields {
		s.Fields = append(s.Fields, indexField{name, whyOf(c.table, name)})
	}
	for _, row := range c.rows {
		cells := make([]string, len(c.fields))
		for i, name := range c.fields {
			if v := row[name]; v != nil {
				cells[i] = fmt.Sprint(v)
			}
		}
		s.Rows = append(s.Rows, cells)
	}
	return s
}

func whyOf(t catalogue.Table, name string) string {
	for _, col := range t.Columns {
		if _, n := field(col); n == name {
			return col.Why
		}
	}
	return ""
}
