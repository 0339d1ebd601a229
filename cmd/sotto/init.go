package main

import (
	"context"
	"fmt"
	"strings"

	"sotto"
	"sotto/catalogue"
	"sotto/desk"
	"sotto/person"
)

type initCmd struct {
	AdminName  string `default:"Administrator" help:"The first administrator's name."`
	AdminEmail string `required:"" help:"The first administrator's e-mail address: the user of the REST API."`
}

// Do makes the folder, the keyring, the signed log, the database, the first
// administrator and a token.
func (c *initCmd) Do(ctx context.Context, g *globals, s streams) error {
	cfg, err := g.load(s)
	if err != nil {
		return err
	}
	if err := desk.Init(ctx, cfg); err != nil {
		return err
	}
	return withDesk(ctx, cfg, func(d *desk.Desk) error {
		id, err := d.People.Create(ctx, sotto.Operator(), person.Draft{
			Role: sotto.Admin, Name: c.AdminName, Emails: []string{c.AdminEmail}, Verified: true,
		})
		if err != nil {
			return err
		}
		secret, _, err := d.Accounts.CreateToken(ctx, sotto.Operator(), id)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "made a desk in %s\n", cfg.Data)
		fmt.Fprintf(s.out, "keys are in %s: back them up apart from the data, and keep those copies short\n", cfg.KeysDir())
		fmt.Fprintf(s.out, "receipts are signed with %s\n", d.Receipts.Key())
		fmt.Fprintf(s.out, "API token of the administrator, shown once: %s\n", secret)
		return nil
	})
}

// withDesk opens a desk nobody serves, runs f and closes it.
func withDesk(ctx context.Context, cfg desk.Config, f func(*desk.Desk) error) error {
	d, err := desk.Open(ctx, cfg)
	if err != nil {
		return err
	}
	err = f(d)
	if closed := d.Close(); err == nil {
		err = closed
	}
	return err
}

type catalogueCmd struct{}

// Do prints CATALOGUE.md.
func (c *catalogueCmd) Do(_ context.Context, _ *globals, s streams) error {
	return catalogue.Print(s.out)
}

type configCmd struct {
	Print configPrintCmd `cmd:"" help:"Print the configuration in force; --defaults prints the annotated manual."`
}

type configPrintCmd struct {
	Defaults bool `help:"Print every key with its default and what it means."`
}

// Do prints the configuration.
func (c *configPrintCmd) Do(_ context.Context, g *globals, s streams) error {
	if c.Defaults {
		_, err := s.out.Write(desk.Manual())
		return err
	}
	cfg, err := g.load(s)
	if err != nil {
		return err
	}
	return cfg.Print(s.out)
}

type checkCmd struct{}

// DoDesk prints what does not fit and exits 1, or says that all is well.
func (c *checkCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	wrong, err := d.Check(ctx)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		fmt.Fprintln(s.err, strings.Join(wrong, "\n"))
		fmt.Fprintf(s.err, "%d things do not fit together\n", len(wrong))
		return quiet(exitFailed)
	}
	fmt.Fprintln(s.out, "everything fits together")
	return nil
}
