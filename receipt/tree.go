package receipt

import (
	"golang.org/x/mod/sumdb/tlog"
)

// tree is the Merkle tree of a log in memory: 32 bytes for each of about two
// hashes a leaf, and where each leaf begins on disk. A copy is a snapshot:
// add writes behind what copies can see. Only the holder of the turn adds.
type tree struct {
	hashes []tlog.Hash // in tlog's stored order
	starts []int64     // offset of each leaf in the log file
	end    int64       // offset of the next leaf
}

func (t tree) size() int64 { return int64(len(t.starts)) }

// ReadHashes makes a tree a tlog.HashReader.
func (t tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		hashes[i] = t.hashes[x]
	}
	return hashes, nil
}

// add takes in the next leaf, without its newline.
func (t *tree) add(leaf []byte) error {
	hashes, err := tlog.StoredHashes(t.size(), leaf, *t)
	if err != nil {
		return err
	}
	t.hashes = append(t.hashes, hashes...)
	t.starts = append(t.starts, t.end)
	t.end += int64(len(leaf)) + 1
	return nil
}

// span returns where leaf i lies in the log file, its newline included.
func (t tree) span(i int64) (start, end int64) {
	if i+1 < t.size() {
		return t.starts[i], t.starts[i+1]
	}
	return t.starts[i], t.end
}

// leafHash returns the hash of leaf i.
func (t tree) leafHash(i int64) tlog.Hash { return t.hashes[tlog.StoredHashIndex(0, i)] }
