package ticket

// SetFault puts f around every write to one of two places.
func (tt *Tickets) SetFault(f func(step string, do func() error) error) { tt.fault = f }

// Atoms returns the folded words of a text.
func Atoms(text string) (words []string) {
	for _, a := range atoms(text) {
		words = append(words, a.text)
	}
	return words
}

// BlackenText is what RedactText does to a text.
func BlackenText(body, text string) (string, error) { return blackenText(body, text) }

// Blacken is what RedactSpans does to a text.
func (m Marked) Blacken(body string) (string, error) { return m.blacken(body) }

// ReadCursor reads a page cursor.
func ReadCursor(s string) (at, id int64, err error) { return readCursor(s) }

// FileName is what becomes of a sender's name for a file.
func FileName(s string) string { return fileName(s) }

// ReadQuery takes the filters out of a query.
func ReadQuery(query string) (string, Filter, error) { return readQuery(query) }
