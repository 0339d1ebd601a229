// Package obs is the only maker of loggers and metrics. It keeps attributes
// and labels whose names package catalogue declares (catalogue.LogKeys), drops
// and counts the rest, and so keeps people's names, numbers and words out of
// every log line and every metric.
//
// It owns no table. cmd makes one Obs and passes its logger and its metrics to
// everyone else. What it cannot check at run time is the message of a log
// line: that must be a constant, and obstest.Breaches reads the source for it.
package obs

import (
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Config says where log lines go and which.
type Config struct {
	Out   io.Writer  // nil: standard error
	Level slog.Level // the least level that is written; the zero value is Info
	JSON  bool       // one JSON object a line instead of key=value
	// Strict is called with each name that is dropped, from whichever
	// goroutine logged it. Tests fail there. nil: dropping is only counted.
	Strict func(key string)
}

// Obs holds the logger and the metrics of one desk. Its methods may be called
// from any goroutine.
type Obs struct {
	Metrics Metrics // what the desk counts; set by New and not to be changed

	log      *slog.Logger
	registry *prometheus.Registry
	keys     atomic.Int64 // log attributes dropped
	lines    atomic.Int64 // lines of libraries dropped
	series   atomic.Int64 // metric values dropped
}

// New makes the logger and an empty set of metrics with a registry of its own.
func New(cfg Config) *Obs {
	o := &Obs{registry: prometheus.NewRegistry()}
	out := cfg.Out
	if out == nil {
		out = os.Stderr
	}
	o.log = slog.New(newKeeper(out, cfg, &o.keys))
	o.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "sotto_log_keys_dropped_total", Help: "Log attributes dropped because the catalogue does not declare them.",
		}, func() float64 { return float64(o.keys.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "sotto_metric_values_dropped_total", Help: "Metric values dropped because their labels were wrong or too many.",
		}, func() float64 { return float64(o.series.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "sotto_foreign_log_lines_dropped_total", Help: "Lines dropped that libraries wrote to Go's own loggers.",
		}, func() float64 { return float64(o.lines.Load()) }),
	)
	var err error
	if o.Metrics, err = o.makeMetrics(); err != nil {
		o.log.Error("some metrics could not be made", "err", err)
	}
	return o
}

// Discard returns an Obs that writes nothing, for tests that do not look at
// the log. Undeclared names are not noticed: obstest.New notices them.
func Discard() *Obs { return New(Config{Out: io.Discard, Level: slog.Level(math.MaxInt)}) }

// Log returns the logger. Attributes whose key is not declared, and values
// that are neither a number, a word, a time nor an error, are dropped and
// counted. Groups are flattened: the names of groups are not written.
func (o *Obs) Log() *slog.Logger { return o.log }

// Dropped returns how many log attributes were dropped since New.
func (o *Obs) Dropped() int64 { return o.keys.Load() }

// Handler serves the metrics in the Prometheus text format. It checks nobody's
// rights: whoever mounts it decides who may read it.
func (o *Obs) Handler() http.Handler {
	return promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError,
		Timeout:       10 * time.Second,
	})
}
