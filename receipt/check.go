package receipt

import (
	"crypto/sha256"
	"strings"
	"time"

	"sotto"
)

// check holds the rules of a record: closed words, no negative number, hashes
// of the right length, and a reason for everything that is kept.
func (r Record) check() error {
	switch {
	case !r.Kind.known():
		return sotto.FailField("Kind", "The record is of no known kind.")
	case !dated(r.At):
		return sotto.FailField("At", "The record needs a time between the years 1970 and 9999.")
	case r.No < 0 || r.Subject < 0 || r.Request < 0 || r.Actor < 0:
		return sotto.FailField("Subject", "Ids in a record are never negative.")
	case r.Thing != "" && r.Thing != "ticket" && r.Thing != "recording" && r.Thing != "receipt", (r.Thing == "") != (r.ThingID == 0), r.ThingID < 0:
		return sotto.FailField("Thing", "The thing deleted is a ticket or a recording with its number, or nothing.")
	case (r.Thing == "receipt") && r.Kind != Restore:
		return sotto.FailField("Thing", "Only a restore goes back to a receipt.")
	case r.Kind == Erasure && r.Subject == 0:
		return sotto.FailField("Subject", "The record of an erasure needs the person it is about.")
	case r.Kind == Anchor && len(r.AuditHead) == 0:
		return sotto.FailField("AuditHead", "An anchor needs the head of the audit log.")
	case len(r.Commitment) != 0 && len(r.Commitment) != sha256.Size:
		return sotto.FailField("Commitment", "A commitment has 32 bytes.")
	case len(r.AuditHead) != 0 && len(r.AuditHead) != sha256.Size:
		return sotto.FailField("AuditHead", "The head of the audit log has 32 bytes.")
	case r.AuditSize < 0 || r.AuditSize > 0 && len(r.AuditHead) == 0:
		return sotto.FailField("AuditSize", "The size of the audit log needs its head, and is never negative.")
	case r.Scan.Files < 0 || r.Scan.Bytes < 0 || r.Scan.Hits < 0:
		return sotto.FailField("Scan", "The figures of a scan are never negative.")
	}
	return r.checkLists()
}

func (r Record) checkLists() error {
	for _, k := range r.Keys {
		if k < 0 {
			return sotto.FailField("Keys", "Ids in a record are never negative.")
		}
	}
	for _, t := range r.Tombstones {
		if len(t) != sha256.Size {
			return sotto.FailField("Tombstones", "A tombstone is an HMAC-SHA256 value of 32 bytes.")
		}
	}
	for _, p := range r.Incomplete {
		if !place(p) {
			return sotto.FailField("Incomplete", "An unconfirmed place is named as in the catalogue.")
		}
	}
	for _, s := range r.Steps {
		if err := s.check(); err != nil {
			return err
		}
	}
	return nil
}

func (s Step) check() error {
	switch {
	case !place(s.Place):
		return sotto.FailField("Place", "The place of a step is named as in the catalogue.")
	case !s.Action.known():
		return sotto.FailField("Action", "The step has no known action.")
	case s.Removed < 0 || s.Retained < 0:
		return sotto.FailField("Removed", "The figures of a step are never negative.")
	case s.Why != "" && !duty(s.Why):
		return sotto.FailField("Why", "The reason of a step is a short code such as \"GDPR 17(3)(b)\", not a text.")
	case s.Why == "" && (s.Retained > 0 || s.Action == Retain):
		return sotto.FailField("Why", "A step that keeps something needs the duty it is kept for.")
	case !s.Until.IsZero() && !dated(s.Until):
		return sotto.FailField("Until", "The end of a duty lies between the years 1970 and 9999.")
	}
	return nil
}

// dated also keeps out a time that has no millisecond form of its own.
func dated(t time.Time) bool {
	y := t.UTC().Year()
	return y >= 1970 && y <= 9999
}

// place reports whether s can be a catalogue name. It cannot know the
// catalogue; it keeps out what is certainly none: an address, a number, a text.
func place(s string) bool {
	return s != "" && s[0] >= 'a' && s[0] <= 'z' && word(s, "_.:/-[] ", 4, 100)
}

// duty reports whether s can be the code of a legal duty. Seven digits are
// enough for "Regulation 2016/679" and too few for most telephone numbers.
func duty(s string) bool { return word(s, " .,-/()", 7, 60) }

// word reports whether s is short and has only letters, single blanks, marks,
// and rows of few digits. A mark does not end a row, since numbers of people
// are written with marks; a letter does.
func word(s, marks string, digits, longest int) bool {
	row, last := 0, byte(' ')
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			row++
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			row = 0
		case strings.IndexByte(marks, c) < 0 || c == ' ' && last == ' ':
			return false
		}
		if row > digits {
			return false
		}
		last = c
	}
	return len(s) <= longest && last != ' '
}
