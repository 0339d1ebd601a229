package api

import (
	"net/http"

	"sotto/db"
	"sotto/dial"
)

// dialling is where the desk may call, what that costs, and what of today's
// caps is used. A cap that nobody set is null: the default holds.
type dialling struct {
	Countries []string         `json:"countries"`
	Rates     []dialRate       `json:"rates"`
	Caps      map[string]any   `json:"caps"`
	Today     map[string]int64 `json:"today"`
}

type dialRate struct {
	Prefix string `json:"prefix"`
	Micros int64  `json:"micros_per_minute"`
}

type diallingBody struct {
	Dialling dialling `json:"dialling"`
}

func (a *API) showDialling(w http.ResponseWriter, q *request) error {
	r, err := a.c.Dials.Rules(q.Context())
	if err != nil {
		return err
	}
	u, err := a.c.Dials.Used(q.Context(), 0)
	if err != nil {
		return err
	}
	out := dialling{
		Countries: r.Countries, Rates: []dialRate{}, Caps: map[string]any{},
		Today: map[string]int64{"calls": u.Calls, "seconds": u.Seconds, "micros": u.Micros},
	}
	for _, p := range r.Rates {
		out.Rates = append(out.Rates, dialRate{p.Prefix, p.Micros})
	}
	err = a.c.DB.Read(q.Context(), func(tx *db.Tx) error {
		for _, name := range dial.Caps() {
			n, err := db.Setting(tx, name, -1)
			if err != nil {
				return err
			}
			if out.Caps[string(name)] = nil; n >= 0 {
				out.Caps[string(name)] = n
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, diallingBody{out})
}

// diallingInput is what an administrator may set.
type diallingInput struct {
	Countries *[]string        `json:"countries"`
	Rates     *[]dialRate      `json:"rates"`
	Caps      map[string]int64 `json:"caps"`
}

func (a *API) updateDialling(w http.ResponseWriter, q *request) error {
	in, err := readNamed[diallingInput](q, "dialling")
	if err != nil {
		return err
	}
	r, err := a.c.Dials.Rules(q.Context())
	if err != nil {
		return err
	}
	give(&r.Countries, in.Countries)
	if in.Rates != nil {
		r.Rates = nil
		for _, p := range *in.Rates {
			r.Rates = append(r.Rates, dial.Rate{Prefix: p.Prefix, Micros: p.Micros})
		}
	}
	if err := a.c.Dials.SetRules(q.Context(), q.actor, r); err != nil {
		return err
	}
	if err := a.c.Dials.SetCaps(q.Context(), q.actor, in.Caps); err != nil {
		return err
	}
	return a.showDialling(w, q)
}
