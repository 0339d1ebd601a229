package webrtc

import (
	"bytes"
	"encoding/json"
	"errors"

	"sotto/leg"
)

const (
	// Protocol is the WebSocket subprotocol (RFC 6455 1.9) of these messages.
	Protocol = "sotto.phone.v1"
	// Path is where the desk serves the WebSocket.
	Path = "/phone/socket"
	// maxMessage is the longest message a page may send; an offer of one audio
	// stream takes about 3 kB.
	maxMessage = 16 << 10
	maxDigits  = 32
)

// Offer is a page's session description (RFC 3264). The first, and each one
// without Restart, makes a new peer connection in place of the old one; with
// Restart the present one looks for a new way (RFC 8445 2.4).
type Offer struct {
	SDP     string `json:"sdp"`
	Restart bool   `json:"restart,omitempty"`
}

// Accept takes the call that rings.
type Accept struct {
	Leg int64 `json:"leg"`
}

// Decline refuses the call that rings; another agent is looked for.
type Decline struct {
	Leg int64 `json:"leg"`
}

// HangUp ends the call.
type HangUp struct {
	Leg int64 `json:"leg"`
}

// Mute says whether the party wants to be heard. The page mutes the
// microphone; the desk lets nothing through either.
type Mute struct {
	Leg int64 `json:"leg"`
	On  bool  `json:"on"`
}

// Digits are keys pressed on the page by a browser that cannot send them
// in its audio.
type Digits struct {
	Leg    int64  `json:"leg"`
	Digits string `json:"digits"`
}

// Call is a visitor's: it calls the line of the visitor's ticket, which also
// says what the visitor decided about recording.
type Call struct{}

// Ready is the first message to a page. Call is the call under way, which the
// page goes on with after a reload. Relay is a way in for a browser that
// reaches us over TCP alone. Return is what a visitor's page that loses its
// WebSocket opens the next one with, once, as the subprotocol return.WORD: it
// goes on with its call.
type Ready struct {
	Call   *Ongoing `json:"call,omitempty"`
	Relay  *Relay   `json:"relay,omitempty"`
	Return string   `json:"return,omitempty"`
}

// Ongoing is a call that a page finds when it opens.
type Ongoing struct {
	Ring
	Talking bool `json:"talking"` // answered; else it rings
	Muted   bool `json:"muted"`
	Held    bool `json:"held"`
}

// Answer is the desk's session description for the page's Offer.
type Answer struct {
	SDP string `json:"sdp"`
}

// Ring is a call for the agent, or, with no caller, says to a visitor that it
// rings.
type Ring struct {
	Leg      int64  `json:"leg"`
	Number   string `json:"number,omitempty"`
	Name     string `json:"name,omitempty"`
	Withheld bool   `json:"withheld,omitempty"`
}

// Talking says that the audio of the call flows from now on.
type Talking struct {
	Leg int64 `json:"leg"`
}

// Progress tells a visitor how far the call has come, in the words of
// packages call and recording.
type Progress struct {
	Leg     int64  `json:"leg"`
	State   string `json:"state"`
	Consent string `json:"consent,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// Held says whether the other party of the call is on hold.
type Held struct {
	Leg int64 `json:"leg"`
	On  bool  `json:"on"`
}

// Muted confirms Mute.
type Muted struct {
	Leg int64 `json:"leg"`
	On  bool  `json:"on"`
}

// Ended says that the call is over, and why.
type Ended struct {
	Leg   int64     `json:"leg"`
	Cause leg.Cause `json:"cause"`
}

// Problem says which message could not be heeded. Code is one of a closed
// list that the page has words for: "offer", "restart", "no-audio",
// "no-call", "busy".
type Problem struct {
	Code string `json:"code"`
}

// errMessage is the one error of decode: what a page sent is no message of
// ours, and is not repeated in a log.
var errMessage = errors.New("webrtc: not a message of this protocol")

// decode reads a message of a page. It believes nothing: an unknown type, an
// unknown member or a text that is too long is refused.
func decode(b []byte) (any, error) {
	var head struct {
		Type string `json:"type"`
	}
	if len(b) > maxMessage || json.Unmarshal(b, &head) != nil {
		return nil, errMessage
	}
	switch head.Type {
	case "offer":
		return strict[Offer](b)
	case "accept":
		return strict[Accept](b)
	case "decline":
		return strict[Decline](b)
	case "hangup":
		return strict[HangUp](b)
	case "mute":
		return strict[Mute](b)
	case "digits":
		d, err := strict[Digits](b)
		if err == nil && len(d.(Digits).Digits) > maxDigits {
			return nil, errMessage
		}
		return d, err
	case "call":
		return strict[Call](b)
	}
	return nil, errMessage
}

func strict[T any](b []byte) (any, error) {
	var m struct {
		Type string `json:"type"`
		Body T      `json:"body"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(&m) != nil || d.More() {
		return nil, errMessage
	}
	return m.Body, nil
}

// encode writes a message to a page: {"type": …, "body": {…}}.
func encode(m any) []byte {
	name := ""
	switch m.(type) {
	case Ready:
		name = "ready"
	case Answer:
		name = "answer"
	case Ring:
		name = "ring"
	case Talking:
		name = "talking"
	case Progress:
		name = "progress"
	case Held:
		name = "held"
	case Muted:
		name = "muted"
	case Ended:
		name = "ended"
	case Problem:
		name = "problem"
	}
	b, err := json.Marshal(struct {
		Type string `json:"type"`
		Body any    `json:"body"`
	}{name, m})
	if err != nil || name == "" {
		panic("webrtc: a message of ours cannot be written") // the list above is tested
	}
	return b
}
