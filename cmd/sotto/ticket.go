package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
	"sotto/desk"
	"sotto/ticket"
)

type ticketCmd struct {
	List   ticketListCmd   `cmd:"" help:"List tickets, last changed first."`
	Show   ticketShowCmd   `cmd:"" help:"Print a ticket: comments, recordings, events."`
	Delete ticketDeleteCmd `cmd:"" help:"Delete a ticket; it goes for good after the setting ticket_purge_days."`
	Redact ticketRedactCmd `cmd:"" help:"Black out a text in a comment, also on a closed ticket."`
}

type ticketListCmd struct {
	Deleted bool `help:"The deleted ones that have not gone for good yet."`
}

// DoDesk prints a line for each ticket.
func (c *ticketListCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	if c.Deleted {
		page, _, err := d.Tickets.Deleted(ctx, sotto.Operator(), ticket.Page{})
		if err != nil {
			return err
		}
		list := s.table("id", "deleted_at", "subject")
		for _, t := range page {
			list.row(t.ID, t.DeletedAt, t.Subject)
		}
		return list.flush()
	}
	list := s.table("id", "status", "via", "created_at", "subject")
	for p := (ticket.Page{}); ; {
		page, next, err := d.Tickets.List(ctx, sotto.Operator(), ticket.Filter{}, p)
		if err != nil {
			return err
		}
		for _, t := range page {
			list.row(t.ID, t.Status, t.Via, t.CreatedAt, t.Subject)
		}
		if next == "" {
			return list.flush()
		}
		p.After = next
	}
}

type ticketShowCmd struct {
	ID sotto.TicketID `arg:"" help:"The ticket's number."`
}

// DoDesk prints everything on the ticket.
func (c *ticketShowCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	t, err := d.Tickets.Get(ctx, sotto.Operator(), c.ID)
	if err != nil {
		return err
	}
	comments, _, err := d.Tickets.Comments(ctx, sotto.Operator(), c.ID, ticket.Page{})
	if err != nil {
		return err
	}
	recordings, err := d.Recordings.ByTicket(ctx, sotto.Operator(), c.ID)
	if err != nil {
		return err
	}
	events, _, err := d.Tickets.Events(ctx, sotto.Operator(), c.ID, ticket.Page{})
	if err != nil {
		return err
	}
	texts, err := d.Texts.OfTicket(ctx, sotto.Operator(), c.ID, 0)
	if err != nil {
		return err
	}
	if s.json {
		return writeJSON(s.out, map[string]any{"ticket": t, "comments": comments, "recordings": recordings, "events": events, "texts": texts})
	}
	fmt.Fprintf(s.out, "ticket %d: %s\n%s, via %s, requester %d, opened %s\n", t.ID, t.Subject, t.Status, t.Via, t.Requester, t.CreatedAt.Format(time.RFC3339))
	for _, m := range comments {
		fmt.Fprintf(s.out, "\ncomment %d (%s, public: %v)\n%s\n", m.ID, m.Kind, m.Public, m.Body)
		for _, a := range m.Attachments {
			fmt.Fprintf(s.out, "  attachment %d: %s (%d bytes)\n", a.ID, a.Name, a.Size)
		}
	}
	for _, r := range recordings {
		fmt.Fprintf(s.out, "\nrecording %d: %s, %s, %v\n", r.ID, r.Kind, r.State, r.Duration)
	}
	for _, x := range texts {
		fmt.Fprintf(s.out, "\ntext %d of comment %d: %s, %s %s\n", x.ID, x.Comment, x.Kind, x.State, x.Reason)
	}
	fmt.Fprintln(s.out)
	for _, e := range events {
		fmt.Fprintf(s.out, "event %s: %s %s→%s %d\n", e.At.Format(time.RFC3339), e.Kind, e.Was, e.Becomes, e.Object)
	}
	return nil
}

type ticketDeleteCmd struct {
	ID  sotto.TicketID `arg:"" help:"The ticket's number."`
	Now bool           `help:"For good, at once, with its recordings. It cannot be undone; needs --yes."`
	Yes bool           `help:"Do it."`
}

// DoDesk deletes softly, or for good.
func (c *ticketDeleteCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	if !c.Now {
		return d.Tickets.Delete(ctx, sotto.Operator(), c.ID)
	}
	if !c.Yes {
		return sotto.Fail(sotto.Invalid, "This deletes the ticket and its recordings for good. Say --yes to do it.")
	}
	out, err := d.Eraser.Ticket(ctx, sotto.Operator(), c.ID, true)
	if err == nil {
		fmt.Fprintf(s.out, "gone, receipt %d\n", out.Receipt)
	}
	return err
}

type ticketRedactCmd struct {
	ID      sotto.TicketID  `arg:"" help:"The ticket's number."`
	Comment sotto.CommentID `arg:"" help:"The comment's number."`
	Text    string          `arg:"" help:"The text to black out, every time it stands there."`
}

// DoDesk redacts.
func (c *ticketRedactCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	m, err := d.Tickets.RedactText(ctx, sotto.Operator(), c.ID, c.Comment, c.Text)
	if err == nil {
		fmt.Fprintln(s.out, m.Body)
	}
	return err
}

