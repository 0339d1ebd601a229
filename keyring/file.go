package keyring

import (
	"errors"
	"fmt"
	"io"

	"sotto"
	"sotto/catalogue"
)

// Writer seals everything written to it into w. Close writes the last chunk;
// a file without it reads as cut off.
type Writer struct {
	s   *Stream
	w   io.Writer
	buf []byte
	n   int64
}

// NewWriter begins a sealed file on w.
func (r *Ring) NewWriter(w io.Writer, class catalogue.Blob, id int64, key sotto.KeyID) (*Writer, error) {
	s, err := r.NewStream(class, id, key, 0)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(s.Header[:]); err != nil {
		return nil, err
	}
	return &Writer{s: s, w: w}, nil
}

// Write seals b, keeping back what does not fill a chunk.
func (w *Writer) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		take := min(ChunkSize-len(w.buf), len(b))
		w.buf = append(w.buf, b[:take]...)
		b = b[take:]
		if len(w.buf) == ChunkSize {
			if err := w.chunk(false); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (w *Writer) chunk(last bool) error {
	sealed, err := w.s.Seal(nil, w.n, last, w.buf)
	if err != nil {
		return err
	}
	w.n++
	w.buf = w.buf[:0]
	_, err = w.w.Write(sealed)
	return err
}

// Close writes the last chunk. It does not close the underlying writer.
func (w *Writer) Close() error { return w.chunk(true) }

// Reader reads a sealed file from any point.
type Reader struct {
	s      *Stream
	src    io.ReaderAt
	chunks int64
	size   int64 // plain bytes
	whole  bool
	at     int64
	have   int64 // which chunk plain holds; -1 for none
	plain  []byte
}

// NewReader opens a sealed file of length bytes. A file that was cut off by a
// crash (its last chunk is missing) can be read; Whole tells.
func (r *Ring) NewReader(src io.ReaderAt, length int64, class catalogue.Blob, id int64) (*Reader, error) {
	var head [StreamHead]byte
	if _, err := src.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("blob %s %d: header: %w", class, id, err)
	}
	s, err := r.OpenStream(class, id, head[:])
	if err != nil {
		return nil, err
	}
	rd := &Reader{s: s, src: src, have: -1}
	return rd, rd.measure(length - StreamHead)
}

// measure finds out how many chunks there are and whether the last is marked.
func (r *Reader) measure(length int64) error {
	r.chunks = length / sealedSize
	if rest := length % sealedSize; rest >= 16 {
		r.chunks++
		r.size = (r.chunks-1)*ChunkSize + rest - 16
		r.whole = true
		if err := r.load(r.chunks - 1); err == nil {
			return nil
		}
		r.chunks-- // a torn tail
	}
	r.whole = false
	r.size = r.chunks * ChunkSize
	if r.chunks == 0 {
		return nil
	}
	if r.whole = true; r.load(r.chunks-1) == nil {
		return nil // the last chunk happens to be full
	}
	r.whole = false
	return r.load(r.chunks - 1)
}

// Whole reports whether the file's end is there.
func (r *Reader) Whole() bool { return r.whole }

// Size returns how many plain bytes there are.
func (r *Reader) Size() int64 { return r.size }

func (r *Reader) load(n int64) error {
	if r.have == n {
		return nil
	}
	last := r.whole && n == r.chunks-1
	sealed := make([]byte, sealedSize)
	got, err := r.src.ReadAt(sealed, StreamHead+n*sealedSize)
	if err != nil && (!errors.Is(err, io.EOF) || got < 16) {
		return err
	}
	r.have = -1
	plain, err := r.s.OpenChunk(r.plain[:0], n, last, sealed[:got])
	if err != nil {
		return err
	}
	r.plain, r.have = plain, n
	return nil
}

// Read reads on from where the last Read or Seek ended.
func (r *Reader) Read(b []byte) (int, error) {
	if r.at >= r.size {
		return 0, io.EOF
	}
	if err := r.load(r.at / ChunkSize); err != nil {
		return 0, err
	}
	n := copy(b, r.plain[r.at%ChunkSize:])
	r.at += int64(n)
	return n, nil
}

// Seek sets where Read goes on.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	r.at = offset
	return offset, nil
}
