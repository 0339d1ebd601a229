package receipt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sotto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quick is around for tests that measure or need many records: it leaves out
// what only matters when the machine loses power.
func quick(act string, do func() error) error {
	if strings.HasPrefix(act, "sync") {
		return nil
	}
	return do()
}

// load fills l with n records in large batches.
func load(t testing.TB, l *Log, n int) {
	t.Helper()
	for n > 0 {
		var batch []*entry
		for range min(n, maxBatch) {
			e, err := l.enqueue(t.Context(), erasureOf(n))
			if err != nil {
				t.Fatal(err)
			}
			batch = append(batch, e)
			n--
		}
		l.turn <- struct{}{}
		l.commit()
		for _, e := range batch {
			if <-e.done; e.err != nil {
				t.Fatal(e.err)
			}
		}
	}
}

// until polls until ok, and fails after ten seconds.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(10 * time.Second)
	for tick := time.NewTicker(time.Millisecond); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited too long until %s", what)
		}
	}
}

func (l *Log) waiting() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.pending)
}

func TestConcurrentAppendsAndReaders(t *testing.T) {
	cfg := config(t)
	l := create(t, cfg)
	const writers, each = 16, 25
	var wg sync.WaitGroup
	seen := make([][]sotto.ReceiptNo, writers)
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				r, err := l.Append(t.Context(), erasureOf(w*each+i+1))
				if err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				if v, err := Verify(strings.NewReader(string(text(t, r))), l.Key()); err != nil || v.No != int64(r.No()) {
					t.Errorf("receipt %d: %v", r.No(), err)
				}
				if _, dead, err := l.Tombstoned(macOf(w*each + i + 1)); !dead || err != nil {
					t.Errorf("the tombstone of an appended record is not seen: %v", err)
				}
				seen[w] = append(seen[w], r.No())
			}
		})
		wg.Go(func() {
			for range each {
				size, root := l.Head()
				if err := l.Extends(size, root); err != nil {
					t.Errorf("Extends: %v", err)
				}
				n := sotto.ReceiptNo(0)
				for r, err := range l.Since(0) {
					if err != nil || r.No != n {
						t.Errorf("Since: %d, %v, want %d", r.No, err, n)
					}
					n++
				}
				if int64(n) < size {
					t.Errorf("Since gave %d records, %d were signed before", n, size)
				}
			}
		})
	}
	wg.Wait()
	all := slices.Concat(seen...)
	for w := range seen {
		if !slices.IsSorted(seen[w]) {
			t.Errorf("writer %d got its numbers out of order: %v", w, seen[w])
		}
	}
	slices.Sort(all)
	for i, no := range all {
		if int(no) != i {
			t.Fatalf("number %d is given to nobody or twice", i)
		}
	}
	if h, err := VerifyLog(cfg.Dir, l.Key()); err != nil || h.Size != writers*each {
		t.Errorf("VerifyLog = %d records, %v", h.Size, err)
	}
}

// gate holds the first write of a log until it is opened.
type gate struct {
	entered, open chan struct{}
	once          sync.Once
	mu            sync.Mutex
	syncs         int
}

func newGate() *gate { return &gate{entered: make(chan struct{}), open: make(chan struct{})} }

func (g *gate) around(act string, do func() error) error {
	if act == "write log" {
		g.once.Do(func() { close(g.entered); <-g.open })
	}
	if act == "sync log" {
		g.mu.Lock()
		g.syncs++
		g.mu.Unlock()
	}
	return do()
}

func TestWaitingAppendsShareOneSync(t *testing.T) {
	cfg := config(t)
	g := newGate()
	cfg.around = g.around
	l := create(t, cfg)
	var wg sync.WaitGroup
	appendOne := func() {
		if _, err := l.Append(t.Context(), erasureOf(1)); err != nil {
			t.Errorf("Append: %v", err)
		}
	}
	wg.Go(appendOne)
	<-g.entered
	for range 100 {
		wg.Go(appendOne)
	}
	until(t, "all wait", func() bool { return l.waiting() == 100 })
	close(g.open)
	wg.Wait()
	if size, _ := l.Head(); size != 101 || g.syncs != 2 {
		t.Errorf("%d records took %d syncs, want 101 and 2", size, g.syncs)
	}
}

func TestLargeRecordsAreSplitOverSeveralWrites(t *testing.T) {
	cfg := config(t)
	g := newGate()
	cfg.around = g.around
	l := create(t, cfg)
	large := erasureOf(1)
	for i := range 100_000 {
		large.Keys = append(large.Keys, sotto.KeyID(100_000+i)) // 700 kB encoded
	}
	var wg sync.WaitGroup
	for range 14 {
		wg.Go(func() {
			if r, err := l.Append(t.Context(), large); err != nil || len(r.Record().Keys) != 100_001 {
				t.Errorf("Append: %v", err)
			}
		})
	}
	<-g.entered
	until(t, "the others wait", func() bool { return l.waiting() >= 12 })
	close(g.open)
	wg.Wait()
	if g.syncs < 2 || g.syncs > 4 {
		t.Errorf("9.8 MB took %d writes, want 8 MiB in one", g.syncs)
	}
	if h, err := VerifyLog(cfg.Dir, ""); err != nil || h.Size != 14 {
		t.Errorf("VerifyLog = %d records, %v", h.Size, err)
	}
}

