package leg

// Transferor is a leg whose party may ask for its call to be given away, as a
// desk telephone does with its transfer key. Whoever wants to know asks every
// leg whether it is one.
type Transferor interface {
	// Transfers returns the wishes of the party, one at a time. A leg of which
	// nobody has asked for them refuses each. The channel is never closed:
	// watch Ended too.
	Transfers() <-chan *Transfer
}

// Transfer is one wish of a party that its call be given away (RFC 3515). The
// leg does nothing by itself: whoever takes the wish asks whether Number may
// be dialled, moves the bridge and says what came of it.
type Transfer struct {
	// Number is where the call should go, as the party dialled it; "" when
	// With is set.
	Number string
	// With is another call of the same party, to be joined with this one
	// (RFC 3891); nil for a transfer to Number.
	With Leg

	report func(ringing bool, failed Cause)
}

// NewTransfer makes a wish whose outcome is told to report: ringing, or what it
// failed of, or neither when it is done. It is for packages that implement Leg.
func NewTransfer(number string, with Leg, report func(ringing bool, failed Cause)) *Transfer {
	return &Transfer{Number: number, With: with, report: report}
}

// Ringing tells the party that the other side rings.
func (t *Transfer) Ringing() { t.report(true, "") }

// Done tells the party that the call is given away; it will hang up. What is
// said after Done or Failed is not told.
func (t *Transfer) Done() { t.report(false, "") }

// Failed tells the party that it keeps its call, and why.
func (t *Transfer) Failed(cause Cause) { t.report(false, cause) }
