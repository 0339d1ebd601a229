package api

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nukosuke/go-zendesk/zendesk"
)

// zendeskClient is a program's Zendesk client that was given our address and
// nothing else.
func (d *desk) zendeskClient(who signedIn, email string) *zendesk.Client {
	d.t.Helper()
	server := httptest.NewServer(d.api)
	d.t.Cleanup(server.Close)
	c, err := zendesk.NewClient(server.Client())
	must(d.t, err)
	must(d.t, c.SetEndpointURL(server.URL+prefix))
	c.SetCredential(zendesk.NewAPITokenCredential(email, who.token))
	return c
}

func TestGoClientRunsUnchanged(t *testing.T) {
	d := sqlite(t)
	ctx := context.Background()
	c := d.zendeskClient(d.agent, "grace@desk.example")

	ada, err := c.CreateUser(ctx, zendesk.User{Name: "Ada Example", Email: "ada@example.org", Phone: "+33199001234", Notes: "x"})
	must(t, err)
	ada.Name = "Ada Right"
	ada, err = c.UpdateUser(ctx, ada.ID, ada) // sends back everything it was given
	must(t, err)
	again, err := c.CreateOrUpdateUser(ctx, zendesk.User{Name: "Ada Right", Email: "ada@example.org"})
	if err != nil || again.ID != ada.ID || ada.Name != "Ada Right" || ada.Email != "ada@example.org" || ada.CreatedAt.IsZero() {
		t.Errorf("user %+v, again %+v, %v", ada, again, err)
	}
	users, page, err := c.GetUsers(ctx, &zendesk.UserListOptions{Roles: []string{"end-user"}})
	if err != nil || len(users) != 1 || page.HasNext() || page.Count != 1 {
		t.Errorf("GetUsers = %+v, %+v, %v", users, page, err)
	}
	found, _, err := c.SearchUsers(ctx, &zendesk.SearchUsersOptions{Query: "email:ada@example.org"})
	if err != nil || len(found) != 1 || found[0].ID != ada.ID {
		t.Errorf("SearchUsers = %+v, %v", found, err)
	}
	many, _, err := c.GetManyUsers(ctx, &zendesk.GetManyUsersOptions{IDs: fmt.Sprintf("%d,%d", ada.ID, d.agent.id)})
	if err != nil || len(many) != 2 {
		t.Errorf("GetManyUsers = %d, %v", len(many), err)
	}
	_, err = c.GetUserRelated(ctx, ada.ID)
	must(t, err)
	d.goClientTickets(ctx, c, ada.ID)
}

func (d *desk) goClientTickets(ctx context.Context, c *zendesk.Client, ada int64) {
	t := d.t
	t.Helper()
	w := c.UploadAttachment(ctx, "card.txt", "")
	_, err := w.Write([]byte("4711-0815"))
	must(t, err)
	up, err := w.Close()
	must(t, err)
	tk, err := c.CreateTicket(ctx, zendesk.Ticket{
		Subject: "Lamp", RequesterID: ada, Priority: "high",
		Comment: &zendesk.TicketComment{Body: "My card is 4711-0815, Zoé", Uploads: []string{up.Token}},
	})
	must(t, err)
	tk.Status = "open"
	tk, err = c.UpdateTicket(ctx, tk.ID, tk) // sends back everything it was given
	if err != nil || tk.Status != "open" || tk.RequesterID != ada || tk.Description == "" {
		t.Fatalf("UpdateTicket = %+v, %v", tk, err)
	}
	_, err = c.CreateTicketComment(ctx, tk.ID, zendesk.NewPrivateTicketComment("A note", int64(d.agent.id)))
	must(t, err)
	list, err := c.ListTicketComments(ctx, tk.ID, &zendesk.ListTicketCommentsOptions{CursorPagination: zendesk.CursorPagination{PageSize: 1}})
	if err != nil || len(list.TicketComments) != 1 || !list.Meta.HasMore || len(list.TicketComments[0].Attachments) != 1 {
		t.Fatalf("ListTicketComments = %+v, %v", list, err)
	}
	first := list.TicketComments[0]
	html := strings.ReplaceAll(first.HTMLBody, "4711-0815", "<redact>4711-0815</redact>")
	must(t, c.RedactTicketComment(ctx, first.ID, zendesk.RedactTicketCommentRequest{TicketID: tk.ID, HTMLBody: html}))
	must(t, c.RedactCommentAttachment(ctx, tk.ID, first.ID, first.Attachments[0].ID))
	must(t, c.MakeCommentPrivate(ctx, tk.ID, first.ID))
	list, err = c.ListTicketComments(ctx, tk.ID, nil)
	if err != nil || len(list.TicketComments) != 2 || list.TicketComments[0].Body != "My card is ▇▇▇▇▇▇▇▇▇, Zoé" || list.TicketComments[0].Attachments[0].FileName != "redacted.txt" {
		t.Errorf("after redaction: %+v, %v", list, err)
	}
	audits, _, err := c.GetTicketAudits(ctx, tk.ID, zendesk.PageOptions{})
	if err != nil || len(audits) < 5 {
		t.Errorf("GetTicketAudits = %d, %v", len(audits), err)
	}
	tickets, meta, err := c.GetTicketsCBP(ctx, &zendesk.CBPOptions{CursorPagination: zendesk.CursorPagination{PageSize: 10}})
	if err != nil || len(tickets) != 1 || meta.HasMore {
		t.Errorf("GetTicketsCBP = %d, %+v, %v", len(tickets), meta, err)
	}
	several, err := c.GetMultipleTickets(ctx, []int64{tk.ID})
	if err != nil || len(several) != 1 {
		t.Errorf("GetMultipleTickets = %d, %v", len(several), err)
	}
	n, err := c.SearchCount(ctx, &zendesk.CountOptions{Query: "lamp"})
	if err != nil || n != 1 {
		t.Errorf("SearchCount = %d, %v", n, err)
	}
	results, _, err := c.Search(ctx, &zendesk.SearchOptions{Query: "type:ticket lamp"})
	if err != nil || len(results.List()) != 1 {
		t.Errorf("Search = %v, %v", results, err)
	}
	must(t, c.DeleteTicket(ctx, tk.ID))
	if _, err := c.GetTicket(ctx, tk.ID); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("GetTicket of a deleted one: %v", err)
	}
}
