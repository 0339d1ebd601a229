package sip

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/emiago/sipgo/sip"

	"sotto"
	"sotto/leg"
	"sotto/leg/sip/message"
)

// MaxText is the longest text we take or send, in bytes of UTF-8: ten parts of
// a long SMS, and more.
const MaxText = 8 << 10

// Message is one text that came in (RFC 3428): from a trunk by its address, or
// from a telephone that gave its password.
type Message struct {
	Trunk  string         // the trunk it came by; "" from a telephone
	Device sotto.DeviceID // the telephone; 0 from a trunk
	From   leg.Caller     // as far as the trunk is believed; nobody when withheld
	To     string         // the number it was sent to
	Text   string         // valid UTF-8 without control characters but tab and line feed
	// ID is the same when the sender repeats the same text because our answer
	// was lost, and another for every other text.
	ID string
}

// Text is one text to send: to a number through the first of Trunks that is
// there, or to every telephone of Device.
type Text struct {
	Device sotto.DeviceID
	Trunks []string
	Number string     // to whom; the caller of SendText has asked whether it may be written to
	Caller leg.Caller // what the party sees
	Text   string
}

// TextResult is what became of a text.
type TextResult struct {
	Delivered bool   // a 2xx came: the party, or the carrier in its place, has it
	Status    int    // the final status; 0 when nobody answered: it may have arrived all the same
	Trunk     string // which trunk took or refused it
	Unreached bool   // with Status 0: nothing left the desk, so that it cannot have arrived
}

// judgeText decides about a MESSAGE outside of any call before it is
// remembered: a carrier's passes, a telephone gives its password.
func (e *Endpoint) judgeText(m *message.Message, h hop, s *stream, who rank) bool {
	switch {
	case e.cfg.Text == nil:
		e.turnAway(m, h, s, 405, message.AllowLine)
		return false
	case who == carrier:
		return true
	}
	return e.asked(m, h, s)
}

// text takes a MESSAGE (RFC 3428 7).
func (e *Endpoint) text(req *sip.Request, tx *sip.ServerTx) {
	if e.cfg.Text == nil {
		respond(req, tx, 405, newTag(), nil, message.AllowLine)
		return
	}
	t := e.trunkOf(source(req).addr.Addr())
	if t == nil {
		e.withPassword(req, tx, func(req *sip.Request, tx *sip.ServerTx, c Credentials) {
			e.takeText(req, tx, origin{device: c.Device})
		})
		return
	}
	select {
	case e.workers <- struct{}{}:
		defer func() { <-e.workers }()
		e.takeText(req, tx, origin{trunk: t})
	default:
		respond(req, tx, 503, newTag(), nil, "Retry-After: 5")
	}
}

func (e *Endpoint) takeText(req *sip.Request, tx *sip.ServerTx, o origin) {
	body, status := readText(req)
	if status == 415 {
		respond(req, tx, 415, newTag(), nil, "Accept: text/plain")
		return
	}
	if status != 200 {
		respond(req, tx, status, newTag(), nil)
		return
	}
	m := Message{
		Device: o.device, From: callerOf(req, o.trunk), To: dialledOn(req, o.trunk), Text: body,
	}
	from := source(req).addr.Addr().String()
	if o.trunk != nil {
		m.Trunk, from = o.trunk.Name, o.trunk.Name // a carrier may repeat it from another machine
	}
	m.ID = nameOf(from, get(req, "call-id"), get(req, "cseq"))
	status = 500
	e.guard(func() { status = e.cfg.Text(e.ctx, m) })
	if status < 200 || status > 699 {
		status = 500
	}
	respond(req, tx, status, newTag(), nil)
}

