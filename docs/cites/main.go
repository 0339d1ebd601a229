// Command cites lists which code obeys which text: the law into docs/law.md,
// standards into docs/rfc.md. A citation is written in a comment or a string
// of the code as "RFC 3261 17.2.1", "GDPR 17(3)(e)" or "ITU-T G.711".
//
//	go run ./docs/cites          writes both documents
//	go run ./docs/cites -check   writes nothing; fails when one is old
//
// It is run at the root of the repository. A citation of a text that is not in
// known.txt is an error: it may be a slip of the pen.
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed known.txt
var known string

func main() { os.Exit(run(os.Args[1:], ".", os.Stdout, os.Stderr)) }

func run(args []string, root string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("cites", flag.ContinueOnError)
	f.SetOutput(stderr)
	check := f.Bool("check", false, "write nothing; fail when a document is old")
	if err := f.Parse(args); err != nil || f.NArg() > 0 {
		return 2
	}
	docs, err := documents(os.DirFS(root), known)
	if err == nil && *check {
		err = current(os.DirFS(root), docs)
	} else if err == nil {
		err = write(root, docs)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	fmt.Fprintf(stdout, "cites: %d documents\n", len(docs))
	return 0
}

// documents returns the text of each document by its path.
func documents(files fs.FS, known string) (map[string][]byte, error) {
	texts, err := parseKnown(known)
	if err != nil {
		return nil, err
	}
	cites, err := scan(files)
	if err != nil {
		return nil, err
	}
	if err := texts.check(cites); err != nil {
		return nil, err
	}
	return map[string][]byte{
		"docs/law.md": texts.print("The law", "Which code obeys which article. It says what was meant, and is no legal advice.", cites, true),
		"docs/rfc.md": texts.print("Standards", "Which code obeys which section of which standard.", cites, false),
	}, nil
}

// current fails when a document differs from what would be written.
func current(files fs.FS, docs map[string][]byte) error {
	var errs []error
	for name, want := range docs {
		have, err := fs.ReadFile(files, name)
		if err != nil || !bytes.Equal(have, want) {
			errs = append(errs, fmt.Errorf("%s is old: go run ./docs/cites", name))
		}
	}
	return errors.Join(errs...)
}

func write(root string, docs map[string][]byte) error {
	for name, text := range docs {
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
