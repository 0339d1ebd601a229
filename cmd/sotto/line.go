package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/desk"
	"sotto/line"
)

type lineCmd struct {
	Add      lineAddCmd      `cmd:"" help:"Add a line."`
	List     lineListCmd     `cmd:"" help:"List the lines."`
	Set      lineSetCmd      `cmd:"" help:"Change a line."`
	Greeting lineGreetingCmd `cmd:"" help:"Put a sound file on a line."`
	Delete   lineDeleteCmd   `cmd:"" help:"Delete a line; its calls and recordings stay by their own rules."`
}

// lineFlags are the settings of a line; what is not given stays.
type lineFlags struct {
	Name          *string  `help:"What the desk calls the line."`
	Locale        *string  `help:"The language it speaks: en or fr."`
	Consent       *string  `help:"How it asks about recording: always, opt-in, opt-out or never."`
	Voicemail     *bool    `negatable:"" help:"Take messages when nobody answers."`
	Ring          *int     `placeholder:"SECONDS" help:"How long one agent is rung."`
	Wait          *int     `placeholder:"SECONDS" help:"How long a caller waits at most."`
	TimeZone      *string  `help:"Where the hours count, as Europe/Paris."`
	Hours         []string `placeholder:"DAY=FROM-TO" help:"When it is open, as mon=09:00-17:30; repeated; 'always' clears."`
	KeepCalls     *int     `placeholder:"DAYS" help:"Automatic deletion of recorded calls; 0 is never."`
	KeepVoicemail *int     `placeholder:"DAYS" help:"Automatic deletion of voice messages; 0 is never."`
}

func (f lineFlags) apply(s *line.Settings) error {
	put(&s.Name, f.Name)
	put(&s.Locale, f.Locale)
	put(&s.Voicemail, f.Voicemail)
	put(&s.Hours.Zone, f.TimeZone)
	put(&s.KeepCallDays, f.KeepCalls)
	put(&s.KeepVoicemailDays, f.KeepVoicemail)
	if f.Consent != nil {
		s.Consent = line.Consent(*f.Consent)
	}
	if f.Ring != nil {
		s.Ring = time.Duration(*f.Ring) * time.Second
	}
	if f.Wait != nil {
		s.Wait = time.Duration(*f.Wait) * time.Second
	}
	if len(f.Hours) == 0 {
		return nil
	}
	spans, err := readHours(f.Hours)
	s.Hours.Spans = spans
	return err
}

func put[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// readHours reads mon=09:00-17:30.
func readHours(in []string) ([]line.Span, error) {
	days := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	var out []line.Span
	for _, h := range in {
		if h == "always" {
			continue
		}
		day, times, _ := strings.Cut(strings.ToLower(h), "=")
		from, to, _ := strings.Cut(times, "-")
		a, okA := minutes(from)
		b, okB := minutes(to)
		n := -1
		for i, d := range days {
			if d == day {
				n = i
			}
		}
		if n < 0 || !okA || !okB {
			return nil, sotto.FailField("hours", "Write opening hours as mon=09:00-17:30.")
		}
		out = append(out, line.Span{Day: time.Weekday(n), Opens: a, Closes: b})
	}
	return out, nil
}

func minutes(s string) (int, bool) {
	h, m, ok := strings.Cut(s, ":")
	hours, errH := strconv.Atoi(h)
	mins, errM := strconv.Atoi(m)
	return hours*60 + mins, ok && errH == nil && errM == nil && mins < 60
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

type lineListCmd struct{}

// DoDesk prints a line for each line.
func (c *lineListCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	all, err := d.Lines.List(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, l := range all {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\trecording %s\tcalls kept %s\tmessages kept %s\n",
			l.ID, l.Number, l.Name, l.Locale, l.Consent, days(l.KeepCallDays), days(l.KeepVoicemailDays))
	}
	return w.Flush()
}

func days(n int) string {
	if n == 0 {
		return "until deleted"
	}
	return strconv.Itoa(n) + " days"
}

type lineSetCmd struct {
	ID sotto.LineID `arg:"" help:"The line's id."`
	lineFlags
}

// DoDesk changes the line.
func (c *lineSetCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	_, err := d.Lines.Update(ctx, sotto.Operator(), c.ID, c.apply)
	return err
}

type lineGreetingCmd struct {
	ID       sotto.LineID `arg:"" help:"The line's id."`
	Category string       `arg:"" help:"Which sound; see sotto line greeting --help."`
	Locale   string       `arg:"" help:"Its language: en or fr."`
	File     string       `arg:"" optional:"" help:"A WAV file; without it the default is put back."`
}

// DoDesk puts the sound on the line.
func (c *lineGreetingCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	if c.File == "" {
		return d.Lines.ResetSound(ctx, sotto.Operator(), c.ID, line.Category(c.Category), c.Locale)
	}
	wav, err := os.ReadFile(s.absolute(c.File))
	if err != nil {
		return sotto.FailCause(sotto.NotFound, "The sound file cannot be read.", err)
	}
	return d.Lines.SetSound(ctx, sotto.Operator(), c.ID, line.Category(c.Category), c.Locale, wav)
}

type lineDeleteCmd struct {
	ID sotto.LineID `arg:"" help:"The line's id."`
}

// DoDesk deletes the line.
func (c *lineDeleteCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	return d.Lines.Delete(ctx, sotto.Operator(), c.ID)
}

type agentCmd struct {
	State  agentStateCmd  `cmd:"" help:"Say whether an agent takes calls: online, away or offline."`
	Device agentDeviceCmd `cmd:"" help:"Give an agent a telephone; prints its user name and password once."`
	Who    agentWhoCmd    `cmd:"" help:"List an agent's telephones."`
}

type agentStateCmd struct {
	ID    sotto.PersonID `arg:"" help:"The person's number."`
	State string         `arg:"" enum:"online,away,offline" help:"online, away or offline."`
}

// DoDesk sets the state.
func (c *agentStateCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	return d.Agents.SetState(ctx, sotto.Operator(), c.ID, agent.State(c.State))
}

type agentDeviceCmd struct {
	ID sotto.PersonID `arg:"" help:"The person's number."`
}

// DoDesk adds a telephone.
func (c *agentDeviceCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	dev, secret, err := d.Agents.AddDevice(ctx, sotto.Operator(), c.ID)
	if err == nil {
		fmt.Fprintf(s.out, "%s %s\n", dev.Username, secret)
	}
	return err
}

type agentWhoCmd struct {
	ID sotto.PersonID `arg:"" help:"The person's number."`
}

// DoDesk lists the telephones.
func (c *agentWhoCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	all, err := d.Agents.Devices(ctx, c.ID)
	for _, dev := range all {
		fmt.Fprintf(s.out, "%d %s\n", dev.ID, dev.Username)
	}
	return err
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
