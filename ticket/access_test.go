package ticket_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"sotto"
	"sotto/ticket"
)

// secretNote is in a private comment and its file; secretWord in a public one.
const (
	secretNote = "Geheimnis"
	secretWord = "Wackelkontakt"
)

// scene is a ticket of Ada's with a public and a private comment, each with a
// file.
type scene struct {
	*desk
	id               sotto.TicketID
	public, private  sotto.CommentID
	filed, noteFiled sotto.AttachmentID
}

func newScene(t *testing.T, d *desk) *scene {
	t.Helper()
	tk, c := d.open(t, secretWord, "It is the "+secretWord)
	s := &scene{desk: d, id: tk.ID, public: c.ID}
	s.filed = s.send(t, d.ada, "photo of "+secretWord, true).Attachments[0].ID
	note := s.send(t, d.agent, secretNote, false)
	s.private, s.noteFiled = note.ID, note.Attachments[0].ID
	return s
}

// send writes a comment with a file that holds the same words.
func (s *scene) send(t *testing.T, actor sotto.Actor, text string, public bool) ticket.Comment {
	t.Helper()
	u, err := s.Upload(context.Background(), actor, text+".txt", "text/plain", strings.NewReader(text))
	must(t, err)
	c, err := s.Comment(context.Background(), actor, s.id, ticket.CommentDraft{Body: text, Public: public, Uploads: []string{u.Token}})
	must(t, err)
	return c
}

// deed is one thing somebody tries; it returns whatever they get to see.
type deed func(s *scene, a sotto.Actor) (any, error)

func get(s *scene, a sotto.Actor) (any, error) { return s.Get(context.Background(), a, s.id) }

func comments(s *scene, a sotto.Actor) (any, error) {
	page, _, err := s.Comments(context.Background(), a, s.id, ticket.Page{})
	return page, err
}

func newest(s *scene, a sotto.Actor) (any, error) {
	page, _, err := s.Comments(context.Background(), a, s.id, ticket.Page{Newest: true})
	return page, err
}

func list(s *scene, a sotto.Actor) (any, error) {
	page, _, err := s.List(context.Background(), a, ticket.Filter{}, ticket.Page{})
	return page, err
}

func search(words string) deed {
	return func(s *scene, a sotto.Actor) (any, error) {
		page, _, err := s.Search(context.Background(), a, words, ticket.Page{})
		return page, err
	}
}

func file(note bool) deed {
	return func(s *scene, a sotto.Actor) (any, error) {
		id := s.filed
		if note {
			id = s.noteFiled
		}
		f, err := s.Attachment(context.Background(), a, id)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		text, err := io.ReadAll(f)
		return f.Name + string(text), err
	}
}

func history(s *scene, a sotto.Actor) (any, error) {
	events, _, err := s.Events(context.Background(), a, s.id, ticket.Page{})
	return events, err
}

func comment(s *scene, a sotto.Actor) (any, error) {
	return s.Comment(context.Background(), a, s.id, ticket.CommentDraft{Body: "me too"})
}

func solve(s *scene, a sotto.Actor) (any, error) {
	solved := ticket.Solved
	return s.Update(context.Background(), a, s.id, ticket.Change{Status: &solved})
}

func redact(s *scene, a sotto.Actor) (any, error) {
	return s.RedactText(context.Background(), a, s.id, s.public, secretWord)
}

func remove(s *scene, a sotto.Actor) (any, error) {
	return nil, s.Delete(context.Background(), a, s.id)
}

func hide(s *scene, a sotto.Actor) (any, error) {
	return nil, s.MakePrivate(context.Background(), a, s.id, s.public)
}

func deleted(s *scene, a sotto.Actor) (any, error) {
	page, _, err := s.Deleted(context.Background(), a, ticket.Page{})
	return page, err
}

func correct(s *scene, a sotto.Actor) (any, error) {
	return nil, s.Correct(context.Background(), a, s.id, s.public, "otherwise")
}

// nothing is the kind of a deed that must succeed.
const nothing = sotto.Kind(255)

