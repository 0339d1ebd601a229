package obs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/catalogue"
	"sotto/obs"
)

// canary stands for what a person said; it must never be written.
const canary = "zwölfundzwanzig"

type sayer struct{ Name string }

func (sayer) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", canary), slog.Int("call", 7))
}

func TestLogKeepsDeclaredKeysOnly(t *testing.T) {
	tests := []struct {
		name    string
		log     func(l *slog.Logger)
		want    map[string]any
		dropped int64
	}{
		{"Declared", func(l *slog.Logger) { l.Info("m", "call", sotto.CallID(7), "state", "ringing") }, map[string]any{"call": 7., "state": "ringing"}, 0},
		{"Undeclared", func(l *slog.Logger) { l.Info("m", "name", canary, "call", 7) }, map[string]any{"call": 7.}, 1},
		{"With", func(l *slog.Logger) { l.With("number", canary, "call", 7).Info("m") }, map[string]any{"call": 7.}, 1},
		{"GroupIsFlattened", func(l *slog.Logger) { l.Info("m", slog.Group(canary, "call", 7, "text", canary)) }, map[string]any{"call": 7.}, 1},
		{"NestedGroup", func(l *slog.Logger) { l.Info("m", slog.Group("a", slog.Group("b", "call", 7, "c", canary))) }, map[string]any{"call": 7.}, 1},
		{"WithGroup", func(l *slog.Logger) { l.WithGroup(canary).With("call", 7).Info("m", "from", canary) }, map[string]any{"call": 7.}, 1},
		{"LogValuer", func(l *slog.Logger) { l.Info("m", "who", sayer{canary}) }, map[string]any{"call": 7.}, 1},
		{"Struct", func(l *slog.Logger) { l.Info("m", "call", struct{ Name string }{canary}) }, map[string]any{}, 1},
		{"Pointer", func(l *slog.Logger) { l.Info("m", "call", &struct{ Name string }{canary}) }, map[string]any{}, 1},
		{"Bytes", func(l *slog.Logger) { l.Info("m", "err", []byte(canary)) }, map[string]any{}, 1},
		{"Map", func(l *slog.Logger) { l.Info("m", "err", map[string]string{"a": canary}) }, map[string]any{}, 1},
		{"Error", func(l *slog.Logger) { l.Info("m", "err", errors.New("call 7: busy")) }, map[string]any{"err": "call 7: busy"}, 0},
		{"NilError", func(l *slog.Logger) { l.Info("m", "err", error((*sotto.Error)(nil))) }, map[string]any{"err": "<nil>"}, 0},
		{"Stringer", func(l *slog.Logger) { l.Info("m", "kind", sotto.Gone) }, map[string]any{"kind": "gone"}, 0},
		{"NoKey", func(l *slog.Logger) { args := []any{canary}; l.Info("m", args...) }, map[string]any{}, 1},
		{"OwnNames", func(l *slog.Logger) { l.Info("m", "msg", canary, "level", canary, "time", canary) }, map[string]any{}, 3},
		{"BelowTheLevel", func(l *slog.Logger) { l.Debug("m", "name", canary) }, nil, 0},
		{"Empty", func(l *slog.Logger) { l.Info("m", slog.Attr{}) }, map[string]any{}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			var told int64
			o := obs.New(obs.Config{Out: &out, JSON: true, Strict: func(string) { told++ }})
			tt.log(o.Log())
			if strings.Contains(out.String(), canary) || strings.Contains(out.String(), "zw") {
				t.Errorf("written: %s", out.String())
			}
			var got map[string]any
			if out.Len() > 0 {
				if err := json.Unmarshal(out.Bytes(), &got); err != nil {
					t.Fatal(err)
				}
				delete(got, "time")
				delete(got, "level")
				delete(got, "msg")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if o.Dropped() != tt.dropped || told != tt.dropped {
				t.Errorf("dropped %d, told %d, want %d", o.Dropped(), told, tt.dropped)
			}
		})
	}
}

func TestLogWritesTimesInUTC(t *testing.T) {
	var out bytes.Buffer
	o := obs.New(obs.Config{Out: &out})
	o.Log().Info("m")
	if word, _, _ := strings.Cut(out.String(), " "); !strings.HasSuffix(word, "Z") {
		t.Errorf("time is %q", word)
	}
}

