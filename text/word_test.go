package text_test

import (
	"strings"
	"testing"

	"sotto/text"
)

func TestWishIsAWordAlone(t *testing.T) {
	for body, want := range map[string]text.Wish{
		"STOP": text.Stop, "stop": text.Stop, " Stop. \n": text.Stop, "«STOP»": text.Stop, "ＳＴＯＰ": text.Stop, "S.T.O.P": text.Stop,
		"Stop SMS": text.Stop, "STOP!!!": text.Stop, "stop\u200b": text.Stop, "ARRÊT": text.Stop, "arret": text.Stop, "Arre\u0302t": text.Stop,
		"DÉSABONNER": text.Stop, "Me désabonner": text.Stop, "unsubscribe": text.Stop, "Opt-out": text.Stop, "opt out": text.Stop,
		"START": text.Start, "Reprendre": text.Start, "unstop": text.Start, "réabonner": text.Start,
		"": text.None, "Bonjour": text.None, "Please stop by tomorrow": text.None, "STOP the order 12": text.None, "stop 2": text.None,
		"non stop": text.None, "STOP \U0001f642": text.None, "start now": text.None, strings.Repeat(" ", 70) + "STOP": text.None,
	} {
		if got := text.WishOf(body); got != want {
			t.Errorf("WishOf(%q) = %v, want %v", body, got, want)
		}
	}
}

// A wish stays one when its case, its spaces and its punctuation change, and a
// word beside it makes an ordinary text of it.
func FuzzWishOf(f *testing.F) {
	for _, s := range []string{"STOP", "arrêt", "Reprendre", "stop by", "\xff", "ＳＴＯＰ", "İ", "ß", "ﬁn", "\u0345", "o\u0302\u0323"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := text.WishOf(body)
		if len(body) > 60 {
			return
		}
		if got := text.WishOf(" " + body + ". "); got != w {
			t.Errorf("WishOf(%q) = %v, with spaces %v", body, w, got)
		}
		if w == text.None {
			return
		}
		if got := text.WishOf(body + "7"); got != text.None {
			t.Errorf("WishOf(%q with a digit) = %v", body, got)
		}
		if got := text.WishOf(strings.ToUpper(body)); got != w {
			t.Errorf("WishOf(%q in capitals) = %v, want %v", body, got, w)
		}
	})
}

func TestStatusTellsWhatBecameOfAText(t *testing.T) {
	for _, tt := range []struct {
		status    int
		unreached bool
		state     text.State
		why       text.Reason
		retry     bool
	}{
		{200, false, text.Delivered, "", false}, {202, false, text.Sent, "", false}, {0, true, text.Failed, text.Unreachable, true},
		{0, false, text.Failed, text.Uncertain, false}, {408, false, text.Failed, text.Uncertain, false},
		{404, false, text.Failed, text.NoNumber, false}, {410, false, text.Failed, text.NoNumber, false}, {604, false, text.Failed, text.NoNumber, false},
		{403, false, text.Failed, text.Refused, false}, {413, false, text.Failed, text.Refused, false}, {603, false, text.Failed, text.Refused, false},
		{503, false, text.Failed, text.Unreachable, true}, {480, false, text.Failed, text.Unreachable, true}, {302, false, text.Failed, text.Refused, false},
	} {
		state, why, retry := text.StateOf(tt.status, tt.unreached)
		if state != tt.state || why != tt.why || retry != tt.retry {
			t.Errorf("StateOf(%d, %v) = %v, %q, %v", tt.status, tt.unreached, state, why, retry)
		}
	}
}
