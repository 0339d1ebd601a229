package desk

import (
	"context"
	"time"

	"sotto"
	"sotto/dial"
	"sotto/job"
	"sotto/leg"
	"sotto/leg/sip"
	"sotto/thread"
)

// takeText takes a text from a trunk and returns the status of the answer
// (RFC 3428 7). Texts of the agents' own telephones are not taken.
func (s *Server) takeText(ctx context.Context, m sip.Message) int {
	if m.Trunk == "" {
		return 403
	}
	err := s.d.Threads.Receive(ctx, thread.Incoming{From: m.From, To: m.To, Body: m.Text, Name: m.ID})
	if err == nil {
		return 200
	}
	switch sotto.KindOf(err) {
	case sotto.NotFound:
		return 404
	case sotto.Denied:
		if m.From.Withheld {
			return 433 // RFC 5079 5
		}
		return 403
	case sotto.Gone:
		return 480 // the sender is being erased; afterwards they may write again
	case sotto.Invalid:
		return 400
	case sotto.Busy:
		return 503
	}
	s.d.log.Error("a text could not be taken", "trunk", m.Trunk, "err", err)
	return 500
}

// sayText sends a text through the trunks, the first first.
func (d *Desk) sayText(ctx context.Context, grant dial.Grant, who leg.Caller, words string) (sip.TextResult, error) {
	phone := d.phone.Load()
	if phone == nil {
		return sip.TextResult{}, sotto.Fail(sotto.Busy, "The desk is not served.")
	}
	names := d.trunksOut()
	if len(names) == 0 {
		return sip.TextResult{}, sotto.Fail(sotto.Conflict, "No trunk of this desk sends texts.")
	}
	return phone.SendText(ctx, sip.Text{Trunks: names, Number: grant.Number(), Caller: who, Text: words})
}

// trunksOut are the names of the trunks that take calls and texts out.
func (d *Desk) trunksOut() (names []string) {
	for _, t := range d.cfg.Trunks {
		if t.Address != "" {
			names = append(names, t.Name)
		}
	}
	return names
}

// sendText is the job of one text; it waits while nobody serves the desk.
func (d *Desk) sendText(ctx context.Context, id int64) error {
	if d.phone.Load() == nil {
		return job.Again{After: 5 * time.Second}
	}
	return d.Threads.Send(ctx, id)
}