func TestDroppedKeysAreCountedInTheMetrics(t *testing.T) {
	o := obs.New(obs.Config{Out: io.Discard})
	o.Log().Info("m", "name", canary)
	if got := scrape(t, o); !strings.Contains(got, "\nsotto_log_keys_dropped_total 1\n") {
		t.Errorf("metrics:\n%s", got)
	}
}

func TestMetricRefusesUndeclaredLabel(t *testing.T) {
	o := obs.Discard()
	tests := []struct {
		name, metric, help string
		labels             []string
		want               bool
	}{
		{"Declared", "sotto_a_total", "h", []string{"reason"}, true},
		{"Undeclared", "sotto_b_total", "h", []string{"caller"}, false},
		{"OneOfTwo", "sotto_c_total", "h", []string{"reason", "number"}, false},
		{"Bucket", "sotto_d_total", "h", []string{"le"}, false},
		{"Name", "calls", "h", nil, false},
		{"NoHelp", "sotto_e_total", "", nil, false},
		{"Twice", "sotto_a_total", "h", []string{"reason"}, false},
		{"SameLabelTwice", "sotto_f_total", "h", []string{"reason", "reason"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := o.Counter(tt.metric, tt.help, tt.labels...)
			if (err == nil) != tt.want || (c != nil) != tt.want {
				t.Errorf("Counter = %v, %v, want ok %v", c, err, tt.want)
			}
			if tt.want {
				return
			}
			if _, err := o.Gauge(tt.metric, tt.help, tt.labels...); err == nil {
				t.Error("a gauge was made")
			}
			if _, err := o.Histogram(tt.metric, tt.help, []float64{1}, tt.labels...); err == nil {
				t.Error("a histogram was made")
			}
		})
	}
	if _, err := o.Histogram("sotto_g_seconds", "h", []float64{2, 1}); err == nil {
		t.Error("a histogram with falling bounds was made")
	}
}

func TestMetricsNeverPanic(t *testing.T) {
	o := obs.Discard()
	m := o.Metrics
	m.Calls.Add(1)                // a value is missing
	m.Calls.Add(1, "a", "b")      // one too many
	m.Calls.Add(-1, "done")       // a counter cannot fall
	m.Calls.Add(1, "a\xffb")      // not UTF-8
	m.CallsActive.Set(1, "extra") // one too many
	m.Seconds.Observe(1)
	(*obs.Counter)(nil).Add(1)
	(*obs.Gauge)(nil).Add(1)
	(*obs.Gauge)(nil).Set(1)
	(*obs.Histogram)(nil).Observe(1)
	if got := scrape(t, o); !strings.Contains(got, "\nsotto_metric_values_dropped_total 6\n") {
		t.Errorf("metrics:\n%s", got)
	}
}

func TestMetricHasRoomForAThousandSeries(t *testing.T) {
	o := obs.Discard()
	for i := range 3000 {
		o.Metrics.Calls.Add(1, fmt.Sprintf("reason-%d", i))
	}
	o.Metrics.Calls.Add(1, "reason-5") // a known one still counts
	got := scrape(t, o)
	if n := strings.Count(got, "\nsotto_calls_total{"); n != 1000 {
		t.Errorf("series = %d, want 1000", n)
	}
	for _, want := range []string{"\nsotto_metric_values_dropped_total 2000\n", "\nsotto_calls_total{reason=\"reason-5\"} 2\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q", want)
		}
	}
}

