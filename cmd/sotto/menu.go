package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"sotto"
	"sotto/desk"
	"sotto/locales"
	"sotto/route"
)

type menuCmd struct {
	List     menuListCmd     `cmd:"" help:"List the trees of menus."`
	Add      menuAddCmd      `cmd:"" help:"Add a tree of menus from a JSON file; prints its id. Nothing is published."`
	Show     menuShowCmd     `cmd:"" help:"Show the menus as an outline."`
	Export   menuExportCmd   `cmd:"" help:"Print the menus as JSON."`
	Import   menuImportCmd   `cmd:"" help:"Put a JSON file in place of the draft."`
	Check    menuCheckCmd    `cmd:"" help:"Say what is wrong with the draft; exit 1 with errors."`
	Publish  menuPublishCmd  `cmd:"" help:"Let new calls begin with the draft; prints its version."`
	Rollback menuRollbackCmd `cmd:"" help:"Let new calls begin with an older version."`
	Versions menuVersionsCmd `cmd:"" help:"List what was published."`
	Greeting menuGreetingCmd `cmd:"" help:"Add a sound that menus may say; prints the number to name it by."`
	Delete   menuDeleteCmd   `cmd:"" help:"Delete a tree of menus with all versions."`
}

type menuListCmd struct{}

// DoDesk prints a line for each tree.
func (c *menuListCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	all, err := d.Menus.List(ctx)
	if err != nil {
		return err
	}
	t := s.table("id", "name", "live", "menus:%d menus")
	for _, v := range all {
		t.row(v.ID, v.Name, live(v.Live), len(v.Draft.Menus))
	}
	return t.flush()
}

func live(version int64) string {
	if version == 0 {
		return "not published"
	}
	return fmt.Sprintf("version %d is live", version)
}

type menuAddCmd struct {
	Name string `arg:"" help:"What the desk calls the menus."`
	File string `arg:"" optional:"" help:"A file that sotto menu export wrote, or - for the standard input."`
}

// DoDesk adds the tree and prints its id.
func (c *menuAddCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	p, err := readPlan(s, c.File)
	if err != nil {
		return err
	}
	v, err := d.Menus.Create(ctx, sotto.Operator(), c.Name, p)
	if err == nil {
		fmt.Fprintln(s.out, v.ID)
	}
	return err
}

func readPlan(s streams, file string) (route.Plan, error) {
	var b []byte
	var err error
	switch file {
	case "":
		return route.Plan{}, nil
	case "-":
		b, err = io.ReadAll(io.LimitReader(s.in, 1<<20))
	default:
		b, err = os.ReadFile(s.absolute(file))
	}
	if err != nil {
		return route.Plan{}, sotto.FailCause(sotto.NotFound, "The file of menus cannot be read.", err)
	}
	return route.ReadPlan(b)
}

// planArgs say which menus are meant.
type planArgs struct {
	ID      sotto.MenuID `arg:"" help:"The id of the menus."`
	Version int64        `help:"A published version; without it the draft."`
}

func (a planArgs) plan(ctx context.Context, d *desk.Desk) (string, route.Plan, error) {
	v, err := d.Menus.Get(ctx, a.ID)
	if err != nil || a.Version == 0 {
		return v.Name, v.Draft, err
	}
	all, err := d.Menus.Versions(ctx, a.ID)
	for _, one := range all {
		if one.Number == a.Version {
			return v.Name, one.Plan, nil
		}
	}
	if err == nil {
		err = sotto.Fail(sotto.NotFound, "There is no such version of these menus.")
	}
	return "", route.Plan{}, err
}

type menuShowCmd struct{ planArgs }

// DoDesk prints the outline: each menu, and under it each key.
func (c *menuShowCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	name, p, err := c.plan(ctx, d)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, name)
	for _, m := range p.Menus {
		first := ""
		if m.Default {
			first = ", first"
		}
		fmt.Fprintf(s.out, "  menu %d: %s (repeated %d times, waits %d s%s)\n", m.ID, m.Name, m.Repeats, m.KeySeconds, first)
		for _, g := range m.Greetings {
			fmt.Fprintf(s.out, "    says %s: greeting %d\n", g.Locale, g.GreetingID)
		}
		for _, r := range m.Routes {
			fmt.Fprintf(s.out, "    %-7s → %s%s\n", r.Keypress, outline(r.Way), label(r.OptionText))
			for _, o := range r.Overflow {
				fmt.Fprintf(s.out, "              else %s\n", outline(o))
			}
		}
	}
	return nil
}

func label(text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf(" %q", text)
}

