package sotto

import (
	"errors"
	"fmt"
)

// Kind says what went wrong in the one way a caller may branch on. Every
// face (HTTP, SIP, command line) has one table from Kind to its own codes.
type Kind uint8

// The kinds. An error of any other origin is Internal.
const (
	Internal Kind = iota // our fault or the machine's: say nothing, log the cause
	Invalid              // the input is wrong; Say tells what to change
	NotFound             // there is none, or the actor may not know that there is
	Denied               // the actor may know it but not do this
	Conflict             // the state forbids it now
	Gone                 // it was erased; a receipt says when
	Busy                 // try again later
	Peer                 // the carrier or another provider failed
)

// String returns the kind in lower case, as it appears in logs.
func (k Kind) String() string {
	names := [...]string{"internal", "invalid", "not found", "denied", "conflict", "gone", "busy", "peer"}
	if int(k) < len(names) {
		return names[k]
	}
	return "internal"
}

// Error has two faces: Say is a whole sentence for the person in front of the
// desk (no id, no SQL), Cause is for the log. Neither ever holds a name, a
// number, an address or a text of a person.
type Error struct {
	Kind  Kind
	Field string // the input field that is wrong, "" when it is not about one
	Say   string
	Cause error
}

// Error returns the log's face.
func (e *Error) Error() string {
	s := e.Kind.String()
	if e.Field != "" {
		s += " (" + e.Field + ")"
	}
	if e.Say != "" {
		s += ": " + e.Say
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Fail makes an error of kind k that tells the person say.
func Fail(k Kind, say string) error { return &Error{Kind: k, Say: say} }

// FailField makes an Invalid error about one input field.
func FailField(field, say string) error { return &Error{Kind: Invalid, Field: field, Say: say} }

// FailCause makes an error of kind k with a cause for the log.
func FailCause(k Kind, say string, cause error) error {
	return &Error{Kind: k, Say: say, Cause: cause}
}

// KindOf returns err's kind; Internal for a foreign error. KindOf(nil) is
// meaningless and returns Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// SayOf returns the sentence for the person. For Internal errors it is one
// fixed sentence, because a cause may hold what only the log may see.
func SayOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Kind != Internal && e.Say != "" {
		return e.Say
	}
	return "Something went wrong on our side. The log has the details."
}

// FieldOf returns the input field err is about, or "".
func FieldOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Field
	}
	return ""
}

// Wrap puts what was being done in front of *err, if there is one:
//
//	defer sotto.Wrap(&err, "queue.Offer(%d)", id)
//
// Arguments are ids, never names, numbers, addresses or texts of people.
func Wrap(err *error, format string, args ...any) {
	if *err != nil {
		*err = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), *err)
	}
}
