package api

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"sotto"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/leg/webrtc"
	"sotto/line"
)

func TestVisitorCallsAWebLineAndNothingElse(t *testing.T) {
	d := sqlite(t)
	loopback := netip.MustParseAddr("127.0.0.1")
	engine, err := media.Open(media.Config{Addr: loopback})
	must(t, err)
	pages, err := webrtc.Open(webrtc.Config{
		Addr: netip.AddrPortFrom(loopback, 0), Media: engine, Clock: d.c.Clock, Accept: func(context.Context, leg.Leg) {},
	})
	must(t, err)
	t.Cleanup(func() { must(t, errors.Join(pages.Close(), engine.Close())) })
	d.c.Pages = pages
	d.api = New(d.c)
	d.line() // a telephone's: +33199000001
	s := line.Defaults()
	s.Kind, s.Number, s.Name, s.Consent = line.Digital, "boutique", "Boutique", line.OptIn
	_, err = d.c.Lines.Create(t.Context(), d.admin.actor(sotto.Admin), s)
	must(t, err)
	words := d.c.Lines.Words(line.OptIn, "fr")
	hash := hex.EncodeToString(words.SHA256[:])
	ask := func(number, notice, name string, more ...string) answer {
		body := fmt.Sprintf(`{"visit":{"line":%q,"locale":"fr","notice":%q,"ticked":true,"name":%q}}`, number, notice, name)
		r := httptest.NewRequest("POST", prefix+"/sotto/phone/visits", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(more); i += 2 {
			r.Header.Set(more[i], more[i+1])
		}
		return d.send(r)
	}
	first := ask("boutique", hash, "Camille Exemple").is(201)
	if first.at("phone_ticket.ticket") == "" || first.at("phone_ticket.path") != webrtc.Path {
		t.Errorf("the ticket is %v", first.at("phone_ticket"))
	}
	ask("boutique", strings.Repeat("0", 64), "").is(409)
	ask("+33199000001", hash, "").is(404)
	ask("nowhere", hash, "").is(404)
	ask("boutique", hash, strings.Repeat("x", 81)).is(422)
	ask("boutique", hash, "", "Sec-Fetch-Site", "cross-site").is(403)
	for range 4 {
		ask("boutique", hash, "", "Sec-Fetch-Site", "same-origin").is(201)
	}
	ask("boutique", hash, "").is(503) // too many from one address
}
