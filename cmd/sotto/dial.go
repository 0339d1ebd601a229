package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sotto"
	"sotto/db"
	"sotto/desk"
	"sotto/dial"
)

type dialCmd struct {
	Show  dialShowCmd  `cmd:"" help:"Say where the desk may dial, the prices, and what is used of today's caps."`
	Allow dialAllowCmd `cmd:"" help:"Allow countries."`
	Deny  dialDenyCmd  `cmd:"" help:"Deny countries again; the desk's own stays allowed."`
	Rate  dialRateCmd  `cmd:"" help:"Set what a minute costs, for the caps on money."`
	Cap   dialCapCmd   `cmd:"" help:"Set a cap, as dial_agent_minutes."`
	Check dialCheckCmd `cmd:"" help:"Say what kind of number something is; nothing is dialled."`
}

type dialShowCmd struct{}

// DoDesk prints the rules.
func (c *dialShowCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	r, err := d.Dials.Rules(ctx)
	if err != nil {
		return err
	}
	u, err := d.Dials.Used(ctx, 0)
	if err != nil {
		return err
	}
	t := s.table("rule", "value")
	t.row("countries", strings.Join(r.Countries, " "))
	for _, p := range r.Rates {
		t.row("rate "+p.Prefix, fmt.Sprintf("%d millionths a minute", p.Micros))
	}
	t.row("now", fmt.Sprintf("%d calls", u.Calls))
	t.row("today", fmt.Sprintf("%d s, %d millionths", u.Seconds, u.Micros))
	if err := d.DB.Read(ctx, func(tx *db.Tx) error {
		for _, name := range dial.Caps() {
			n, err := db.Setting(tx, name, -1)
			if err != nil {
				return err
			}
			if n < 0 {
				t.row(name, "the default")
			} else {
				t.row(name, n)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	return t.flush()
}

// changeRules lets edit change the rules in force.
func changeRules(ctx context.Context, d *desk.Desk, edit func(*dial.Rules)) error {
	r, err := d.Dials.Rules(ctx)
	if err != nil {
		return err
	}
	edit(&r)
	return d.Dials.SetRules(ctx, sotto.Operator(), r)
}

type dialAllowCmd struct {
	Countries []string `arg:"" help:"Two letters each, as FR BE."`
}

// DoDesk allows.
func (c *dialAllowCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	return changeRules(ctx, d, func(r *dial.Rules) { r.Countries = append(r.Countries, c.Countries...) })
}

type dialDenyCmd struct {
	Countries []string `arg:"" help:"Two letters each, as FR BE."`
}

// DoDesk denies.
func (c *dialDenyCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	return changeRules(ctx, d, func(r *dial.Rules) {
		r.Countries = slices.DeleteFunc(r.Countries, func(have string) bool {
			return slices.ContainsFunc(c.Countries, func(name string) bool { return strings.EqualFold(name, have) })
		})
	})
}

type dialRateCmd struct {
	Prefix string `arg:"" help:"The first digits, as +336."`
	Micros int64  `arg:"" help:"What a minute costs, in millionths; -1 takes the price away."`
}

// DoDesk sets a price.
func (c *dialRateCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	return changeRules(ctx, d, func(r *dial.Rules) {
		r.Rates = slices.DeleteFunc(r.Rates, func(p dial.Rate) bool { return p.Prefix == c.Prefix })
		if c.Micros >= 0 {
			r.Rates = append(r.Rates, dial.Rate{Prefix: c.Prefix, Micros: c.Micros})
		}
	})
}

type dialCapCmd struct {
	Name  string `arg:"" help:"dial_call_minutes, dial_agent_calls, dial_desk_calls, dial_agent_minutes, dial_desk_minutes, dial_agent_cents, dial_desk_cents, dial_agent_texts or dial_desk_texts."`
	Value int64  `arg:"" help:"The most that is allowed."`
}

// DoDesk sets a cap.
func (c *dialCapCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	return d.Dials.SetCaps(ctx, sotto.Operator(), map[string]int64{c.Name: c.Value})
}

type dialCheckCmd struct {
	Number string `arg:"" help:"The number as one would dial it."`
}

// DoDesk prints the kind, and the country where there is one.
func (c *dialCheckCmd) DoDesk(_ context.Context, d *desk.Desk, s streams) error {
	to := dial.Classify(c.Number, d.Config().Region)
	fmt.Fprintln(s.out, strings.TrimSpace(string(to.Kind)+" "+to.Region))
	return nil
}
