package api

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"sotto"
)

// rates counts each person's requests by spans of the clock: a minute, or ten.
type rates struct {
	most int
	span int64 // in seconds

	mu     sync.Mutex
	number int64                  // of the span; guarded by mu
	used   map[sotto.PersonID]int // in that span; guarded by mu
}

func newRates(most int, span time.Duration) *rates {
	return &rates{most: most, span: int64(span / time.Second), used: map[sotto.PersonID]int{}}
}

// take counts one request and returns how many are left and when all are back.
func (rs *rates) take(who sotto.PersonID, now time.Time) (left int, reset time.Duration, ok bool) {
	number := now.Unix() / rs.span
	reset = time.Duration(rs.span-now.Unix()%rs.span) * time.Second
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if number != rs.number {
		rs.number = number
		clear(rs.used)
	}
	if rs.used[who] >= rs.most {
		return 0, reset, false
	}
	rs.used[who]++
	return rs.most - rs.used[who], reset, true
}

// setRate sets the headers in the spellings clients look for.
func setRate(h http.Header, most, left int, reset time.Duration) {
	for _, name := range []string{"X-Rate-Limit", "Ratelimit-Limit"} {
		h.Set(name, strconv.Itoa(most))
	}
	for _, name := range []string{"X-Rate-Limit-Remaining", "Ratelimit-Remaining"} {
		h.Set(name, strconv.Itoa(left))
	}
	h.Set("Ratelimit-Reset", seconds(reset))
}

// seconds writes a duration in whole seconds, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