// outline is a way in a few words.
func outline(w route.Way) string {
	o, words := w.Options, []string{string(w.Action)}
	for _, g := range o.GroupIDs {
		words = append(words, fmt.Sprint(int64(g)))
	}
	if o.AgentID != 0 {
		words = append(words, fmt.Sprint(int64(o.AgentID)))
	}
	if o.Number != "" {
		words = append(words, o.Number)
	}
	if o.Locale != "" {
		words = append(words, o.Locale)
	}
	if o.MenuID != 0 {
		words = append(words, fmt.Sprint(o.MenuID))
	}
	return strings.Join(words, " ")
}

type menuExportCmd struct{ planArgs }

// DoDesk prints JSON that import takes.
func (c *menuExportCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	_, p, err := c.plan(ctx, d)
	if err != nil {
		return err
	}
	b, err := p.JSON()
	if err == nil {
		fmt.Fprintln(s.out, string(b))
	}
	return err
}

type menuImportCmd struct {
	ID   sotto.MenuID `arg:"" help:"The id of the menus."`
	File string       `arg:"" help:"A file that sotto menu export wrote, or - for the standard input."`
}

// DoDesk replaces the draft.
func (c *menuImportCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	p, err := readPlan(s, c.File)
	if err != nil {
		return err
	}
	_, err = d.Menus.Edit(ctx, sotto.Operator(), c.ID, func(v *route.IVR) error {
		v.Draft = p
		return nil
	})
	return err
}

type menuCheckCmd struct {
	ID     sotto.MenuID `arg:"" help:"The id of the menus."`
	Locale string       `default:"en" enum:"en,fr" help:"The language to say it in: en or fr."`
}

// DoDesk prints a line for each finding.
func (c *menuCheckCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	found, err := d.Menus.Check(ctx, c.ID)
	if err != nil {
		return err
	}
	if err := tellFindings(s.out, found, c.Locale); err != nil {
		return err
	}
	if !route.OK(found) {
		return quiet(exitFailed)
	}
	return nil
}

func tellFindings(w io.Writer, found []route.Finding, locale string) error {
	words, err := locales.Load()
	if err != nil {
		return err
	}
	for _, f := range found {
		fmt.Fprintf(w, "%s: %s\n", words.Text(locale, "menu.level."+string(f.Level)), f.Say(words, locale))
	}
	return nil
}

type menuPublishCmd struct {
	ID     sotto.MenuID `arg:"" help:"The id of the menus."`
	Locale string       `default:"en" enum:"en,fr" help:"The language to say what was found in: en or fr."`
}

// DoDesk publishes, and says what was found either way.
func (c *menuPublishCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	n, found, err := d.Menus.Publish(ctx, sotto.Operator(), c.ID)
	if told := tellFindings(s.err, found, c.Locale); err == nil {
		err = told
	}
	if err == nil {
		fmt.Fprintf(s.out, "version %d\n", n)
	}
	return err
}

type menuRollbackCmd struct {
	ID      sotto.MenuID `arg:"" help:"The id of the menus."`
	Version int64        `arg:"" help:"The version to go back to."`
}

// DoDesk rolls back.
func (c *menuRollbackCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	found, err := d.Menus.Rollback(ctx, sotto.Operator(), c.ID, c.Version)
	if told := tellFindings(s.err, found, "en"); err == nil {
		err = told
	}
	return err
}

type menuVersionsCmd struct {
	ID sotto.MenuID `arg:"" help:"The id of the menus."`
}

// DoDesk prints a line for each version, the newest first.
func (c *menuVersionsCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	v, err := d.Menus.Get(ctx, c.ID)
	if err != nil {
		return err
	}
	all, err := d.Menus.Versions(ctx, c.ID)
	for _, one := range all {
		mark := ""
		if one.Number == v.Live {
			mark = " live"
		}
		fmt.Fprintf(s.out, "%d %s%s\n", one.Number, one.PublishedAt.UTC().Format("2006-01-02 15:04"), mark)
	}
	return err
}

type menuGreetingCmd struct {
	Line   sotto.LineID `arg:"" help:"The id of the line that says it."`
	Locale string       `arg:"" help:"Its language: en or fr."`
	File   string       `arg:"" help:"A sound file."`
}

// DoDesk adds the sound and prints its number.
func (c *menuGreetingCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	wav, err := os.ReadFile(s.absolute(c.File))
	if err != nil {
		return sotto.FailCause(sotto.NotFound, "The sound file cannot be read.", err)
	}
	n, err := d.Lines.AddMenuSound(ctx, sotto.Operator(), c.Line, c.Locale, wav)
	if err == nil {
		fmt.Fprintln(s.out, n)
	}
	return err
}

type menuDeleteCmd struct {
	ID sotto.MenuID `arg:"" help:"The id of the menus."`
}

// DoDesk deletes the tree.
func (c *menuDeleteCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	return d.Menus.Delete(ctx, sotto.Operator(), c.ID)
}
