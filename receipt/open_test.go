package receipt

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sotto"
)

func TestOpenMakesALogOnlyWhereNoneWas(t *testing.T) {
	cfg := config(t)
	l, err := Open(cfg)
	opened(t, l, err)
	fill(t, l, 3)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, err = Open(cfg)
	opened(t, l, err)
	if size, _ := l.Head(); size != 3 {
		t.Errorf("opened again with %d records, want 3", size)
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	cfg := config(t)
	fill(t, create(t, cfg), 1)
	for _, path := range []string{cfg.KeyFile, filepath.Join(cfg.Dir, logFile), filepath.Join(cfg.Dir, checkpointFile), filepath.Join(cfg.Dir, verifierFile)} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v, want 0600", filepath.Base(path), info.Mode(), err)
		}
	}
}

func TestOpenRefusesADamagedOrMissingLog(t *testing.T) {
	cfg := config(t)
	l := create(t, cfg)
	fill(t, l, 4)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	other := config(t)
	fill(t, create(t, other), 4)
	tests := []struct {
		name string
		kind sotto.Kind
		harm func(t *testing.T, c *Config)
	}{
		{"folder missing", sotto.NotFound, func(t *testing.T, c *Config) { remove(t, c.Dir) }},
		{"log missing", sotto.NotFound, func(t *testing.T, c *Config) { remove(t, c.Dir, logFile) }},
		{"checkpoint missing", sotto.NotFound, func(t *testing.T, c *Config) { remove(t, c.Dir, checkpointFile) }},
		{"verifier missing", sotto.Conflict, func(t *testing.T, c *Config) { remove(t, c.Dir, verifierFile) }},
		{"key missing", sotto.NotFound, func(t *testing.T, c *Config) { remove(t, c.KeyFile) }},
		{"key cut", sotto.Conflict, func(t *testing.T, c *Config) { write(t, read(t, c.KeyFile)[:40], c.KeyFile) }},
		{"key of another log", sotto.Conflict, func(t *testing.T, c *Config) { write(t, read(t, other.KeyFile), c.KeyFile) }},
		{"other name", sotto.Invalid, func(_ *testing.T, c *Config) { c.Origin = "other.example/receipts" }},
		{"no clock", sotto.Invalid, func(_ *testing.T, c *Config) { c.Clock = nil }},
		{"no folder given", sotto.Invalid, func(_ *testing.T, c *Config) { c.Dir = "" }},
		{"no key given", sotto.Invalid, func(_ *testing.T, c *Config) { c.KeyFile = "" }},
		{"key inside the folder", sotto.Invalid, func(_ *testing.T, c *Config) { c.KeyFile = filepath.Join(c.Dir, "key") }},
		{"checkpoint of another log", sotto.Conflict, func(t *testing.T, c *Config) {
			write(t, read(t, other.Dir, checkpointFile), c.Dir, checkpointFile)
		}},
		{"records of another log", sotto.Conflict, func(t *testing.T, c *Config) {
			changed := bytes.Replace(read(t, c.Dir, logFile), []byte(`"subject":2`), []byte(`"subject":3`), 1)
			write(t, changed, c.Dir, logFile)
		}},
		{"log cut in the middle", sotto.Conflict, func(t *testing.T, c *Config) {
			log := read(t, c.Dir, logFile)
			write(t, log[:len(log)/2], c.Dir, logFile)
		}},
		{"log torn in the middle", sotto.Conflict, func(t *testing.T, c *Config) {
			log := read(t, c.Dir, logFile)
			write(t, append(log[:len(log)/2:len(log)/2], log[len(log)/2+9:]...), c.Dir, logFile)
		}},
		{"log empty", sotto.Conflict, func(t *testing.T, c *Config) { write(t, nil, c.Dir, logFile) }},
		{"checkpoint empty", sotto.Conflict, func(t *testing.T, c *Config) { write(t, nil, c.Dir, checkpointFile) }},
		{"verifier changed", sotto.Conflict, func(t *testing.T, c *Config) {
			write(t, append(read(t, c.Dir, verifierFile), '\n'), c.Dir, verifierFile)
		}},
		{"others read the key", sotto.Conflict, func(t *testing.T, c *Config) {
			if err := os.Chmod(c.KeyFile, 0o640); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := copied(t, cfg)
			c.MustExist = true
			tt.harm(t, &c)
			l, err := Open(c)
			if err == nil {
				l.Close()
			}
			refused(t, "Open", err, tt.kind)
			if !exists(filepath.Join(c.Dir, logFile)) {
				return
			}
			c.MustExist = false
			if l, err := Open(c); err == nil {
				l.Close()
				t.Error("Open without MustExist accepts it")
			}
		})
	}
	reopen(t, copied(t, cfg)) // unharmed, it opens
}

