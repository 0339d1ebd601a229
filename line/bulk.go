package line

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sotto"
	"sotto/db"
)

// MaxLines is how many lines one change may name.
const MaxLines = 100

// Difference is one setting of a line that a change changes.
type Difference struct {
	Line     sotto.LineID
	Field    string // as check names it in its errors
	From, To string
}

// errPreview takes back what a preview did.
var errPreview = errors.New("line: a preview changes nothing")

// UpdateMany changes several lines in one transaction: all of them or none.
// The error of the first line that refuses is returned. With preview nothing
// is kept: differences are what would change, and an error is what would
// stop it.
func (ll *Lines) UpdateMany(ctx context.Context, actor sotto.Actor, ids []sotto.LineID, preview bool, edit func(*Settings) error) (all []Line, changed []Difference, err error) {
	defer sotto.Wrap(&err, "line.UpdateMany(%d lines)", len(ids))
	if !actor.IsAdmin() {
		return nil, nil, sotto.Fail(sotto.Denied, "Only an administrator may change lines.")
	}
	if len(ids) == 0 || len(ids) > MaxLines {
		return nil, nil, sotto.FailField("ids", "Name 1 to 100 lines.")
	}
	err = ll.db.Write(ctx, func(tx *db.Tx) error {
		all, changed = nil, nil
		seen := map[sotto.LineID]bool{}
		for _, id := range ids {
			if seen[id] {
				continue
			}
			seen[id] = true
			before, err := ll.Load(tx, id)
			if err != nil {
				return fmt.Errorf("line %d: %w", id, err)
			}
			after, err := ll.update(tx, actor, id, edit)
			if err != nil {
				return fmt.Errorf("line %d: %w", id, err)
			}
			all, changed = append(all, after), append(changed, differences(before, after)...)
		}
		if preview {
			return errPreview
		}
		return nil
	})
	if preview && errors.Is(err, errPreview) {
		err = nil
	}
	if err != nil {
		return nil, nil, err
	}
	return all, changed, nil
}

func differences(before, after Line) (out []Difference) {
	was, is := before.Words(), after.Words()
	for i, w := range was {
		if w.Value != is[i].Value {
			out = append(out, Difference{Line: after.ID, Field: w.Field, From: w.Value, To: is[i].Value})
		}
	}
	return out
}

// Word is one setting in words.
type Word struct{ Field, Value string }

// Words are all settings of a line in words, always in the same order, for
// people and for previews.
func (s Settings) Words() []Word {
	seconds := func(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
	id := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	groups := make([]string, len(s.Groups))
	for i, g := range s.Groups {
		groups[i] = id(int64(g))
	}
	skills := make([]string, len(s.Skills))
	for i, k := range s.Skills {
		skills[i] = id(int64(k))
	}
	return []Word{
		{"number", s.Number}, {"name", s.Name}, {"line_type", string(s.Kind)}, {"brand", s.Brand}, {"locale", s.Locale},
		{"voice_enabled", strconv.FormatBool(s.Voice)}, {"sms_enabled", strconv.FormatBool(s.SMS)},
		{"secure_media", strconv.FormatBool(s.SecureMedia)}, {"outbound_enabled", strconv.FormatBool(s.Outbound)},
		{"caller_id", s.CallerID}, {"consent", string(s.Consent)},
		{"keep_call_days", id(int64(s.KeepCallDays))}, {"keep_voicemail_days", id(int64(s.KeepVoicemailDays))},
		{"priority", strconv.FormatBool(s.Priority)}, {"group_ids", strings.Join(groups, " ")}, {"ivr_id", id(int64(s.Menu))},
		{"turn", string(s.Turn)}, {"skill_ids", strings.Join(skills, " ")}, {"relax_skills_seconds", seconds(s.RelaxSkills)},
		{"schedule_id", id(int64(s.Schedule))}, {"time_zone", s.Hours.Zone}, {"hours", s.Hours.String()},
		{"ring_seconds", seconds(s.Ring)}, {"wait_seconds", seconds(s.Wait)}, {"max_queue_size", strconv.Itoa(s.MaxQueue)},
		{"average_wait_announcement", strconv.FormatBool(s.AnnounceWait)}, {"position_announcement", strconv.FormatBool(s.AnnouncePosition)},
		{"callback_from_queue", strconv.FormatBool(s.Callback)}, {"wrap_up", strconv.FormatBool(s.WrapUp)}, {"wrap_up_seconds", seconds(s.WrapUpLimit)},
		{"voicemail", strconv.FormatBool(s.Voicemail)}, {"overflow_number", s.Overflow},
		{"overflow_number_outside_hours", s.OverflowClosed}, {"failover_number", s.Failover},
		{"text_back_enabled", strconv.FormatBool(s.TextBack)}, {"text_back_text", s.TextBackWords},
	}
}

// String writes hours as the command line reads them: "mon=09:00-17:30 ..."
// and "always" for no spans.
func (h Hours) String() string {
	if len(h.Spans) == 0 {
		return "always"
	}
	var out []string
	for _, s := range h.Spans {
		name := strings.ToLower(s.Day.String()[:3])
		out = append(out, fmt.Sprintf("%s=%02d:%02d-%02d:%02d", name, s.Opens/60, s.Opens%60, s.Closes/60, s.Closes%60))
	}
	return strings.Join(out, " ")
}