func TestEveryMetricOfTheDeskCounts(t *testing.T) {
	o := obs.Discard()
	m := o.Metrics
	m.Calls.Add(1, "completed")
	m.CallsActive.Add(2)
	m.Legs.Set(4)
	m.Recordings.Add(1, "kept")
	m.Erasures.Set(3, "incomplete")
	m.Requests.Add(1, "GET /api/v2/tickets/{id}", "GET", "200")
	m.Seconds.Observe(.02, "GET /api/v2/tickets/{id}", "GET")
	m.Jobs.Add(1, "purge", "done")
	m.Trunks.Set(1, "carrier")
	m.Registered.Set(1, "carrier")
	m.PostDial.Observe(.3, "carrier")
	got := scrape(t, o)
	for _, want := range []string{
		`sotto_calls_total{reason="completed"} 1`, `sotto_calls_active 2`, `sotto_legs 4`,
		`sotto_recordings{state="kept"} 1`, `sotto_erasures{state="incomplete"} 3`,
		`sotto_http_requests_total{method="GET",route="GET /api/v2/tickets/{id}",status="200"} 1`,
		`sotto_http_seconds_count{method="GET",route="GET /api/v2/tickets/{id}"} 1`,
		`sotto_job_runs_total{kind="purge",state="done"} 1`, `sotto_trunk_up{trunk="carrier"} 1`,
		`sotto_trunk_registered{trunk="carrier"} 1`, `sotto_trunk_post_dial_seconds_count{trunk="carrier"} 1`,
	} {
		if !strings.Contains(got, "\n"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

func TestEveryLabelOfEveryMetricIsDeclared(t *testing.T) {
	o := obs.Discard()
	o.Metrics.Seconds.Observe(.02, "GET /", "GET")
	declared := map[string]bool{}
	for _, k := range catalogue.LogKeys() {
		declared[k.Name] = true
	}
	for line := range strings.Lines(scrape(t, o)) {
		_, labels, ok := strings.Cut(line, "{")
		if strings.HasPrefix(line, "#") || !ok {
			continue
		}
		for _, pair := range strings.Split(labels, "\",") {
			if name, _, ok := strings.Cut(pair, "=\""); ok && !declared[name] {
				t.Errorf("label %q of %s is not declared", name, line)
			}
		}
	}
}

func scrape(t *testing.T, o *obs.Obs) string {
	t.Helper()
	w := httptest.NewRecorder()
	o.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestRecoveredTellsNoValues(t *testing.T) {
	tests := []struct {
		name  string
		panic func()
		want  string
	}{
		{"Text", func() { panic(canary) }, "panic: string"},
		{"Error", func() { panic(errors.New(canary)) }, "panic: *errors.errorString"},
		{"Runtime", func() { i := 3; _ = []int{1}[i] }, "panic: runtime error: index out of range [3] with length 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := caught(tt.panic)
			if p.Error() != tt.want || strings.Contains(p.Stack, canary) {
				t.Errorf("Recovered = %v\n%s, want %q", p, p.Stack, tt.want)
			}
			if !strings.Contains(p.Stack, "TestRecoveredTellsNoValues") {
				t.Errorf("the stack does not lead to the panic:\n%s", p.Stack)
			}
		})
	}
}

func caught(f func()) (p *obs.Panic) {
	defer func() { p = obs.Recovered(recover()) }()
	f()
	return nil
}

func TestLogIsSafeForManyGoroutines(t *testing.T) {
	var out bytes.Buffer
	o := obs.New(obs.Config{Out: &out, JSON: true})
	done := make(chan struct{})
	for range 50 {
		go func() {
			for range 20 {
				o.Log().With("call", 7, "name", canary).Info("m", "duration_ms", time.Second.Milliseconds())
				o.Metrics.CallsActive.Add(1)
			}
			done <- struct{}{}
		}()
	}
	for range 50 {
		<-done
	}
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != 1000 || o.Dropped() != 1000 {
		t.Errorf("%d lines, %d dropped, want 1000 of each", n, o.Dropped())
	}
}

func TestSilenceDropsWhatLibrariesWrite(t *testing.T) {
	before, flags, out := slog.Default(), log.Flags(), log.Writer()
	t.Cleanup(func() { slog.SetDefault(before); log.SetFlags(flags); log.SetOutput(out) })
	var own bytes.Buffer
	o := obs.New(obs.Config{Out: &own})
	o.Silence()
	log.Printf("http: TLS handshake error from %s", canary)
	slog.Error(canary)
	slog.With("a", canary).WithGroup("b").Warn(canary)
	slog.Info(canary) // not even counted
	if got := scrape(t, o); own.Len() > 0 || !strings.Contains(got, "\nsotto_foreign_log_lines_dropped_total 3\n") {
		t.Errorf("written %q, metrics:\n%s", own.String(), got)
	}
}