func remove(t *testing.T, elem ...string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(elem...)); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesALostLogWhoseKeyIsThere(t *testing.T) {
	cfg := config(t)
	if err := create(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	remove(t, cfg.Dir)
	_, err := Open(cfg)
	refused(t, "Open", err, sotto.NotFound)
	_, err = Create(cfg)
	refused(t, "Create", err, sotto.Conflict)
}

func TestCreateNeverWritesOverALog(t *testing.T) {
	cfg := config(t)
	l := create(t, cfg)
	fill(t, l, 2)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Create(cfg)
	refused(t, "Create over a log", err, sotto.Conflict)
	withoutKey := copied(t, cfg)
	remove(t, withoutKey.KeyFile)
	_, err = Create(withoutKey)
	refused(t, "Create over a log without key", err, sotto.Conflict)
	remove(t, withoutKey.Dir, logFile)
	_, err = Create(withoutKey)
	refused(t, "Create over a checkpoint", err, sotto.Conflict)
	if size, _ := reopen(t, cfg).Head(); size != 2 {
		t.Errorf("the log has %d records afterwards, want 2", size)
	}
}

func TestCreateRefusesABadName(t *testing.T) {
	for _, name := range []string{"", "two words", "a+b", "tab\tbed", "line\nend", "bell\a"} {
		cfg := config(t)
		cfg.Origin = name
		_, err := Create(cfg)
		refused(t, "Create with a bad name", err, sotto.Invalid)
		if exists(cfg.KeyFile) || exists(cfg.Dir) {
			t.Errorf("Create(%q) left files behind", name)
		}
	}
}

func TestASecondWriterIsKeptOut(t *testing.T) {
	cfg := config(t)
	l := create(t, cfg)
	fill(t, l, 1)
	_, err := Open(cfg)
	refused(t, "Open while it is open", err, sotto.Conflict)
	if h, err := VerifyLog(cfg.Dir, ""); err != nil || h.Size != 1 {
		t.Errorf("VerifyLog of an open log = %d records, %v", h.Size, err)
	}
	f, err := os.OpenFile(filepath.Join(cfg.Dir, logFile), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	_, err = l.Append(t.Context(), erasureOf(2))
	refused(t, "Append after a foreign write", err, sotto.Internal)
	refusesAll(t, l, sotto.Internal)
}

func TestALogChangedOnDiskStopsWhenItIsRead(t *testing.T) {
	for _, cut := range []bool{false, true} {
		cfg := config(t)
		l := create(t, cfg)
		fill(t, l, 3)
		log := read(t, cfg.Dir, logFile)
		if cut {
			log = log[:len(log)-20]
		} else {
			log[len(log)-20] ^= 1
		}
		write(t, log, cfg.Dir, logFile)
		if _, err := l.Receipt(0); err != nil {
			t.Errorf("Receipt of an unharmed record: %v", err)
		}
		_, err := l.Receipt(2)
		refused(t, "Receipt of a harmed record", err, sotto.Internal)
		refusesAll(t, l, sotto.Internal)
	}
}
