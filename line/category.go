package line

import (
	"slices"
	"strings"

	"sotto/locales"
)

// Category is what a sound is for.
type Category string

// The categories.
const (
	Greeting          Category = "greeting"           // the first words a caller hears
	ConsentAlways     Category = "consent-always"     // this call is recorded
	ConsentOptIn      Category = "consent-opt-in"     // press 3 to be recorded
	ConsentOptOut     Category = "consent-opt-out"    // press 3 not to be recorded
	OutOfHours        Category = "out-of-hours"       // the line is closed
	Unavailable       Category = "unavailable"        // nobody took the call in time
	Voicemail         Category = "voicemail"          // leave a message after the tone
	Wait              Category = "wait"               // heard while waiting, again and again
	Goodbye           Category = "goodbye"            // the last words when nobody could help
	Thanks            Category = "thanks"             // the last words after a message
	Hold              Category = "hold"               // music, while waiting and on hold; made to be repeated
	WrongKey          Category = "wrong-key"          // the key pressed in a menu leads nowhere
	CallbackOffer     Category = "callback-offer"     // press 1 to be called back
	CallbackConfirmed Category = "callback-confirmed" // we will call you back
	TextBack          Category = "text-back"          // we will send you a text
)

// MenuGreeting is what a menu says. It is not among Categories: a line may
// have many, and a menu names the one it plays by number. The desk's own says
// only that there is a choice.
const MenuGreeting Category = "menu"

// Categories returns every category in the order a call may meet them.
func Categories() []Category {
	return []Category{
		Greeting, ConsentAlways, ConsentOptIn, ConsentOptOut, OutOfHours, Unavailable, Voicemail, Wait, Goodbye, Thanks, WrongKey, Hold,
		CallbackOffer, CallbackConfirmed, TextBack,
	}
}

// numbered are the categories as the API has them: those of Zendesk first,
// then ours. A number is never given to another category.
func numbered() []struct {
	c    Category
	word string
} {
	return []struct {
		c    Category
		word string
	}{
		{Voicemail, "voicemail"}, {Greeting, "available"}, {Wait, "wait"}, {Hold, "hold"}, {MenuGreeting, "ivr"}, {CallbackOffer, "callback"},
		{CallbackConfirmed, "callback_confirmation"}, {ConsentOptOut, "call_recording_opt_out"}, {ConsentOptIn, "call_recording_opt_in"},
		{ConsentAlways, "call_recording_always"}, {OutOfHours, "out_of_hours"}, {Unavailable, "unavailable"}, {Goodbye, "goodbye"},
		{Thanks, "thanks"}, {WrongKey, "ivr_wrong_key"}, {TextBack, "text_back"},
	}
}

// ID is the category's number in the API, from 1; 0 for none.
func (c Category) ID() int {
	for i, n := range numbered() {
		if n.c == c {
			return i + 1
		}
	}
	return 0
}

// Word is the category's name in the API: "available" for Greeting.
func (c Category) Word() string {
	if id := c.ID(); id > 0 {
		return numbered()[id-1].word
	}
	return ""
}

// CategoryOf returns the category with a number of the API; "" for none.
func CategoryOf(id int) Category {
	if all := numbered(); id >= 1 && id <= len(all) {
		return all[id-1].c
	}
	return ""
}

// DefaultID names the desk's own sound of a category in the API: "wait_en".
func DefaultID(c Category, locale string) string { return c.Word() + "_" + locale }

// ParseDefaultID reads what DefaultID wrote.
func ParseDefaultID(id string) (c Category, locale string, ok bool) {
	cut := strings.LastIndexByte(id, '_')
	if cut < 0 {
		return "", "", false
	}
	for _, n := range numbered() {
		if n.word == id[:cut] {
			return n.c, id[cut+1:], slices.Contains(locales.Languages(), id[cut+1:])
		}
	}
	return "", "", false
}

// Notice returns the category of the notice that mode demands; "" for none.
func (c Consent) Notice() Category {
	switch c {
	case Always:
		return ConsentAlways
	case OptIn:
		return ConsentOptIn
	case OptOut:
		return ConsentOptOut
	}
	return ""
}
