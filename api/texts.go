package api

import (
	"net/http"
	"strconv"

	"sotto"
	lexicon "sotto/locales"
	texts "sotto/text"
	"sotto/thread"
)

// textJSON is one text: the columns of Zendesk's text history, and ours behind
// them. The words stand in the comment.
type textJSON struct {
	ID        int64   `json:"id"`
	TicketID  int64   `json:"ticket_id"`
	CreatedAt *string `json:"created_at"`
	Direction string  `json:"direction"`
	From      string  `json:"from"`
	To        string  `json:"to"`
	Status    string  `json:"status"`
	AgentID   *int64  `json:"agent_id"`

	UserID    int64   `json:"user_id"`
	LineID    int64   `json:"phone_number_id"`
	CommentID int64   `json:"comment_id"`
	CallID    *int64  `json:"call_id"`
	Kind      string  `json:"kind"`
	Reason    *string `json:"reason"`
	Failure   *string `json:"failure"`
	Attempts  int     `json:"attempts"`
	EndedAt   *string `json:"ended_at"`
}

type (
	textBody struct {
		Text textJSON `json:"text"`
	}
	textsBody struct {
		Texts []textJSON `json:"texts"`
		paging
	}
)

// text renders a text; line is the number of its line.
func (q *request) text(t texts.Text, line string, words *lexicon.Texts) textJSON {
	out := textJSON{
		ID: int64(t.ID), TicketID: int64(t.Ticket), CreatedAt: stamp(t.CreatedAt), Direction: "outbound", From: line, To: t.Number,
		Status: string(t.State), AgentID: orNull(t.Agent), UserID: int64(t.Person), LineID: int64(t.Line), CommentID: int64(t.Comment),
		CallID: orNull(t.Call), Kind: string(t.Kind), Reason: wordOrNull(string(t.Reason)), Attempts: t.Attempts, EndedAt: stamp(t.EndedAt),
	}
	if t.Inbound() {
		out.Direction, out.From, out.To = "inbound", t.Number, line
	}
	if t.Reason != "" {
		out.Failure = wordOrNull(words.Text(lexicon.Default, t.Reason.Words()))
	}
	return out
}

// texts renders texts, each with the number of its line.
func (a *API) texts(q *request, some []texts.Text) ([]textJSON, error) {
	words, err := lexicon.Load()
	if err != nil {
		return nil, err
	}
	out, numbers := []textJSON{}, map[sotto.LineID]string{}
	for _, t := range some {
		if _, known := numbers[t.Line]; !known {
			l, err := a.c.Lines.Get(q.Context(), t.Line)
			if err != nil {
				return nil, err
			}
			numbers[t.Line] = l.Number
		}
		out = append(out, q.text(t, numbers[t.Line], words))
	}
	return out, nil
}

// textFilter reads the filters; pages go by cursor only, the newest first.
func (q *request) textFilter(p page) (f texts.Filter, err error) {
	if p.before != "" || p.skip() > 0 {
		return f, badRequest("InvalidPaginationParameter", "The text history goes on with page[after] only.")
	}
	after, err := cursorID(p.after)
	if err != nil {
		return f, err
	}
	user, err := q.paramNumber("filter[user_id]")
	if err != nil {
		return f, err
	}
	ticket, err := q.paramNumber("filter[ticket_id]")
	if err != nil {
		return f, err
	}
	f = texts.Filter{Before: sotto.TextID(after), Person: sotto.PersonID(user), Ticket: sotto.TicketID(ticket), Limit: p.size}
	times := append(q.URL.Query()["filter[created_at]"], q.URL.Query()["filter[created_at][]"]...)
	switch len(times) {
	case 0:
	case 2:
		if f.From, err = createdTime(times[0]); err != nil {
			return f, err
		}
		f.Until, err = createdTime(times[1])
	default:
		err = badRequest("InvalidValue", "filter[created_at] is given twice: from, and up to.")
	}
	return f, err
}

// listTexts is the text history. Each look is in the audit log.
func (a *API) listTexts(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	f, err := q.textFilter(p)
	if err != nil {
		return err
	}
	some, more, err := a.c.Texts.History(q.Context(), q.actor, f)
	if err != nil {
		return err
	}
	out, err := a.texts(q, some)
	if err != nil {
		return err
	}
	p.byCursor = true
	at := found{more: more}
	if len(some) > 0 {
		at.first, at.last = strconv.FormatInt(int64(some[0].ID), 10), strconv.FormatInt(int64(some[len(some)-1].ID), 10)
	}
	return writeJSON(w, http.StatusOK, textsBody{out, q.paging(p, at)})
}

// createText sends a text to whoever asked on a ticket, or to a number. What
// becomes of it is in the history and on the ticket.
func (a *API) createText(w http.ResponseWriter, q *request) error {
	var in struct {
		Text *struct {
			TicketID number `json:"ticket_id"`
			LineID   number `json:"phone_number_id"`
			To       text   `json:"to"`
			Body     string `json:"body"`
		} `json:"text"`
	}
	if err := q.read(&in); err != nil {
		return err
	}
	if in.Text == nil {
		return missing("text")
	}
	t, err := a.c.Threads.Write(q.Context(), q.actor, thread.Note{
		Ticket: sotto.TicketID(in.Text.TicketID), Line: sotto.LineID(in.Text.LineID), Number: string(in.Text.To), Body: in.Text.Body,
	})
	if err != nil {
		return err
	}
	out, err := a.texts(q, []texts.Text{t})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, textBody{out[0]})
}
