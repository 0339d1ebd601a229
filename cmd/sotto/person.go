package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"sotto"
	"sotto/desk"
	"sotto/erasure"
	"sotto/person"
	"sotto/privacy"
)

type personCmd struct {
	Add     personAddCmd     `cmd:"" help:"Add a person."`
	Find    personFindCmd    `cmd:"" help:"Find people by number, e-mail address, external id or name."`
	Role    personRoleCmd    `cmd:"" help:"Say what a person may do here."`
	Show    personShowCmd    `cmd:"" help:"Say where a person's data is and why (GDPR 15)."`
	Export  personExportCmd  `cmd:"" help:"Write everything about a person into one archive (GDPR 15, 20)."`
	Correct personCorrectCmd `cmd:"" help:"Correct what is held about a person (GDPR 16)."`
	Erase   personEraseCmd   `cmd:"" help:"Forget a person (GDPR 17): preview first, then --yes."`
	Object  personObjectCmd  `cmd:"" help:"Record or withdraw an objection (GDPR 21)."`
}

type personAddCmd struct {
	Name   string   `required:"" help:"The person's name."`
	Role   string   `default:"end-user" enum:"end-user,agent,team-lead,admin" help:"end-user, agent, team-lead or admin."`
	Phone  []string `help:"A telephone number; may be repeated."`
	Email  []string `help:"An e-mail address; may be repeated."`
	Locale string   `default:"en" enum:"en,fr" help:"The language to speak: en or fr."`
	Notes  string   `help:"What agents must know."`
}

// DoDesk adds the person and prints the number.
func (c *personAddCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	id, err := d.People.Create(ctx, sotto.Operator(), person.Draft{
		Role: sotto.Role(c.Role), Name: c.Name, Phones: c.Phone, Emails: c.Email, Locale: c.Locale, Notes: c.Notes,
	})
	if err == nil {
		fmt.Fprintln(s.out, id)
	}
	return err
}

type personRoleCmd struct {
	ID   sotto.PersonID `arg:"" help:"The person's number."`
	Role string         `arg:"" enum:"end-user,agent,team-lead,admin" help:"end-user, agent, team-lead or admin."`
}

// DoDesk changes the role. Whoever may not sign in any more is signed out.
func (c *personRoleCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	role := sotto.Role(c.Role)
	if err := d.People.Update(ctx, sotto.Operator(), c.ID, person.Change{Role: &role}); err != nil || role.Staff() {
		return err
	}
	return d.Agents.SignOut(ctx, c.ID)
}

type personFindCmd struct {
	Query string `arg:"" help:"A number, an e-mail address, an external id, or words of a name."`
}

// DoDesk prints a line for each person found; none is an error.
func (c *personFindCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	found, err := d.People.Find(ctx, c.Query)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return sotto.Fail(sotto.NotFound, "Nobody here is called that or can be reached there.")
	}
	t := s.table("id", "role", "name", "phone", "email")
	for _, p := range found {
		t.row(p.ID, p.Role, p.Name, p.Phone(), p.Email())
	}
	return t.flush()
}

type personShowCmd struct {
	ID sotto.PersonID `arg:"" help:"The person's number; see sotto person find."`
	As string         `default:"text" enum:"text,json" help:"text or json."`
}

// DoDesk prints the report of GDPR 15.
func (c *personShowCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	rep, err := d.Rights.Show(ctx, sotto.Operator(), c.ID)
	if err != nil {
		return err
	}
	if c.As == "json" || s.json {
		return writeJSON(s.out, rep)
	}
	w := columns(s.out)
	fmt.Fprintf(w, "PLACE\tVALUES\tWHY\tBASIS\tKEPT\n")
	for _, p := range rep.Places {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", p.Name, p.Count, p.Why, p.Basis, p.Keep)
	}
	for _, f := range rep.Files {
		fmt.Fprintf(w, "files: %s\t%d\t%s\t\t\n", f.Class, f.Count, f.What)
	}
	for _, r := range rep.Recipients {
		fmt.Fprintf(w, "recipient: %s\t\t%s\t%s\t\n", r.Disclosure, r.Why, r.Basis)
	}
	fmt.Fprintf(w, "\n%s\n%s\n%s\n", rep.Source, rep.Automated, rep.Rights)
	return w.Flush()
}

type personExportCmd struct {
	ID sotto.PersonID `arg:"" help:"The person's number."`
	To string         `required:"" placeholder:"FILE" help:"Where to write the archive (zip); must not exist."`
}

// DoDesk writes the archive; a failed one leaves no file.
func (c *personExportCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	path := s.absolute(c.To)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return sotto.FailCause(sotto.Conflict, "The archive cannot be written there; perhaps the file exists.", err)
	}
	no, err := d.Rights.Export(ctx, sotto.Operator(), c.ID, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	fmt.Fprintf(s.out, "wrote %s, receipt %d\n", c.To, no)
	return nil
}

