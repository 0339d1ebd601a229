package sip

import (
	"context"
	"strings"
	"testing"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/leg"
	"sotto/leg/sip/digest"
)

// texting is a desk that takes texts and answers each with status.
func texting(t *testing.T, status int) (*Endpoint, <-chan Message) {
	t.Helper()
	in := make(chan Message, 64)
	return open(t, Config{
		Trunks: []Trunk{{Name: "carrier", Sources: []string{peerAddr}}}, Phones: book{secrets: agents()},
		Text: func(_ context.Context, m Message) int {
			in <- m
			return status
		},
	}), in
}

const plainText = "Content-Type: text/plain;charset=UTF-8"

func TestTextComesInFromTheTrunk(t *testing.T) {
	e, in := texting(t, 202)
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("text")
	branch := p.branch()
	p.send(s.text("MESSAGE", 1, branch, "Bonjour, où en est ma commande ?\r\n\x07ok\u202e", plainText))
	p.answer(202, 1)
	m := <-in
	want := Message{
		Trunk: "carrier", From: leg.Caller{Number: "+33142000001", Name: "A. Caller"}, To: "+33970000000",
		Text: "Bonjour, où en est ma commande ?\nok", ID: m.ID,
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	// Our answer was lost: within the transaction the library repeats it, after
	// it the same message comes again and has the same ID.
	p.send(s.text("MESSAGE", 1, branch, "Bonjour", plainText))
	p.answer(202, 1)
	p.send(s.text("MESSAGE", 1, p.branch(), "Bonjour", plainText))
	p.answer(202, 1)
	if again := <-in; again.ID != m.ID || m.ID == "" {
		t.Errorf("ID = %q, then %q", m.ID, again.ID)
	}
	other := p.call("text2")
	p.answer(202, other.say("MESSAGE", "STOP", plainText, "Privacy: id"))
	if m2 := <-in; m2.ID == m.ID || !m2.From.Withheld || m2.From.Number != "" {
		t.Errorf("message = %+v", m2)
	}
}

func TestTextThatIsNoneIsRefused(t *testing.T) {
	e, in := texting(t, 200)
	p := newPeer(t, peerAddr, e.Addr())
	for _, tt := range []struct {
		name, kind, body string
		want             int
	}{
		{"another type", "Content-Type: text/html", "<b>x</b>", 415}, {"no type", "Content-Type: application/sdp", "x", 415},
		{"another character set", "Content-Type: text/plain; charset=iso-8859-1", "x", 415},
		{"compressed", plainText + "\r\nContent-Encoding: gzip", "x", 415},
		{"not UTF-8", plainText, "caf\xe9", 400}, {"empty", plainText, "", 400}, {"blank", plainText, " \r\n\x00", 400},
		{"too long", plainText, strings.Repeat("x", MaxText+1), 413}, {"as long as may be", plainText, strings.Repeat("x", MaxText), 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p.answer(tt.want, p.call(strings.ReplaceAll("bad "+tt.name, " ", "-")).say("MESSAGE", tt.body, tt.kind))
		})
	}
	if n := len(in); n != 1 {
		t.Errorf("%d texts were taken, want 1", n)
	}
}

func TestTextOfNobodyIsNotTaken(t *testing.T) {
	e, in := texting(t, 200)
	p := newPeer(t, "127.0.0.66", e.Addr())
	p.answer(401, p.call("nobody").say("MESSAGE", "x", plainText))
	s := p.call("wrong")
	s.target = "sip:+33970000000@desk.example.com"
	r := p.anyAnswer(s.say("MESSAGE", "x", plainText))
	auth := func(user, secret string) string {
		return "Authorization: " + answerTo(t, r, digest.SHA256).Answer(user, secret, "MESSAGE", s.target, "abc", 1).String()
	}
	p.answer(401, s.say("MESSAGE", "x", plainText, auth("lea", "wrong")))
	if len(in) != 0 {
		t.Error("a text of nobody was taken")
	}
	p.answer(200, s.say("MESSAGE", "x", plainText, auth("lea", "correct horse")))
	if m := <-in; m.Device != 7 || m.Trunk != "" {
		t.Errorf("message = %+v", m)
	}
}

func TestTextsWhoseTakerPanicsAreNotTaken(t *testing.T) {
	e := open(t, Config{
		Trunks: []Trunk{{Name: "carrier", Sources: []string{peerAddr}}},
		Text:   func(context.Context, Message) int { panic("taker") },
	})
	p := newPeer(t, peerAddr, e.Addr())
	p.answer(500, p.call("panic").say("MESSAGE", "x", plainText))
}