func TestCancelledAppendIsNotWritten(t *testing.T) {
	cfg := config(t)
	g := newGate()
	cfg.around = g.around
	l := create(t, cfg)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Append(gone, erasureOf(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Append with a cancelled context = %v", err)
	}
	first, cancelFirst := context.WithCancel(t.Context())
	second, cancelSecond := context.WithCancel(t.Context())
	defer cancelFirst()
	var wg sync.WaitGroup
	wg.Go(func() {
		// Its record is being written: cancelling does not count any more.
		if _, err := l.Append(first, erasureOf(1)); err != nil {
			t.Errorf("Append in writing = %v", err)
		}
	})
	<-g.entered
	done := make(chan error)
	wg.Go(func() {
		_, err := l.Append(second, erasureOf(2))
		done <- err
	})
	until(t, "the second waits", func() bool { return l.waiting() == 1 })
	cancelFirst()
	cancelSecond()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Append cancelled while waiting = %v", err)
	}
	close(g.open)
	wg.Wait()
	if size, _ := l.Head(); size != 1 || l.Err() != nil {
		t.Errorf("%d records, %v, want 1 and a working log", size, l.Err())
	}
}

func TestOneFaultFailsAllThatWait(t *testing.T) {
	cfg := config(t)
	g := newGate()
	cfg.around = func(act string, do func() error) error {
		if err := g.around(act, do); err != nil || act != "sync log" {
			return err
		}
		return errDisk
	}
	l := create(t, cfg)
	var wg sync.WaitGroup
	appendOne := func() {
		_, err := l.Append(t.Context(), erasureOf(1))
		refused(t, "Append", err, sotto.Internal)
	}
	wg.Go(appendOne)
	<-g.entered
	for range 20 {
		wg.Go(appendOne)
	}
	until(t, "all wait", func() bool { return l.waiting() == 20 })
	close(g.open)
	wg.Wait()
	if g.syncs != 1 {
		t.Errorf("a stopped log synced %d times", g.syncs)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	consistent(t, cfg, 1, 1)
}

func TestCloseFailsThoseThatWait(t *testing.T) {
	cfg := config(t)
	g := newGate()
	cfg.around = g.around
	l := create(t, cfg)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := l.Append(t.Context(), erasureOf(1)); err != nil {
			t.Errorf("Append in writing = %v", err)
		}
	})
	<-g.entered
	closing := make(chan struct{})
	wg.Go(func() {
		close(closing)
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	<-closing
	for range 10 {
		wg.Go(func() {
			// Those before Close in the row are written, those behind it are not.
			if r, err := l.Append(t.Context(), erasureOf(2)); err == nil && r.No() == 0 || err != nil && sotto.KindOf(err) != sotto.Conflict {
				t.Errorf("Append = %d, %v", r.No(), err)
			}
		})
	}
	until(t, "all wait", func() bool { return l.waiting() == 10 })
	close(g.open)
	wg.Wait()
	refusesAll(t, l, sotto.Conflict)
}

func TestAPanicWhileWritingStopsTheLog(t *testing.T) {
	cfg := config(t)
	armed := false
	cfg.around = func(act string, do func() error) error {
		if armed && act == "sync log" {
			panic("broken")
		}
		return do()
	}
	l := create(t, cfg)
	fill(t, l, 1)
	armed = true
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, err := l.Append(t.Context(), erasureOf(2))
		t.Errorf("Append = %v, want a panic", err)
	}()
	refusesAll(t, l, sotto.Internal)
}

// TestAppendCostDoesNotGrow appends to a short and to a long log in turn and
// compares the medians, so that a busy machine slows both.
func TestAppendCostDoesNotGrow(t *testing.T) {
	sizes := []int{200, 20_000} // BenchmarkAppend goes to 100,000
	logs := make([]*Log, len(sizes))
	for i, n := range sizes {
		cfg := config(t)
		cfg.around = quick
		logs[i] = create(t, cfg)
		load(t, logs[i], n)
	}
	const rounds = 400
	took := make([][]time.Duration, len(sizes))
	for range rounds {
		for i, l := range logs {
			begin := time.Now()
			if _, err := l.Append(t.Context(), erasureOf(1)); err != nil {
				t.Fatal(err)
			}
			took[i] = append(took[i], time.Since(begin))
		}
	}
	for i := range took {
		slices.Sort(took[i])
	}
	short, long := took[0][rounds/2], took[1][rounds/2]
	t.Logf("median of an append behind %d records %v, behind %d records %v", sizes[0], short, sizes[1], long)
	if long > 3*short {
		t.Errorf("an append takes %v behind %d records and %v behind %d", long, sizes[1], short, sizes[0])
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{0, 10_000, 100_000} {
		b.Run(fmt.Sprintf("behind=%d", n), func(b *testing.B) {
			cfg := config(b)
			cfg.around = quick
			l := create(b, cfg)
			load(b, l, n)
			l.disk.around = nil
			for b.Loop() {
				if _, err := l.Append(b.Context(), erasureOf(1)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAppendTogether appends from 256 goroutines: they share the syncs.
func BenchmarkAppendTogether(b *testing.B) {
	l := create(b, config(b))
	b.SetParallelism(128)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Append(b.Context(), erasureOf(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	const n = 100_000
	cfg := config(b)
	cfg.around = quick
	l := create(b, cfg)
	load(b, l, n)
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		l, err := Open(cfg)
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	cfg := config(b)
	cfg.around = quick
	l := create(b, cfg)
	load(b, l, 100_000)
	file := string(text(b, receiptOf(b, l, 50_000)))
	for b.Loop() {
		if _, err := Verify(strings.NewReader(file), ""); err != nil {
			b.Fatal(err)
		}
	}
}
