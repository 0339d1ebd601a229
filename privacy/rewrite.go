package privacy

import (
	"context"
	"strings"

	"sotto"
	"sotto/ticket"
)

// rewrite puts the right words for the old ones in every ticket of the person,
// closed ones too, and returns in how many they stood.
func (r *Rights) rewrite(ctx context.Context, actor sotto.Actor, id sotto.PersonID, words [][2]string) (tickets int, err error) {
	if len(words) == 0 {
		return 0, nil
	}
	var pairs []string
	for _, w := range words {
		pairs = append(pairs, w[0], w[1])
	}
	right := strings.NewReplacer(pairs...)
	all, err := r.ticketsOf(ctx, actor, id)
	if err != nil {
		return 0, err
	}
	for _, t := range all {
		changed, err := r.rewriteTicket(ctx, actor, t, right)
		if err != nil {
			return tickets, err
		}
		if changed {
			tickets++
		}
	}
	return tickets, nil
}

// ticketsOf returns all tickets of a person, read before any is changed: a
// change moves a ticket to another page.
func (r *Rights) ticketsOf(ctx context.Context, actor sotto.Actor, id sotto.PersonID) (all []ticket.Ticket, err error) {
	for page := (ticket.Page{}); ; {
		list, next, err := r.c.Tickets.ByRequester(ctx, actor, id, page)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if next == "" {
			return all, nil
		}
		page.After = next
	}
}

func (r *Rights) rewriteTicket(ctx context.Context, actor sotto.Actor, t ticket.Ticket, right *strings.Replacer) (changed bool, err error) {
	if s := right.Replace(t.Subject); s != t.Subject {
		if err := r.c.Tickets.CorrectSubject(ctx, actor, t.ID, s); err != nil {
			return false, err
		}
		changed = true
	}
	for page := (ticket.Page{}); ; {
		comments, next, err := r.c.Tickets.Comments(ctx, actor, t.ID, page)
		if err != nil {
			return changed, err
		}
		for _, c := range comments {
			if s := right.Replace(c.Body); s != c.Body {
				if err := r.c.Tickets.Correct(ctx, actor, t.ID, c.ID, s); err != nil {
					return changed, err
				}
				changed = true
			}
			for _, a := range c.Attachments {
				if s := right.Replace(a.Name); s != a.Name {
					if err := r.c.Tickets.Rename(ctx, actor, t.ID, c.ID, a.ID, s); err != nil {
						return changed, err
					}
					changed = true
				}
			}
		}
		if next == "" {
			return changed, nil
		}
		page.After = next
	}
}
