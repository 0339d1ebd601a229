package obs

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"sotto"
)

// maxSeries is how many combinations of label values one metric may have. A
// label value that came from outside (a SIP method, a route) must not fill the
// memory; what is too many is dropped and counted.
const maxSeries = 1000

var metricName = regexp.MustCompile(`^sotto_[a-z][a-z_]*[a-z]$`)

// Counter counts events. A nil Counter counts nothing.
type Counter struct {
	vec    *prometheus.CounterVec
	series *series
}

// Counter makes a counter. Its name begins with "sotto_" and by custom ends
// with "_total"; labels must be declared in the catalogue.
func (o *Obs) Counter(name, help string, labels ...string) (*Counter, error) {
	if err := checkMetric(name, help, labels); err != nil {
		return nil, err
	}
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	if err := o.registry.Register(vec); err != nil {
		return nil, fmt.Errorf("metric %s: %w", name, err)
	}
	return &Counter{vec, o.newSeries()}, nil
}

// Add adds n, which must not be negative, under the values of the labels in
// the order they were named. Wrong values are dropped and counted.
func (c *Counter) Add(n float64, values ...string) {
	if c == nil {
		return
	}
	if n < 0 || !c.series.admit(values) {
		c.series.dropped.Add(1)
		return
	}
	m, err := c.vec.GetMetricWithLabelValues(values...)
	if err != nil {
		c.series.dropped.Add(1)
		return
	}
	m.Add(n)
}

// Gauge holds how many there are now. A nil Gauge holds nothing.
type Gauge struct {
	vec    *prometheus.GaugeVec
	series *series
}

// Gauge makes a gauge; name and labels as for Counter, without "_total".
func (o *Obs) Gauge(name, help string, labels ...string) (*Gauge, error) {
	if err := checkMetric(name, help, labels); err != nil {
		return nil, err
	}
	vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	if err := o.registry.Register(vec); err != nil {
		return nil, fmt.Errorf("metric %s: %w", name, err)
	}
	return &Gauge{vec, o.newSeries()}, nil
}

// Add adds n, which may be negative.
func (g *Gauge) Add(n float64, values ...string) {
	if m := g.at(values); m != nil {
		m.Add(n)
	}
}

// Set makes the gauge n.
func (g *Gauge) Set(n float64, values ...string) {
	if m := g.at(values); m != nil {
		m.Set(n)
	}
}

func (g *Gauge) at(values []string) prometheus.Gauge {
	if g == nil {
		return nil
	}
	if !g.series.admit(values) {
		g.series.dropped.Add(1)
		return nil
	}
	m, err := g.vec.GetMetricWithLabelValues(values...)
	if err != nil {
		g.series.dropped.Add(1)
		return nil
	}
	return m
}

// Histogram counts durations in seconds, or sizes, in buckets. A nil Histogram
// counts nothing.
type Histogram struct {
	vec    *prometheus.HistogramVec
	series *series
}

// Histogram makes a histogram with the given upper bounds in rising order.
func (o *Obs) Histogram(name, help string, bounds []float64, labels ...string) (*Histogram, error) {
	if err := checkMetric(name, help, labels); err != nil {
		return nil, err
	}
	for i, b := range bounds {
		if i > 0 && b <= bounds[i-1] {
			return nil, sotto.Fail(sotto.Internal, "The bounds of metric "+name+" do not rise.")
		}
	}
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: bounds}, labels)
	if err := o.registry.Register(vec); err != nil {
		return nil, fmt.Errorf("metric %s: %w", name, err)
	}
	return &Histogram{vec, o.newSeries()}, nil
}

// Observe counts one value.
func (h *Histogram) Observe(v float64, values ...string) {
	if h == nil {
		return
	}
	if !h.series.admit(values) {
		h.series.dropped.Add(1)
		return
	}
	m, err := h.vec.GetMetricWithLabelValues(values...)
	if err != nil {
		h.series.dropped.Add(1)
		return
	}
	m.Observe(v)
}

func checkMetric(name, help string, labels []string) error {
	if !metricName.MatchString(name) || help == "" {
		return sotto.Fail(sotto.Internal, fmt.Sprintf("Metric %q needs a name like sotto_calls_total and a help text.", name))
	}
	declared := declaredKeys()
	for _, l := range labels {
		if !declared[l] || l == "le" || l == "quantile" {
			return sotto.Fail(sotto.Internal, fmt.Sprintf("Metric %s: label %q is not declared in catalogue.LogKeys.", name, l))
		}
	}
	return nil
}

// series remembers which combinations of label values a metric has.
type series struct {
	mu      sync.Mutex
	seen    map[string]bool // guarded by mu
	dropped *atomic.Int64
}

func (o *Obs) newSeries() *series {
	return &series{seen: map[string]bool{}, dropped: &o.series}
}

// admit reports whether the combination is known or there is room for it.
func (s *series) admit(values []string) bool {
	key := strings.Join(values, "\xff")
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.seen[key] && len(s.seen) >= maxSeries {
		return false
	}
	s.seen[key] = true
	return true
}
