package canary

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// Report is what a search found.
type Report struct {
	Files, Bytes int64
	Total        int64 // hits
	Hits         []Hit // the first of them
}

// Hit is one fragment that was found where it must not be.
type Hit struct {
	Path string
	At   int64
	Source
}

// String says where and what, without the word.
func (h Hit) String() string {
	return fmt.Sprintf("%s at byte %d: %s of person %d, %s", h.Path, h.At, h.Place, h.Person, h.Form)
}

// most bounds the hits a report holds.
const most = 50

// Walk searches every byte of every file below the roots, and their names. A
// file that goes away meanwhile is left out.
func (f *Finder) Walk(roots ...string) (rep Report, err error) {
	paths := make(chan string, 64)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for path := range paths {
				length, hits, total, failed := f.file(path)
				mu.Lock()
				rep.add(length, hits, total)
				err = errors.Join(err, failed)
				mu.Unlock()
			}
		})
	}
	var walked error
	for _, root := range roots {
		walked = errors.Join(walked, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && path != root {
				return nil
			}
			if err == nil && d.Type().IsRegular() {
				paths <- path
			}
			return err
		}))
	}
	close(paths)
	all.Wait()
	return rep, errors.Join(err, walked)
}

func (r *Report) add(length int64, hits []Hit, total int64) {
	if length < 0 {
		return
	}
	r.Files++
	r.Bytes += length
	r.Total += total
	r.Hits = append(r.Hits, hits[:min(len(hits), most-len(r.Hits))]...)
}

// file searches one file and its name. length is negative when it is gone.
func (f *Finder) file(path string) (length int64, hits []Hit, total int64, err error) {
	note := func(at int64, from Source) {
		if total++; len(hits) < most {
			hits = append(hits, Hit{path, at, from})
		}
	}
	src, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil, 0, nil
	}
	if err != nil {
		return 0, nil, 0, err
	}
	f.Bytes([]byte(path), note)
	length, err = f.Read(src, note)
	return length, hits, total, errors.Join(err, src.Close())
}
