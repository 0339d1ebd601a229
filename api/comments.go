package api

import (
	"html"
	"net/http"
	"strconv"
	"strings"

	"sotto"
	"sotto/call"
	"sotto/recording"
	"sotto/ticket"
)

// comment is a comment in Zendesk's shape; Data and the two numbers are there
// on a voice comment only.
type comment struct {
	ID          int64        `json:"id"`
	Type        string       `json:"type"`
	AuthorID    *int64       `json:"author_id"`
	Body        string       `json:"body"`
	HTMLBody    string       `json:"html_body"`
	PlainBody   string       `json:"plain_body"`
	Public      bool         `json:"public"`
	Attachments []attachment `json:"attachments"`
	AuditID     int64        `json:"audit_id"`
	Via         via          `json:"via"`
	CreatedAt   *string      `json:"created_at"`
	Metadata    struct{}     `json:"metadata"`
	*voice
}

type voice struct {
	Data          voiceData `json:"data"`
	FormattedFrom *string   `json:"formatted_from"`
	FormattedTo   *string   `json:"formatted_to"`
	Transcription bool      `json:"transcription_visible"`
	Trusted       bool      `json:"trusted"`
}

type voiceData struct {
	From                *string `json:"from"`
	To                  *string `json:"to"`
	RecordingURL        *string `json:"recording_url"`
	RecordingDuration   *string `json:"recording_duration"`
	CallDuration        int64   `json:"call_duration"`
	CallID              int64   `json:"call_id"`
	AnsweredByID        *int64  `json:"answered_by_id"`
	TranscriptionText   *string `json:"transcription_text"`
	TranscriptionStatus *string `json:"transcription_status"`
	StartedAt           *string `json:"started_at"`
	Location            *string `json:"location"`
	VoiceTranscription  bool    `json:"voice_transcription"`
	Outbound            bool    `json:"outbound"`
	LineID              *int64  `json:"line_id"`
	// RecordingState is ours: durable, writing, lost, deleted, erased, or null
	// when the call was not recorded.
	RecordingState *string `json:"recording_state"`
}

type (
	commentBody struct {
		Comment comment `json:"comment"`
	}
	commentsBody struct {
		Comments []comment `json:"comments"`
		paging
	}
)

// htmlOf writes plain text as HTML.
func htmlOf(body string) string {
	return `<div class="zd-comment" dir="auto"><p dir="auto">` + strings.ReplaceAll(html.EscapeString(body), "\n", "<br>\n") + `</p></div>`
}

func (a *API) comment(q *request, c ticket.Comment) (comment, error) {
	out := comment{
		ID: int64(c.ID), Type: "Comment", AuthorID: orNull(c.Author), Body: c.Body, HTMLBody: htmlOf(c.Body), PlainBody: c.Body,
		Public: c.Public, Attachments: []attachment{}, AuditID: int64(c.ID), Via: via{Channel: string(ticket.ByAPI)}, CreatedAt: stamp(c.CreatedAt),
	}
	for _, f := range c.Attachments {
		out.Attachments = append(out.Attachments, q.attachment(f))
	}
	if c.Kind != ticket.Voice {
		return out, nil
	}
	v, err := a.voice(q, c.Call)
	if err != nil && sotto.KindOf(err) != sotto.NotFound {
		return out, err
	}
	out.Type, out.Via.Channel, out.voice = "VoiceComment", string(ticket.ByVoice), &v
	return out, nil
}

// voice reads the call and the recording a voice comment speaks of.
func (a *API) voice(q *request, id sotto.CallID) (v voice, err error) {
	v.Data.CallID = int64(id)
	c, err := a.c.Calls.Get(q.Context(), id)
	if err != nil {
		return v, err
	}
	v.Data.From, v.Data.StartedAt, v.Data.AnsweredByID = wordOrNull(c.Number), stamp(c.StartedAt), orNull(c.Agent)
	v.Data.Outbound, v.Data.LineID = c.Direction == call.Outbound, orNull(c.Line)
	if !c.EndedAt.IsZero() {
		v.Data.CallDuration = int64(c.EndedAt.Sub(c.StartedAt).Seconds())
	}
	if c.Line != 0 {
		l, err := a.c.Lines.Get(q.Context(), c.Line)
		if err != nil {
			return v, err
		}
		v.Data.To = wordOrNull(l.Number)
	}
	if v.Data.Outbound {
		v.Data.From, v.Data.To = v.Data.To, v.Data.From
	}
	v.FormattedFrom, v.FormattedTo = v.Data.From, v.Data.To
	all, err := a.c.Recordings.ByCall(q.Context(), q.actor, id)
	if err != nil || len(all) == 0 {
		return v, err
	}
	r := all[len(all)-1]
	state, seconds := string(r.State), strconv.FormatInt(int64(r.Duration.Seconds()), 10)
	v.Data.RecordingState = &state
	if r.State == recording.Durable {
		v.Data.RecordingURL, v.Data.RecordingDuration = q.recordingURL(r), &seconds
	}
	return v, nil
}

