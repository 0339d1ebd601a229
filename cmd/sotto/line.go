package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"sotto"
	"sotto/desk"
	"sotto/line"
)

type lineCmd struct {
	Add      lineAddCmd      `cmd:"" help:"Add a line."`
	List     lineListCmd     `cmd:"" help:"List the lines."`
	Show     lineShowCmd     `cmd:"" help:"Show every setting of a line."`
	Set      lineSetCmd      `cmd:"" help:"Change one or several lines, all or none."`
	Schedule scheduleCmd     `cmd:"" help:"Opening hours that several lines go by."`
	Greeting lineGreetingCmd `cmd:"" help:"Put a sound file on a line."`
	Sounds   lineSoundsCmd   `cmd:"" help:"List what a line plays for each category."`
	Delete   lineDeleteCmd   `cmd:"" help:"Delete a line; its calls and recordings stay by their own rules."`
	Recover  lineRecoverCmd  `cmd:"" help:"Take a deleted line back, within three days."`
}

type lineAddCmd struct {
	Number string `arg:"" help:"The number, as the trunk sends it."`
	lineFlags
}

// DoDesk adds the line and prints its id.
func (c *lineAddCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	set := line.Defaults()
	set.Number, set.Name = c.Number, c.Number
	if err := c.apply(&set); err != nil {
		return err
	}
	l, err := d.Lines.Create(ctx, sotto.Operator(), set)
	if err == nil {
		fmt.Fprintln(s.out, l.ID)
	}
	return err
}

type lineListCmd struct {
	Deleted bool `help:"List the deleted lines that can still be recovered."`
}

// DoDesk prints a line for each line.
func (c *lineListCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	list := d.Lines.List
	if c.Deleted {
		list = d.Lines.Deleted
	}
	all, err := list(ctx)
	if err != nil {
		return err
	}
	t := s.table("id", "number", "name", "locale", "recording:recording %s", "keep_calls:calls kept %s", "keep_messages:messages kept %s")
	for _, l := range all {
		t.row(l.ID, l.Number, l.Name, l.Locale, l.Consent, days(l.KeepCallDays), days(l.KeepVoicemailDays))
	}
	return t.flush()
}

func days(n int) string {
	if n == 0 {
		return "until deleted"
	}
	return strconv.Itoa(n) + " days"
}

type lineShowCmd struct {
	ID sotto.LineID `arg:"" help:"The line's id."`
}

// DoDesk prints a line for each setting.
func (c *lineShowCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	l, err := d.Lines.Get(ctx, c.ID)
	if err != nil {
		return err
	}
	if s.json {
		values := map[string]string{}
		for _, word := range l.Words() {
			values[word.Field] = word.Value
		}
		return writeJSON(s.out, values)
	}
	t := s.table("field", "value")
	for _, word := range l.Words() {
		t.row(word.Field, word.Value)
	}
	return t.flush()
}

type lineSetCmd struct {
	IDs     []sotto.LineID `arg:"" name:"id" help:"The lines' ids."`
	Preview bool           `help:"Only print what would change."`
	lineFlags
}

// DoDesk changes the lines.
func (c *lineSetCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	_, changed, err := d.Lines.UpdateMany(ctx, sotto.Operator(), c.IDs, c.Preview, c.apply)
	if !c.Preview {
		return err
	}
	for _, diff := range changed {
		fmt.Fprintf(s.out, "%d %s: %q becomes %q\n", diff.Line, diff.Field, diff.From, diff.To)
	}
	return err
}

type lineRecoverCmd struct {
	ID sotto.LineID `arg:"" help:"The line's id."`
}

// DoDesk takes the line back.
func (c *lineRecoverCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	_, err := d.Lines.Recover(ctx, sotto.Operator(), c.ID)
	return err
}

type lineGreetingCmd struct {
	ID       sotto.LineID `arg:"" help:"The line's id."`
	Category string       `arg:"" help:"Which sound, as greeting, wait, hold or voicemail; see sotto line sounds."`
	Locale   string       `arg:"" help:"Its language: en or fr."`
	File     string       `arg:"" optional:"" help:"A WAV, MP3 or Ogg Opus file; without it the default is put back."`
	Hours    string       `default:"any" help:"When it is played: any, or only while the line is open or closed."`
}

// DoDesk puts the sound on the line.
func (c *lineGreetingCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	if c.File == "" {
		return d.Lines.ResetSound(ctx, sotto.Operator(), c.ID, line.Category(c.Category), c.Locale)
	}
	file, err := os.ReadFile(s.absolute(c.File))
	if err != nil {
		return sotto.FailCause(sotto.NotFound, "The sound file cannot be read.", err)
	}
	at := line.Place{Line: c.ID, When: line.When(c.Hours)}
	return d.Lines.SetSoundAt(ctx, sotto.Operator(), at, line.Category(c.Category), c.Locale, file)
}

type lineSoundsCmd struct {
	ID sotto.LineID `arg:"" help:"The line's id."`
}

// DoDesk prints a line for each category, in the language of the line.
func (c *lineSoundsCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	l, err := d.Lines.Get(ctx, c.ID)
	if err != nil {
		return err
	}
	t := s.table("category", "when", "notice", "seconds:%.1f s")
	for _, category := range line.Categories() {
		for _, open := range []bool{true, false} {
			sound, err := d.Lines.Hear(ctx, c.ID, open, category, l.Locale)
			if err != nil {
				return err
			}
			when := "while closed"
			if open {
				when = "while open"
			}
			t.row(category, when, sound.Notice, sound.Clip.Duration().Seconds())
		}
	}
	return t.flush()
}

type lineDeleteCmd struct {
	ID sotto.LineID `arg:"" help:"The line's id."`
}

// DoDesk deletes the line.
func (c *lineDeleteCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	return d.Lines.Delete(ctx, sotto.Operator(), c.ID)
}

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make an API token for a member of staff; prints it once."`
	Revoke tokenRevokeCmd `cmd:"" help:"End a token."`
	List   tokenListCmd   `cmd:"" help:"List the tokens."`
}

type tokenCreateCmd struct {
	ID sotto.PersonID `arg:"" help:"In whose name the program acts."`
}

// DoDesk makes a token.
func (c *tokenCreateCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	secret, _, err := d.Accounts.CreateToken(ctx, sotto.Operator(), c.ID)
	if err == nil {
		fmt.Fprintln(s.out, secret)
	}
	return err
}

type tokenRevokeCmd struct {
	ID int64 `arg:"" help:"The token's number."`
}

// DoDesk revokes.
func (c *tokenRevokeCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	return d.Accounts.RevokeToken(ctx, sotto.Operator(), c.ID)
}

type tokenListCmd struct{}

// DoDesk lists.
func (c *tokenListCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	all, err := d.Accounts.Tokens(ctx, sotto.Operator())
	for _, t := range all {
		state := "in force"
		if !t.RevokedAt.IsZero() {
			state = "revoked"
		}
		fmt.Fprintf(s.out, "%d\tperson %d\t%s\n", t.ID, t.Person, state)
	}
	return err
}
