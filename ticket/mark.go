package ticket

import (
	"html"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sotto"
)

// What an HTML text with marks may have: a comment in which every character
// is written as an entity fits.
const (
	maxMarked = 1 << 20 // bytes
	maxSpans  = 1000
	maxStray  = 100 // tags and comments that do not end; each costs a look at all the rest
)

// Span is a stretch of characters, From included and To not.
type Span struct{ From, To int }

// Marked is the text of a comment with marks on what must go.
type Marked struct {
	Text  string   // without tags
	Spans []Span   // of characters (not bytes) of Text, in order, not touching each other
	URLs  []string // of tags with the attribute redact, such as inline images: what src or href says
}

// ReadMarked reads a comment's HTML in which <redact> and </redact> stand
// around what must go. Other tags are skipped. A mark that is not closed is
// Invalid: how much was meant is not guessed.
func ReadMarked(text string) (Marked, error) {
	if len(text) > maxMarked || !utf8.ValidString(text) {
		return Marked{}, sotto.FailField("html_body", "The text is larger than 1 MB or not valid UTF-8.")
	}
	r := marker{rest: text}
	for r.rest != "" {
		if err := r.next(); err != nil {
			return Marked{}, err
		}
	}
	if r.depth > 0 {
		return Marked{}, errUnbalanced()
	}
	if len(r.spans) > maxSpans {
		return Marked{}, sotto.FailField("html_body", "Mark at most 1,000 places at a time.")
	}
	return Marked{Text: string(r.text), Spans: r.spans, URLs: r.urls}, nil
}

func errUnbalanced() error {
	return sotto.FailField("html_body", "Each <redact> needs its </redact>.")
}

// marker reads marked HTML from left to right.
type marker struct {
	rest  string
	text  []rune
	spans []Span
	urls  []string
	depth int // of open marks
	from  int // where the outermost one began
	stray int // how many tags did not end
}

// next takes the text before the next tag, or the tag.
func (r *marker) next() error {
	at := strings.IndexByte(r.rest, '<')
	if at < 0 {
		at = len(r.rest)
	}
	if at > 0 {
		r.say(r.rest[:at])
		r.rest = r.rest[at:]
		return nil
	}
	if strings.HasPrefix(r.rest, "<!--") {
		if _, after, ok := strings.Cut(r.rest[4:], "-->"); ok {
			r.rest = after
			return nil
		}
	}
	end := tagEnd(r.rest)
	if end < 0 { // a < that is part of the text
		if beginsTag(r.rest) {
			r.stray++
		}
		if r.stray > maxStray {
			return sotto.FailField("html_body", "The HTML is broken: many of its tags are not closed.")
		}
		r.say("<")
		r.rest = r.rest[1:]
		return nil
	}
	tag := r.rest[1 : end-1]
	r.rest = r.rest[end:]
	return r.tag(tag)
}

func (r *marker) say(s string) {
	r.text = append(r.text, []rune(norm.NFC.String(html.UnescapeString(s)))...)
}

func (r *marker) tag(tag string) error {
	body, closing := strings.CutPrefix(tag, "/")
	name, attributes := cutName(body)
	if !strings.EqualFold(name, "redact") {
		r.attributes(attributes)
		return nil
	}
	switch {
	case closing && r.depth == 0:
		return errUnbalanced()
	case closing:
		if r.depth--; r.depth == 0 && len(r.text) > r.from {
			r.mark(Span{r.from, len(r.text)})
		}
	case strings.HasSuffix(attributes, "/"): // <redact/> holds nothing
	default:
		if r.depth++; r.depth == 1 {
			r.from = len(r.text)
		}
	}
	return nil
}

// mark adds a span; one that begins where the last ended makes it longer.
func (r *marker) mark(s Span) {
	if last := len(r.spans) - 1; last >= 0 && r.spans[last].To == s.From {
		r.spans[last].To = s.To
		return
	}
	r.spans = append(r.spans, s)
}

// attributes keeps the address of a tag that is marked as a whole.
func (r *marker) attributes(s string) {
	marked, url := false, ""
	for {
		s = strings.TrimLeft(s, " \t\r\n/")
		if s == "" {
			break
		}
		var name, value string
		name, value, s = cutAttribute(s)
		switch strings.ToLower(name) {
		case "redact":
			marked = true
		case "src", "href":
			url = html.UnescapeString(value)
		}
	}
	if marked && url != "" {
		r.urls = append(r.urls, url)
	}
}

// tagEnd returns where the tag at the beginning of s ends, behind its >; -1
// if s does not begin with a tag. A > in quotes belongs to the tag.
func tagEnd(s string) int {
	if !beginsTag(s) {
		return -1
	}
	quote := byte(0)
	for i := 1; i < len(s); i++ {
		switch {
		case quote != 0:
			if s[i] == quote {
				quote = 0
			}
		case (s[i] == '"' || s[i] == '\'') && s[i-1] == '=':
			quote = s[i]
		case s[i] == '>':
			return i + 1
		}
	}
	return -1
}

func beginsTag(s string) bool {
	return len(s) > 1 && (isLetter(s[1]) || s[1] == '/' || s[1] == '!' || s[1] == '?')
}

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

func cutName(tag string) (name, rest string) {
	if i := strings.IndexAny(tag, " \t\r\n/"); i >= 0 {
		return tag[:i], strings.TrimRight(tag[i:], " \t\r\n")
	}
	return tag, ""
}

// cutAttribute splits name, name=value, name="value" or name='value' off s,
// which does not begin with white space.
func cutAttribute(s string) (name, value, rest string) {
	i := strings.IndexAny(s, "= \t\r\n")
	if i < 0 {
		return s, "", ""
	}
	name, rest = s[:i], s[i:]
	if rest[0] != '=' {
		return name, "", rest
	}
	if rest = rest[1:]; rest == "" {
		return name, "", ""
	}
	if q := rest[0]; q == '"' || q == '\'' {
		value, rest, _ = strings.Cut(rest[1:], string(q))
		return name, value, rest
	}
	if i = strings.IndexAny(rest, " \t\r\n"); i < 0 {
		return name, rest, ""
	}
	return name, rest[:i], rest[i:]
}

// blacken blacks out the marked stretches wherever the whole of the marked
// text stands in body. White space does not count, because HTML has its own.
func (m Marked) blacken(body string) (string, error) {
	text, plain := []rune(m.Text), []rune(body)
	want, wantAt := inked(text)
	have, haveAt := inked(plain)
	var marks, spans []Span
	for _, s := range m.Spans {
		from, _ := slices.BinarySearch(wantAt, s.From)
		to, _ := slices.BinarySearch(wantAt, s.To)
		if from < to {
			marks = append(marks, Span{from, to - 1}) // first and last inked character
		}
	}
	for _, at := range occurrences(have, want) {
		for _, s := range marks {
			spans = append(spans, Span{haveAt[at+s.From], haveAt[at+s.To] + 1})
		}
	}
	if len(spans) == 0 {
		return "", sotto.FailField("html_body", "The text with the <redact> tags is not the comment's. Send the comment's html_body as it is, with <redact> tags put into it.")
	}
	return blackenSpans(plain, spans), nil
}

// inked returns the characters that are not white space, and where each stood.
func inked(text []rune) (ink []rune, at []int) {
	for i, r := range text {
		if !unicode.IsSpace(r) {
			ink, at = append(ink, r), append(at, i)
		}
	}
	return ink, at
}