func (a *API) listComments(w http.ResponseWriter, q *request) error {
	id, err := q.number("ticket")
	if err != nil {
		return err
	}
	p, err := q.page()
	if err != nil {
		return err
	}
	want := p.ofTickets()
	want.Newest = q.param("sort") == "-created_at" || q.param("sort_order") == "desc"
	some, next, err := a.c.Tickets.Comments(q.Context(), q.actor, sotto.TicketID(id), want)
	if err != nil {
		return err
	}
	out := ends(p, some, next, func(c ticket.Comment) string { return strconv.FormatInt(int64(c.ID), 10) })
	if !p.byCursor {
		if out.total, err = a.c.Tickets.CountComments(q.Context(), q.actor, sotto.TicketID(id)); err != nil {
			return err
		}
	}
	body := commentsBody{[]comment{}, q.paging(p, out)}
	for _, c := range some {
		one, err := a.comment(q, c)
		if err != nil {
			return err
		}
		body.Comments = append(body.Comments, one)
	}
	return writeJSON(w, http.StatusOK, body)
}

// spot reads the ticket and the comment of the path.
func (q *request) spot() (sotto.TicketID, sotto.CommentID, error) {
	t, err := q.number("ticket")
	if err != nil {
		return 0, 0, err
	}
	c, err := q.number("comment")
	return sotto.TicketID(t), sotto.CommentID(c), err
}

func (a *API) makeCommentPrivate(w http.ResponseWriter, q *request) error {
	t, c, err := q.spot()
	if err != nil {
		return err
	}
	if err := a.c.Tickets.MakePrivate(q.Context(), q.actor, t, c); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// redactText blacks out every occurrence of a text. Unlike Zendesk's older
// operation it works on closed tickets too.
func (a *API) redactText(w http.ResponseWriter, q *request) error {
	t, c, err := q.spot()
	if err != nil {
		return err
	}
	var body struct {
		Text text `json:"text"`
	}
	if err := q.read(&body); err != nil {
		return err
	}
	done, err := a.c.Tickets.RedactText(q.Context(), q.actor, t, c, string(body.Text))
	if err != nil {
		return err
	}
	return a.writeComment(w, q, done)
}

func (a *API) writeComment(w http.ResponseWriter, q *request, c ticket.Comment) error {
	one, err := a.comment(q, c)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, commentBody{one})
}

// redactMarked blacks out what stands between <redact> and </redact>, and
// files by their content_url.
func (a *API) redactMarked(w http.ResponseWriter, q *request) error {
	id, err := q.number("comment")
	if err != nil {
		return err
	}
	var body struct {
		TicketID number   `json:"ticket_id"`
		HTMLBody string   `json:"html_body"`
		URLs     []string `json:"external_attachment_urls"`
	}
	if err := q.read(&body); err != nil {
		return err
	}
	if body.TicketID == 0 {
		return sotto.FailField("ticket_id", "Say which ticket the comment is on.")
	}
	marked, err := ticket.ReadMarked(body.HTMLBody)
	if err != nil {
		return err
	}
	files, err := attachmentsIn(append(body.URLs, marked.URLs...))
	if err != nil {
		return err
	}
	done, err := a.c.Tickets.RedactSpans(q.Context(), q.actor, sotto.TicketID(body.TicketID), sotto.CommentID(id), marked, files)
	if err != nil {
		return err
	}
	return a.writeComment(w, q, done)
}

// attachmentsIn reads the numbers of attachments out of their addresses.
func attachmentsIn(urls []string) (files []sotto.AttachmentID, err error) {
	for _, u := range urls {
		_, rest, ok := strings.Cut(u, prefix+"/attachments/")
		n, _, _ := strings.Cut(rest, "/")
		id, err := strconv.ParseInt(n, 10, 64)
		if !ok || err != nil || id < 1 {
			return nil, sotto.FailField("external_attachment_urls", "This is not the content_url of an attachment of ours.")
		}
		files = append(files, sotto.AttachmentID(id))
	}
	return files, nil
}
