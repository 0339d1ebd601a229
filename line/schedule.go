package line

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
)

// Schedule is opening hours with a name that several lines may go by.
type Schedule struct {
	ID   sotto.ScheduleID
	Name string
	Hours
	CreatedAt time.Time
	UpdatedAt time.Time
}

// maxSchedules bounds what one list returns.
const maxSchedules = 500

// CreateSchedule adds opening hours. Without spans it is open on weekdays
// from 9 to 17.
func (ll *Lines) CreateSchedule(ctx context.Context, actor sotto.Actor, s Schedule) (out Schedule, err error) {
	defer sotto.Wrap(&err, "line.CreateSchedule")
	if err := mayPlan(actor); err != nil {
		return out, err
	}
	if len(s.Spans) == 0 {
		for day := time.Monday; day <= time.Friday; day++ {
			s.Spans = append(s.Spans, Span{Day: day, Opens: 9 * 60, Closes: 17 * 60})
		}
	}
	err = ll.db.Write(ctx, func(tx *db.Tx) error {
		out, err = ll.addSchedule(tx, actor, s)
		return err
	})
	return out, err
}

// UpdateSchedule changes opening hours, for every line that goes by them:
// edit gets them as they are. An error of edit changes nothing and is
// returned.
func (ll *Lines) UpdateSchedule(ctx context.Context, actor sotto.Actor, id sotto.ScheduleID, edit func(*Schedule) error) (s Schedule, err error) {
	defer sotto.Wrap(&err, "line.UpdateSchedule(%d)", id)
	if err := mayPlan(actor); err != nil {
		return s, err
	}
	err = ll.db.Write(ctx, func(tx *db.Tx) error {
		if s, err = ll.schedule(tx, id); err != nil {
			return err
		}
		if err := edit(&s); err != nil {
			return err
		}
		s.ID = id
		s, err = ll.putSchedule(tx, actor, s)
		return err
	})
	return s, err
}

// DeleteSchedule removes opening hours. While a line goes by them, or went by
// them and can still be recovered, that is a Conflict.
func (ll *Lines) DeleteSchedule(ctx context.Context, actor sotto.Actor, id sotto.ScheduleID) (err error) {
	defer sotto.Wrap(&err, "line.DeleteSchedule(%d)", id)
	if err := mayPlan(actor); err != nil {
		return err
	}
	return ll.db.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("line"); err != nil {
			return err
		}
		used, err := tx.Has(ll.q["ScheduleUsed"], int64(id), db.Millis(tx.Now.Add(-RecoverFor)))
		if err != nil {
			return err
		}
		if used {
			return sotto.Fail(sotto.Conflict, "A line goes by this schedule, or did within the last three days. Give the line another one first.")
		}
		if _, err := tx.Exec(ll.q["ForgetSchedule"], int64(id)); err != nil {
			return err
		}
		n, err := tx.Exec(ll.q["DeleteSchedule"], int64(id))
		if err != nil {
			return err
		}
		if n == 0 {
			return errNoSchedule()
		}
		return ll.audit.Add(tx, actor, audit.Entry{Action: audit.Destroy, Source: audit.Schedule, SourceID: int64(id)})
	})
}

// Schedule returns opening hours.
func (ll *Lines) Schedule(ctx context.Context, id sotto.ScheduleID) (s Schedule, err error) {
	defer sotto.Wrap(&err, "line.Schedule(%d)", id)
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		s, err = ll.schedule(tx, id)
		return err
	})
	return s, err
}

