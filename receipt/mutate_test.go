package receipt

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"sotto"
)

// sample returns a log of n records with the fixed key, one of them the full one.
func sample(t testing.TB, n int) (*Log, Config) {
	t.Helper()
	cfg := config(t)
	l := fixed(t, cfg)
	fill(t, l, n/2)
	r := full()
	r.No = 0
	if _, err := l.Append(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	fill(t, l, n-n/2-1)
	return l, cfg
}

func receiptOf(t testing.TB, l *Log, no sotto.ReceiptNo) Receipt {
	t.Helper()
	r, err := l.Receipt(no)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lines splits b after each newline, without an empty last line.
func lines(b []byte) [][]byte {
	parts := bytes.SplitAfter(bytes.Clone(b), []byte("\n"))
	if len(parts[len(parts)-1]) == 0 {
		parts = parts[:len(parts)-1]
	}
	return parts
}

func join(parts [][]byte) []byte { return bytes.Join(parts, nil) }

// spoilt calls try with every single-bit change, every cut, every dropped,
// inserted and doubled byte, every dropped and doubled line, every exchange of
// two lines, and rounds of random damage. With every > 1 it changes only each
// so many-th byte.
func spoilt(b []byte, every, rounds int, try func(how string, m []byte)) {
	for i := 0; i < len(b); i += every {
		for bit := range 8 {
			m := bytes.Clone(b)
			m[i] ^= 1 << bit
			try("flip", m)
		}
		try("cut", b[:i])
		try("behead", b[i+1:])
		try("drop", append(bytes.Clone(b[:i]), b[i+1:]...))
		try("double", append(bytes.Clone(b[:i+1]), b[i:]...))
		for _, c := range []byte{' ', '\n', '\r', '=', '0', 0} {
			try("insert", append(append(bytes.Clone(b[:i]), c), b[i:]...))
		}
	}
	for _, tail := range []string{"\n", " ", "\r\n", "\x00", "— someone.example AAAAAAAA\n"} {
		try("append", append(bytes.Clone(b), tail...))
	}
	l := lines(b)
	for i := range l {
		drop := append(append([][]byte{}, l[:i]...), l[i+1:]...)
		try("drop line", join(drop))
		try("double line", join(append(append([][]byte{}, l[:i+1]...), l[i:]...)))
		for j := range i {
			swap := append([][]byte{}, l...)
			swap[i], swap[j] = swap[j], swap[i]
			try("swap lines", join(swap))
		}
	}
	try("CRLF", bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")))
	random := rand.New(rand.NewPCG(1, 2))
	for range rounds {
		m := bytes.Clone(b)
		for range 1 + random.IntN(4) {
			from, to := random.IntN(len(m)), random.IntN(len(m))
			switch random.IntN(3) {
			case 0:
				m[from] = byte(random.IntN(256))
			case 1:
				m[from], m[to] = m[to], m[from]
			case 2:
				m = append(append(bytes.Clone(m[:min(from, to)]), m[max(from, to):]...), m[:min(from, to)]...)
				if len(m) == 0 {
					m = []byte("x")
				}
			}
		}
		try("random", m)
	}
}

// TestEveryMutationOfAReceiptIsRejected is goal G4: none of more than 10,000
// changed receipts is believed, with the key known or unknown.
func TestEveryMutationOfAReceiptIsRejected(t *testing.T) {
	l, _ := sample(t, 11)
	for no, every := range map[sotto.ReceiptNo]int{0: 7, 5: 1, 10: 7} {
		whole := text(t, receiptOf(t, l, no))
		for _, trusted := range []string{"", l.Key()} {
			if _, err := Verify(bytes.NewReader(whole), trusted); err != nil {
				t.Fatalf("the unchanged receipt %d: %v", no, err)
			}
		}
		tried := 0
		spoilt(whole, every, 1000, func(how string, m []byte) {
			if bytes.Equal(m, whole) {
				return
			}
			tried++
			trusted := []string{"", l.Key()}[tried%2]
			if v, err := Verify(bytes.NewReader(m), trusted); err == nil {
				t.Errorf("%s: believed as receipt %d:\n%q", how, v.No, m)
			} else if sotto.KindOf(err) != sotto.Invalid || len(sotto.SayOf(err)) < 20 {
				t.Errorf("%s: %v, want an invalid error with a sentence", how, err)
			}
		})
		if tried < 3000 || every == 1 && tried < 20_000 {
			t.Errorf("only %d mutations of receipt %d", tried, no)
		}
		t.Logf("receipt %d, %d bytes: %d mutations rejected", no, len(whole), tried)
	}
}

// TestPartsOfOtherReceiptsAreRejected splices genuine parts together.
func TestPartsOfOtherReceiptsAreRejected(t *testing.T) {
	l, cfg := sample(t, 8)
	early := make([]portable, 8)
	for i := range early {
		early[i] = receiptOf(t, l, sotto.ReceiptNo(i)).parts
	}
	fill(t, l, 5)
	forged := otherLog(t, cfg)
	tried := 0
	believe := func(how string, p portable, trusted string, want bool) {
		t.Helper()
		tried++
		_, err := Verify(bytes.NewReader(p.format()), trusted)
		if (err == nil) != want {
			t.Errorf("%s: Verify = %v, want believed = %v", how, err, want)
		}
	}
	for i := range early {
		now, other := receiptOf(t, l, sotto.ReceiptNo(i)).parts, receiptOf(t, forged, sotto.ReceiptNo(i)).parts
		believe("unchanged", now, l.Key(), true)
		believe("older, unchanged", early[i], l.Key(), true)
		for j := range early {
			for how, change := range map[string]func(p *portable, q portable){
				"leaf":       func(p *portable, q portable) { p.leaf = q.leaf },
				"index":      func(p *portable, q portable) { p.index = q.index },
				"proof":      func(p *portable, q portable) { p.proof = q.proof },
				"leaf+index": func(p *portable, q portable) { p.leaf, p.index = q.leaf, q.index },
				"leaf+proof": func(p *portable, q portable) { p.leaf, p.proof = q.leaf, q.proof },
			} {
				p := now
				change(&p, receiptOf(t, l, sotto.ReceiptNo(j)).parts)
				if !bytes.Equal(p.format(), now.format()) {
					believe(how+" of another receipt", p, "", false)
				}
			}
		}
		p := now
		p.checkpoint = early[i].checkpoint
		believe("old checkpoint, new proof", p, "", false)
		p = early[i]
		p.checkpoint = now.checkpoint
		believe("new checkpoint, old proof", p, "", false)
		p = now
		p.proof = append(append(tlog.RecordProof{}, now.proof...), now.proof[0])
		believe("longer proof", p, "", false)
		p.proof = now.proof[1:]
		believe("shorter proof", p, "", false)
		p = now
		p.key = other.key
		believe("other key", p, "", false)
		p.checkpoint = other.checkpoint
		believe("other key and its checkpoint", p, "", false)
		believe("forged with another key, ours trusted", other, l.Key(), false)
		believe("forged with another key, none trusted", other, "", true)
		if other.key == now.key || Fingerprint(other.key) == Fingerprint(now.key) {
			t.Error("a forger's key has our fingerprint")
		}
	}
	t.Logf("%d combinations", tried)
}

// otherLog is a log of the same name and length with another key and content.
func otherLog(t *testing.T, cfg Config) *Log {
	t.Helper()
	other := config(t)
	l := create(t, other)
	for i := range 13 {
		r := erasureOf(i + 1)
		r.Scan.Files = 5
		if _, err := l.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if cfg.Origin != other.Origin {
		t.Fatal("the other log needs the same name")
	}
	return l
}

// TestEveryMutationOfTheLogIsRejected changes each file of the folder in
// every kind of way; the verifier never believes it, and Open never signs over it.
func TestEveryMutationOfTheLogIsRejected(t *testing.T) {
	l, cfg := sample(t, 5)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, trusted := range []string{"", l.Key()} {
		if h, err := VerifyLog(cfg.Dir, trusted); err != nil || h.Size != 5 {
			t.Fatalf("the unchanged log: %d records, %v", h.Size, err)
		}
	}
	c := copied(t, cfg)
	c.MustExist = true
	for name, every := range map[string]int{logFile: 11, checkpointFile: 3, verifierFile: 1} {
		whole := read(t, cfg.Dir, name)
		tried := 0
		spoilt(whole, every, 300, func(how string, m []byte) {
			if bytes.Equal(m, whole) {
				return
			}
			tried++
			write(t, m, c.Dir, name)
			if _, err := VerifyLog(c.Dir, ""); err == nil {
				t.Errorf("%s of %s: believed", how, name)
			}
			tail := name == logFile && bytes.HasPrefix(m, whole)
			if tail || tried%4 != 0 && name == logFile {
				return
			}
			if l, err := Open(c); err == nil {
				l.Close()
				t.Errorf("%s of %s: opened", how, name)
			}
		})
		write(t, whole, c.Dir, name)
		if tried < 1000 {
			t.Errorf("only %d mutations of %s", tried, name)
		}
		t.Logf("%s, %d bytes: %d mutations rejected", name, len(whole), tried)
	}
	reopen(t, c) // put back, it opens
}

func TestVerifyLogRejectsOldHeadsAndForeignKeys(t *testing.T) {
	l, cfg := sample(t, 4)
	old := copied(t, cfg)
	fill(t, l, 3)
	other := otherLog(t, cfg)
	tests := []struct {
		name, trusted string
		harm          func(c Config)
	}{
		{"old checkpoint with new log", "", func(c Config) { write(t, read(t, old.Dir, checkpointFile), c.Dir, checkpointFile) }},
		{"new checkpoint with old log", "", func(c Config) { write(t, read(t, old.Dir, logFile), c.Dir, logFile) }},
		{"another key trusted", other.Key(), func(Config) {}},
		{"no key trusted", "desk.example", func(Config) {}},
		{"another key beside it", "", func(c Config) { write(t, []byte(other.Key()+"\n"), c.Dir, verifierFile) }},
		{"log missing", "", func(c Config) { remove(t, c.Dir, logFile) }},
		{"checkpoint missing", "", func(c Config) { remove(t, c.Dir, checkpointFile) }},
		{"verifier missing", l.Key(), func(c Config) { remove(t, c.Dir, verifierFile) }},
		{"records exchanged", "", func(c Config) {
			parts := lines(read(t, c.Dir, logFile))
			parts[1], parts[2] = parts[2], parts[1]
			write(t, join(parts), c.Dir, logFile)
		}},
	}
	for _, tt := range tests {
		c := copied(t, cfg)
		if _, err := VerifyLog(c.Dir, l.Key()); err != nil {
			t.Fatalf("%s: before: %v", tt.name, err)
		}
		tt.harm(c)
		_, err := VerifyLog(c.Dir, tt.trusted)
		refused(t, tt.name, err, sotto.Invalid)
	}
	// Both put back to an older state are genuine in themselves; only who has
	// kept a later head can tell.
	size, root := l.Head()
	older := reopen(t, old)
	refused(t, "rolled back", older.Extends(size, root), sotto.Conflict)
}