type recordingCmd struct {
	Save   recordingSaveCmd   `cmd:"" help:"Write a recording to a WAV file: caller left, agents right."`
	Delete recordingDeleteCmd `cmd:"" help:"Delete a recording for good."`
	Prove  recordingProveCmd  `cmd:"" help:"Show the consent a recording rests on (GDPR 7)."`
	Due    recordingDueCmd    `cmd:"" help:"Remove now whatever is due: recordings, tickets, archives."`
}

type recordingSaveCmd struct {
	ID sotto.RecordingID `arg:"" help:"The recording's number; see sotto ticket show."`
	To string            `required:"" placeholder:"FILE" help:"Where to write it; must not exist."`
}

// DoDesk writes the sound; the audit log notes it.
func (c *recordingSaveCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) (err error) {
	wav, err := d.Recordings.WAV(ctx, sotto.Operator(), c.ID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wav.Close()) }()
	f, err := os.OpenFile(s.absolute(c.To), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return sotto.FailCause(sotto.Conflict, "The file cannot be written there; perhaps it exists.", err)
	}
	_, err = io.Copy(f, wav)
	return errors.Join(err, f.Close())
}

type recordingDeleteCmd struct {
	ID  sotto.RecordingID `arg:"" help:"The recording's number; see sotto ticket show."`
	Yes bool              `help:"Do it. It cannot be undone."`
}

// DoDesk deletes the sound.
func (c *recordingDeleteCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	if !c.Yes {
		return sotto.Fail(sotto.Invalid, "This deletes the recording for good. Say --yes to do it.")
	}
	out, err := d.Eraser.Recording(ctx, sotto.Operator(), c.ID)
	if err == nil {
		fmt.Fprintf(s.out, "deleted, receipt %d\n", out.Receipt)
	}
	return err
}

type recordingProveCmd struct {
	ID sotto.RecordingID `arg:"" help:"The recording's number."`
}

// DoDesk prints the consent record.
func (c *recordingProveCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	p, err := d.Recordings.Prove(ctx, c.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "notice %s (%s), sha256 %x\nmode %s: %s by %s at %s\n", p.Notice, p.Locale, p.NoticeHash, p.Mode, p.Outcome, p.Evidence, p.DecidedAt.Format(time.RFC3339))
	return nil
}

type recordingDueCmd struct{}

// DoDesk runs retention once.
func (c *recordingDueCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	rep, err := d.Retention.RunDue(ctx)
	fmt.Fprintf(s.out, "removed %d recordings, %d tickets, %d files that nobody fetched\n", rep.Recordings, rep.Tickets, rep.Expired)
	return err
}

type auditCmd struct {
	List   auditListCmd   `cmd:"" help:"List entries, newest first."`
	Verify auditVerifyCmd `cmd:"" help:"Walk the hash chain."`
}

type auditListCmd struct {
	Ticket sotto.TicketID `help:"Only about this ticket."`
	Person sotto.PersonID `help:"Only about this person's data."`
	Limit  int            `default:"50" help:"How many."`
}

// DoDesk prints a line for each entry.
func (c *auditListCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	list, _, err := d.Audit.List(ctx, sotto.Operator(), audit.Filter{Ticket: c.Ticket, Person: c.Person, Limit: c.Limit})
	if err != nil {
		return err
	}
	t := s.table("id", "at", "actor", "action", "thing", "ticket:ticket %d", "person:-")
	for _, r := range list {
		who := string(r.ActorKind)
		if r.Actor != 0 {
			if p, err := d.People.Get(ctx, r.Actor); err == nil && p.Name != "" {
				who = p.Name
			} else {
				who = fmt.Sprintf("person %d", r.Actor)
			}
		}
		t.row(r.ID, r.At, who, r.Action, fmt.Sprintf("%s %d", r.Source, r.SourceID), r.Ticket, r.Person)
	}
	return t.flush()
}

type auditVerifyCmd struct{}

// DoDesk verifies the chain.
func (c *auditVerifyCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	rep, err := d.Audit.Verify(ctx)
	if err != nil {
		return err
	}
	if !rep.Whole() {
		fmt.Fprintf(s.err, "entry %d does not fit: %s\n", rep.Broken, rep.Why)
		return quiet(exitFailed)
	}
	fmt.Fprintf(s.out, "the audit log is whole: %d entries\n", rep.Size)
	return nil
}

type settingCmd struct {
	Name  string `arg:"" help:"The setting, as ticket_purge_days."`
	Value *int64 `arg:"" optional:"" help:"The new value; without it the value is printed."`
}

// DoDesk reads or sets a setting.
func (c *settingCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	if c.Value == nil {
		return d.DB.Read(ctx, func(tx *db.Tx) error {
			n, err := db.Setting(tx, db.SettingName(c.Name), -1)
			if err == nil && n < 0 {
				fmt.Fprintln(s.out, "not set: the default holds")
			} else if err == nil {
				fmt.Fprintln(s.out, n)
			}
			return err
		})
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		if err := db.SetSetting(tx, db.SettingName(c.Name), *c.Value); err != nil {
			return err
		}
		return d.Audit.Add(tx, sotto.Operator(), audit.Entry{Action: audit.Update, Source: audit.Setting})
	})
}
