package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// text is one line of known.txt.
type text struct {
	name, title string
	last        int // the last section or paragraph; -1 is unchecked
}

// texts are the known texts in the order of the file.
type texts []text

func parseKnown(file string) (texts, error) {
	var out texts
	for line := range strings.Lines(file) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 3 {
			return nil, fmt.Errorf("known.txt: %q is not name, title and last section, with tabs between", line)
		}
		last := -1
		if f[2] != "-" {
			n, err := strconv.Atoi(f[2])
			if err != nil {
				return nil, fmt.Errorf("known.txt: %q: the last section is a number or -", line)
			}
			last = n
		}
		out = append(out, text{f[0], f[1], last})
	}
	return out, nil
}

// check finds citations of unknown texts, and of sections a text does not have.
func (tt texts) check(cites []cite) error {
	var errs []error
	for _, c := range cites {
		file, _, _ := strings.Cut(c.place, ": ")
		i := slices.IndexFunc(tt, func(t text) bool { return t.name == c.text })
		switch {
		case i < 0:
			errs = append(errs, fmt.Errorf("%s:%d: %s is not in docs/cites/known.txt: look it up, then add it", file, c.line, c.text))
		case tt[i].last >= 0 && number(c.section) > tt[i].last:
			errs = append(errs, fmt.Errorf("%s:%d: %s has no %s", file, c.line, c.text, c.section))
		}
	}
	return errors.Join(errs...)
}

// number is the first number of a section, as 17 of "17.2.1" and 3 of "(3)(e)".
func number(section string) int {
	digits := strings.TrimLeft(section, "(")
	end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		digits = digits[:end]
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0 // a letter, or nothing
	}
	return n
}

// print lists the citations of the law, or those of everything else.
func (tt texts) print(title, what string, cites []cite, law bool) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n%s\nWritten by `go run ./docs/cites`.\n", title, what)
	for _, t := range tt {
		if strings.HasPrefix(t.name, "GDPR ") != law {
			continue
		}
		rows := rowsOf(t.name, cites)
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s: %s\n\n| where it says so | code | tests |\n| --- | --- | --- |\n", t.name, t.title)
		for _, r := range rows {
			name := t.name
			switch {
			case law:
				name = strings.TrimPrefix(t.name, "GDPR ") + r.section
			case r.section != "":
				name = r.section
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", name, strings.Join(r.code, "<br>"), strings.Join(r.tests, "<br>"))
		}
	}
	return b.Bytes()
}

// row is one section and the places that cite it.
type row struct {
	section     string
	code, tests []string
}

func rowsOf(name string, cites []cite) []row {
	var rows []row
	for _, c := range cites {
		if c.text != name {
			continue
		}
		i := slices.IndexFunc(rows, func(r row) bool { return r.section == c.section })
		if i < 0 {
			i = len(rows)
			rows = append(rows, row{section: c.section})
		}
		if c.test {
			rows[i].tests = append(rows[i].tests, c.place)
		} else {
			rows[i].code = append(rows[i].code, c.place)
		}
	}
	for i := range rows {
		slices.Sort(rows[i].code)
		slices.Sort(rows[i].tests)
		rows[i].code, rows[i].tests = slices.Compact(rows[i].code), slices.Compact(rows[i].tests)
	}
	slices.SortFunc(rows, func(a, b row) int { return compareSections(a.section, b.section) })
	return rows
}

// compareSections puts 2.10 after 2.9.
func compareSections(a, b string) int {
	split := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(".()", r) })
	}
	return slices.CompareFunc(split(a), split(b), func(x, y string) int {
		m, errX := strconv.Atoi(x)
		n, errY := strconv.Atoi(y)
		if errX == nil && errY == nil {
			return cmp.Compare(m, n)
		}
		return cmp.Compare(x, y)
	})
}
