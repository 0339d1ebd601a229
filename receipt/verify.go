package receipt

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Rejected is the one sentence that says why a receipt or a log is not believed.
type Rejected string

// Error returns the sentence.
func (r Rejected) Error() string { return string(r) }

// Head is what a log's key signed: so many leaves, with this root.
type Head struct {
	Key         string // the verifier key whose signature was checked
	Fingerprint string // of Key, for a person to compare
	Trusted     bool   // the caller named Key; false: it came with the file itself
	Origin      string // the log's name
	Size        int64  // leaves
	Root        [32]byte
}

// Verdict is what a genuine receipt says.
type Verdict struct {
	Head
	No         int64     // the leaf's place in the log, counted from 0
	At         time.Time // UTC
	Kind       string
	Subject    int64    // opaque person id
	Incomplete []string // places that had not confirmed yet
	Commitment []byte   // see About
	Leaf       []byte   // the whole record, as signed
}

// Verify reads a receipt file and checks every byte of it, offline. trusted is
// the verifier key the reader knows from elsewhere; with "" the file's own key
// is used, and the reader should compare Verdict.Fingerprint with the one the
// desk publishes. The error is a Rejected, or the reader's own.
func Verify(r io.Reader, trusted string) (Verdict, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxReceipt+1))
	if err != nil {
		return Verdict{}, err
	}
	if len(data) > maxReceipt {
		return Verdict{}, Rejected("The file is too long to be a receipt.")
	}
	p, err := parsePortable(data)
	if err != nil {
		return Verdict{}, err
	}
	head, err := openCheckpoint(p.checkpoint, p.key, trusted)
	if err != nil {
		return Verdict{}, err
	}
	err = tlog.CheckRecord(p.proof, head.Size, head.Root, p.index, tlog.RecordHash(p.leaf))
	if err != nil {
		return Verdict{}, Rejected("The record is not in the log that was signed: the record, its number or the proof was changed.")
	}
	l, at, err := parseLeaf(p.leaf, p.index)
	if err != nil {
		return Verdict{}, err
	}
	commitment, err := hex.DecodeString(l.Commitment)
	if err != nil {
		return Verdict{}, Rejected("The record's commitment is not hexadecimal.")
	}
	return Verdict{Head: head, No: l.No, At: at, Kind: l.Kind, Subject: l.Subject,
		Incomplete: l.Incomplete, Commitment: commitment, Leaf: p.leaf}, nil
}

// VerifyLog checks a receipt folder: every leaf, their order, the signed head.
// trusted is as for Verify. On a desk that is running it may meet an append
// half done; stop the desk, or check again. The error is a Rejected.
func VerifyLog(dir, trusted string) (Head, error) {
	key, err := readSmall(dir, verifierFile)
	if err != nil {
		return Head{}, err
	}
	line, ok := strings.CutSuffix(string(key), "\n")
	if !ok {
		return Head{}, Rejected("The file verifier does not end with a newline: it was cut.")
	}
	msg, err := readSmall(dir, checkpointFile)
	if err != nil {
		return Head{}, err
	}
	head, err := openCheckpoint(msg, line, trusted)
	if err != nil {
		return Head{}, err
	}
	f, err := os.Open(filepath.Join(dir, logFile))
	if err != nil {
		return Head{}, Rejected("The file log cannot be read: " + err.Error() + ".")
	}
	defer f.Close()
	root, n, err := rootOf(bufio.NewReaderSize(f, maxLeaf+1), head.Size)
	if err != nil {
		return Head{}, err
	}
	if n < head.Size {
		return Head{}, Rejected(fmt.Sprintf("The log has %d records but %d were signed: records are missing.", n, head.Size))
	}
	if root != head.Root {
		return Head{}, Rejected("The records are not the ones that were signed: the log was changed.")
	}
	return head, nil
}

// Fingerprint returns eight groups of four hexadecimal digits, the first half
// of SHA-256 of the verifier key, for a person to compare.
func Fingerprint(key string) string {
	sum := sha256.Sum256([]byte(key))
	groups := make([]string, 8)
	for i := range groups {
		groups[i] = hex.EncodeToString(sum[2*i : 2*i+2])
	}
	return strings.Join(groups, " ")
}

// About reports whether the receipt is about the person with this identity.
// Only who holds the nonce from the receipt letter can ask. See Commit.
func (v Verdict) About(nonce [32]byte, identity string) bool {
	return len(v.Commitment) > 0 && bytes.Equal(v.Commitment, Commit(nonce, identity))
}

// Commit returns SHA-256(nonce ‖ identity). The nonce is random, 32 bytes, and
// given to the person alone: without it the commitment says nothing.
func Commit(nonce [32]byte, identity string) []byte {
	sum := sha256.Sum256(append(nonce[:], identity...))
	return sum[:]
}

// portable is a receipt file taken apart.
type portable struct {
	key        string // verifier key
	leaf       []byte
	index      int64
	proof      tlog.RecordProof
	checkpoint []byte // to the end of the file
}

// format returns the only bytes that are a receipt file of p.
func (p portable) format() []byte {
	b := fmt.Appendf(nil, "%s\nkey %s\nleaf %s\n\n%s\nindex %d\n", receiptHead, p.key, p.leaf, proofHead, p.index)
	for _, h := range p.proof {
		b = fmt.Appendf(b, "%s\n", h)
	}
	return fmt.Appendf(b, "\n%s", p.checkpoint)
}

