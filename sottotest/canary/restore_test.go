package canary

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"sotto"
	"sotto/desk"
	"sotto/keyring"
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

// check asks for everybody after a restore.
func (m *matrix) check(s snapshot) {
	d := m.open()
	defer m.close(d)
	gone := m.intents()
	for _, p := range m.people[:m.added] {
		is, err := d.People.Get(m.ctx, p.ID)
		back := err == nil && (is.Name != "" || is.Key != 0 || len(is.Addresses) > 0)
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
	if wrong, err := d.Check(m.ctx); err != nil || len(wrong) > 0 {
		m.t.Errorf("check: %v, %v", wrong, err)
	}
	if _, err := receipt.VerifyLog(m.now.ReceiptsDir(), d.Receipts.Key()); err != nil {
		m.t.Error(err)
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

// TestCanaryRestoreRefuses: without today's whole receipts nobody knows who
// must stay forgotten, so nothing is restored, and what is right works
// afterwards in the same folder.
func TestCanaryRestoreRefuses(t *testing.T) {
	sottotest.Each(t, func(t *testing.T, c desk.Config) {
		ctx := context.Background()
		m := newMatrix(t, c, "refuse")
		m.add()
		m.backUp()
		early := copyFolder(t, m.now.ReceiptsDir())
		d := m.open()
		if _, err := d.Rights.Erase(ctx, sotto.Operator(), m.people[0].ID); err != nil {
			t.Fatal(err)
		}
		m.close(d)
		m.backUp()
		s := m.stored[1]
		today := m.now.ReceiptsDir()
		other := newMatrix(t, c, "other")

		tests := map[string]desk.Sources{
			"Missing":      {Data: s.data, Keys: s.keys, Receipts: filepath.Join(m.root, "nowhere")},
			"Shorter":      {Data: s.data, Keys: s.keys, Receipts: early},
			"AnotherDesks": {Data: s.data, Keys: s.keys, Receipts: other.now.ReceiptsDir()},
			"Continued":    {Data: s.data, Keys: s.keys, Receipts: continued(t, early, m.now)},
			"OtherKeys":    {Data: s.data, Keys: strangeKeys(t, m.rng, s.keys), Receipts: today},
			"NoKeys":       {Data: s.data, Keys: filepath.Join(m.root, "nowhere"), Receipts: today},
			"NoBackup":     {Data: filepath.Join(m.root, "nowhere"), Keys: s.keys, Receipts: today},
		}
		for _, name := range []string{"log", "checkpoint", "verifier"} {
			for i := range 5 {
				tests[fmt.Sprintf("Mutated/%s/%d", name, i)] = desk.Sources{Data: s.data, Keys: s.keys, Receipts: mutated(t, m.rng, today, name)}
			}
		}
		url := ""
		if s.url != "" {
			url = copyDatabase(t, s.url)
		}
		_, cfg := m.folder(url)
		for _, name := range slices.Sorted(maps.Keys(tests)) {
			_, err := desk.Restore(ctx, cfg, tests[name])
			if err == nil || sotto.SayOf(err) == sotto.SayOf(os.ErrInvalid) {
				t.Errorf("%s: Restore = %v, want a refusal that says why", name, err)
			}
			if left, _ := os.ReadDir(cfg.Data); len(left) > 0 {
				t.Errorf("%s: the refused restore left %d files", name, len(left))
			}
		}
		if _, err := desk.Restore(ctx, cfg, desk.Sources{Data: s.data, Keys: s.keys, Receipts: today}); err != nil {
			t.Fatal(err)
		}
		m.now = cfg
		m.check(s)
	})
}

// copyFolder copies a folder of files.
func copyFolder(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// strangeKeys is a folder of keys whose ring has another history: it signs
// receipts as the right one does, and opens nothing.
func strangeKeys(t *testing.T, rng *rand.Rand, from string) string {
	t.Helper()
	dir := t.TempDir()
	if err := keyring.Create(dir); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(from, "receipt.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "receipt.key"), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := keyring.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for range rng.IntN(2) * 50 {
		if _, err := r.NewKey(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// mutated copies a folder and changes one bit of one of its files.
func mutated(t *testing.T, rng *rand.Rand, from, name string) string {
	t.Helper()
	dir := copyFolder(t, from)
	path := filepath.Join(dir, name)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[rng.IntN(len(raw))] ^= 1 << rng.IntN(8)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// continued is an old copy of a log that went another way since: as long as
// today's, signed by the same key, and without the erasures of today's.
func continued(t *testing.T, early string, c desk.Config) string {
	t.Helper()
	dir := copyFolder(t, early)
	log, err := receipt.Open(receipt.Config{Dir: dir, KeyFile: filepath.Join(c.KeysDir(), "receipt.key"), Clock: time.Now, MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := log.Append(context.Background(), receipt.Record{Kind: receipt.Export, Subject: 4242}); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}
