package canary

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sotto"
	"sotto/call"
	"sotto/db"
	"sotto/desk"
	"sotto/leg/media"
	"sotto/recording"
	"sotto/sottotest"
)

// asChild names the file with the orders of the test binary when it is
// started again as the process that is killed.
const asChild = "SOTTO_TEST_CANARY_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(asChild); path != "" {
		if err := obey(path); err != nil {
			fmt.Fprintln(os.Stderr, "failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// orders are what a child does. They hold no word of anybody: people are made
// anew from the seed, which the desk never sees.
type orders struct {
	Dir, URL      string // of the desk
	Seed          string
	People, Staff int
	IDs           []sotto.PersonID // of everybody, by index
	Line          sotto.LineID
	Erase         []int // indexes, in the order to begin with
	OnCall        []int // indexes of people who are on the telephone meanwhile
	Hands         int
	Shuffle       uint64
	Restore       *desk.Sources // instead of all that
}

func (o orders) config() (desk.Config, io.Closer, error) {
	log, err := os.OpenFile(filepath.Join(o.Dir, "log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	return sottotest.Config(o.Dir, o.URL, log), log, err
}

// obey is the child: it opens the desk, which finishes what the last child
// left, puts people on the telephone and erases the others until all are
// erased. It says on standard output how far it is.
func obey(path string) (err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var o orders
	if err := json.Unmarshal(raw, &o); err != nil {
		return err
	}
	cfg, log, err := o.config()
	if err != nil {
		return err
	}
	ctx := context.Background()
	if o.Restore != nil {
		fmt.Println("restoring")
		_, err := desk.Restore(ctx, cfg, *o.Restore)
		if err = errors.Join(err, log.Close()); err == nil {
			fmt.Println("done")
		}
		return err
	}
	d, err := desk.Open(ctx, cfg)
	if err != nil {
		return err
	}
	if err := sayUndone(ctx, d); err != nil {
		return errors.Join(err, d.Close())
	}
	e := &eraser{orders: o, d: d, people: Population(o.Seed, o.People, o.Staff)}
	for i, p := range e.people {
		p.ID = o.IDs[i]
	}
	err = e.run(ctx)
	if err = errors.Join(err, d.Close(), log.Close()); err == nil {
		fmt.Println("done")
	}
	return err
}

// sayUndone says how many erasures the last process left undone.
func sayUndone(ctx context.Context, d *desk.Desk) error {
	var undone int64
	err := d.DB.Read(ctx, func(tx *db.Tx) (err error) {
		undone, err = db.One(tx, db.Int, "SELECT COUNT(*) FROM erasure WHERE done_at IS NULL")
		return err
	})
	fmt.Println("open", undone)
	return err
}

// eraser is the child at work.
type eraser struct {
	orders
	d      *desk.Desk
	people []*Person
	engine *media.Engine
	over   atomic.Bool
}

func (e *eraser) run(ctx context.Context) (err error) {
	if e.engine, err = media.Open(media.Config{Addr: netip.MustParseAddr("127.0.0.1")}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.engine.Close()) }()
	// Everybody calls before the erasing begins: who calls when all is erased
	// is somebody new.
	var calls []*talk
	for _, i := range e.OnCall {
		c, err := e.answer(ctx, e.people[i])
		if err != nil {
			return fmt.Errorf("the call of person %d: %w", i, err)
		}
		if c != nil {
			calls = append(calls, c)
		}
	}
	if err := e.d.Jobs.Start(ctx); err != nil {
		return err
	}
	var all sync.WaitGroup
	faults := make(chan error, len(calls))
	for _, c := range calls {
		all.Go(func() { faults <- e.speak(ctx, c) })
	}
	err = e.eraseAll(ctx)
	e.over.Store(true)
	all.Wait()
	close(faults)
	for fault := range faults {
		err = errors.Join(err, fault)
	}
	return err
}

// eraseAll erases everybody who is to be erased, and waits for the jobs that
// finish what the last process left.
func (e *eraser) eraseAll(ctx context.Context) error {
	var all []*Person
	for _, i := range e.Erase {
		all = append(all, e.people[i])
	}
	rand.New(rand.NewPCG(e.Shuffle, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	fmt.Println("erasing")
	if err := each(all, e.Hands, func(p *Person) error {
		_, err := e.d.Rights.Erase(ctx, sotto.Operator(), p.ID)
		if kind := sotto.KindOf(err); err != nil && kind != sotto.Gone && kind != sotto.Busy {
			return fmt.Errorf("erase person %d: %w", p.Index, err)
		}
		return nil
	}); err != nil {
		return err
	}
	return sottotest.Dwindle(func() (int64, error) { return unfinished(ctx, e.d) })
}

// unfinished counts the erasures under way and the open requests for one.
func unfinished(ctx context.Context, d *desk.Desk) (left int64, err error) {
	err = d.DB.Read(ctx, func(tx *db.Tx) (err error) {
		left, err = db.One(tx, db.Int, `SELECT (SELECT COUNT(*) FROM erasure WHERE done_at IS NULL)
			+ (SELECT COUNT(*) FROM request WHERE kind = 'erasure' AND done_at IS NULL)`)
		return err
	})
	return left, err
}

// talk is a call under way.
type talk struct {
	who  *Person
	call *call.Call
	r    *recording.Recorder
	m    *mouth
	port *media.Port
}

// answer begins the call of a person; nil for one who is being erased or was.
func (e *eraser) answer(ctx context.Context, p *Person) (c *talk, err error) {
	who, err := e.d.People.Get(ctx, p.ID)
	if kind := sotto.KindOf(err); err != nil && kind == sotto.Gone || err == nil && !who.ErasedAt.IsZero() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f := &filler{d: e.d, engine: e.engine, line: e.Line}
	c = &talk{who: p}
	if c.call, c.r, err = f.begin(ctx, p); err != nil {
		return nil, err
	}
	if c.m, err = newMouth(); err != nil {
		return nil, err
	}
	if c.port, err = c.m.dial(e.engine); err != nil {
		return nil, err
	}
	return c, c.r.Caller(c.port)
}

// speak speaks until the erasing is over and hangs up. Whoever is erased
// meanwhile is not recorded any more, and talks on.
func (e *eraser) speak(ctx context.Context, c *talk) (err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for sound := c.who.Sound(frameLength); err == nil && !e.over.Load(); <-tick.C {
		err = c.m.frame(c.port, sound)
	}
	c.port.Close()
	if err = errors.Join(err, c.m.close(), c.r.Stop(ctx, recording.NoReason), e.d.Calls.End(ctx, c.call, call.CallerHungUp, nil)); err != nil {
		return fmt.Errorf("the call of person %d: %w", c.who.Index, err)
	}
	return nil
}

// child is a process under way.
type child struct {
	cmd    *exec.Cmd
	lines  *bufio.Scanner
	undone int64
	log    strings.Builder
}

// start starts a child on a file with its orders.
func start(t *testing.T, path string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), asChild+"="+path)
	c.cmd.Stderr = &c.log
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// until reads lines up to one that begins with word; false when the child ends
// before.
func (c *child) until(word string) bool {
	for c.lines.Scan() {
		line := c.lines.Text()
		fmt.Fprintln(&c.log, line)
		_, _ = fmt.Sscanf(line, "open %d", &c.undone)
		if strings.HasPrefix(line, word) {
			return true
		}
	}
	return false
}

// kill ends the child the hard way, at whatever it does.
func (c *child) kill(t *testing.T) {
	t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	c.until("nothing more")
	_ = c.cmd.Wait() // it was killed
}

// writeOrders writes the orders where a child finds them.
func writeOrders(t *testing.T, o orders) string {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "orders.json")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
