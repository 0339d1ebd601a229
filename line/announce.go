package line

import (
	"strconv"
	"time"

	"sotto/leg/media"
	"sotto/locales"
)

// Position is what a waiting caller hears about the place in the queue: n is 1
// for the caller who is next.
func (ll *Lines) Position(locale string, n int) media.Clip {
	word := "more"
	if n = max(n, 1); n <= 10 {
		word = strconv.Itoa(n)
	}
	return ll.spoken(locale, "position-"+word)
}

// AverageWait is what a waiting caller hears about the average wait, rounded
// up to the next number of minutes that is spoken.
func (ll *Lines) AverageWait(locale string, wait time.Duration) media.Clip {
	for _, n := range []int{1, 2, 3, 4, 5, 10, 15, 20, 30} {
		if wait <= time.Duration(n)*time.Minute {
			return ll.spoken(locale, "average-"+strconv.Itoa(n))
		}
	}
	return ll.spoken(locale, "average-more")
}

func (ll *Lines) spoken(locale, name string) media.Clip {
	if !locales.Speaks(locale) {
		locale = locales.Default
	}
	return ll.sounds.by[locale+"/"+name].Clip
}

// TakeCall is what an agent hears who is rung at a number outside: key 1 takes
// the call.
func (ll *Lines) TakeCall(locale string) media.Clip { return ll.spoken(locale, "take-call") }
