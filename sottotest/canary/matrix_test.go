package canary

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"sotto"
	"sotto/desk"
	"sotto/person"
	"sotto/receipt"
	"sotto/sottotest"
	"sotto/ticket"
)

// schedules is how many random schedules the matrix runs on each database.
func schedules(t *testing.T) int {
	t.Helper()
	if text := os.Getenv("SOTTO_SCHEDULES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("SOTTO_SCHEDULES=%q: name a number", text)
		}
		return n
	}
	if os.Getenv("SOTTO_CANARY") == "long" {
		return 50
	}
	return 3
}

// TestCanaryRestoreMatrix runs random schedules of adding, erasing, backing
// up, restoring and being killed in the middle. After each restore nobody
// erased is back, and everybody else of the backup is.
func TestCanaryRestoreMatrix(t *testing.T) {
	sottotest.Each(t, func(t *testing.T, c desk.Config) {
		s := seed(t)
		restores, kills := 0, 0
		for i := range schedules(t) {
			m := newMatrix(t, c, fmt.Sprintf("%s/%d", s, i))
			m.run()
			restores, kills = restores+m.restores, kills+m.kills
			if t.Failed() {
				t.Fatalf("schedule %d went: %v", i, m.story)
			}
		}
		t.Logf("%d schedules, %d restores, %d processes killed: nobody came back", schedules(t), restores, kills)
	})
}

// matrix is one schedule.
type matrix struct {
	t      *testing.T
	ctx    context.Context
	rng    *rand.Rand
	seed   string
	root   string
	now    desk.Config // of the desk as it is
	home   string      // its folder
	people []*Person
	added  int
	order  map[int]bool // whose erasure was ordered
	stored []snapshot
	made   int // folders
	ring   int // grows whenever an older copy of the keys is put in force

	restores, kills int
	story           []string
}

// snapshot is a backup and who is in it.
type snapshot struct {
	backup
	members []int
	ring    int
}

func newMatrix(t *testing.T, c desk.Config, seed string) *matrix {
	m := &matrix{t: t, ctx: context.Background(), seed: seed, root: t.TempDir(), order: map[int]bool{}}
	m.rng = rand.New(rand.NewPCG(binary.BigEndian.Uint64([]byte("matrix  ")), uint64(len(seed))))
	for _, b := range []byte(seed) {
		m.rng = rand.New(rand.NewPCG(m.rng.Uint64(), uint64(b)))
	}
	m.people = Population(seed, 60, 0)
	url := c.DatabaseURL
	if url != "" {
		url = emptyDatabase(t, url)
	}
	m.home, m.now = m.folder(url)
	if err := desk.Init(m.ctx, m.now); err != nil {
		t.Fatal(err)
	}
	return m
}

// folder is a new home for a desk.
func (m *matrix) folder(url string) (home string, c desk.Config) {
	m.made++
	home = filepath.Join(m.root, fmt.Sprintf("home%d", m.made))
	if err := os.MkdirAll(home, 0o700); err != nil {
		m.t.Fatal(err)
	}
	return home, sottotest.Config(home, url, sottotest.Log(m.t, filepath.Join(home, "log")))
}

func (m *matrix) run() {
	m.add()
	m.backUp()
	for range 7 {
		switch m.rng.IntN(6) {
		case 0:
			m.add()
		case 1, 2:
			m.erase()
		case 3:
			m.backUp()
		default:
			m.restore()
		}
		if m.t.Failed() {
			return
		}
	}
	m.restore()
	m.search()
}

func (m *matrix) say(format string, args ...any) {
	m.story = append(m.story, fmt.Sprintf(format, args...))
}

func (m *matrix) open() *desk.Desk {
	m.t.Helper()
	d, err := desk.Open(m.ctx, m.now)
	if err != nil {
		m.t.Fatalf("%v: %v", m.story, err)
	}
	return d
}