func TestEachSeesAndDoesWhatIsTheirs(t *testing.T) {
	tests := []struct {
		name                string
		do                  deed
		staff, owner, other sotto.Kind
		see                 string // what the owner and staff must get to see
		never               string // what the owner must not get to see, though staff may
	}{
		{"Get", get, nothing, nothing, sotto.NotFound, secretWord, secretNote},
		{"Comments", comments, nothing, nothing, sotto.NotFound, secretWord, secretNote},
		{"CommentsNewest", newest, nothing, nothing, sotto.NotFound, secretWord, secretNote},
		{"List", list, nothing, nothing, nothing, secretWord, secretNote},
		{"SearchPublic", search(secretWord), nothing, nothing, nothing, secretWord, secretNote},
		{"SearchNote", search(secretNote), nothing, nothing, nothing, "", secretWord},
		{"File", file(false), nothing, nothing, sotto.NotFound, secretWord, secretNote},
		{"FileOfNote", file(true), nothing, sotto.NotFound, sotto.NotFound, "", secretNote},
		{"Events", history, nothing, sotto.Denied, sotto.Denied, "", secretNote},
		{"Comment", comment, nothing, nothing, sotto.NotFound, "me too", secretNote},
		{"Update", solve, nothing, sotto.Denied, sotto.Denied, "", secretNote},
		{"RedactText", redact, nothing, sotto.Denied, sotto.Denied, "", secretNote},
		{"MakePrivate", hide, nothing, sotto.Denied, sotto.Denied, "", secretNote},
		{"Correct", correct, nothing, sotto.Denied, sotto.Denied, "", secretNote},
		{"Deleted", deleted, nothing, sotto.Denied, sotto.Denied, "", secretNote},
		{"Delete", remove, nothing, sotto.Denied, sotto.Denied, "", secretNote},
	}
	each(t, func(t *testing.T, d *desk) {
		for _, tt := range tests {
			s := newScene(t, d)
			nobody := sotto.Actor{Role: sotto.EndUser}
			for _, who := range []struct {
				name  string
				actor sotto.Actor
				want  sotto.Kind
				see   string
				never []string
			}{
				{"bob", d.bob, tt.other, "", []string{secretWord, secretNote}},
				{"nobody", nobody, tt.other, "", []string{secretWord, secretNote}},
				{"ada", d.ada, tt.owner, tt.see, []string{tt.never}},
				{"agent", d.agent, tt.staff, tt.see, nil},
			} {
				got, err := tt.do(s, who.actor)
				what := tt.name + " by " + who.name
				if who.want == nothing && err != nil {
					t.Errorf("%s = %v", what, err)
				}
				if who.want != nothing {
					wantKind(t, what, err, who.want, secretWord, secretNote)
				}
				seen := fmt.Sprintf("%+v", got)
				if !strings.Contains(seen, who.see) {
					t.Errorf("%s shows %s, want %q in it", what, seen, who.see)
				}
				for _, never := range who.never {
					if strings.Contains(seen, never) {
						t.Errorf("%s shows %q", what, never)
					}
				}
			}
		}
	})
}

func TestADeletedTicketIsSeenByNobody(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		s := newScene(t, d)
		must(t, d.Delete(context.Background(), d.agent, s.id))
		for name, do := range map[string]deed{
			"Get": get, "Comments": comments, "File": file(false), "Comment": comment, "RedactText": redact, "Delete": remove,
		} {
			for _, a := range []sotto.Actor{d.admin, d.agent, d.ada} {
				want := sotto.NotFound
				if name == "RedactText" && a == d.ada || name == "Delete" && a == d.ada {
					want = sotto.Denied
				}
				_, err := do(s, a)
				wantKind(t, name, err, want, secretWord)
			}
		}
		for name, do := range map[string]deed{"List": list, "Search": search(secretWord)} {
			if got, err := do(s, d.admin); err != nil || strings.Contains(fmt.Sprintf("%+v", got), secretWord) {
				t.Errorf("%s shows a deleted ticket: %v, %v", name, got, err)
			}
		}
	})
}

func TestAnotherPersonsUploadCannotBeUsed(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		s := newScene(t, d)
		u, err := d.Upload(ctx, d.bob, "bob.txt", "text/plain", strings.NewReader("Bob's own"))
		must(t, err)
		for _, a := range []sotto.Actor{d.ada, d.agent} {
			_, err = d.Comment(ctx, a, s.id, ticket.CommentDraft{Body: "see file", Uploads: []string{u.Token}})
			wantKind(t, "Comment", err, sotto.Invalid, "bob.txt")
			wantKind(t, "Discard", d.Discard(ctx, a, u.Token), sotto.Invalid)
		}
		must(t, d.Discard(ctx, d.bob, u.Token))
	})
}

func TestAnEndUserWritesInPublicAndInTheirOwnName(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		s := newScene(t, d)
		c, err := d.Comment(ctx, d.ada, s.id, ticket.CommentDraft{Body: "hello", Public: false})
		if err != nil || !c.Public || c.Author != d.ada.Person {
			t.Errorf("Comment = %+v, %v", c, err)
		}
		for name, draft := range map[string]ticket.CommentDraft{
			"as an agent": {Body: "x", Author: d.agent.Person}, "a voice comment": {Kind: ticket.Voice, Call: 5},
		} {
			_, err := d.Comment(ctx, d.ada, s.id, draft)
			wantKind(t, name, err, sotto.Denied)
		}
	})
}
