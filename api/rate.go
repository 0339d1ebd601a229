package api

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"sotto"
)

// rates counts each person's requests by the minute of the clock.
type rates struct {
	most int

	mu     sync.Mutex
	minute int64                  // guarded by mu
	used   map[sotto.PersonID]int // in that minute; guarded by mu
}

func newRates(most int) *rates { return &rates{most: most, used: map[sotto.PersonID]int{}} }

// take counts one request and returns how many are left and when all are back.
func (rs *rates) take(who sotto.PersonID, now time.Time) (left int, reset time.Duration, ok bool) {
	minute := now.Unix() / 60
	reset = time.Duration(60-now.Unix()%60) * time.Second
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if minute != rs.minute {
		rs.minute = minute
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
