package ticket_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sotto"
	"sotto/ticket"
)

func TestSearchFindsEveryWordHoweverItIsWritten(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tk, _ := d.open(t, "Modem défectueux", "L'appareil de M. Müller ne répond plus depuis le 23/11, réf. AB-2026-004217.")
		_, err := d.Comment(ctx, d.agent, tk.ID, ticket.CommentDraft{Body: "Rappeler au 06 39 98 01 23 ou 01.99.00.12.34 (bureau)"})
		must(t, err)
		d.open(t, "Autre chose", "Rien à voir")
		tests := []struct {
			query string
			want  int
		}{
			{"modem", 1}, {"MODEM defectueux", 1}, {"défectueux", 1}, {"muller appareil", 1}, {"l appareil", 1}, {"appareil", 1},
			{"modem rien", 0}, {"mod", 0}, {"modem rappeler", 1}, {"2026 004217", 1}, {"AB-2026-004217", 1}, {"2026004217", 1},
			{"0639980123", 1}, {"06 39 98 01 23", 1}, {"+33 6 39 98 01 23", 1}, {"0033639980123", 1}, {"+33639980123", 1},
			{"+33 (0)6 39 98 01 23", 1}, {"(06) 39-98-01-23", 1}, {"0199001234", 1}, {"01 99 00 12 34 bureau", 1},
			{"06 39 98 01 24", 0}, {"0639980123 0199001234", 1}, {"status:new modem", 1}, {"status:open modem", 0},
			{"requester:" + number(d.ada), 2}, {"REQUESTER:" + number(d.ada) + " Modem", 1}, {"requester:" + number(d.bob), 0},
			{"status:new", 2},
		}
		for _, tt := range tests {
			page, next, err := d.Search(ctx, d.agent, tt.query, ticket.Page{})
			if err != nil || len(page) != tt.want || next != "" {
				t.Errorf("Search(%q) = %d, %q, %v, want %d", tt.query, len(page), next, err, tt.want)
			}
		}
		for _, bad := range []string{"", "  ", "!?", "status:angry", "requester:ada", "requester:0", strings.Repeat("ab cd ", 11) + words(21)} {
			_, _, err := d.Search(ctx, d.agent, bad, ticket.Page{})
			wantKind(t, "Search("+bad+")", err, sotto.Invalid)
		}
	})
}

// words returns n different words.
func words(n int) string {
	var out []string
	for i := range n {
		out = append(out, "w"+strings.Repeat("x", i))
	}
	return strings.Join(out, " ")
}

func TestSearchFollowsTheSubject(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tk, _ := d.open(t, "Modem", "b")
		subject := "Router"
		_, err := d.Update(ctx, d.agent, tk.ID, ticket.Change{Subject: &subject})
		must(t, err)
		for query, want := range map[string]int{"modem": 0, "router": 1} {
			if page, _, err := d.Search(ctx, d.agent, query, ticket.Page{}); err != nil || len(page) != want {
				t.Errorf("Search(%q) = %d, %v, want %d", query, len(page), err, want)
			}
		}
		if events := d.events(t, tk.ID); events[len(events)-1] != "subject" {
			t.Errorf("events: %q", events)
		}
	})
}

