package main

import (
	"context"
	"fmt"
	"slices"

	"sotto"
	"sotto/desk"
	"sotto/line"
)

type scheduleCmd struct {
	Add     scheduleAddCmd    `cmd:"" help:"Add opening hours; without --hours on weekdays from 9 to 17."`
	List    scheduleListCmd   `cmd:"" help:"List the opening hours and their holidays."`
	Set     scheduleSetCmd    `cmd:"" help:"Change opening hours, for every line that goes by them."`
	Delete  scheduleDeleteCmd `cmd:"" help:"Remove opening hours that no line goes by."`
	Holiday holidayCmd        `cmd:"" help:"Close on a day, or on several; or open again with --remove."`
}

// scheduleFlags are what may be set on opening hours.
type scheduleFlags struct {
	TimeZone *string  `help:"Where the hours count, as Europe/Paris."`
	Hours    []string `placeholder:"DAY=FROM-TO" help:"When it is open, as mon=09:00-17:30; repeated."`
}

func (f scheduleFlags) apply(s *line.Schedule) (err error) {
	put(&s.Zone, f.TimeZone)
	if len(f.Hours) > 0 {
		s.Spans, err = readHours(f.Hours)
	}
	return err
}

type scheduleAddCmd struct {
	Name string `arg:"" help:"What the desk calls them."`
	scheduleFlags
}

// DoDesk adds the schedule and prints its id.
func (c *scheduleAddCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	in := line.Schedule{Name: c.Name, Hours: line.Hours{Zone: "UTC"}}
	if err := c.apply(&in); err != nil {
		return err
	}
	made, err := d.Lines.CreateSchedule(ctx, sotto.Operator(), in)
	if err == nil {
		fmt.Fprintln(s.out, made.ID)
	}
	return err
}

type scheduleListCmd struct{}

// DoDesk prints a line for each schedule and one for each holiday below it.
func (c *scheduleListCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	all, err := d.Lines.Schedules(ctx)
	if err != nil {
		return err
	}
	t := s.table("id", "name", "zone", "hours", "holidays:-")
	for _, p := range all {
		holidays := []map[string]any{}
		for _, h := range p.Holidays {
			holidays = append(holidays, map[string]any{"first": h.First, "last": h.Last, "name": h.Name})
		}
		t.row(p.ID, p.Name, p.Zone, p.Hours, holidays)
		for _, h := range p.Holidays {
			t.below("\tclosed\t%s to %s\t%s", h.First, h.Last, h.Name)
		}
	}
	return t.flush()
}

type scheduleSetCmd struct {
	ID   sotto.ScheduleID `arg:"" help:"The schedule's id."`
	Name *string          `help:"What the desk calls them."`
	scheduleFlags
}

// DoDesk changes the schedule.
func (c *scheduleSetCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	_, err := d.Lines.UpdateSchedule(ctx, sotto.Operator(), c.ID, func(s *line.Schedule) error {
		put(&s.Name, c.Name)
		return c.apply(s)
	})
	return err
}

type scheduleDeleteCmd struct {
	ID sotto.ScheduleID `arg:"" help:"The schedule's id."`
}

// DoDesk removes the schedule.
func (c *scheduleDeleteCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	return d.Lines.DeleteSchedule(ctx, sotto.Operator(), c.ID)
}

type holidayCmd struct {
	ID     sotto.ScheduleID `arg:"" help:"The schedule's id."`
	First  string           `arg:"" help:"The first closed day, as 2026-12-25."`
	Last   string           `arg:"" optional:"" help:"The last closed day; without it the first."`
	Name   string           `default:"Holiday" help:"What it is called."`
	Remove bool             `help:"Open on that day again: removes the holidays that begin then."`
}

// DoDesk adds or removes the holiday.
func (c *holidayCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	_, err := d.Lines.UpdateSchedule(ctx, sotto.Operator(), c.ID, func(s *line.Schedule) error {
		begins := func(h line.Holiday) bool { return h.First == c.First }
		if !c.Remove {
			last := c.Last
			if last == "" {
				last = c.First
			}
			s.Holidays = append(s.Holidays, line.Holiday{Name: c.Name, First: c.First, Last: last})
			return nil
		}
		if !slices.ContainsFunc(s.Holidays, begins) {
			return sotto.Fail(sotto.NotFound, "No holiday begins on that day.")
		}
		s.Holidays = slices.DeleteFunc(s.Holidays, begins)
		return nil
	})
	return err
}