// nameOf is one name for a text, the same after a restart of ours. It tells
// nobody what a carrier wrote into its Call-ID.
func nameOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// readText takes the text out of a MESSAGE; status is 200, or why there is
// none (RFC 3428 7: a type we do not take is 415).
func readText(req *sip.Request) (text string, status int) {
	if !bodyIs(req, "text/plain") || get(req, "content-encoding") != "" && !strings.EqualFold(get(req, "content-encoding"), "identity") {
		return "", 415
	}
	_, params, _ := strings.Cut(get(req, "content-type"), ";")
	a := message.Address{Params: ";" + params}
	if set, ok := a.Param("charset"); ok && !strings.EqualFold(set, "utf-8") && !strings.EqualFold(set, "us-ascii") {
		return "", 415
	}
	b := req.Body()
	switch {
	case len(b) > MaxText:
		return "", 413
	case !utf8.Valid(b):
		return "", 400
	}
	if text = cleanText(string(b)); text == "" {
		return "", 400
	}
	return text, 200
}

// cleanText drops what is no text: control characters, and marks that turn
// text around.
func cleanText(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, l := range lines {
		cells := strings.Split(l, "\t")
		for j, c := range cells {
			cells[j] = strings.Map(dropUnprintable, c)
		}
		lines[i] = strings.Join(cells, "\t")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// SendText sends one text and waits for what becomes of it. It fails with
// sotto.Invalid for a text or number that cannot be sent, sotto.NotFound for an
// unknown trunk and ctx's error. A refusal is a result. Another trunk is tried
// only when one refuses for its own reasons or cannot be reached: after silence
// the text might come twice.
func (e *Endpoint) SendText(ctx context.Context, t Text) (_ TextResult, err error) {
	defer sotto.Wrap(&err, "sip.SendText")
	if t.Text == "" || len(t.Text) > MaxText || !utf8.ValidString(t.Text) {
		return TextResult{}, sotto.FailField("text", "A text needs between one and 8192 bytes.")
	}
	trunks, err := e.through(Target{Trunks: t.Trunks})
	if err != nil {
		return TextResult{}, err
	}
	if len(trunks) == 0 {
		return e.textPhones(ctx, t)
	}
	if _, err := dialable(t.Number); err != nil {
		return TextResult{}, err
	}
	var r TextResult
	for _, k := range trunks {
		r = TextResult{Trunk: k.Name, Unreached: true}
		h, err := k.hop(ctx)
		if err != nil {
			continue
		}
		r.Unreached = false
		user, _ := dialable(k.Numbers.write(t.Number, k.Country))
		res, err := e.say(ctx, t, k, "sip:"+user+"@"+k.domain(), h)
		if err != nil {
			return r, ctx.Err()
		}
		r.Status, r.Delivered = res.StatusCode, res.IsSuccess()
		if !isTrunks(r.Status) {
			return r, nil
		}
	}
	return r, ctx.Err()
}

// textPhones sends a text to every telephone of a device; one that takes it is
// enough.
func (e *Endpoint) textPhones(ctx context.Context, t Text) (TextResult, error) {
	var r TextResult
	for _, b := range e.reg.branches(t.Device) {
		res, err := e.say(ctx, t, nil, b.uri, b.to)
		if err == nil && !r.Delivered {
			r.Status, r.Delivered = res.StatusCode, res.IsSuccess()
		}
	}
	return r, ctx.Err()
}

// say sends one MESSAGE (RFC 3428 4).
func (e *Endpoint) say(ctx context.Context, t Text, k *trunk, uri string, h hop) (*sip.Response, error) {
	from, lines := e.identity(t.Caller, k, h)
	d := dialog{id: newTag(), target: uri, local: from + ";tag=" + newTag(), remote: "<" + uri + ">"}
	build := func(auth []string) (*sip.Request, error) {
		req, err := d.request(sip.MESSAGE, append(lines[:len(lines):len(lines)], auth...), nil)
		if err != nil {
			return nil, err
		}
		req.AppendHeader(sip.NewHeader("Content-Type", "text/plain;charset=utf-8"))
		req.SetBody([]byte(t.Text))
		return req, nil
	}
	req, err := build(nil)
	if err != nil {
		return nil, err
	}
	if k == nil {
		return e.ask(ctx, req, h)
	}
	return e.askTrunk(ctx, k, e.sized(req, h, k, false), build)
}
