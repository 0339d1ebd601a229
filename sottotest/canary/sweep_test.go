package canary

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sotto"
	"sotto/db"
	"sotto/desk"
	"sotto/sottotest"
)

// size is how many people a sweep invents, and how often its process is
// killed. SOTTO_CANARIES names a number; SOTTO_CANARY=long is 10,000.
func size(t *testing.T) (people, kills int) {
	t.Helper()
	people, kills = fewPeople, 5
	if os.Getenv("SOTTO_CANARY") == "long" {
		people = 10_000
	}
	if text := os.Getenv("SOTTO_CANARIES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 20 {
			t.Fatalf("SOTTO_CANARIES=%q: name a number of people, at least 20", text)
		}
		people = n
	}
	if people > 2000 {
		kills = 12
	}
	return people, kills
}

// seed returns the seed of a run, new each time unless SOTTO_SEED names one.
func seed(t *testing.T) string {
	t.Helper()
	text := os.Getenv("SOTTO_SEED")
	if text == "" {
		text = strconv.FormatUint(rand.Uint64(), 36)
	}
	t.Logf("SOTTO_SEED=%s", text)
	return text
}

// sweep is one run on one database.
type sweep struct {
	t      *testing.T
	ctx    context.Context
	cfg    desk.Config
	dir    string
	rng    *rand.Rand
	seed   string
	line   sotto.LineID
	people []*Person
	staff  int
	kills  int
	gone   map[int]bool // who is erased
	onCall map[int]bool // who is on the telephone while others are erased

	before map[int][]byte // archives of those who stay
	sealed *Finder        // bytes that names of the erased were sealed to
	backup backup
	phase  time.Time
}

// TestCanarySweep fills every place, has half of the people erased while their
// process is killed again and again, restores a backup from before, and
// searches every byte there is.
func TestCanarySweep(t *testing.T) {
	sottotest.Each(t, func(t *testing.T, c desk.Config) {
		w := newSweep(t, c)
		w.fill()
		w.erase()
		w.checkGone(w.cfg)
		w.restore()
		w.search()
		w.checkLog()
	})
}

func newSweep(t *testing.T, c desk.Config) *sweep {
	people, kills := size(t)
	w := &sweep{
		t: t, ctx: context.Background(), cfg: c, dir: filepath.Dir(c.Data), seed: seed(t), kills: kills, staff: max(8, people/50),
		gone: map[int]bool{}, onCall: map[int]bool{}, phase: time.Now(),
	}
	w.rng = rand.New(rand.NewPCG(binary.BigEndian.Uint64([]byte(w.seed+"canaries")), 1))
	w.people = Population(w.seed, people, w.staff)
	// Half of the people and a quarter of the staff are erased; some of both
	// halves are on the telephone meanwhile.
	for i, at := range w.rng.Perm(people) {
		w.gone[at] = i < people/2
		w.onCall[at] = i < 6 || i >= people-6
	}
	for i, at := range w.rng.Perm(w.staff) {
		w.gone[people+at] = i < w.staff/4
	}
	return w
}

// done says how long a phase took.
func (w *sweep) done(format string, args ...any) {
	w.t.Logf("%6.1f s  %s", time.Since(w.phase).Seconds(), fmt.Sprintf(format, args...))
	w.phase = time.Now()
}

// served is how many recordings a person speaks in, once the erased agents are
// out of it.
func (w *sweep) served(without map[int]bool) func(*Person) int {
	n := len(w.people) - w.staff
	counts := map[int]int{}
	for i := range n {
		if !without[i] {
			counts[n+i%w.staff]++
		}
	}
	return func(p *Person) int {
		if p.Staff {
			return counts[p.Index]
		}
		return 1
	}
}

