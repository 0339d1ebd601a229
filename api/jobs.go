package api

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"

	"sotto"
)

// jobStatus is what came of a request about many things, in Zendesk's shape.
// The work is done when the answer goes out, so the first status a client
// sees is the last. Only these statuses are forgotten at a restart, never the
// work.
type jobStatus struct {
	ID       string      `json:"id"`
	URL      string      `json:"url"`
	Total    int         `json:"total"`
	Progress int         `json:"progress"`
	Status   string      `json:"status"`
	Message  *string     `json:"message"`
	Results  []jobResult `json:"results"`
}

type jobResult struct {
	ID      int64  `json:"id"`
	Action  string `json:"action"`
	Success bool   `json:"success"`
	Status  string `json:"status,omitempty"`
	Error   string `json:"error,omitempty"`
	Details string `json:"details,omitempty"`
}

type (
	jobBody struct {
		Status jobStatus `json:"job_status"`
	}
	jobsBody struct {
		Statuses []jobStatus `json:"job_statuses"`
		paging
	}
)

const (
	keepJobs = time.Hour
	maxJobs  = 1000
)

// jobs remembers the statuses of the last hour, oldest first.
type jobs struct {
	mu  sync.Mutex
	all []doneJob // guarded by mu
}

type doneJob struct {
	jobStatus
	by sotto.PersonID
	at time.Time
}

func newJobs() *jobs { return &jobs{} }

func (j *jobs) add(d doneJob) {
	j.mu.Lock()
	defer j.mu.Unlock()
	drop := 0
	for drop < len(j.all) && (d.at.Sub(j.all[drop].at) > keepJobs || len(j.all)-drop >= maxJobs) {
		drop++
	}
	j.all = append(j.all[drop:len(j.all):len(j.all)], d)
}

// of returns the statuses of what an actor asked for.
func (j *jobs) of(actor sotto.Actor, now time.Time) []jobStatus {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []jobStatus
	for _, d := range j.all {
		if d.by == actor.Person && now.Sub(d.at) <= keepJobs {
			out = append(out, d.jobStatus)
		}
	}
	return out
}

// bulk deletes each id by do and answers with the job's status. What
// fails for one id does not stop the others, unless the desk itself fails:
// then asking again goes on where it stopped.
func (a *API) bulk(w http.ResponseWriter, q *request, ids []int64, do func(id int64) error) error {
	return a.bulkOf(w, q, jobResult{Action: "delete", Status: "Deleted"}, len(ids), func(i int) (int64, error) { return ids[i], do(ids[i]) })
}

// bulkOf is bulk for anything: do gets the places from 0 and returns what the
// result is about, 0 for nothing; ok is the result of one that went well.
func (a *API) bulkOf(w http.ResponseWriter, q *request, ok jobResult, n int, do func(i int) (id int64, err error)) error {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // crypto/rand never fails
	now := a.c.Clock()
	message := "Completed at " + now.UTC().Format(time.RFC3339)
	job := jobStatus{ID: "V3-" + hex.EncodeToString(raw[:]), Total: n, Progress: n, Status: "completed", Message: &message}
	job.URL = q.base + "/job_statuses/" + job.ID + ".json"
	for i := range n {
		id, err := do(i)
		r := ok
		if r.ID, r.Success = id, true; err != nil {
			status, body := describe(err, false)
			if status >= http.StatusInternalServerError {
				return err
			}
			r = jobResult{ID: id, Action: ok.Action, Error: "Refused", Details: sotto.SayOf(err)}
			if p, ok := body.(plainProblem); ok {
				r.Error, r.Details = p.Error, p.Description
			}
		}
		job.Results = append(job.Results, r)
	}
	a.jobs.add(doneJob{job, q.actor.Person, now})
	return writeJSON(w, http.StatusOK, jobBody{job})
}

func (a *API) listJobs(w http.ResponseWriter, q *request) error {
	all := a.jobs.of(q.actor, a.c.Clock())
	return writeJobs(w, all)
}

func writeJobs(w http.ResponseWriter, some []jobStatus) error {
	out := jobsBody{append([]jobStatus{}, some...), paging{numberPaging: &numberPaging{Count: int64(len(some))}}}
	return writeJSON(w, http.StatusOK, out)
}

func (a *API) showManyJobs(w http.ResponseWriter, q *request) error {
	ids, err := q.list("ids")
	if err != nil {
		return err
	}
	var some []jobStatus
	for _, j := range a.jobs.of(q.actor, a.c.Clock()) {
		for _, id := range ids {
			if strings.EqualFold(id, j.ID) {
				some = append(some, j)
			}
		}
	}
	return writeJobs(w, some)
}

func (a *API) showJob(w http.ResponseWriter, q *request) error {
	for _, j := range a.jobs.of(q.actor, a.c.Clock()) {
		if strings.EqualFold(q.PathValue("id"), j.ID) {
			return writeJSON(w, http.StatusOK, jobBody{j})
		}
	}
	return sotto.Fail(sotto.NotFound, "Not found")
}
