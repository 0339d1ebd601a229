package line_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/line"
)

func TestEverySettingIsKept(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		plan, err := d.lines.CreateSchedule(ctx, admin, line.Schedule{Name: " Office ", Hours: line.Hours{Zone: "Europe/Paris"}})
		if err != nil || plan.Name != "Office" || len(plan.Spans) != 5 {
			t.Fatalf("CreateSchedule = %+v, %v", plan, err)
		}
		s := settings("+33199001234")
		s.Kind, s.Brand, s.SMS, s.SecureMedia, s.Outbound = line.SIPIn, "Exemple", true, true, false
		s.CallerID, s.Priority, s.Groups, s.Menu, s.Schedule = "+33199001200", true, []sotto.GroupID{7, 3, 5}, 12, plan.ID
		s.MaxQueue, s.AnnounceWait, s.AnnouncePosition, s.Callback = 0, true, true, true
		s.WrapUp, s.WrapUpLimit, s.Voicemail = true, 20*time.Minute, false
		s.Overflow, s.OverflowClosed, s.Failover = "01 99 00 99 99", "+33199009998", "+1 202 555 0123"
		l := d.create(t, s)
		if l.Overflow != "+33199009999" || l.Failover != "+12025550123" || l.Hours.Zone != "Europe/Paris" || len(l.Hours.Spans) != 5 {
			t.Errorf("created: %+v", l.Settings)
		}
		got, err := d.lines.Get(ctx, l.ID)
		if diff := cmp.Diff(l, got); err != nil || diff != "" {
			t.Errorf("Get: %v (-created +got):\n%s", err, diff)
		}
		if got.OverflowAt(true) != "+33199009999" || got.OverflowAt(false) != "+33199009998" || got.Shown() != "+33199001200" || !got.RingsGroup(3) || got.RingsGroup(4) {
			t.Errorf("read back: %+v", got.Settings)
		}
	})
}

func TestScheduleOfSeveralLines(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		plan, err := d.lines.CreateSchedule(ctx, admin, line.Schedule{Name: "Office", Hours: line.Hours{Zone: "UTC"}})
		if err != nil {
			t.Fatal(err)
		}
		s := settings("+33199001234")
		s.Schedule = plan.ID
		one := d.create(t, s)
		s.Number = "+33199001235"
		two := d.create(t, s)

		christmas := line.Holiday{Name: "Noël", First: "2026-12-25", Last: "2026-12-26"}
		plan, err = d.lines.UpdateSchedule(ctx, admin, plan.ID, func(p *line.Schedule) error {
			p.Holidays = append(p.Holidays, christmas)
			return nil
		})
		if err != nil || len(plan.Holidays) != 1 || plan.Holidays[0].ID == 0 {
			t.Fatalf("UpdateSchedule = %+v, %v", plan, err)
		}
		friday := time.Date(2026, 12, 25, 10, 0, 0, 0, time.UTC)
		for _, id := range []sotto.LineID{one.ID, two.ID} {
			l, err := d.lines.Get(ctx, id)
			if err != nil || l.Hours.Open(friday) || !l.Hours.Open(friday.AddDate(0, 0, -7)) {
				t.Errorf("line %d: %+v, %v", id, l.Hours, err)
			}
		}

		// Hours of one line's own leave the other as it was.
		changed, err := d.lines.Update(ctx, admin, one.ID, func(s *line.Settings) error {
			s.Hours.Spans = []line.Span{{Day: time.Sunday, Opens: 600, Closes: 660}}
			return nil
		})
		if err != nil || changed.Schedule == plan.ID || changed.Schedule == 0 {
			t.Fatalf("own hours: %+v, %v", changed.Settings, err)
		}
		again, err := d.lines.Update(ctx, admin, one.ID, func(s *line.Settings) error {
			s.Hours.Spans[0].Closes = 700
			return nil
		})
		if err != nil || again.Schedule != changed.Schedule {
			t.Errorf("a schedule of its own is changed, not made anew: %d, %d, %v", changed.Schedule, again.Schedule, err)
		}
		if l, err := d.lines.Get(ctx, two.ID); err != nil || len(l.Hours.Spans) != 5 || l.Schedule != plan.ID {
			t.Errorf("the other line: %+v, %v", l.Settings, err)
		}

		if err := d.lines.DeleteSchedule(ctx, admin, plan.ID); sotto.KindOf(err) != sotto.Conflict {
			t.Errorf("Delete of a schedule in use: %v", err)
		}
		always, err := d.lines.Update(ctx, admin, two.ID, func(s *line.Settings) error { s.Schedule = 0; return nil })
		if err != nil || len(always.Hours.Spans) != 0 || !always.Hours.Open(friday) {
			t.Errorf("always: %+v, %v", always.Hours, err)
		}
		if err := d.lines.DeleteSchedule(ctx, admin, plan.ID); err != nil {
			t.Error(err)
		}
		if err := d.lines.DeleteSchedule(ctx, admin, plan.ID); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("Delete again: %v", err)
		}
		if all, err := d.lines.Schedules(ctx); err != nil || len(all) != 1 || all[0].ID != changed.Schedule {
			t.Errorf("Schedules = %+v, %v", all, err)
		}
	})
}

func TestDeletedLineIsRecoveredWithinThreeDays(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		s := settings("+33199001234")
		s.Groups = []sotto.GroupID{4}
		l := d.create(t, s)
		if err := d.lines.Delete(ctx, admin, l.ID); err != nil {
			t.Fatal(err)
		}
		gone, err := d.lines.Deleted(ctx)
		if err != nil || len(gone) != 1 || gone[0].ID != l.ID {
			t.Fatalf("Deleted = %+v, %v", gone, err)
		}
		back, err := d.lines.Recover(ctx, admin, l.ID)
		if err != nil || !back.DeletedAt.IsZero() {
			t.Fatalf("Recover = %+v, %v", back, err)
		}
		if diff := cmp.Diff(l.Settings, back.Settings); diff != "" {
			t.Errorf("recovered (-deleted +got):\n%s", diff)
		}
		if got, err := d.lines.ByNumber(ctx, "+33199001234"); err != nil || got.ID != l.ID {
			t.Errorf("ByNumber = %d, %v", got.ID, err)
		}
		if err := d.lines.Delete(ctx, admin, l.ID); err != nil {
			t.Fatal(err)
		}
		d.create(t, settings("+33199001234"))
		if _, err := d.lines.Recover(ctx, admin, l.ID); sotto.KindOf(err) != sotto.Conflict || sotto.FieldOf(err) != "number" {
			t.Errorf("Recover of a number given away: %v", err)
		}
		d.exec(t, "UPDATE line SET deleted_at = deleted_at - $2, number = 'other' WHERE id = $1", int64(l.ID), (line.RecoverFor + time.Minute).Milliseconds())
		if _, err := d.lines.Recover(ctx, admin, l.ID); sotto.KindOf(err) != sotto.Conflict {
			t.Errorf("Recover after three days: %v", err)
		}
		if gone, err := d.lines.Deleted(ctx); err != nil || len(gone) != 0 {
			t.Errorf("Deleted after three days = %d, %v", len(gone), err)
		}
	})
}
