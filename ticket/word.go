package ticket

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
)

// How many digits, written together or in groups, may be a telephone number.
// The longest of E.164 has 15; two more for the 00 in front of it.
const (
	minDigits = 7
	maxDigits = 17
	maxGroups = 10 // groups of digits in one number
)

// maxNumbers bounds how many possible numbers are taken out of one text, so
// that a page of digits does not keep the desk busy. The digits themselves are
// found all the same.
const maxNumbers = 4096

// hashes returns the blind index rows of a text: one for each different word,
// and one for each way of writing each telephone number in it.
func (tt *Tickets) hashes(text string) [][]byte {
	seen := map[string]bool{}
	list := atoms(text)
	for _, a := range list {
		seen[a.text] = true
	}
	left := maxNumbers
	for _, r := range runsOf(list) {
		left = tt.numbers(r, left, func(digits string) { seen[digits] = true })
	}
	out := make([][]byte, 0, len(seen))
	for w := range seen {
		out = append(out, tt.ring.Hash(catalogue.TicketWordIndex, w))
	}
	slices.SortFunc(out, bytes.Compare)
	return out
}

// atom is a word of a folded text. Groups of digits that may be parts of one
// number are joined.
type atom struct {
	text   string
	digits bool
	plus   bool // a + stands before it
	joined bool // only spaces, dots and the like stand between it and the group before
}

// atoms splits a text into its folded words.
func atoms(text string) []atom {
	var out []atom
	folded := fold(text)
	end, start := 0, -1 // of the word before, of this one
	for i, r := range folded + " " {
		switch {
		case isWordRune(r) && start < 0:
			start = i
		case !isWordRune(r) && start >= 0:
			out = append(out, newAtom(folded[start:i], folded[end:start], out))
			end, start = i, -1
		}
	}
	return out
}

func newAtom(word, between string, before []atom) atom {
	a := atom{text: word, digits: strings.Trim(word, "0123456789") == ""}
	a.plus = a.digits && strings.HasSuffix(strings.TrimRight(between, "( "), "+")
	last := len(before) - 1
	a.joined = a.digits && !a.plus && last >= 0 && before[last].digits && len(between) <= 3 && strings.Trim(between, " .-/()\t") == ""
	return a
}

// runsOf returns the stretches of joined groups of digits.
func runsOf(list []atom) [][]atom {
	var out [][]atom
	for _, a := range list {
		switch {
		case !a.digits:
		case a.joined && len(out) > 0:
			out[len(out)-1] = append(out[len(out)-1], a)
		default:
			out = append(out, []atom{a})
		}
	}
	return out
}

// numbers calls add with the digits of every telephone number that may be in
// a run, as written and in E.164: two numbers may stand beside each other, so
// every stretch of groups is looked at. It returns how many are left to look
// at in this text.
func (tt *Tickets) numbers(run []atom, left int, add func(digits string)) int {
	for i := range run {
		digits := ""
		for _, a := range run[i:min(len(run), i+maxGroups)] {
			digits += a.text
			if len(digits) > maxDigits {
				break
			}
			if len(digits) < minDigits {
				continue
			}
			if left--; left < 0 {
				return 0
			}
			add(digits)
			if n := tt.parse(digits, run[i].plus); n != nil {
				add(e164(n))
			}
		}
	}
	return left
}

// parse reads digits as a telephone number; nil if they cannot be one.
func (tt *Tickets) parse(digits string, plus bool) *phonenumbers.PhoneNumber {
	if plus {
		digits = "+" + digits
	}
	n, err := phonenumbers.Parse(digits, tt.region)
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return nil
	}
	return n
}

func e164(n *phonenumbers.PhoneNumber) string {
	return onlyDigits(phonenumbers.Format(n, phonenumbers.E164))
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// term is one thing a query asks for: any of its hashes will do.
type term [][]byte

// terms returns what a query asks for, all of which must be there. A number
// is one term, however it is written.
func (tt *Tickets) terms(query string) []term {
	var words []string
	var out []term
	list := atoms(query)
	for _, a := range list {
		if !a.digits {
			words = append(words, a.text)
		}
	}
	for _, run := range runsOf(list) {
		digits := ""
		for _, a := range run {
			digits += a.text
		}
		if len(digits) >= minDigits && len(digits) <= maxDigits && len(run) <= maxGroups {
			out = append(out, tt.numberTerm(digits, run[0].plus))
			continue
		}
		for _, a := range run {
			words = append(words, a.text)
		}
	}
	slices.Sort(words)
	for _, w := range slices.Compact(words) {
		out = append(out, term{tt.ring.Hash(catalogue.TicketWordIndex, w)})
	}
	return out
}

// numberTerm asks for a number as written, in E.164 and as it is written in
// its own country.
func (tt *Tickets) numberTerm(digits string, plus bool) term {
	forms := []string{digits}
	if n := tt.parse(digits, plus); n != nil {
		forms = append(forms, e164(n), onlyDigits(phonenumbers.Format(n, phonenumbers.NATIONAL)))
	}
	slices.Sort(forms)
	var out term
	for _, f := range slices.Compact(forms) {
		out = append(out, tt.ring.Hash(catalogue.TicketWordIndex, f))
	}
	return out
}

// index writes the search rows of a comment, or of the subject when comment
// is 0.
func (tt *Tickets) index(tx *db.Tx, id sotto.TicketID, comment sotto.CommentID, words [][]byte) error {
	for _, size := range []int{32, 1} { // two shapes of one statement
		for len(words) >= size {
			var values []string
			var args []any
			for i, w := range words[:size] {
				values = append(values, fmt.Sprintf("($%d, $%d, $%d)", 3*i+1, 3*i+2, 3*i+3))
				args = append(args, w, int64(id), int64(comment))
			}
			if _, err := tx.Exec(tt.q["InsertWords"]+" "+strings.Join(values, ", "), args...); err != nil {
				return err
			}
			words = words[size:]
		}
	}
	return nil
}

// reindex replaces the search rows of a text.
func (tt *Tickets) reindex(tx *db.Tx, id sotto.TicketID, comment sotto.CommentID, text string) error {
	if _, err := tx.Exec(tt.q["DeleteWords"], int64(id), int64(comment)); err != nil {
		return err
	}
	return tt.index(tx, id, comment, tt.hashes(text))
}

// fold brings a text into the form it is searched in: lower case, no accents.
func fold(text string) string {
	t := transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)), norm.NFC)
	out, _, err := transform.String(t, text)
	if err != nil {
		out = text
	}
	return strings.ToLower(out)
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
