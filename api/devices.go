package api

import (
	"net/http"
	"slices"
	"strconv"

	"sotto"
	"sotto/agent"
)

// device is where an agent is rung. Only the agent and administrators see it.
type device struct {
	ID          int64   `json:"id"`
	UserID      int64   `json:"user_id"`
	Kind        string  `json:"kind"`         // sip, browser or forward
	Rung        bool    `json:"rung"`         // calls ring it
	Username    *string `json:"username"`     // of a telephone; colleagues dial it to transfer a call
	Password    *string `json:"password"`     // of a telephone, in the answer that made it and never again
	PhoneNumber *string `json:"phone_number"` // of a number outside
	Registered  int     `json:"registered"`
	CreatedAt   *string `json:"created_at"`
}

type (
	deviceBody struct {
		Device device `json:"device"`
	}
	devicesBody struct {
		Devices []device `json:"devices"`
		Count   int      `json:"count"`
	}
)

// devicesOf reads whose devices are meant. Those of a colleague are not there,
// as if there were no such agent.
func (q *request) devicesOf() (sotto.PersonID, error) {
	id, err := q.number("agent")
	if err == nil && !q.actor.IsAdmin() && q.actor.Person != sotto.PersonID(id) {
		err = sotto.Fail(sotto.NotFound, "Not found")
	}
	return sotto.PersonID(id), err
}

func (a *API) device(q *request, d agent.Device) (device, error) {
	out := device{
		ID: int64(d.ID), UserID: int64(d.Person), Kind: string(d.Kind), Rung: d.Rung, Registered: d.Registered, CreatedAt: stamp(d.CreatedAt),
	}
	if d.Username != "" {
		out.Username = &d.Username
	}
	if d.Kind != agent.Forward {
		return out, nil
	}
	number, err := a.c.Agents.Number(q.Context(), d.ID)
	out.PhoneNumber = &number
	return out, err
}

func (a *API) listDevices(w http.ResponseWriter, q *request) error {
	id, err := q.devicesOf()
	if err != nil {
		return err
	}
	if _, err := a.c.People.Get(q.Context(), id); err != nil {
		return err
	}
	all, err := a.c.Agents.Devices(q.Context(), id)
	if err != nil {
		return err
	}
	body := devicesBody{Devices: []device{}, Count: len(all)}
	for _, d := range all {
		row, err := a.device(q, d)
		if err != nil {
			return err
		}
		body.Devices = append(body.Devices, row)
	}
	return writeJSON(w, http.StatusOK, body)
}

// deviceInput is what a client may say of a device.
type deviceInput struct {
	Kind        *string `json:"kind"`
	PhoneNumber *string `json:"phone_number"`
	Rung        *bool   `json:"rung"`
}

func (a *API) createDevice(w http.ResponseWriter, q *request) error {
	id, err := q.devicesOf()
	if err != nil {
		return err
	}
	in, err := readNamed[deviceInput](q, "device")
	if err != nil {
		return err
	}
	var d agent.Device
	var secret string
	switch agent.Kind(value(in.Kind)) {
	case agent.Forward:
		d, err = a.c.Agents.AddForward(q.Context(), q.actor, id, value(in.PhoneNumber))
	case agent.SIPPhone:
		d, secret, err = a.c.Agents.AddDevice(q.Context(), q.actor, id)
	default:
		err = sotto.FailField("kind", "A device is of kind sip or forward. A page in the browser makes its own.")
	}
	if err != nil {
		return err
	}
	out, err := a.device(q, d)
	if err != nil {
		return err
	}
	if secret != "" {
		out.Password = &secret
	}
	w.Header().Set("Location", q.base+"/sotto/agents/"+strconv.FormatInt(int64(id), 10)+"/devices/"+strconv.FormatInt(out.ID, 10)+".json")
	return writeJSON(w, http.StatusCreated, deviceBody{out})
}

// ownDevice reads which device of which agent is meant.
func (a *API) ownDevice(q *request) (d agent.Device, err error) {
	who, err := q.devicesOf()
	if err != nil {
		return d, err
	}
	id, err := q.number("device")
	if err != nil {
		return d, err
	}
	all, err := a.c.Agents.Devices(q.Context(), who)
	if err != nil {
		return d, err
	}
	i := slices.IndexFunc(all, func(d agent.Device) bool { return d.ID == sotto.DeviceID(id) })
	if i < 0 {
		return d, sotto.Fail(sotto.NotFound, "Not found")
	}
	return all[i], nil
}

func (a *API) updateDevice(w http.ResponseWriter, q *request) error {
	d, err := a.ownDevice(q)
	if err != nil {
		return err
	}
	in, err := readNamed[deviceInput](q, "device")
	if err != nil {
		return err
	}
	if in.Kind != nil || in.PhoneNumber != nil || in.Rung == nil {
		return sotto.FailField("device", "Only rung can be changed: take the device away and add another.")
	}
	if err := a.c.Agents.SetRung(q.Context(), q.actor, d.ID, *in.Rung); err != nil {
		return err
	}
	d.Rung = *in.Rung
	out, err := a.device(q, d)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, deviceBody{out})
}

func (a *API) deleteDevice(w http.ResponseWriter, q *request) error {
	d, err := a.ownDevice(q)
	if err != nil {
		return err
	}
	if err := a.c.Agents.RemoveDevice(q.Context(), q.actor, d.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