// parsePortable is the inverse of format, and refuses all other bytes.
func parsePortable(data []byte) (p portable, err error) {
	rest, whole := string(data), true
	next := func(prefix string) string {
		line, after, ended := strings.Cut(rest, "\n")
		value, has := strings.CutPrefix(line, prefix)
		whole, rest = whole && ended && has, after
		return value
	}
	next(receiptHead)
	if !whole {
		return p, Rejected("The file is not a receipt: its first line is not \"" + receiptHead + "\".")
	}
	p.key, p.leaf = next("key "), []byte(next("leaf "))
	next("")
	next(proofHead)
	p.index, err = strconv.ParseInt(next("index "), 10, 64)
	for line := next(""); whole && err == nil && line != ""; line = next("") {
		var h tlog.Hash
		h, err = tlog.ParseHash(line)
		p.proof = append(p.proof, h)
	}
	p.checkpoint = []byte(rest)
	if !whole || err != nil {
		return p, Rejected("The receipt is cut or its lines were changed. Ask for the file again, and do not copy it through a text editor.")
	}
	if !bytes.Equal(p.format(), data) {
		return p, Rejected("The receipt is not in the one form a receipt has: characters were changed. Ask for the file again.")
	}
	return p, nil
}

// openCheckpoint checks a signed checkpoint. It takes one form only: three
// lines of text, one signature, nothing that another byte could replace.
func openCheckpoint(msg []byte, key, trusted string) (Head, error) {
	trusted = strings.TrimSpace(trusted)
	if _, err := note.NewVerifier(trusted); err != nil && trusted != "" {
		return Head{}, Rejected("The key you trust is not a verifier key; it looks like name+hash+letters.")
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		return Head{}, Rejected("The verifier key is damaged.")
	}
	if trusted != "" && key != trusted {
		return Head{}, Rejected("It names another key than the one you trust. Either it is forged or the desk has a new key: ask the desk.")
	}
	public, err := base64.StdEncoding.DecodeString(strings.SplitN(key, "+", 3)[2])
	if err != nil || key != fmt.Sprintf("%s+%08x+%s", v.Name(), v.KeyHash(), base64.StdEncoding.EncodeToString(public)) {
		return Head{}, Rejected("The verifier key is not in the one form it has: characters were changed.")
	}
	n, err := note.Open(msg, note.VerifierList(v))
	if _, bad := errors.AsType[*note.InvalidSignatureError](err); bad {
		return Head{}, Rejected("The signature does not fit: the checkpoint was changed after it was signed.")
	}
	if err != nil || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return Head{}, Rejected("The checkpoint is damaged, or not signed by this key alone.")
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != v.Name() {
		return Head{}, Rejected("The checkpoint is not one of this log.")
	}
	size, err1 := strconv.ParseInt(lines[1], 10, 64)
	root, err2 := tlog.ParseHash(lines[2])
	sig, err3 := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
	form := fmt.Sprintf("%s\n%d\n%s\n\n— %s %s\n", v.Name(), size, root, v.Name(), base64.StdEncoding.EncodeToString(sig))
	if err := errors.Join(err1, err2, err3); err != nil || form != string(msg) || size < 0 || size > maxSize {
		return Head{}, Rejected("The checkpoint is not in the one form it has: characters were changed.")
	}
	return Head{Key: key, Fingerprint: Fingerprint(key), Trusted: trusted != "", Origin: v.Name(), Size: size, Root: root}, nil
}

// parseLeaf reads a leaf and refuses it unless its fields written again give
// the same bytes, so that no two readers can understand it differently.
func parseLeaf(b []byte, index int64) (l leaf, at time.Time, err error) {
	if err := json.Unmarshal(b, &l); err != nil || l.Version != leafVersion {
		return l, at, Rejected(fmt.Sprintf("Record %d cannot be read, or is of a later format.", index))
	}
	l.Keys, l.Steps = append([]int64{}, l.Keys...), append([]leafStep{}, l.Steps...)
	l.Tombstones, l.Incomplete = append([]string{}, l.Tombstones...), append([]string{}, l.Incomplete...)
	again, err := json.Marshal(l)
	if err != nil || !bytes.Equal(again, b) {
		return l, at, Rejected(fmt.Sprintf("Record %d is not in the one form a record has.", index))
	}
	at, err = time.Parse(timeFormat, l.At)
	if err != nil || l.No != index {
		return l, at, Rejected(fmt.Sprintf("Record %d has a wrong number or time.", index))
	}
	return l, at, nil
}

// rootOf reads all leaves and returns their root (RFC 6962 2.1) and number. It
// stops at the leaf after the last signed one, which is an error.
func rootOf(r *bufio.Reader, signed int64) (root tlog.Hash, n int64, err error) {
	var full []tlog.Hash // roots of the complete subtrees on the left, largest first
	for ; ; n++ {
		line, err := r.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			break
		}
		if n == signed {
			return root, n, Rejected(fmt.Sprintf("Behind the %d signed records there are bytes nobody signed. If the desk is running, check again.", n))
		}
		if err != nil {
			return root, n, Rejected(fmt.Sprintf("Record %d is cut.", n))
		}
		if _, _, err := parseLeaf(line[:len(line)-1], n); err != nil {
			return root, n, err
		}
		full = append(full, tlog.RecordHash(line[:len(line)-1]))
		for m := n; m&1 == 1; m >>= 1 {
			full = append(full[:len(full)-2], tlog.NodeHash(full[len(full)-2], full[len(full)-1]))
		}
	}
	if n == 0 {
		return sha256.Sum256(nil), 0, nil
	}
	root = full[len(full)-1]
	for i := len(full) - 2; i >= 0; i-- {
		root = tlog.NodeHash(full[i], root)
	}
	return root, n, nil
}

func readSmall(dir, name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil, Rejected("The file " + name + " cannot be read: " + err.Error() + ".")
	}
	return data, nil
}