func (m *matrix) close(d *desk.Desk) {
	m.t.Helper()
	if err := d.Close(); err != nil {
		m.t.Fatal(err)
	}
}

// add adds a few people with a ticket each.
func (m *matrix) add() {
	d := m.open()
	defer m.close(d)
	for range 3 {
		p := m.people[m.added]
		var err error
		if p.ID, err = d.People.Create(m.ctx, sotto.Operator(), person.Draft{
			Name: p.Text(Name), Notes: p.Text(Notes), Phones: []string{p.Number()}, Emails: []string{p.Text(Email)},
		}); err != nil {
			m.t.Fatal(err)
		}
		if _, err = d.Tickets.Open(m.ctx, sotto.Actor{Person: p.ID, Role: sotto.EndUser}, ticket.Draft{
			Via: ticket.ByWeb, Subject: p.Text(Subject), Comment: ticket.CommentDraft{Body: p.Text(Body)},
		}); err != nil {
			m.t.Fatal(err)
		}
		m.added++
		m.say("person %d is added", p.Index)
	}
}

// here returns who is in the desk as it is and was not ordered to be erased.
func (m *matrix) here(d *desk.Desk) (all []int) {
	for _, p := range m.people[:m.added] {
		is, err := d.People.Get(m.ctx, p.ID)
		if err == nil && is.ErasedAt.IsZero() {
			all = append(all, p.Index)
		}
	}
	return all
}

// erase orders somebody to be erased, in a process that may be killed.
func (m *matrix) erase() {
	d := m.open()
	living := m.here(d)
	m.close(d)
	if len(living) == 0 {
		return
	}
	o := orders{Dir: m.home, URL: m.now.DatabaseURL, Seed: m.seed, People: len(m.people), Hands: 4}
	for _, p := range m.people {
		o.IDs = append(o.IDs, p.ID)
	}
	for range 1 + m.rng.IntN(3) {
		o.Erase = append(o.Erase, living[m.rng.IntN(len(living))])
	}
	slices.Sort(o.Erase)
	o.Erase = slices.Compact(o.Erase)
	m.runChild(o, "erasing", 60*time.Millisecond, fmt.Sprintf("erase %v", o.Erase))
}

// runChild has orders carried out. Half of the time the process is killed, at
// the earliest when it says word; then the return is false.
func (m *matrix) runChild(o orders, word string, span time.Duration, what string) (done bool) {
	c := start(m.t, writeOrders(m.t, o))
	if m.rng.IntN(2) == 0 {
		if !c.until("done") {
			m.t.Fatalf("%s failed: %v\n%s", what, c.cmd.Wait(), c.log.String())
		}
		if err := c.cmd.Wait(); err != nil {
			m.t.Fatal(err)
		}
		m.say("%s", what)
		return true
	}
	c.until(word)
	<-time.After(time.Duration(m.rng.Int64N(int64(span))))
	c.kill(m.t)
	m.kills++
	m.say("%s, killed", what)
	return false
}

// backUp takes a backup of the desk as it is.
func (m *matrix) backUp() {
	d := m.open()
	s := snapshot{members: m.here(d), ring: m.ring}
	m.made++
	s.backup = takeBackup(m.t, d, filepath.Join(m.root, fmt.Sprintf("backup%d", m.made)))
	m.close(d)
	if m.now.DatabaseURL != "" {
		s.url = copyDatabase(m.t, m.now.DatabaseURL)
	}
	m.stored = append(m.stored, s)
	m.say("backup %d of %v", len(m.stored), s.members)
}