func TestTextIsSentThroughATrunk(t *testing.T) {
	t.Parallel()
	e, peers := carriers(t, Config{}, onlyOne(func(k *Trunk) {
		withPassword(t, k, "trunk secret")
		k.Identity = CallerAsserted
	}))
	type sent struct {
		r   TextResult
		err error
	}
	send := func(x Text) <-chan sent {
		out := make(chan sent, 1)
		go func() {
			r, err := e.SendText(soon(t), x)
			out <- sent{r, err}
		}()
		return out
	}
	x := Text{Trunks: []string{"one", "two"}, Number: "+33142000001", Caller: leg.Caller{Number: "+33970000000"}, Text: "Votre dossier est clos. À bientôt"}
	result := send(x)
	first := peers[0].request(gosip.MESSAGE)
	if string(first.Body()) != x.Text || get(first, "content-type") != "text/plain;charset=utf-8" ||
		first.Recipient.String() != "sip:+33142000001@one.example.com" || get(first, "contact") != "" {
		t.Errorf("MESSAGE = %s", first)
	}
	peers[0].reply(first, 401, "x", "", `WWW-Authenticate: Digest realm="carrier", nonce="n1", algorithm=SHA-256, qop="auth"`)
	second := next(peers[0], "MESSAGE", func(r *gosip.Request) bool { return r.GetHeader("authorization") != nil })
	if c, err := digest.ParseCredentials(get(second, "authorization")); err != nil || !c.Verify("MESSAGE", "trunk secret") {
		t.Errorf("Authorization = %+v, %v", c, err)
	}
	peers[0].reply(second, 202, "x", "")
	if got, want := <-result, (sent{TextResult{Delivered: true, Status: 202, Trunk: "one"}, nil}); got != want {
		t.Errorf("SendText() = %+v, want %+v", got, want)
	}
	result = send(x) // a refusal is final
	peers[0].reply(peers[0].request(gosip.MESSAGE), 404, "x", "")
	if got := <-result; got.err != nil || got.r != (TextResult{Status: 404, Trunk: "one"}) {
		t.Errorf("SendText() = %+v", got)
	}
	result = send(x) // an overloaded carrier is not
	peers[0].reply(peers[0].request(gosip.MESSAGE), 503, "x", "")
	peers[1].reply(peers[1].request(gosip.MESSAGE), 200, "x", "")
	if got := <-result; got.err != nil || got.r != (TextResult{Delivered: true, Status: 200, Trunk: "two"}) {
		t.Errorf("SendText() = %+v", got)
	}
	result = send(x) // after silence it might come twice
	if got := <-result; got.err != nil || got.r != (TextResult{Trunk: "one"}) {
		t.Errorf("SendText() = %+v", got)
	}
	none(peers[1], "a text", func(r *gosip.Request) bool { return r.Method == gosip.MESSAGE })
	for _, bad := range []Text{
		{Trunks: []string{"one"}, Number: "+33142000001"}, {Trunks: []string{"one"}, Number: "a b", Text: "x"},
		{Trunks: []string{"one"}, Number: "1", Text: strings.Repeat("x", MaxText+1)},
	} {
		if _, err := e.SendText(soon(t), bad); sotto.KindOf(err) != sotto.Invalid {
			t.Errorf("SendText(%+v) = %v, want invalid", bad, err)
		}
	}
}

func TestTextIsSentToATelephone(t *testing.T) {
	e := phoneDesk(t, Config{})
	p := newPeer(t, phoneAddr, e.Addr())
	c, s := ourCall(t, e, p, "a")
	out := make(chan TextResult, 1)
	go func() {
		r, _ := e.SendText(soon(t), Text{Device: 7, Text: "Rappeler Mme Petit"})
		out <- r
	}()
	r := p.request(gosip.MESSAGE)
	p.reply(r, 200, "x", "")
	if got := <-out; !got.Delivered || got.Status != 200 {
		t.Errorf("SendText() = %+v", got)
	}
	if got, err := e.SendText(soon(t), Text{Device: 8, Text: "x"}); err != nil || got.Delivered {
		t.Errorf("SendText() to nobody = %+v, %v", got, err)
	}
	p.answer(200, s.say("BYE", ""))
	ends(t, c, leg.HungUp)
}
