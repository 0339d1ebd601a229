package main

import (
	"context"
	"fmt"

	"sotto/desk"
)

type backupCmd struct {
	To   string `required:"" placeholder:"DIR" help:"A new folder for the copy of the data."`
	Keys string `placeholder:"DIR" help:"Also copy the keys, to another new folder. Keep it apart from the data, and only for days: a copy of the keys cannot forget."`
}

// DoDesk copies a running or resting desk.
func (c *backupCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	keys := ""
	if c.Keys != "" {
		keys = s.absolute(c.Keys)
	}
	b, err := d.Backup(ctx, s.absolute(c.To), keys)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "copied %d files, %d bytes, as of receipt %d\n", b.Files, b.Bytes, b.Receipts)
	if !b.Rows {
		fmt.Fprintln(s.out, "the rows are in PostgreSQL: copy them now with pg_dump, before the next erasure if you can; a restore erases again what was erased since")
	}
	if keys == "" {
		fmt.Fprintln(s.out, "the keys are not in it: without them nothing in it can be read")
	}
	return nil
}

type restoreCmd struct {
	From     string `required:"" placeholder:"DIR" help:"The copy of the data."`
	Keys     string `required:"" placeholder:"DIR" help:"The folder of keys: today's if there is one, else a copy."`
	Receipts string `required:"" placeholder:"DIR" help:"Today's folder of receipts: it says who was erased since."`
}

// Do makes a new desk in --data and erases again what was erased since.
func (c *restoreCmd) Do(ctx context.Context, g *globals, s streams) error {
	cfg, err := g.load(s)
	if err != nil {
		return err
	}
	r, err := desk.Restore(ctx, cfg, desk.Sources{Data: c.From, Keys: c.Keys, Receipts: c.Receipts})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "restored the copy of receipt %d; %d erasures and deletions since were done again\n", r.From, r.Again)
	return nil
}
