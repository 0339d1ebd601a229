//go:build linux

// Command setup measures how many calls a second the desk answers with its
// full ledger on the disk: each call is a row before it is answered, and a
// reason and a ticket when it is over. Beside it, in the same run and under
// the same telephones, a bare sipgo server that remembers nothing answers the
// same calls: the floor. So does Kamailio where it is installed, by transaction
// and without a ledger too.
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
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

type config struct {
	rates    []int
	duration time.Duration
	bare     bool
	postgres string
}

func run(args []string, out, errOut io.Writer) int {
	var c config
	f := flag.NewFlagSet("setup", flag.ContinueOnError)
	f.SetOutput(errOut)
	rates := f.String("rate", "100,500", "calls a second that are offered, one run for each")
	f.DurationVar(&c.duration, "duration", 10*time.Second, "how long each server is called at each rate")
	f.StringVar(&c.postgres, "postgres", os.Getenv("SOTTO_TEST_POSTGRES"), "also measure on this PostgreSQL server")
	f.BoolVar(&c.bare, "bare", false, "be the bare server (used by the benchmark itself)")
	if err := f.Parse(args); err != nil {
		return 2
	}
	for _, word := range strings.Split(*rates, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return report(errOut, fmt.Errorf("the rate %q is no number of calls a second", word))
		}
		c.rates = append(c.rates, n)
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
	if _, _, ok := findKamailio(); ok {
		servers = append(servers, server{"kamailio", startKamailio})
	} else {
		fmt.Fprintln(out, "kamailio is not installed (Debian: apt-get install kamailio): it is left out")
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "server\toffered/s\tanswered/s\tp50 ms\tp99 ms\trepeats\tCPU s per 1000\tledger\t\n")
	for _, rate := range c.rates {
		for _, s := range servers {
			row, err := c.measure(s, rate)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			fmt.Fprintln(w, row)
		}
	}
	return w.Flush()
}

func (c config) measure(s server, rate int) (row string, err error) {
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
	if err := g.run(ctx, rate, 2*time.Second); err != nil { // warm
		return "", err
	}
	warm := g.forget()
	before, err := cpuOf(r.pid)
	if err != nil {
		return "", err
	}
	if err := g.run(ctx, rate, c.duration); err != nil {
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
	return fmt.Sprintf("%s\t%d\t%.0f\t%.1f\t%.1f\t%d\t%.2f\t%s\t", s.name, rate, float64(res.answered)/c.duration.Seconds(),
		ms(res.quantile(0.5)), ms(res.quantile(0.99)), res.repeats, (after-before).Seconds()/float64(max(res.answered, 1))*1000, ledger), nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
