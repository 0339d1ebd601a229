package ticket

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sotto"
	"sotto/db"
)

// maxTerms bounds how many words a query may have.
const maxTerms = 20

// Search returns a page of the tickets in whose subject or comments every
// word of the query stands, last changed first. Case and accents do not
// matter; a telephone number is found however it is written. status:open and
// requester:4711 in the query restrict it. Staff search every ticket; end
// users their own, and there only what they may read.
func (tt *Tickets) Search(ctx context.Context, actor sotto.Actor, query string, p Page) (page []Ticket, next string, err error) {
	defer sotto.Wrap(&err, "ticket.Search")
	text, f, err := readQuery(query)
	if err != nil {
		return nil, "", err
	}
	w, err := f.where(actor)
	if err != nil {
		return nil, "", err
	}
	terms := tt.terms(text)
	if len(terms) > maxTerms {
		return nil, "", sotto.FailField("query", "Search for at most 20 words at a time.")
	}
	if len(terms) == 0 && f == (Filter{}) {
		return nil, "", sotto.FailField("query", "Say what to look for: words of a ticket, or a filter such as status:open.")
	}
	for _, t := range terms {
		w.addTerm(t, !actor.IsStaff())
	}
	err = tt.db.Read(ctx, func(tx *db.Tx) error {
		page, next, err = tt.list(tx, w, ByUpdated, p)
		return err
	})
	return page, next, err
}

// readQuery takes the filters out of a query.
func readQuery(query string) (text string, f Filter, err error) {
	var words []string
	for _, word := range strings.Fields(query) {
		name, value, _ := strings.Cut(word, ":")
		switch strings.ToLower(name) {
		case "status":
			f.Status = Status(strings.ToLower(value))
			err = f.Status.check()
		case "requester":
			var n int64
			if n, err = strconv.ParseInt(value, 10, 64); err != nil || n < 1 {
				err = sotto.FailField("query", "After requester: comes the number of a person.")
			}
			f.Requester = sotto.PersonID(n)
		default:
			words = append(words, word)
		}
		if err != nil {
			return "", f, err
		}
	}
	return strings.Join(words, " "), f, nil
}

// addTerm asks for a term anywhere in the ticket, or, for end users, in its
// subject and public comments: a search must not tell what a note says.
func (w *where) addTerm(t term, public bool) {
	inner := `t.id IN (SELECT w.ticket_id FROM ticket_word w WHERE w.hash IN (` + w.marks(t) + `)`
	if public {
		inner += ` AND (w.comment_id = 0 OR EXISTS (SELECT 1 FROM comment c WHERE c.id = w.comment_id AND c.public = 1))`
	}
	w.terms = append(w.terms, inner+")")
}

// marks adds the hashes of a term to the arguments and returns their places.
func (w *where) marks(t term) string {
	var marks []string
	for _, hash := range t {
		w.args = append(w.args, hash)
		marks = append(marks, fmt.Sprintf("$%d", len(w.args)))
	}
	return strings.Join(marks, ", ")
}

// Mentions returns every ticket, deleted ones too, that has one of a person's
// own words: names, e-mail addresses, numbers. All words of one entry must
// stand in the same comment or subject. It is for the preview of an erasure,
// which shows other people's tickets that speak of the person; it reads
// nothing of them.
func (tt *Tickets) Mentions(ctx context.Context, words []string) (ids []sotto.TicketID, err error) {
	defer sotto.Wrap(&err, "ticket.Mentions")
	seen := map[int64]bool{}
	err = tt.db.Read(ctx, func(tx *db.Tx) error {
		for _, entry := range words {
			query, args := mention(tt.terms(entry))
			if query == "" {
				continue
			}
			found, err := db.All(tx, db.Int, query, args...)
			if err != nil {
				return err
			}
			for _, id := range found {
				seen[id] = true
			}
		}
		return nil
	})
	for id := range seen {
		ids = append(ids, sotto.TicketID(id))
	}
	slices.Sort(ids)
	return ids, err
}

// mention returns the query for the tickets in which all terms stand
// together. Of a very long entry the first terms decide: rather one ticket
// too many in the preview than one too few.
func mention(terms []term) (query string, args []any) {
	if len(terms) == 0 {
		return "", nil
	}
	w := &where{}
	for i, t := range terms[:min(len(terms), maxTerms)] {
		if i == 0 {
			w.terms = append(w.terms, "a.hash IN ("+w.marks(t)+")")
			continue
		}
		w.terms = append(w.terms, "EXISTS (SELECT 1 FROM ticket_word b WHERE b.hash IN ("+w.marks(t)+
			") AND b.ticket_id = a.ticket_id AND b.comment_id = a.comment_id)")
	}
	return "SELECT DISTINCT a.ticket_id FROM ticket_word a WHERE " + strings.Join(w.terms, " AND "), w.args
}
