package api

import (
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sotto"
	"sotto/ticket"
)

// attachment is a file in Zendesk's shape. Its address asks who you are each
// time: there is no address that works for whoever holds it.
type attachment struct {
	ID           int64        `json:"id"`
	URL          string       `json:"url"`
	FileName     string       `json:"file_name"`
	ContentURL   string       `json:"content_url"`
	MappedURL    string       `json:"mapped_content_url"`
	ContentType  string       `json:"content_type"`
	Size         int64        `json:"size"`
	Width        *int         `json:"width"`
	Height       *int         `json:"height"`
	Inline       bool         `json:"inline"`
	Deleted      bool         `json:"deleted"`
	MalwareScan  string       `json:"malware_scan_result"`
	MalwareAllow bool         `json:"malware_access_override"`
	Thumbnails   []attachment `json:"thumbnails"`
}

type (
	attachmentBody struct {
		Attachment attachment `json:"attachment"`
	}
	uploadBody struct {
		Upload uploadJSON `json:"upload"`
	}
	uploadJSON struct {
		Token       string       `json:"token"`
		ExpiresAt   *string      `json:"expires_at"`
		Attachment  attachment   `json:"attachment"`
		Attachments []attachment `json:"attachments"`
	}
)

func (q *request) attachment(f ticket.Attachment) attachment {
	url := q.base + "/attachments/" + strconv.FormatInt(int64(f.ID), 10)
	return attachment{
		ID: int64(f.ID), URL: url + ".json", FileName: f.Name, ContentURL: url + "/content", MappedURL: url + "/content",
		ContentType: f.ContentType, Size: f.Size, Deleted: !f.RedactedAt.IsZero(), MalwareScan: "not_scanned", Thumbnails: []attachment{},
	}
}

func (a *API) showAttachment(w http.ResponseWriter, q *request) error {
	id, err := q.number("attachment")
	if err != nil {
		return err
	}
	f, err := a.c.Tickets.Attachment(q.Context(), q.actor, sotto.AttachmentID(id))
	if err != nil {
		return err
	}
	return errors.Join(writeJSON(w, http.StatusOK, attachmentBody{q.attachment(f.Attachment)}), f.Close())
}

// downloadAttachment sends the bytes of a file, or the range that was asked
// for. It is never shown inside a page of the desk, and each time is in the
// audit log.
func (a *API) downloadAttachment(w http.ResponseWriter, q *request) error {
	id, err := q.number("attachment")
	if err != nil {
		return err
	}
	f, err := a.c.Tickets.Download(q.Context(), q.actor, sotto.AttachmentID(id))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", f.ContentType)
	w.Header().Set("Content-Disposition", saveAs(f.Name))
	oneRange(q.Request)
	http.ServeContent(w, q.Request, "", time.Time{}, f)
	return f.Close()
}

// saveAs tells a browser to save what comes and never to show it, whatever it
// is called.
func saveAs(name string) string {
	if v := mime.FormatMediaType("attachment", map[string]string{"filename": name}); v != "" {
		return v
	}
	return "attachment"
}

// oneRange forgets a Range header that asks for several: such an answer may
// be far larger than the file (RFC 9110 14.2 allows to ignore it).
func oneRange(r *http.Request) {
	if strings.Contains(r.Header.Get("Range"), ",") || len(r.Header.Values("Range")) > 1 {
		r.Header.Del("Range")
	}
}

func (a *API) createUpload(w http.ResponseWriter, q *request) error {
	if q.param("token") != "" {
		return sotto.FailField("token", "Send each file on its own; a comment takes several tokens.")
	}
	name := q.param("filename")
	if name == "" {
		return badRequest("ParameterMissing", "Say what the file is called: ?filename=photo.jpg.")
	}
	u, err := a.c.Tickets.Upload(q.Context(), q.actor, name, q.Header.Get("Content-Type"), q.Body)
	if err != nil {
		return err
	}
	// It has no address yet: it is on no comment, and its token is the only way to it.
	f := attachment{ID: u.ID, FileName: u.Name, ContentType: u.ContentType, Size: u.Size, MalwareScan: "not_scanned", Thumbnails: []attachment{}}
	return writeJSON(w, http.StatusCreated, uploadBody{uploadJSON{u.Token, stamp(u.ExpiresAt), f, []attachment{f}}})
}

func (a *API) deleteUpload(w http.ResponseWriter, q *request) error {
	err := a.c.Tickets.Discard(q.Context(), q.actor, q.PathValue("token"))
	if err != nil && sotto.KindOf(err) == sotto.Invalid {
		return sotto.Fail(sotto.NotFound, "Not found")
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) redactAttachment(w http.ResponseWriter, q *request) error {
	t, c, err := q.spot()
	if err != nil {
		return err
	}
	f, err := q.number("attachment")
	if err != nil {
		return err
	}
	done, err := a.c.Tickets.RedactAttachment(q.Context(), q.actor, t, c, sotto.AttachmentID(f))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, attachmentBody{q.attachment(done)})
}
