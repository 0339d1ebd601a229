package api

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"sotto"
	"sotto/line"
)

// week is the minutes of a week; Zendesk counts from Sunday 00:00.
const (
	dayMinutes  = 24 * 60
	weekMinutes = 7 * dayMinutes
)

type (
	schedule struct {
		ID        int64      `json:"id"`
		URL       string     `json:"url"`
		Name      string     `json:"name"`
		TimeZone  string     `json:"time_zone"`
		Intervals []interval `json:"intervals"`
		CreatedAt *string    `json:"created_at"`
		UpdatedAt *string    `json:"updated_at"`
	}
	// interval is minutes since Sunday 00:00.
	interval struct {
		Start int `json:"start_time"`
		End   int `json:"end_time"`
	}
	holiday struct {
		ID    int64  `json:"id"`
		Name  string `json:"name"`
		First string `json:"start_date"`
		Last  string `json:"end_date"`
	}

	scheduleBody struct {
		Schedule schedule `json:"schedule"`
	}
	schedulesBody struct {
		Schedules []schedule `json:"schedules"`
		paging
	}
	workweekBody struct {
		Workweek workweek `json:"workweek"`
	}
	workweek struct {
		Intervals []interval `json:"intervals"`
	}
	holidayBody struct {
		Holiday holiday `json:"holiday"`
	}
	holidaysBody struct {
		Holidays []holiday `json:"holidays"`
		paging
	}
)

// intervals joins what midnight parts, as Zendesk shows it.
func intervals(spans []line.Span) []interval {
	out := []interval{}
	for _, s := range spans {
		at := int(s.Day) * dayMinutes
		if n := len(out); n > 0 && out[n-1].End == at+s.Opens && s.Opens == 0 {
			out[n-1].End = at + s.Closes
			continue
		}
		out = append(out, interval{at + s.Opens, at + s.Closes})
	}
	return out
}

// spans parts intervals at midnight.
func spans(in []interval) ([]line.Span, error) {
	var out []line.Span
	for _, i := range in {
		if i.Start < 0 || i.End <= i.Start || i.End > weekMinutes {
			return nil, sotto.FailField("intervals", "An interval begins before it ends, in minutes since Sunday 00:00, up to 10080.")
		}
		for start := i.Start; start < i.End; {
			day := start / dayMinutes
			end := min(i.End, (day+1)*dayMinutes)
			out = append(out, line.Span{Day: time.Weekday(day), Opens: start - day*dayMinutes, Closes: end - day*dayMinutes})
			start = end
		}
	}
	return out, nil
}

func (q *request) schedule(s line.Schedule) schedule {
	return schedule{
		ID: int64(s.ID), URL: q.base + "/business_hours/schedules/" + strconv.FormatInt(int64(s.ID), 10) + ".json", Name: s.Name,
		TimeZone: s.Zone, Intervals: intervals(s.Spans), CreatedAt: stamp(s.CreatedAt), UpdatedAt: stamp(s.UpdatedAt),
	}
}

// scheduleInput is what a client may set on a schedule.
type scheduleInput struct {
	Name      *string     `json:"name"`
	TimeZone  *string     `json:"time_zone"`
	Intervals *[]interval `json:"intervals"`
}

func (in scheduleInput) apply(s *line.Schedule) (err error) {
	give(&s.Name, in.Name)
	give(&s.Zone, in.TimeZone)
	if in.Intervals != nil {
		s.Spans, err = spans(*in.Intervals)
	}
	return err
}

func (q *request) readSchedule() (scheduleInput, error) {
	return readNamed[scheduleInput](q, "schedule")
}

func (a *API) listSchedules(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	all, err := a.c.Lines.Schedules(q.Context())
	if err != nil {
		return err
	}
	rows, out, err := cutShort(p, all, func(s line.Schedule) int64 { return int64(s.ID) })
	if err != nil {
		return err
	}
	body := schedulesBody{[]schedule{}, q.paging(p, out)}
	for _, s := range rows {
		body.Schedules = append(body.Schedules, q.schedule(s))
	}
	return writeJSON(w, http.StatusOK, body)
}

// theSchedule finds the schedule a path names.
func (a *API) theSchedule(q *request) (line.Schedule, error) {
	id, err := q.number("schedule")
	if err != nil {
		return line.Schedule{}, err
	}
	return a.c.Lines.Schedule(q.Context(), sotto.ScheduleID(id))
}

func (a *API) showSchedule(w http.ResponseWriter, q *request) error {
	s, err := a.theSchedule(q)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, scheduleBody{q.schedule(s)})
}

func (a *API) createSchedule(w http.ResponseWriter, q *request) error {
	in, err := q.readSchedule()
	if err != nil {
		return err
	}
	var s line.Schedule
	if err := in.apply(&s); err != nil {
		return err
	}
	if s, err = a.c.Lines.CreateSchedule(q.Context(), q.actor, s); err != nil {
		return err
	}
	out := q.schedule(s)
	w.Header().Set("Location", out.URL)
	return writeJSON(w, http.StatusCreated, scheduleBody{out})
}

