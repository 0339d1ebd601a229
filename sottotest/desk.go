// Package sottotest starts a whole desk in a test: folders of its own, each
// database, a log that can be read, a clock that can be set.
//
// What is here is for tests and benchmarks of several packages; what one of
// them needs alone is in that package.
package sottotest

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sotto/db"
	"sotto/db/dbtest"
	"sotto/desk"
)

// Config is the configuration of a desk whose data is in dir/data: on free
// ports of this machine, with every log line going to log. url is that of a
// PostgreSQL database; "" keeps the rows in the folder.
func Config(dir, url string, log io.Writer) desk.Config {
	c := desk.DefaultConfig()
	c.Data, c.DatabaseURL, c.LogTo, c.LogLevel = filepath.Join(dir, "data"), url, log, "debug"
	c.HTTP, c.SIP, c.MediaPortMin, c.MediaPortMax = "127.0.0.1:0", "127.0.0.1:0", 0, 0
	return c
}

// Each runs f once for each database, with the configuration of a desk that is
// made and not open, in a folder of its own. The log goes to the file log
// beside the data.
func Each(t *testing.T, f func(t *testing.T, c desk.Config)) {
	t.Helper()
	dbtest.EachConfig(t, time.Now, func(t *testing.T, base db.Config) {
		dir := t.TempDir()
		c := Config(dir, base.URL, Log(t, filepath.Join(dir, "log")))
		if err := desk.Init(context.Background(), c); err != nil {
			t.Fatal(err)
		}
		f(t, c)
	})
}

// Log opens a file that is added to, and closes it when the test ends.
func Log(t testing.TB, path string) io.Writer {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// Open opens a desk that is made and closes it when the test ends.
func Open(t testing.TB, c desk.Config) *desk.Desk {
	t.Helper()
	d, err := desk.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

// Dwindle asks what is left every few milliseconds until nothing is. It gives
// up when there has not been less for two minutes.
func Dwindle(left func() (int64, error)) error {
	for least := int64(math.MaxInt64); ; {
		now := least
		err := Until(func() (bool, error) {
			n, err := left()
			now = n
			return n == 0 || n < least, err
		})
		if err != nil || now == 0 {
			return err
		}
		least = now
	}
}

// Until asks ok every few milliseconds until it says yes, for two minutes.
func Until(ok func() (bool, error)) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(2 * time.Minute)
	for {
		if done, err := ok(); done || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-deadline:
			return errors.New("waited for two minutes")
		}
	}
}

// Clock is a clock that a test sets. The zero value stands at the year 2027.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the time; give it to a desk as its clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now.IsZero() {
		c.now = time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)
	}
	return c.now
}

// Advance lets time go by.
func (c *Clock) Advance(d time.Duration) {
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now.Add(d)
}