// Schedules returns all opening hours, by name.
func (ll *Lines) Schedules(ctx context.Context) (all []Schedule, err error) {
	defer sotto.Wrap(&err, "line.Schedules")
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		if all, err = db.All(tx, scanSchedule, ll.q["Schedules"], maxSchedules); err != nil {
			return err
		}
		for i := range all {
			if err := ll.fillSchedule(tx, &all[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

func mayPlan(actor sotto.Actor) error {
	if !actor.IsAdmin() {
		return sotto.Fail(sotto.Denied, "Only an administrator may change opening hours.")
	}
	return nil
}

func errNoSchedule() error { return sotto.Fail(sotto.NotFound, "There is no such schedule.") }

func (ll *Lines) schedule(tx *db.Tx, id sotto.ScheduleID) (Schedule, error) {
	s, err := db.One(tx, scanSchedule, ll.q["Schedule"], int64(id))
	if errors.Is(err, db.ErrNone) {
		return s, errNoSchedule()
	}
	if err == nil {
		err = ll.fillSchedule(tx, &s)
	}
	return s, err
}

func scanSchedule(s db.Scanner) (out Schedule, err error) {
	var id, created, updated int64
	err = s.Scan(&id, &out.Name, &out.Zone, &created, &updated)
	out.ID, out.CreatedAt, out.UpdatedAt = sotto.ScheduleID(id), db.Time(created), db.Time(updated)
	return out, err
}

func (ll *Lines) fillSchedule(tx *db.Tx, s *Schedule) (err error) {
	if s.Spans, err = db.All(tx, scanSpan, ll.q["Spans"], int64(s.ID)); err != nil {
		return err
	}
	s.Holidays, err = db.All(tx, scanHoliday, ll.q["Holidays"], int64(s.ID))
	return err
}

func scanSpan(s db.Scanner) (Span, error) {
	var day, opens, closes int64
	err := s.Scan(&day, &opens, &closes)
	return Span{Day: time.Weekday(day), Opens: int(opens), Closes: int(closes)}, err
}

func scanHoliday(s db.Scanner) (h Holiday, err error) {
	err = s.Scan(&h.ID, &h.Name, &h.First, &h.Last)
	return h, err
}

func (s *Schedule) check() error {
	s.Name = strings.TrimSpace(s.Name)
	switch {
	case s.Name == "" || !plain(s.Name):
		return sotto.FailField("name", "Give the schedule a name of at most 255 bytes.")
	case len(s.Spans) == 0:
		return sotto.FailField("intervals", "A schedule is open at least once a week. A line that is always open has none.")
	}
	return s.Hours.check()
}

func (ll *Lines) addSchedule(tx *db.Tx, actor sotto.Actor, s Schedule) (Schedule, error) {
	if err := s.check(); err != nil {
		return s, err
	}
	s.ID, s.CreatedAt, s.UpdatedAt = sotto.ScheduleID(tx.NewID()), tx.Now, tx.Now
	if _, err := tx.Exec(ll.q["InsertSchedule"], int64(s.ID), s.Name, s.Zone, db.Millis(tx.Now), db.Millis(tx.Now)); err != nil {
		return s, err
	}
	return s, ll.fillHours(tx, actor, audit.Create, &s)
}

func (ll *Lines) putSchedule(tx *db.Tx, actor sotto.Actor, s Schedule) (Schedule, error) {
	if err := s.check(); err != nil {
		return s, err
	}
	s.UpdatedAt = tx.Now
	if _, err := tx.Exec(ll.q["UpdateSchedule"], int64(s.ID), s.Name, s.Zone, db.Millis(tx.Now)); err != nil {
		return s, err
	}
	for _, q := range []string{"DeleteSpans", "DeleteHolidays"} {
		if _, err := tx.Exec(ll.q[q], int64(s.ID)); err != nil {
			return s, err
		}
	}
	return s, ll.fillHours(tx, actor, audit.Update, &s)
}

// fillHours writes the rows below a schedule and the audit entry. A holiday
// keeps its number; a new one gets one.
func (ll *Lines) fillHours(tx *db.Tx, actor sotto.Actor, did audit.Action, s *Schedule) error {
	for _, p := range s.Spans {
		if _, err := tx.Exec(ll.q["InsertSpan"], int64(s.ID), int64(p.Day), int64(p.Opens), int64(p.Closes)); err != nil {
			return err
		}
	}
	s.Holidays = slices.Clone(s.Holidays)
	for i := range s.Holidays {
		h := &s.Holidays[i]
		if did == audit.Create || h.ID == 0 {
			h.ID = tx.NewID()
		}
		if _, err := tx.Exec(ll.q["InsertHoliday"], h.ID, int64(s.ID), h.Name, h.First, h.Last); err != nil {
			return err
		}
	}
	return ll.audit.Add(tx, actor, audit.Entry{Action: did, Source: audit.Schedule, SourceID: int64(s.ID)})
}
