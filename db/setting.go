package db

import (
	"errors"
	"fmt"
	"strconv"

	"sotto"
)

// SettingName is one of the settings an administrator may change. The list is
// closed: the table holds numbers and nothing a person said.
type SettingName string

// The settings.
const (
	TicketPurgeDays SettingName = "ticket_purge_days" // from a ticket's deletion until it goes for good; 0 is at once
	AttachmentMaxMB SettingName = "attachment_max_mb" // the largest file, in units of 1024 × 1024 bytes
	UploadKeepDays  SettingName = "upload_keep_days"  // how long a file waits to be put on a comment
	AutoAwayAfter   SettingName = "auto_away_after"   // offers in a row that ring out before an agent is away; 0 is never

	DialCallMinutes  SettingName = "dial_call_minutes"  // the longest call to a number outside
	DialAgentCalls   SettingName = "dial_agent_calls"   // calls to numbers outside that one agent has at once
	DialDeskCalls    SettingName = "dial_desk_calls"    // that the desk has at once
	DialAgentMinutes SettingName = "dial_agent_minutes" // of calls to numbers outside, for one agent and day
	DialDeskMinutes  SettingName = "dial_desk_minutes"  // for the desk and day
	DialAgentCents   SettingName = "dial_agent_cents"   // what such calls may cost, for one agent and day, in hundredths
	DialDeskCents    SettingName = "dial_desk_cents"    // for the desk and day
	DialAgentTexts   SettingName = "dial_agent_texts"   // texts that one agent sends in a day
	DialDeskTexts    SettingName = "dial_desk_texts"    // that the desk sends, its own among them
)

// bounds returns the smallest and largest value a setting takes.
func (s SettingName) bounds() (lowest, highest int64, known bool) {
	switch s {
	case TicketPurgeDays:
		return 0, 365, true
	case AttachmentMaxMB:
		return 1, 1024, true
	case UploadKeepDays:
		return 1, 30, true
	case AutoAwayAfter:
		return 0, 100, true
	case DialCallMinutes:
		return 1, 1440, true
	case DialAgentCalls, DialDeskCalls:
		return 0, 10_000, true
	case DialAgentMinutes, DialDeskMinutes, DialAgentCents, DialDeskCents, DialAgentTexts, DialDeskTexts:
		return 0, 100_000_000, true
	}
	return 0, 0, false
}

// SettingNames returns every setting.
func SettingNames() []SettingName {
	return []SettingName{
		TicketPurgeDays, AttachmentMaxMB, UploadKeepDays, AutoAwayAfter,
		DialCallMinutes, DialAgentCalls, DialDeskCalls, DialAgentMinutes, DialDeskMinutes, DialAgentCents, DialDeskCents,
		DialAgentTexts, DialDeskTexts,
	}
}

// Setting returns what an administrator set, or fallback if nobody did.
func Setting(tx *Tx, name SettingName, fallback int64) (n int64, err error) {
	defer sotto.Wrap(&err, "db.Setting(%s)", name)
	if _, _, known := name.bounds(); !known {
		return 0, errNoSetting()
	}
	v, err := One(tx, Text, "SELECT value FROM setting WHERE name = $1", string(name))
	if errors.Is(err, ErrNone) {
		return fallback, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(v, 10, 64)
}

// SetSetting changes a setting. An unknown name or a value out of bounds is
// Invalid and changes nothing. The caller writes the audit entry.
func SetSetting(tx *Tx, name SettingName, value int64) (err error) {
	lowest, highest, known := name.bounds()
	if !known {
		return errNoSetting()
	}
	if value < lowest || value > highest {
		return sotto.FailField(string(name), fmt.Sprintf("The value must be from %d to %d.", lowest, highest))
	}
	defer sotto.Wrap(&err, "db.SetSetting(%s)", name)
	_, err = tx.Exec(`INSERT INTO setting (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, string(name), strconv.FormatInt(value, 10))
	return err
}

func errNoSetting() error { return sotto.FailField("setting", "There is no such setting.") }
