package receipt

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"sotto"
)

var errDisk = errors.New("the disk failed")

// faulty makes the n-th act from now on fail, counted from 0; happens says
// whether it was done all the same. Acts are named in acts.
type faulty struct {
	armed, happens bool
	n              int
	acts           []string
}

func (f *faulty) around(act string, do func() error) error {
	if !f.armed {
		return do()
	}
	verb, on, _ := strings.Cut(act, " ")
	f.acts = append(f.acts, verb+" "+filepath.Base(on))
	if len(f.acts)-1 != f.n {
		return do()
	}
	if f.happens {
		if err := do(); err != nil {
			return err
		}
	}
	return errDisk
}

// consistent opens the log of cfg as after a crash and checks all of it: it
// must have at least the records that had been acknowledged, work on, and
// convince the offline verifier.
func consistent(t *testing.T, cfg Config, atLeast, atMost int64) (size int64, r Recovery) {
	t.Helper()
	cfg.around = nil
	l := reopen(t, cfg)
	size, _ = l.Head()
	if size < atLeast || size > atMost {
		t.Errorf("%d records after the crash, want %d to %d", size, atLeast, atMost)
	}
	fill(t, l, 1)
	for rec, err := range l.Since(0) {
		if err != nil || int64(rec.Subject) != int64(rec.No)+1 {
			t.Errorf("record %d is about person %d, %v", rec.No, rec.Subject, err)
		}
		receipt, err := l.Receipt(rec.No)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(strings.NewReader(string(text(t, receipt))), l.Key()); err != nil {
			t.Errorf("receipt %d: %v", rec.No, err)
		}
		if _, dead, err := l.Tombstoned(macOf(int(rec.Subject))); !dead || err != nil {
			t.Errorf("tombstone of record %d = %v, %v", rec.No, dead, err)
		}
	}
	r = l.Recovered()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if h, err := VerifyLog(cfg.Dir, l.Key()); err != nil || h.Size != size+1 {
		t.Errorf("VerifyLog = %d records, %v, want %d", h.Size, err, size+1)
	}
	return size, r
}

// TestEveryFaultOfAppendIsSurvived fails each act of Append, in both forms.
func TestEveryFaultOfAppendIsSurvived(t *testing.T) {
	cfg := config(t)
	l := create(t, cfg)
	fill(t, l, 3)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{"write log", "sync log", "create checkpoint.tmp", "write checkpoint.tmp", "sync checkpoint.tmp", "rename checkpoint.tmp", "sync folder"}
	for n, act := range want {
		for _, happens := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/happens=%v", act, happens), func(t *testing.T) {
				c := copied(t, cfg)
				f := &faulty{n: n, happens: happens}
				c.around = f.around
				l := reopen(t, c)
				f.armed = true
				_, err := l.Append(t.Context(), erasureOf(4))
				refused(t, "Append", err, sotto.Internal)
				if !errors.Is(err, errDisk) {
					t.Errorf("Append = %v, want the cause inside", err)
				}
				if len(f.acts) != n+1 || f.acts[n] != act {
					t.Fatalf("acts = %v, want %v", f.acts, want[:n+1])
				}
				refusesAll(t, l, sotto.Internal)
				if size, _ := l.Head(); size != 3 {
					t.Errorf("Head = %d, want the 3 that were signed", size)
				}
				if len(f.acts) != n+1 {
					t.Errorf("a stopped log touched the disk: %v", f.acts[n+1:])
				}
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				size, _ := consistent(t, c, 3, 4)
				if wrote := n > 0 || happens; wrote != (size == 4) {
					t.Errorf("%d records after the fault", size)
				}
			})
		}
	}
}

// TestEveryFaultOfRepairIsSurvived fails each act of the repair of a torn tail.
func TestEveryFaultOfRepairIsSurvived(t *testing.T) {
	cfg := config(t)
	l := create(t, cfg)
	fill(t, l, 3)
	signed := read(t, cfg.Dir, checkpointFile)
	fill(t, l, 2)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, signed, cfg.Dir, checkpointFile)
	log := read(t, cfg.Dir, logFile)
	write(t, log[:len(log)-5], cfg.Dir, logFile)
	const acts = 8
	for n := range acts + 1 {
		for _, happens := range []bool{false, true} {
			c := copied(t, cfg)
			c.MustExist = true
			f := &faulty{armed: true, n: n, happens: happens}
			c.around = f.around
			l, err := Open(c)
			if n == acts {
				opened(t, l, err)
				if len(f.acts) != acts {
					t.Fatalf("repair does %v, want %d acts", f.acts, acts)
				}
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			} else if !errors.Is(err, errDisk) {
				t.Errorf("Open with fault %d = %v, want the cause inside", n, err)
			}
			consistent(t, c, 4, 4)
		}
	}
}

// TestEveryFaultOfCreateIsSurvived fails each act of Create; it must be
// possible to do it again, unless it was done.
func TestEveryFaultOfCreateIsSurvived(t *testing.T) {
	for n := 0; ; n++ {
		for _, happens := range []bool{false, true} {
			cfg := config(t)
			f := &faulty{armed: true, n: n, happens: happens}
			cfg.around = f.around
			l, err := Create(cfg)
			if err == nil {
				opened(t, l, err)
				if n < 15 {
					t.Errorf("Create did %d acts only", n)
				}
				return
			}
			cfg.around = nil
			l, err = Open(cfg)
			opened(t, l, err)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			consistent(t, cfg, 0, 0)
		}
	}
}

// TestACrashAtAnyByteIsSurvived cuts the files at every byte boundary between
// two appends, as a crash before a sync may leave them.
func TestACrashAtAnyByteIsSurvived(t *testing.T) {
	cfg := config(t)
	l := create(t, cfg)
	fill(t, l, 2)
	oldLog, oldCheckpoint := read(t, cfg.Dir, logFile), read(t, cfg.Dir, checkpointFile)
	fill(t, l, 1)
	newLog, newCheckpoint := read(t, cfg.Dir, logFile), read(t, cfg.Dir, checkpointFile)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c := copied(t, cfg)
	states := 0
	try := func(log, checkpoint, tmp []byte, want Recovery) {
		write(t, log, c.Dir, logFile)
		write(t, checkpoint, c.Dir, checkpointFile)
		if tmp != nil {
			write(t, tmp, c.Dir, checkpointFile+".tmp")
		}
		if _, r := consistent(t, c, 2, 3); r != want {
			t.Errorf("log of %d bytes: recovered %+v, want %+v", len(log), r, want)
		}
		states++
	}
	for end := len(oldLog); end < len(newLog); end++ {
		try(newLog[:end], oldCheckpoint, nil, Recovery{Cut: int64(end - len(oldLog))})
	}
	for end := range len(newCheckpoint) + 1 {
		try(newLog, oldCheckpoint, newCheckpoint[:end], Recovery{Signed: 1})
	}
	try(newLog, newCheckpoint, nil, Recovery{})
	// The file grew but its blocks were never written; or only some were.
	hole := append([]byte(nil), newLog...)
	clear(hole[len(oldLog):])
	try(hole, oldCheckpoint, nil, Recovery{Cut: int64(len(newLog) - len(oldLog))})
	copy(hole[len(oldLog)+40:], newLog[len(oldLog)+40:])
	try(hole, oldCheckpoint, nil, Recovery{Cut: int64(len(newLog) - len(oldLog))})
	long := append(append([]byte(nil), newLog...), make([]byte, maxLeaf+100)...)
	try(long, newCheckpoint, nil, Recovery{Cut: maxLeaf + 100})
	t.Logf("%d states", states)
}