// restore brings back one of the backups, into a new home, with today's
// receipts and today's or the backup's keys. A restore that was killed is done
// again, or its desk is opened as it is.
func (m *matrix) restore() {
	n := m.rng.IntN(len(m.stored))
	s := m.stored[n]
	keys := m.now.KeysDir()
	if s.ring != m.ring || m.rng.IntN(2) == 0 {
		keys = s.keys
		m.ring = m.made + 1000
	}
	receipts := m.now.ReceiptsDir()
	for {
		url := ""
		if s.url != "" {
			url = copyDatabase(m.t, s.url)
		}
		home, c := m.folder(url)
		o := orders{Dir: home, URL: url, Restore: &desk.Sources{Data: s.data, Keys: keys, Receipts: receipts}}
		done := m.runChild(o, "restoring", 80*time.Millisecond, fmt.Sprintf("restore %d, keys %v", n+1, keys == s.keys))
		if !done && !m.opens(c) {
			continue
		}
		m.home, m.now = home, c
		break
	}
	m.restores++
	m.check(s)
}

// opens reports whether a killed restore came so far that there is a desk.
func (m *matrix) opens(c desk.Config) bool {
	last := c.DatabasePath()
	if c.DatabaseURL != "" {
		last = filepath.Join(c.KeysDir(), "root")
	}
	if _, err := os.Stat(last); err == nil {
		return true
	}
	d, err := desk.Open(m.ctx, c)
	if err == nil {
		m.t.Errorf("a desk that was restored by half opens")
		m.close(d)
	}
	return false
}

// check asks for everybody after a restore, first as the desk opens, and once
// more when its jobs have done what a killed process left.
func (m *matrix) check(s snapshot) {
	d := m.open()
	defer m.close(d)
	m.ask(d, s)
	if err := d.Jobs.Start(m.ctx); err != nil {
		m.t.Fatal(err)
	}
	err := sottotest.Dwindle(func() (int64, error) { return unfinished(m.ctx, d) })
	d.Jobs.Stop()
	if err != nil {
		m.t.Fatal(err)
	}
	m.ask(d, s)
	if wrong, err := d.Check(m.ctx); err != nil || len(wrong) > 0 {
		m.t.Errorf("check: %v, %v", wrong, err)
	}
	if _, err := receipt.VerifyLog(m.now.ReceiptsDir(), d.Receipts.Key()); err != nil {
		m.t.Error(err)
	}
}

// ask asks for everybody: who was erased is gone, who was not is whole.
func (m *matrix) ask(d *desk.Desk, s snapshot) {
	gone := m.intents()
	for _, p := range m.people[:m.added] {
		is, err := d.People.Get(m.ctx, p.ID)
		back := err == nil && (is.Name != "" || is.Key != 0 && is.FrozenAt.IsZero() || len(is.Addresses) > 0)
		found, failed := d.People.Find(m.ctx, p.Number())
		if failed != nil {
			m.t.Fatal(failed)
		}
		switch {
		case gone[p.ID] && (back || len(found) > 0):
			m.t.Errorf("person %d was erased and is back", p.Index)
		case !gone[p.ID] && slices.Contains(s.members, p.Index) && (is.Name != p.Text(Name) || len(found) != 1):
			m.t.Errorf("person %d is in the backup, was not erased, and is not whole: %v", p.Index, err)
		}
	}
}

// intents returns who was erased, as the log of the desk has it on the disk.
func (m *matrix) intents() map[sotto.PersonID]bool {
	raw, err := os.ReadFile(filepath.Join(m.now.ReceiptsDir(), "log"))
	if err != nil {
		m.t.Fatal(err)
	}
	gone := map[sotto.PersonID]bool{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 2<<20)
	for lines.Scan() {
		rec, err := receipt.DecodeRecord(lines.Bytes())
		if err != nil {
			m.t.Fatal(err)
		}
		if rec.Kind == receipt.Intent {
			gone[rec.Subject] = true
		}
	}
	return gone
}

// search looks for the erased in every folder of the schedule.
func (m *matrix) search() {
	var f Finder
	for _, p := range m.people {
		f.AddPerson(p)
	}
	rep, err := f.Build().Walk(m.root)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, h := range rep.Hits {
		m.t.Errorf("found %s", h)
	}
}
