//go:build linux

// Command setup measures how many calls a second the desk answers with its
// full ledger on the disk: each call is a row before it is answered, and a
// reason and a ticket when it is over. Beside it, in the same run and under
// the same telephones, a bare sipgo server that remembers nothing answers the
// same calls: the floor.
//
// Calls come at a fixed rate, whether or not earlier ones were answered; a
// telephone that hears nothing repeats its INVITE after 500 ms (RFC 3261
// 17.1.1.2), and repeats are counted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

type config struct {
	rate     int
	duration time.Duration
	bare     bool
	postgres string
}

func run(args []string, out, errOut io.Writer) int {
	var c config
	f := flag.NewFlagSet("setup", flag.ContinueOnError)
	f.SetOutput(errOut)
	f.IntVar(&c.rate, "rate", 500, "calls a second that are offered")
	f.DurationVar(&c.duration, "duration", 20*time.Second, "how long each server is called")
	f.StringVar(&c.postgres, "postgres", os.Getenv("SOTTO_TEST_POSTGRES"), "also measure on this PostgreSQL server")
	f.BoolVar(&c.bare, "bare", false, "be the bare server (used by the benchmark itself)")
	if err := f.Parse(args); err != nil {
		return 2
	}
	if c.bare {
		return report(errOut, serveBare())
	}
	return report(errOut, c.compare(out))
}

func report(w io.Writer, err error) int {
	if err != nil {
		fmt.Fprintln(w, "setup:", err)
		return 1
	}
	return 0
}

// server is one program that is called.
type server struct {
	name  string
	start func(ctx context.Context) (*running, error)
}

// running is a started server.
type running struct {
	addr string
	pid  int
	stop func() error
	// check says whether the ledger holds what was answered; nil for none.
	check func(answered int) (string, error)
}

func (c config) compare(out io.Writer) error {
	servers := []server{{"sotto, SQLite", startDesk("")}, {"bare sipgo", startBare}}
	if c.postgres != "" {
		servers = append(servers, server{"sotto, PostgreSQL", startDesk(c.postgres)})
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "server\toffered/s\tanswered/s\tp50 ms\tp99 ms\trepeats\tCPU s per 1000\tledger\t\n")
	for _, s := range servers {
		row, err := c.measure(s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintln(w, row)
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (c config) measure(s server) (row string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.duration+time.Minute)
	defer cancel()
	r, err := s.start(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	g, err := newGenerator(r.addr)
	if err != nil {
		return "", err
	}
	defer g.close()
	if err := g.run(ctx, c.rate, 2*time.Second); err != nil { // warm
		return "", err
	}
	warm := g.forget()
	before, err := cpuOf(r.pid)
	if err != nil {
		return "", err
	}
	if err := g.run(ctx, c.rate, c.duration); err != nil {
		return "", err
	}
	after, err := cpuOf(r.pid)
	if err != nil {
		return "", err
	}
	res := g.result()
	ledger := "none"
	if r.check != nil {
		if ledger, err = r.check(res.answered + warm); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s\t%d\t%.0f\t%.1f\t%.1f\t%d\t%.2f\t%s\t", s.name, c.rate, float64(res.answered)/c.duration.Seconds(),
		ms(res.quantile(0.5)), ms(res.quantile(0.99)), res.repeats, (after-before).Seconds()/float64(max(res.answered, 1))*1000, ledger), nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
