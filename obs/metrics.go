package obs

import "errors"

// Metrics is what the desk counts. Label values are words of closed lists,
// route patterns, methods and codes; never anything of a person.
type Metrics struct {
	Calls       *Counter   // calls that ended, by reason
	Dials       *Counter   // attempts to call a number outside, by reason: allowed, emergency, or why not
	CallsActive *Gauge     // calls from the first ring to the end reason
	Legs        *Gauge     // parties on the line now
	Recordings  *Gauge     // recordings now, by state
	Erasures    *Gauge     // erasures now, by state; "incomplete" above 0 wants a person
	Requests    *Counter   // HTTP requests answered, by route, method and status
	Seconds     *Histogram // how long an HTTP answer took, by route and method
	Jobs        *Counter   // runs of jobs that ended, by kind and state: done, again, failed
	Trunks      *Gauge     // 1 while a carrier answers, by trunk
	Registered  *Gauge     // 1 while a carrier has our registration, by trunk
	PostDial    *Histogram // seconds from dialling to ringing, by trunk
}

// makeMetrics makes the product's metrics; one that cannot be made stays nil
// and counts nothing.
func (o *Obs) makeMetrics() (Metrics, error) {
	var all error
	counter := func(name, help string, labels ...string) *Counter {
		c, err := o.Counter(name, help, labels...)
		all = errors.Join(all, err)
		return c
	}
	gauge := func(name, help string, labels ...string) *Gauge {
		g, err := o.Gauge(name, help, labels...)
		all = errors.Join(all, err)
		return g
	}
	seconds, err := o.Histogram("sotto_http_seconds", "How long an HTTP answer took.",
		[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, "route", "method")
	postDial, err2 := o.Histogram("sotto_trunk_post_dial_seconds", "From dialling through a carrier to its first ringing.",
		[]float64{.1, .25, .5, 1, 2, 4, 8, 16, 32}, "trunk")
	err = errors.Join(err, err2)
	m := Metrics{
		Calls:       counter("sotto_calls_total", "Calls that ended, by their one reason.", "reason"),
		Dials:       counter("sotto_dials_total", "Attempts to call a number outside: allowed, emergency, or why not.", "reason"),
		CallsActive: gauge("sotto_calls_active", "Calls from the first ring to the end reason."),
		Legs:        gauge("sotto_legs", "Parties on the line now."),
		Recordings:  gauge("sotto_recordings", "Recordings now, by state.", "state"),
		Erasures:    gauge("sotto_erasures", "Erasures now, by state.", "state"),
		Requests:    counter("sotto_http_requests_total", "HTTP requests answered.", "route", "method", "status"),
		Seconds:     seconds,
		Jobs:        counter("sotto_job_runs_total", "Runs of jobs that ended: done, again or failed.", "kind", "state"),
		Trunks:      gauge("sotto_trunk_up", "Whether a carrier answers, 1 or 0.", "trunk"),
		Registered:  gauge("sotto_trunk_registered", "Whether a carrier has our registration, 1 or 0.", "trunk"),
		PostDial:    postDial,
	}
	return m, errors.Join(all, err)
}