// fill puts everybody into every place, asks for access for everybody, and
// takes a backup.
func (w *sweep) fill() {
	t := w.t
	d, err := desk.Open(w.ctx, w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close(d)
	if err := fill(w.ctx, d, w.people); err != nil {
		t.Fatal(err)
	}
	lines, err := d.Lines.List(w.ctx)
	if err != nil || len(lines) != 1 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	w.line = lines[0].ID
	w.done("filled with %d people and %d staff", len(w.people)-w.staff, w.staff)

	missing, err := unfilled(w.ctx, d, len(w.people)-w.staff, w.staff)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range missing {
		t.Errorf("a place is not filled: %s", m)
	}
	archives, wrong, err := newExporter(d, w.people).all(w.ctx, w.people, w.served(nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range wrong[:min(len(wrong), 20)] {
		t.Errorf("access: %s", what)
	}
	w.before = archives
	w.done("%d archives: %d words missing, too many or another's", len(archives), len(wrong))
	w.sample(d)
	w.backup = takeBackup(t, d, filepath.Join(w.dir, "backup"))
}

// close closes a desk and takes the backup of its rows where it is the
// server's to do it.
func (w *sweep) close(d *desk.Desk) {
	w.t.Helper()
	if err := d.Close(); err != nil {
		w.t.Fatal(err)
	}
	if w.backup.url == "" && w.cfg.DatabaseURL != "" {
		w.backup.url = copyDatabase(w.t, w.cfg.DatabaseURL)
	}
}

// sample keeps what some names of the erased look like sealed: after a clean,
// a file of SQLite must not have these bytes either.
func (w *sweep) sample(d *desk.Desk) {
	w.sealed = &Finder{}
	err := d.DB.Read(w.ctx, func(tx *db.Tx) error {
		for i, p := range w.people {
			if !w.gone[i] || w.sealed.count > 0 || len(w.sealed.pending) >= 500 {
				continue
			}
			raw, err := db.One(tx, func(s db.Scanner) (b []byte, err error) { err = s.Scan(&b); return }, "SELECT name FROM person WHERE id = $1", int64(p.ID))
			if err != nil {
				return err
			}
			w.sealed.Add(raw[len(raw)-longest:], Source{i, Name, Plain})
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.sealed.Build()
}

// erase has the people erased by a process that is killed at random moments.
func (w *sweep) erase() {
	t := w.t
	o := orders{
		Dir: w.dir, URL: w.cfg.DatabaseURL, Seed: w.seed, People: len(w.people) - w.staff, Staff: w.staff, Line: w.line, Hands: hands,
	}
	for i, p := range w.people {
		o.IDs = append(o.IDs, p.ID)
		if w.gone[i] {
			o.Erase = append(o.Erase, i)
		}
		if w.onCall[i] && !p.Staff {
			o.OnCall = append(o.OnCall, i)
		}
	}
	span := max(time.Duration(len(o.Erase))*8*time.Millisecond, time.Second)
	var undone int64
	round := 0
	for ; ; round++ {
		o.Shuffle = w.rng.Uint64()
		c := start(t, writeOrders(t, o))
		// On a slow machine the first kills may all come before an erasure has
		// begun: then there are more of them.
		if round >= w.kills && (undone > 0 || round >= 5*w.kills) {
			if !c.until("done") {
				t.Fatalf("the last process failed: %v\n%s", c.cmd.Wait(), c.log.String())
			}
			if err := c.cmd.Wait(); err != nil {
				t.Fatal(err)
			}
			undone += c.undone
			break
		}
		if w.rng.IntN(5) > 0 && !c.until("erasing") {
			t.Fatalf("a process failed: %v\n%s", c.cmd.Wait(), c.log.String())
		}
		<-time.After(time.Duration(w.rng.Int64N(int64(span))))
		c.kill(t)
		undone += c.undone
	}
	if undone == 0 {
		t.Error("no kill met an erasure: the sweep proves less than it says")
	}
	w.done("erased %d people in %d processes, all but the last killed; %d times an erasure was found half done", len(o.Erase), round+1, undone)
}

// archivesAfter compares the archives of those who stay with what they were.
func (w *sweep) archivesAfter(d *desk.Desk, calls bool) {
	t := w.t
	var same, others []*Person
	for i, p := range w.people {
		switch {
		case w.gone[i]:
		case calls && w.onCall[i]:
			others = append(others, p)
		default:
			same = append(same, p)
		}
	}
	gone := map[string]bool{}
	for i, p := range w.people {
		if w.gone[i] {
			gone[fmt.Sprint(int64(p.ID))] = true
		}
	}
	archives, wrong, err := newExporter(d, w.people).all(w.ctx, same, w.served(w.gone))
	if err != nil {
		t.Fatal(err)
	}
	equal := 0
	for _, p := range same {
		if bytes.Equal(archives[p.Index], w.before[p.Index]) {
			equal++
			continue
		}
		if !p.Staff && !w.gone[len(w.people)-w.staff+p.Index%w.staff] {
			wrong = append(wrong, fmt.Sprintf("the archive of person %d changed", p.Index))
			continue
		}
		wrong = append(wrong, shrunk(p, w.before[p.Index], archives[p.Index], gone)...)
	}
	for _, p := range others {
		raw, err := archive(w.ctx, d.Rights, p)
		if err != nil {
			t.Fatal(err)
		}
		o, err := open(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.texts("person", "name"); len(got) != 1 || got[0] != p.Text(Name) || len(o.texts("calls", "from_number")) < 2 {
			wrong = append(wrong, fmt.Sprintf("person %d, who was on the telephone, is not whole", p.Index))
		}
	}
	for _, what := range wrong[:min(len(wrong), 20)] {
		t.Errorf("those who stay: %s", what)
	}
	w.done("%d archives of those who stay: %d the same to the byte, %d without the voice of an erased agent or a caller's case", len(same), equal, len(same)-equal)
}

// restore brings the backup back with today's receipts.
func (w *sweep) restore() {
	t := w.t
	c := sottotest.Config(filepath.Join(w.dir, "restored"), w.backup.url, w.cfg.LogTo)
	r, err := desk.Restore(w.ctx, c, desk.Sources{Data: w.backup.data, Keys: w.backup.keys, Receipts: w.cfg.ReceiptsDir()})
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, gone := range w.gone {
		if gone {
			want++
		}
	}
	if r.Again != want {
		t.Errorf("the restore erased %d again, want %d", r.Again, want)
	}
	w.done("restored; %d erased again", r.Again)
	w.checkRestored(c)
}

// checkLog looks for what the desk itself calls an error. Kills are none.
func (w *sweep) checkLog() {
	raw, err := os.ReadFile(filepath.Join(w.dir, "log"))
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(raw)) {
		if strings.Contains(line, "level=ERROR") {
			if n++; n < 5 {
				w.t.Errorf("the log: %s", line)
			}
		}
	}
	if len(raw) == 0 {
		w.t.Error("the log is empty: it was searched for nothing")
	}
}

// search searches every byte of everything for everybody.
func (w *sweep) search() {
	t := w.t
	var f Finder
	for _, p := range w.people {
		f.AddPerson(p)
	}
	f.Build()
	roots := []string{w.dir}
	if w.cfg.DatabaseURL != "" {
		roots = append(roots, serverFolders(t, w.cfg.DatabaseURL)...)
	}
	rep, err := f.Walk(roots...)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range rep.Hits {
		t.Errorf("found %s, in %q", h, around(h))
	}
	w.done("searched %d files, %d bytes for %d fragments: %d hits", rep.Files, rep.Bytes, f.Count(), rep.Total)
	if rep.Bytes == 0 {
		t.Error("nothing was searched")
	}
	left, err := w.sealed.Walk(w.cfg.Data)
	if err != nil {
		t.Fatal(err)
	}
	if left.Total > 0 && w.cfg.DatabaseURL == "" {
		t.Errorf("sealed bytes of %d names of the erased are still in the data folder, as %s", left.Total, left.Hits[0].Path)
	}
	t.Logf("          %d of %d sealed names of the erased are still in the data folder", left.Total, w.sealed.Count())
}

// serverFolders returns the folders a PostgreSQL server keeps its bytes in.
// The server's user, or root, runs the tests.
func serverFolders(t *testing.T, url string) []string {
	t.Helper()
	data := adminQuery(t, url, "SHOW data_directory")
	if _, err := os.ReadDir(data); err != nil {
		t.Fatalf("the raw bytes of the PostgreSQL server cannot be read; run the tests as the server's user: %v", err)
	}
	folders := []string{data}
	beside, err := os.ReadDir(filepath.Dir(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range beside {
		if f.Type().IsRegular() && (f.Name() == "log" || strings.HasSuffix(f.Name(), ".out")) {
			folders = append(folders, filepath.Join(filepath.Dir(data), f.Name()))
		}
	}
	return folders
}

// around returns what a hit stands in, so that a reader can tell a word from
// an accident.
func around(h Hit) []byte {
	f, err := os.Open(h.Path)
	if err != nil {
		return []byte(err.Error())
	}
	defer f.Close()
	b := make([]byte, 96)
	n, err := f.ReadAt(b, max(0, h.At-32))
	if n == 0 && err != nil {
		return []byte(err.Error())
	}
	return b[:n]
}
