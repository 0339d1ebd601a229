package ticket_test

import (
	"fmt"
	"html"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sotto"
	"sotto/ticket"
)

func TestReadMarkedFindsTextMarksAndAddresses(t *testing.T) {
	tests := []struct {
		name, html, text string
		marked           []string
		urls             []string
	}{
		{"Plain", "no marks", "no marks", nil, nil},
		{"One", `<div class="zd-comment" dir="auto">My ID number is <redact>847564</redact>!</div>`, "My ID number is 847564!", []string{"847564"}, nil},
		{"Two", "<redact>a</redact> b <redact>c</redact>", "a b c", []string{"a", "c"}, nil},
		{"Touching", "<redact>a</redact><redact>b</redact>", "ab", []string{"ab"}, nil},
		{"Nested", "<redact>a<redact>b</redact>c</redact>d", "abcd", []string{"abc"}, nil},
		{"Capitals", "<REDACT>a</Redact>", "a", []string{"a"}, nil},
		{"Entities", "a &lt;b&gt; <redact>&amp;&#233;</redact>", "a <b> &é", []string{"&é"}, nil},
		{"Over tags", "<redact>a<b>c</b></redact>d", "acd", []string{"ac"}, nil},
		{"Link", `<a href="https://example.test/?a=1&amp;b=2" redact><redact>some link</redact></a>`, "some link", []string{"some link"}, []string{"https://example.test/?a=1&b=2"}},
		{"Image", `<img redact src='https://desk.test/attachments/7'>x`, "x", nil, []string{"https://desk.test/attachments/7"}},
		{"Unmarked image", `<img src="https://desk.test/attachments/7">x`, "x", nil, nil},
		{"A > in an attribute", `<a title="a > b" redact href=x>y</a>`, "y", nil, []string{"x"}},
		{"No tag", "1 < 2 > 0", "1 < 2 > 0", nil, nil},
		{"Open tag at the end", "a <b", "a <b", nil, nil},
		{"Many a <", strings.Repeat("< ", 200), strings.Repeat("< ", 200), nil, nil},
		{"Comment", "a<!-- <redact> -->b", "ab", nil, nil},
		{"Empty mark", "a<redact></redact>b<redact/>", "ab", nil, nil},
		{"Accent in two parts", "<redact>e\u0301</redact>", "é", []string{"é"}, nil},
	}
	for _, tt := range tests {
		m, err := ticket.ReadMarked(tt.html)
		if err != nil || m.Text != tt.text || !cmp.Equal(m.URLs, tt.urls) {
			t.Errorf("%s: ReadMarked = %+v, %v", tt.name, m, err)
		}
		var marked []string
		for _, s := range m.Spans {
			marked = append(marked, string([]rune(m.Text)[s.From:s.To]))
		}
		if diff := cmp.Diff(tt.marked, marked); diff != "" {
			t.Errorf("%s: marked: %s", tt.name, diff)
		}
	}
}

func TestReadMarkedDoesNotGuess(t *testing.T) {
	for _, in := range []string{
		"<redact>a", "a</redact>", "<redact>a</redact></redact>", "<redact><redact>a</redact>", "\xff",
		strings.Repeat("x", 1<<20+1), strings.Repeat("<redact>x</redact> ", 1001),
		strings.Repeat("<a", 200_000), strings.Repeat("<!--", 200_000),
	} {
		_, err := ticket.ReadMarked(in)
		wantKind(t, fmt.Sprintf("ReadMarked(%.20q)", in), err, sotto.Invalid)
	}
}

func TestBlackenFindsTheMarkedTextInTheComment(t *testing.T) {
	tests := []struct{ name, body, html, want string }{
		{"Whole", "My ID is 42!", "<p>My ID is <redact>42</redact>!</p>", "My ID is ▇▇!"},
		{"A part", "My ID is 42!", "<redact>42</redact>", "My ID is ▇▇!"},
		{"Everywhere", "42 and 42", "<redact>42</redact>", "▇▇ and ▇▇"},
		{"Only with what stands around it", "42 and id 42", "id <redact>42</redact>", "42 and id ▇▇"},
		{"Lines are breaks", "one\ntwo\n\nthree", "<p>one<br>t<redact>wo</p><p>th</redact>ree</p>", "one\nt▇▇▇▇▇▇ree"},
		{"White space differs", "a  b\tc", "a\u00a0<redact>b c</redact>", "a  ▇▇▇"},
		{"Markup as text", "<redact>x</redact>", "&lt;redact&gt;<redact>x</redact>&lt;/redact&gt;", "<redact>▇</redact>"},
		{"White space alone is nothing", "a b c", "a<redact> </redact><redact>b</redact> c", "a ▇ c"},
	}
	for _, tt := range tests {
		m, err := ticket.ReadMarked(tt.html)
		must(t, err)
		if got, err := m.Blacken(tt.body); err != nil || got != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
	for _, in := range []string{"<redact>other</redact>", "<redact> </redact>", "My <redact>ID</redact> was"} {
		m, err := ticket.ReadMarked(in)
		must(t, err)
		_, err = m.Blacken("My ID is 42!")
		wantKind(t, in, err, sotto.Invalid, "42")
	}
}

// TestBlackenFindsItsWayBackFromHTML draws a comment, writes it as HTML the
// way a page does, marks a stretch, and expects that stretch to be black.
func TestBlackenFindsItsWayBackFromHTML(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		body := []rune(rapid.StringOfN(rapid.RuneFrom([]rune("ab<&\"é \n日")), 1, 40, -1).Draw(rt, "body"))
		from := rapid.IntRange(0, len(body)-1).Draw(rt, "from")
		to := rapid.IntRange(from+1, len(body)).Draw(rt, "to")
		write := func(s []rune) string { return strings.ReplaceAll(html.EscapeString(string(s)), "\n", "<br>\n") }
		text := "<div>" + write(body[:from]) + "<redact>" + write(body[from:to]) + "</redact>" + write(body[to:]) + "</div>"
		m, err := ticket.ReadMarked(text)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := m.Blacken(string(body))
		inked := strings.TrimSpace(string(body[from:to])) != ""
		if (err == nil) != inked {
			rt.Fatalf("Blacken = %v, want done %v", err, inked)
		}
		black := []rune(got)
		for i := range black {
			inside := i >= from && i < to
			if strings.TrimSpace(string(body[i])) != "" && inside != (black[i] == ticket.Black) {
				rt.Fatalf("%q of %q: %q", string(body[from:to]), string(body), got)
			}
		}
	})
}

func FuzzReadMarked(f *testing.F) {
	for _, s := range []string{
		"", "plain", "<redact>a</redact>", "<a href='x' redact>", "<!-- ", "<", "</", "<redact", "<redact/>", "&#233;&lt;", "<a b= c=\"d>e\">",
		"<REDACT x=1>a</redact y>", "<redact>\u00a0</redact>", "e\u0301<redact>\u0301</redact>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		m, err := ticket.ReadMarked(in)
		if err != nil {
			return
		}
		if !utf8.ValidString(m.Text) {
			t.Errorf("text %q is not valid", m.Text)
		}
		end, n := -1, len([]rune(m.Text))
		for _, s := range m.Spans {
			if s.From <= end || s.To <= s.From || s.To > n {
				t.Errorf("span %+v after %d of %d characters", s, end, n)
			}
			end = s.To
		}
		if black, err := m.Blacken(m.Text); err == nil && len([]rune(black)) != n {
			t.Errorf("%q became %q", m.Text, black)
		}
	})
}
