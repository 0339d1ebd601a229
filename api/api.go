// Package api is the desk's REST face: the paths and shapes that programs
// written for Zendesk Support and Talk speak, and our own under /sotto for
// what Zendesk has no words for.
//
// It owns no table. routes.go is the complete list of operations, problem.go
// the one border between errors and what a client is told; openapi.yaml
// describes both and a test keeps them equal. A handler reads its input, asks
// one package and renders: who may do what is decided there and in the query,
// never here alone. Nothing personal is put into a URL or a log line.
package api

import (
	"log/slog"
	"net/http"
	"time"

	"sotto"
	"sotto/account"
	"sotto/agent"
	"sotto/audit"
	"sotto/call"
	"sotto/db"
	"sotto/dial"
	"sotto/erasure"
	"sotto/flow"
	"sotto/insight"
	"sotto/leg/webrtc"
	"sotto/line"
	"sotto/obs"
	"sotto/person"
	"sotto/privacy"
	"sotto/queue"
	"sotto/receipt"
	"sotto/recording"
	ways "sotto/route"
	texts "sotto/text"
	"sotto/thread"
	"sotto/ticket"
)

// Config is what the API serves. All fields but Metrics, TrustProxy and
// PerMinute are needed.
type Config struct {
	DB         *db.DB
	Accounts   *account.Accounts
	People     *person.People
	Tickets    *ticket.Tickets
	Texts      *texts.Texts
	Threads    *thread.Threads
	Calls      *call.Calls
	Recordings *recording.Recordings
	Lines      *line.Lines
	Menus      *ways.Menus
	Agents     *agent.Agents
	Pages      *webrtc.Endpoint // nil where browsers cannot call
	Queue      *queue.Queue
	Dials      *dial.Gate
	Flow       *flow.Flow // nil where no calls are taken
	Insight    *insight.Insight
	Audit      *audit.Log
	Eraser     *erasure.Eraser
	Rights     *privacy.Rights
	Receipts   *receipt.Log
	Log        *slog.Logger
	Metrics    obs.Metrics
	Clock      sotto.Clock
	// TrustProxy believes X-Forwarded-Proto, -Host and -For. Set it only when
	// nothing but a proxy that sets all three can reach the desk.
	TrustProxy bool
	// PerMinute is how many requests one person may make in a minute; 0 is 700.
	PerMinute int
}

// API answers requests below /api/v2. Its methods may be called from any
// goroutine.
type API struct {
	c           Config
	mux         *http.ServeMux
	rates       *rates
	incremental *rates // of what copies all calls
	callbacks   *rates // of promises to call back
	jobs        *jobs
	q           db.Queries
}

// prefix is where every path begins.
const prefix = "/api/v2"

// New returns the API.
func New(c Config) *API {
	if c.PerMinute <= 0 {
		c.PerMinute = 700
	}
	a := &API{c: c, mux: http.NewServeMux(), rates: newRates(c.PerMinute, time.Minute), incremental: newRates(perMinuteIncremental, time.Minute),
		callbacks: newRates(callbacksAtOnce, 10*time.Minute), jobs: newJobs(), q: db.Parse(statements)}
	for _, r := range a.routes() {
		a.mux.Handle(r.method+" "+prefix+r.path, endpoint{a, r})
	}
	return a
}
