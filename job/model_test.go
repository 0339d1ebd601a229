package job_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sotto/db"
	"sotto/db/dbtest"
	"sotto/job"
)

// model is what the jobs promise, in a map: one open job for each ref.
type model map[int64]*open

type open struct {
	due      time.Time
	failures int
}

func (m model) enqueue(ref int64, due time.Time) {
	if o := m[ref]; o == nil {
		m[ref] = &open{due: due}
	} else if due.Before(o.due) {
		o.due = due
	}
}

// ends is how a run of a job goes.
type ends string

const (
	well     ends = "well"
	badly    ends = "badly"
	panicked ends = "panicked"
	waiting  ends = "waiting"
	anew     ends = "anew" // it enqueues itself while it runs
)

// run takes every due job out of the model and puts back what stays.
func (m model) run(now time.Time, how func(ref int64) ends) (ran []int64) {
	for ref, o := range maps.Clone(m) {
		if o.due.After(now) {
			continue
		}
		ran = append(ran, ref)
		switch how(ref) {
		case well:
			delete(m, ref)
		case badly, panicked:
			o.failures++
			o.due = now.Add(min(5*time.Second<<(o.failures-1), time.Hour))
		case waiting:
			*o = open{due: now.Add(time.Minute)}
		case anew:
			*o = open{due: now.Add(time.Hour)}
		}
	}
	slices.Sort(ran)
	return ran
}

func TestJobsDoWhatTheModelDoes(t *testing.T) {
	c := newClock()
	dbtest.EachConfig(t, c.now, func(t *testing.T, cfg db.Config) {
		d := dbtest.Open(t, cfg)
		rapid.Check(t, func(t *rapid.T) {
			write(t, d, func(tx *db.Tx) error { _, err := tx.Exec("DELETE FROM job"); return err })
			j := job.New(d, job.Config{})
			m, how := model{}, map[int64]ends{}
			var ran []int64
			j.Handle("a", func(ctx context.Context, ref int64) error {
				ran = append(ran, ref)
				switch how[ref] {
				case badly:
					return errors.New("no")
				case panicked:
					panic("no")
				case waiting:
					return job.Again{After: time.Minute}
				case anew:
					return d.Write(ctx, func(tx *db.Tx) error { return j.Enqueue(tx, "a", ref, tx.Now.Add(time.Hour)) })
				}
				return nil
			})
			ref := rapid.Int64Range(1, 4)
			span := rapid.SampledFrom([]time.Duration{-time.Hour, 0, time.Second, 5 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 3 * time.Hour})
			t.Repeat(map[string]func(*rapid.T){
				"enqueue": func(t *rapid.T) {
					r, due := ref.Draw(t, "ref"), c.now().Add(span.Draw(t, "in"))
					m.enqueue(r, due)
					enqueue(t, d, j, "a", r, due)
				},
				"end": func(t *rapid.T) {
					how[ref.Draw(t, "ref")] = rapid.SampledFrom([]ends{well, badly, panicked, waiting, anew}).Draw(t, "how")
				},
				"pass": func(t *rapid.T) { c.pass(max(0, span.Draw(t, "time"))) },
				"run": func(t *rapid.T) {
					want := m.run(c.now(), func(r int64) ends {
						if how[r] == "" {
							return well
						}
						return how[r]
					})
					ran = nil
					runDue(t, j, len(want))
					slices.Sort(ran)
					if diff := cmp.Diff(want, ran); diff != "" {
						t.Fatal(diff)
					}
				},
			})
		})
	})
}
