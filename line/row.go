package line

import (
	"errors"
	"time"

	"sotto"
	"sotto/db"
)

// row is the line in the order of the columns, up to its times.
func (l Line) row() []any {
	days := func(n int) any { return db.OrNull(int64(n)) }
	seconds := func(d time.Duration) int64 { return int64(d / time.Second) }
	return []any{
		int64(l.ID), string(l.Kind), l.Number, l.Name, l.Brand, l.Locale,
		db.Bit(l.Voice), db.Bit(l.SMS), db.Bit(l.SecureMedia), db.Bit(l.Outbound), l.CallerID,
		string(l.Consent), days(l.KeepCallDays), days(l.KeepVoicemailDays),
		db.Bit(l.Priority), db.OrNull(l.Menu), db.OrNull(l.Schedule), l.Hours.Zone,
		seconds(l.Ring), seconds(l.Wait), int64(l.MaxQueue), db.Bit(l.AnnounceWait), db.Bit(l.AnnouncePosition), db.Bit(l.Callback),
		db.Bit(l.WrapUp), seconds(l.WrapUpLimit), db.Bit(l.Voicemail), l.Overflow, l.OverflowClosed, l.Failover,
		db.Bit(l.TextBack), l.TextBackWords, string(l.Turn), seconds(l.RelaxSkills),
	}
}

func scan(s db.Scanner) (l Line, err error) {
	var id, voice, sms, secure, outbound, priority, ring, wait, size, average, position, callback, wrap, limit, voicemail, back, relax, created, updated int64
	var kind, consent, turn string
	var calls, messages, menu, schedule, deleted *int64
	err = s.Scan(&id, &kind, &l.Number, &l.Name, &l.Brand, &l.Locale, &voice, &sms, &secure, &outbound, &l.CallerID,
		&consent, &calls, &messages, &priority, &menu, &schedule, &l.Hours.Zone, &ring, &wait, &size, &average, &position, &callback,
		&wrap, &limit, &voicemail, &l.Overflow, &l.OverflowClosed, &l.Failover, &back, &l.TextBackWords, &turn, &relax, &created, &updated, &deleted)
	l.ID, l.Kind, l.Consent = sotto.LineID(id), Kind(kind), Consent(consent)
	l.Voice, l.SMS, l.SecureMedia, l.Outbound = voice == 1, sms == 1, secure == 1, outbound == 1
	l.KeepCallDays, l.KeepVoicemailDays = int(db.Value(calls)), int(db.Value(messages))
	l.Priority, l.Menu, l.Schedule = priority == 1, sotto.MenuID(db.Value(menu)), sotto.ScheduleID(db.Value(schedule))
	l.Ring, l.Wait, l.MaxQueue = time.Duration(ring)*time.Second, time.Duration(wait)*time.Second, int(size)
	l.AnnounceWait, l.AnnouncePosition, l.Callback = average == 1, position == 1, callback == 1
	l.WrapUp, l.WrapUpLimit, l.Voicemail = wrap == 1, time.Duration(limit)*time.Second, voicemail == 1
	l.TextBack, l.Turn, l.RelaxSkills = back == 1, Turn(turn), time.Duration(relax)*time.Second
	l.CreatedAt, l.UpdatedAt, l.DeletedAt = db.Time(created), db.Time(updated), db.TimeOrZero(deleted)
	return l, err
}

// complete reads what stands in other tables: the groups, the sounds and
// the hours.
func (ll *Lines) complete(tx *db.Tx, l *Line) (err error) {
	l.Groups, err = db.All(tx, scanGroup, ll.q["Groups"], int64(l.ID))
	if err != nil {
		return err
	}
	l.Skills, err = db.All(tx, func(s db.Scanner) (sotto.SkillID, error) {
		id, err := db.Int(s)
		return sotto.SkillID(id), err
	}, ll.q["Skills"], int64(l.ID))
	if err != nil {
		return err
	}
	if l.Greetings, err = db.All(tx, scanUse, ll.q["UsesOfLine"], int64(l.ID)); err != nil || l.Schedule == 0 {
		return err
	}
	s, err := ll.schedule(tx, l.Schedule)
	l.Hours = s.Hours
	return err
}

func scanGroup(s db.Scanner) (sotto.GroupID, error) {
	id, err := db.Int(s)
	return sotto.GroupID(id), err
}

// putSkills writes which skills the line asks for. A skill that is not there
// (any more) is refused; one that goes, goes from the lines too.
func (ll *Lines) putSkills(tx *db.Tx, l Line) error {
	if _, err := tx.Exec(ll.q["DeleteSkills"], int64(l.ID)); err != nil {
		return err
	}
	for _, k := range l.Skills {
		if known, err := tx.Has(ll.q["KnownSkill"], int64(k)); err != nil || !known {
			return errors.Join(err, sotto.FailField("skill_ids", "There is no such skill."))
		}
		if _, err := tx.Exec(ll.q["InsertSkill"], int64(l.ID), int64(k)); err != nil {
			return err
		}
	}
	return nil
}

func (ll *Lines) putGroups(tx *db.Tx, l Line) error {
	if _, err := tx.Exec(ll.q["DeleteGroups"], int64(l.ID)); err != nil {
		return err
	}
	for i, g := range l.Groups {
		if _, err := tx.Exec(ll.q["InsertGroup"], int64(l.ID), int64(i), int64(g)); err != nil {
			return err
		}
	}
	return nil
}

// settle makes Schedule and Hours agree after an edit. before is the line as
// it was; a new line's is empty.
func (ll *Lines) settle(tx *db.Tx, actor sotto.Actor, before Settings, l *Line) error {
	same := l.Hours.equal(before.Hours)
	switch {
	case l.Schedule != before.Schedule && !same && l.Schedule != 0 && len(l.Hours.Spans) > 0:
		return sotto.FailField("schedule_id", "Give the line a schedule or opening hours of its own, not both.")
	case l.Schedule != before.Schedule && l.Schedule == 0 && same:
		l.Hours.Spans, l.Hours.Holidays = nil, nil
		return nil
	case l.Schedule != before.Schedule && l.Schedule != 0:
		s, err := ll.schedule(tx, l.Schedule)
		l.Hours = s.Hours
		return err
	case len(l.Hours.Spans) == 0:
		l.Schedule, l.Hours.Holidays = 0, nil
		return nil
	case same:
		return nil
	}
	return ll.own(tx, actor, l)
}

// own gives the line a schedule with its hours: the one it has, if no other
// line goes by it.
func (ll *Lines) own(tx *db.Tx, actor sotto.Actor, l *Line) error {
	shared, err := tx.Has(ll.q["ScheduleShared"], db.OrNull(l.Schedule), int64(l.ID))
	if err != nil {
		return err
	}
	s := Schedule{ID: l.Schedule, Name: l.Name, Hours: l.Hours}
	if l.Schedule == 0 || shared {
		s.ID = 0
		if s, err = ll.addSchedule(tx, actor, s); err != nil {
			return err
		}
		l.Schedule, l.Hours = s.ID, s.Hours
		return nil
	}
	old, err := ll.schedule(tx, l.Schedule)
	if err != nil {
		return err
	}
	s.Name = old.Name
	s, err = ll.putSchedule(tx, actor, s)
	l.Hours = s.Hours
	return err
}