func (a *API) changeSchedule(q *request, edit func(*line.Schedule) error) (line.Schedule, error) {
	id, err := q.number("schedule")
	if err != nil {
		return line.Schedule{}, err
	}
	return a.c.Lines.UpdateSchedule(q.Context(), q.actor, sotto.ScheduleID(id), edit)
}

func (a *API) updateSchedule(w http.ResponseWriter, q *request) error {
	in, err := q.readSchedule()
	if err != nil {
		return err
	}
	s, err := a.changeSchedule(q, in.apply)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, scheduleBody{q.schedule(s)})
}

func (a *API) updateWorkweek(w http.ResponseWriter, q *request) error {
	in, err := readNamed[scheduleInput](q, "workweek")
	if err != nil {
		return err
	}
	if in.Intervals == nil {
		return missing("workweek")
	}
	s, err := a.changeSchedule(q, scheduleInput{Intervals: in.Intervals}.apply)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, workweekBody{workweek{intervals(s.Spans)}})
}

func (a *API) deleteSchedule(w http.ResponseWriter, q *request) error {
	id, err := q.number("schedule")
	if err != nil {
		return err
	}
	if err := a.c.Lines.DeleteSchedule(q.Context(), q.actor, sotto.ScheduleID(id)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func toHoliday(h line.Holiday) holiday { return holiday{h.ID, h.Name, h.First, h.Last} }

type holidayInput struct {
	Name  *string `json:"name"`
	First *string `json:"start_date"`
	Last  *string `json:"end_date"`
}

func (in holidayInput) apply(h *line.Holiday) {
	give(&h.Name, in.Name)
	give(&h.First, in.First)
	give(&h.Last, in.Last)
}

func (q *request) readHoliday() (holidayInput, error) { return readNamed[holidayInput](q, "holiday") }

func (a *API) listHolidays(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	s, err := a.theSchedule(q)
	if err != nil {
		return err
	}
	rows, out, err := cutShort(p, s.Holidays, func(h line.Holiday) int64 { return h.ID })
	if err != nil {
		return err
	}
	body := holidaysBody{[]holiday{}, q.paging(p, out)}
	for _, h := range rows {
		body.Holidays = append(body.Holidays, toHoliday(h))
	}
	return writeJSON(w, http.StatusOK, body)
}

// findHoliday returns where a holiday stands in a schedule.
func findHoliday(s *line.Schedule, id int64) (int, error) {
	i := slices.IndexFunc(s.Holidays, func(h line.Holiday) bool { return h.ID == id })
	if i < 0 {
		return 0, sotto.Fail(sotto.NotFound, "Not found")
	}
	return i, nil
}

func (a *API) showHoliday(w http.ResponseWriter, q *request) error {
	id, err := q.number("holiday")
	if err != nil {
		return err
	}
	s, err := a.theSchedule(q)
	if err != nil {
		return err
	}
	i, err := findHoliday(&s, id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, holidayBody{toHoliday(s.Holidays[i])})
}

func (a *API) createHoliday(w http.ResponseWriter, q *request) error {
	in, err := q.readHoliday()
	if err != nil {
		return err
	}
	known := map[int64]bool{}
	s, err := a.changeSchedule(q, func(s *line.Schedule) error {
		for _, h := range s.Holidays {
			known[h.ID] = true
		}
		var h line.Holiday
		in.apply(&h)
		s.Holidays = append(s.Holidays, h)
		return nil
	})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(s.Holidays, func(h line.Holiday) bool { return !known[h.ID] })
	return writeJSON(w, http.StatusCreated, holidayBody{toHoliday(s.Holidays[i])})
}

func (a *API) updateHoliday(w http.ResponseWriter, q *request) error {
	id, err := q.number("holiday")
	if err != nil {
		return err
	}
	in, err := q.readHoliday()
	if err != nil {
		return err
	}
	s, err := a.changeSchedule(q, func(s *line.Schedule) error {
		i, err := findHoliday(s, id)
		if err == nil {
			in.apply(&s.Holidays[i])
		}
		return err
	})
	if err != nil {
		return err
	}
	i, err := findHoliday(&s, id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, holidayBody{toHoliday(s.Holidays[i])})
}

func (a *API) deleteHoliday(w http.ResponseWriter, q *request) error {
	id, err := q.number("holiday")
	if err != nil {
		return err
	}
	_, err = a.changeSchedule(q, func(s *line.Schedule) error {
		i, err := findHoliday(s, id)
		if err == nil {
			s.Holidays = slices.Delete(s.Holidays, i, i+1)
		}
		return err
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