func TestSearchGoesPageByPage(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		for range 7 {
			d.pass(1000)
			d.open(t, "Modem", "b")
		}
		var got []sotto.TicketID
		p := ticket.Page{Limit: 3}
		for more := true; more; more = p.After != "" {
			page, next, err := d.Search(context.Background(), d.agent, "modem", p)
			must(t, err)
			for _, tk := range page {
				got = append(got, tk.ID)
			}
			p.After = next
		}
		if diff := cmp.Diff([]sotto.TicketID{7, 6, 5, 4, 3, 2, 1}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestMentionsFindsPeopleInOtherPeoplesTickets(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		own, _ := d.open(t, "My own", "b")
		named, _ := d.open(t, "s", "My neighbour Bob Exámple said so")
		_, err := d.Comment(ctx, d.agent, own.ID, ticket.CommentDraft{Body: "Call Bob on 0639 98 01 23"})
		must(t, err)
		apart, _ := d.open(t, "Bob", "is no example")
		mail, _ := d.open(t, "mail of bob.x@example.org", "b")
		must(t, d.Delete(ctx, d.agent, mail.ID))
		tests := []struct {
			name  string
			words []string
			want  []sotto.TicketID
		}{
			{"Nothing", nil, nil},
			{"Empty", []string{"", "!"}, nil},
			{"Full name", []string{"Bob Example"}, []sotto.TicketID{named.ID, mail.ID}},
			{"First name", []string{"bob"}, []sotto.TicketID{own.ID, named.ID, apart.ID, mail.ID}},
			{"Number", []string{"+33639980123"}, []sotto.TicketID{own.ID}},
			{"Deleted too", []string{"bob.x@example.org"}, []sotto.TicketID{mail.ID}},
			{"Any of them", []string{"+33639980123", "bob.x@example.org"}, []sotto.TicketID{own.ID, mail.ID}},
			{"Another number", []string{"+33639980124"}, nil},
		}
		for _, tt := range tests {
			got, err := d.Mentions(ctx, tt.words)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%s: %v %s", tt.name, err, diff)
			}
		}
	})
}

func TestALongTextIsIndexedWholeAndSoon(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		var b strings.Builder
		for i := 0; b.Len() < ticket.MaxBody-20; i++ {
			b.WriteString(strings.Repeat("1 2 3 ", 3))
		}
		b.WriteString(" last word")
		tk, _ := d.open(t, "s", b.String())
		if page, _, err := d.Search(context.Background(), d.agent, "last 2 word", ticket.Page{}); err != nil || len(page) != 1 || page[0].ID != tk.ID {
			t.Errorf("Search = %v, %v", page, err)
		}
	})
}

func TestWordsAreFolded(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{"", nil}, {"!?", nil}, {"Été, l'ÎLE!", []string{"ete", "l", "ile"}}, {"ab12-c", []string{"ab12", "c"}},
		{"日本 語", []string{"日本", "語"}}, {"ﬁn ①", []string{"fin", "1"}}, {"a\u0301b", []string{"ab"}}, {"x", []string{"x"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, ticket.Atoms(tt.in)); diff != "" {
			t.Errorf("Atoms(%q): %s", tt.in, diff)
		}
	}
}

// TestANumberIsFoundInAnyWriting writes a number in one way and looks for it
// in another.
func TestANumberIsFoundInAnyWriting(t *testing.T) {
	d := one(t)
	ctx := context.Background()
	rapid.Check(t, func(rt *rapid.T) {
		rest := rapid.StringMatching(`[1-79][0-9]{8}`).Draw(rt, "number")
		write := func(label string) string {
			start := rapid.SampledFrom([]string{"0", "+33", "0033", "+33 (0)", "(0)"}).Draw(rt, label+" start")
			gap := rapid.SampledFrom([]string{"", " ", ".", "-", " - "}).Draw(rt, label+" gap")
			return start + rest[:1] + gap + rest[1:3] + gap + rest[3:5] + gap + rest[5:7] + gap + rest[7:]
		}
		tk, err := d.Open(ctx, d.ada, ticket.Draft{Via: ticket.ByWeb, Comment: ticket.CommentDraft{Body: "Please call " + write("text") + " after noon"}})
		if err != nil {
			rt.Fatal(err)
		}
		query := write("query")
		ids, err := d.Mentions(ctx, []string{query})
		if err != nil || len(ids) == 0 || ids[len(ids)-1] != tk.ID {
			rt.Fatalf("Mentions(%q) = %v, %v", query, ids, err)
		}
		if ids, err = d.Mentions(ctx, []string{"+33" + rest}); err != nil || len(ids) == 0 || ids[len(ids)-1] != tk.ID {
			rt.Fatalf("Mentions(E.164) = %v, %v", ids, err)
		}
	})
}

func FuzzReadQuery(f *testing.F) {
	for _, s := range []string{"", "modem", "status:open requester:7", "status:", "requester:-1", "a:b:c", "\xff status:NEW"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		_, filter, err := ticket.ReadQuery(in)
		if err == nil && (filter.Requester < 0 || filter.Status == ticket.Deleted) {
			t.Errorf("ReadQuery(%q) = %+v", in, filter)
		}
		ticket.Atoms(in)
	})
}