type personCorrectCmd struct {
	ID        sotto.PersonID    `arg:"" help:"The person's number."`
	Name      *string           `help:"The right name."`
	Phone     map[string]string `placeholder:"OLD=NEW" help:"Replace a telephone number everywhere."`
	Email     map[string]string `placeholder:"OLD=NEW" help:"Replace an e-mail address everywhere."`
	Notes     *string           `help:"The right notes."`
	Locale    *string           `help:"The right language: en or fr."`
	Recording sotto.RecordingID `help:"Bind --statement to this recording: sound is not edited."`
	Statement string            `help:"The person's statement about the recording."`
}

// DoDesk corrects every copy and prints where.
func (c *personCorrectCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	done, err := d.Rights.Correct(ctx, sotto.Operator(), c.ID, privacy.Correction{
		Name: c.Name, Notes: c.Notes, Locale: c.Locale, Phones: c.Phone, Emails: c.Email,
		Recording: c.Recording, Statement: c.Statement,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "corrected, %d tickets followed, receipt %d\n", done.Tickets, done.Receipt)
	return nil
}

type personEraseCmd struct {
	ID  sotto.PersonID `arg:"" help:"The person's number."`
	Yes bool           `help:"Do it. Without it, only a preview is printed. It cannot be undone."`
}

// DoDesk previews, or erases.
func (c *personEraseCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	if !c.Yes {
		return c.preview(ctx, d, s)
	}
	out, err := d.Rights.Erase(ctx, sotto.Operator(), c.ID)
	if err != nil {
		return err
	}
	if s.json {
		return c.machine(s, out)
	}
	fmt.Fprintf(s.out, "unreadable after %v, removed after %v\n", out.Unreadable, out.Took)
	for _, st := range out.Steps {
		fmt.Fprintf(s.out, "  %-26s %-12s removed %d", st.Place, st.Action, st.Removed)
		if st.Retained > 0 {
			fmt.Fprintf(s.out, ", kept %d (%s)", st.Retained, st.Why)
		}
		fmt.Fprintln(s.out)
	}
	if len(out.Incomplete) > 0 {
		fmt.Fprintln(s.out, "not complete: waiting for", out.Incomplete)
		return quiet(exitFailed)
	}
	fmt.Fprintf(s.out, "searched %d files, %d bytes: %d hits\n", out.Scan.Files, out.Scan.Bytes, out.Scan.Hits)
	fmt.Fprintf(s.out, "receipt %d; see `sotto receipt show %d`\n", out.Receipt, out.Receipt)
	if out.Identity != "" {
		fmt.Fprintf(s.out, "for the person only, shown once: %s\n", hex.EncodeToString(out.Nonce[:]))
	}
	return nil
}

// machine prints what came of an erasure for machines. The nonce is only there
// where it opens the receipt's commitment.
func (c *personEraseCmd) machine(s streams, out erasure.Outcome) error {
	o := map[string]any{
		"person": out.Person, "receipt": out.Receipt, "unreadable_seconds": out.Unreadable.Seconds(), "took_seconds": out.Took.Seconds(),
		"steps": out.Steps, "scan": out.Scan, "waiting_for": append([]string{}, out.Incomplete...),
	}
	if out.Identity != "" {
		o["nonce"] = hex.EncodeToString(out.Nonce[:])
	}
	err := writeJSON(s.out, o)
	if err == nil && len(out.Incomplete) > 0 {
		err = quiet(exitFailed)
	}
	return err
}

func (c *personEraseCmd) preview(ctx context.Context, d *desk.Desk, s streams) error {
	p, err := d.Rights.PreviewErasure(ctx, sotto.Operator(), c.ID)
	if err != nil {
		return err
	}
	if s.json {
		return writeJSON(s.out, p)
	}
	w, tw := s.out, columns(s.out)
	for _, pl := range p.Places {
		fmt.Fprintf(tw, "%s\t%d\t%s\n", pl.Table, pl.Rows, pl.Outcome)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if p.OnCall {
		fmt.Fprintln(w, "The person is on the telephone now. Recording stops at once; the call goes on.")
	}
	for _, t := range p.Mentions {
		fmt.Fprintf(w, "Ticket %d of somebody else mentions the person: look at it, redact what must go.\n", t)
	}
	fmt.Fprintln(w, "Nothing was changed. Run it again with --yes; it cannot be undone.")
	return nil
}

type personObjectCmd struct {
	ID       sotto.PersonID `arg:"" help:"The person's number."`
	Purpose  string         `arg:"" default:"marketing" enum:"marketing,quality,analytics" help:"What the person objects to."`
	Withdraw bool           `help:"Take the objection back."`
}

// DoDesk records or withdraws.
func (c *personObjectCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	if c.Withdraw {
		return d.Rights.WithdrawObjection(ctx, sotto.Operator(), c.ID, person.Purpose(c.Purpose))
	}
	return d.Rights.Object(ctx, sotto.Operator(), c.ID, person.Purpose(c.Purpose))
}
