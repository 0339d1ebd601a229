// Command erasure measures how long it takes until nothing about a person can
// be read any more, for people with few calls and with many, and beside it the
// whole erasure: rows, freed bytes, search, receipt.
//
// The floor beside it is what no erasure can go below: one write of 64 bytes
// and its sync on the same disk, in the same run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/desk"
	"sotto/erasure"
	"sotto/person"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

type config struct {
	repeat   int
	most     int
	postgres string
}

func run(args []string, out, errOut io.Writer) int {
	var c config
	f := flag.NewFlagSet("erasure", flag.ContinueOnError)
	f.SetOutput(errOut)
	f.IntVar(&c.repeat, "repeat", 15, "people of each size")
	f.IntVar(&c.most, "most", 100_000, "calls of the people with the most calls")
	f.StringVar(&c.postgres, "postgres", os.Getenv("SOTTO_TEST_POSTGRES"), "an empty PostgreSQL database to measure on instead of SQLite; it is littered")
	if err := f.Parse(args); err != nil {
		return 2
	}
	if err := c.compare(context.Background(), out); err != nil {
		fmt.Fprintln(errOut, "erasure:", err)
		return 1
	}
	return 0
}

func (c config) compare(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "sotto-bench-erasure-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg := desk.DefaultConfig()
	cfg.Data, cfg.DatabaseURL, cfg.LogTo = filepath.Join(dir, "data"), c.postgres, io.Discard
	if err := desk.Init(ctx, cfg); err != nil {
		return err
	}
	d, err := desk.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	floor, err := syncFloor(filepath.Join(dir, "floor"))
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s\tuntil unreadable p50 ms\tp99 ms\tratio to 1 call\twhole erasure s\t\n", d.DB.Dialect())
	sizes := []int{1, min(1000, c.most), c.most}
	shred, whole, err := c.measure(ctx, d, sizes)
	if err != nil {
		return err
	}
	for i, calls := range sizes {
		took := shred[i]
		slices.Sort(took)
		fmt.Fprintf(w, "%d calls\t%.2f\t%.2f\t%.2f\t%.2f\t\n", calls, ms(took[len(took)/2]), ms(took[len(took)-1]),
			float64(took[len(took)/2])/float64(shred[0][len(shred[0])/2]), whole[i].Seconds())
	}
	fmt.Fprintf(w, "floor: 64 bytes and a sync\t%.2f\t\t\t\t\n", ms(floor))
	return w.Flush()
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// measure makes people of each size, then makes them unreadable in turn, one
// of each size after the other, so that whatever else the machine does meets
// all sizes alike; last, one of each size is erased to its receipt.
func (c config) measure(ctx context.Context, d *desk.Desk, sizes []int) (shred [][]time.Duration, whole []time.Duration, err error) {
	people := make([][]sotto.PersonID, len(sizes))
	for i, calls := range sizes {
		for n := range c.repeat {
			id, err := fill(ctx, d, fmt.Sprintf("Person %d of %d", n, calls), calls)
			if err != nil {
				return nil, nil, err
			}
			people[i] = append(people[i], id)
		}
	}
	if err := d.DB.Clean(ctx); err != nil {
		return nil, nil, err
	}
	shred = make([][]time.Duration, len(sizes))
	runs := make([]*erasure.Run, len(sizes))
	outs := make([]erasure.Outcome, len(sizes))
	for n := range c.repeat {
		for i := range sizes {
			if outs[i], runs[i], err = d.Eraser.Shred(ctx, sotto.Operator(), people[i][n], 0); err != nil {
				return nil, nil, err
			}
			shred[i] = append(shred[i], outs[i].Unreadable)
		}
	}
	for i, r := range runs {
		began := time.Now()
		out, err := d.Eraser.Finish(ctx, r, outs[i])
		if err != nil {
			return nil, nil, err
		}
		if out.Scan.Hits > 0 || len(out.Incomplete) > 0 {
			return nil, nil, errors.New("the erasure is not complete")
		}
		whole = append(whole, time.Since(began)+outs[i].Unreadable)
	}
	return shred, whole, nil
}

// fill makes a person with a ticket and so many calls in the past, each with
// the caller's number sealed.
func fill(ctx context.Context, d *desk.Desk, name string, calls int) (sotto.PersonID, error) {
	id, err := d.People.Create(ctx, sotto.Operator(), person.Draft{Name: name, Details: "invented for a measurement"})
	if err != nil {
		return 0, err
	}
	p, err := d.People.Get(ctx, id)
	if err != nil {
		return 0, err
	}
	const insert = `INSERT INTO call (id, person_id, key_id, direction, state, in_hours, from_number, consent, voicemail, started_at, ended_at, reason)
		VALUES ($1, $2, $3, 'inbound', 'ended', 1, $4, 'refused', 0, $5, $5, 'caller-hung-up')`
	for done := 0; done < calls; {
		n := min(5000, calls-done)
		err := d.DB.Write(ctx, func(tx *db.Tx) error {
			for range n {
				row := tx.NewID()
				number, err := d.Ring.SealText(p.Key, catalogue.CallFromNumber, row, "+33199001234")
				if err != nil {
					return err
				}
				if _, err := tx.Exec(insert, row, int64(id), int64(p.Key), number, db.Millis(tx.Now)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		done += n
	}
	return id, nil
}

// syncFloor is the median time of writing one key slot and syncing it.
func syncFloor(path string) (time.Duration, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	var took []time.Duration
	for i := range 101 {
		began := time.Now()
		if _, err := f.WriteAt(make([]byte, 64), int64(i)*64); err != nil {
			return 0, errors.Join(err, f.Close())
		}
		if err := f.Sync(); err != nil {
			return 0, errors.Join(err, f.Close())
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2], f.Close()
}
