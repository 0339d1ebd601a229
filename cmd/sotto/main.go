// Command sotto is the whole desk: it serves, and it is the tool of whoever
// runs it. Each sub-command is a file.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"sotto"
	"sotto/desk"
)

func main() {
	os.Exit(run(os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, clock: time.Now}))
}

// The exit codes. A script may rely on them.
const (
	exitOK      = 0
	exitFailed  = 1
	exitMisused = 2
)

// streams are where a command reads and writes, and the time it goes by.
type streams struct {
	in       io.Reader
	out, err io.Writer
	clock    sotto.Clock
	dir      string // where relative paths begin; "" is the working directory
	json     bool   // --json: lists and records are for machines
}

// command is what every sub-command but those for the desk's data implements.
type command interface {
	Do(ctx context.Context, g *globals, s streams) error
}

// deskCommand works on a desk's data. When a desk is being served from the
// data folder the command runs inside it, since one process owns the data;
// else it opens the data itself.
type deskCommand interface {
	DoDesk(ctx context.Context, d *desk.Desk, s streams) error
}

// run parses args and runs one command.
func run(args []string, s streams) int {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	g, chosen, code := parse(args, &s)
	if chosen == nil {
		return code
	}
	var err error
	switch c := chosen.(type) {
	case deskCommand:
		err = runOnDesk(ctx, g, c, args, s)
	case command:
		err = c.Do(ctx, g, s)
	}
	return report(err, s.err)
}

// parse returns the chosen command, or nil and the exit code of a usage error
// or of --help. It tells s whether machines read it.
func parse(args []string, s *streams) (*globals, any, int) {
	var c cli
	code := -1
	k, err := kong.New(&c, kong.Name("sotto"), kong.Description("A voice support desk that can forget."),
		kong.Writers(s.out, s.err), kong.Exit(func(n int) { code = n }), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(s.err, "sotto:", err)
		return nil, nil, exitFailed
	}
	kc, err := k.Parse(args)
	if code >= 0 {
		return nil, nil, code
	}
	if err != nil {
		fmt.Fprintf(s.err, "sotto: %v\nRun `sotto --help` for the commands.\n", err)
		return nil, nil, exitMisused
	}
	s.json = c.JSON
	chosen := kc.Selected().Target.Addr().Interface()
	return &c.globals, chosen, 0
}

// report prints an error for the person and returns the exit code.
func report(err error, w io.Writer) int {
	if err == nil {
		return exitOK
	}
	if q, ok := errors.AsType[quiet](err); ok {
		return int(q)
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "sotto: stopped before it was done")
		return exitFailed
	}
	fmt.Fprintln(w, "sotto:", sotto.SayOf(err))
	if sotto.KindOf(err) == sotto.Internal {
		fmt.Fprintln(w, "  ", err)
	}
	if sotto.KindOf(err) == sotto.Invalid {
		return exitMisused
	}
	return exitFailed
}

// quiet is an exit code after everything was said.
type quiet int

// Error returns the code in words.
func (q quiet) Error() string { return fmt.Sprintf("exit %d", int(q)) }

// globals are the flags of every command.
type globals struct {
	ConfigFile string `name:"config" placeholder:"FILE" help:"Configuration file; see sotto config print." env:"SOTTO_CONFIG"`
	Data       string `placeholder:"DIR" help:"Folder that holds everything; overrides the configuration." env:"SOTTO_DATA"`
	JSON       bool   `help:"Print lists and records as JSON, for machines."`
}

// load returns the configuration in force.
func (g *globals) load(s streams) (desk.Config, error) {
	c, err := desk.LoadConfig(g.ConfigFile)
	c.Clock, c.LogTo = s.clock, s.err
	if err == nil && g.Data != "" {
		c.Data = g.Data
	}
	return c, err
}

// cli is the tree of commands.
type cli struct {
	globals

	Serve     serveCmd     `cmd:"" help:"Run the desk."`
	Init      initCmd      `cmd:"" help:"Make a new, empty desk in a folder."`
	Check     checkCmd     `cmd:"" help:"Check that everything fits together; exit 1 with what does not."`
	Catalogue catalogueCmd `cmd:"" help:"Print what is stored, whose it is, why and how long."`
	Backup    backupCmd    `cmd:"" help:"Copy the data, and the keys apart from it."`
	Restore   restoreCmd   `cmd:"" help:"Make a desk from a backup; whoever was erased since stays erased."`
	Config    configCmd    `cmd:"" help:"Show the configuration."`
	Person    personCmd    `cmd:"" help:"People and their rights."`
	Ticket    ticketCmd    `cmd:"" help:"Tickets."`
	Recording recordingCmd `cmd:"" help:"Recordings."`
	Line      lineCmd      `cmd:"" help:"Lines: numbers, greetings, hours, automatic deletion."`
	Menu      menuCmd      `cmd:"" help:"Menus (IVR): drafted, checked, published, rolled back."`
	Agent     agentCmd     `cmd:"" help:"Agents and their telephones."`
	Call      callCmd      `cmd:"" help:"Calls under way."`
	Text      textCmd      `cmd:"" help:"Texts: what came in, what became of those that went out."`
	Dial      dialCmd      `cmd:"" help:"Calls to numbers outside: where to, how much."`
	Token     tokenCmd     `cmd:"" help:"API tokens."`
	Audit     auditCmd     `cmd:"" help:"The audit log."`
	Setting   settingCmd   `cmd:"" help:"Read or change a setting of the desk."`
	Receipt   receiptCmd   `cmd:"" help:"The signed proofs of what was removed."`
	Phone     phoneCmd     `cmd:"" help:"A small SIP telephone for trying things out."`
	Demo      demoCmd      `cmd:"" help:"Fill an empty desk with invented people, lines and calls."`
}
