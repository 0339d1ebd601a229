package catalogue

// Cell names a sealed column. Its field is unexported so that a cell that is
// not declared here cannot be written down: keyring.Seal takes a Cell, and a
// value that was not sealed for its cell does not open.
type Cell struct{ name string }

// String returns "table.column".
func (c Cell) String() string { return c.name }

// The sealed columns.
var (
	PersonName       = Cell{"person.name"}
	PersonNotes      = Cell{"person.notes"}
	PersonDetails    = Cell{"person.details"}
	PersonExternalID = Cell{"person.external_id"}
	AddressValue     = Cell{"address.value"}
	DeviceSecret     = Cell{"device.secret"}
	DeviceNumber     = Cell{"device.number"}
	RegistrationURI  = Cell{"registration.contact"}
	TicketSubject    = Cell{"ticket.subject"}
	CommentBody      = Cell{"comment.body"}
	AttachmentName   = Cell{"attachment.name"}
	UploadName       = Cell{"upload.name"}
	CallFromNumber   = Cell{"call.from_number"}
	CallFromName     = Cell{"call.from_name"}
	CallbackNumber   = Cell{"callback.number"}
	StatementBody    = Cell{"statement.body"}
	TextNumber       = Cell{"text_message.number"}
)

// Cells returns every sealed column's handle.
func Cells() []Cell {
	return []Cell{
		PersonName, PersonNotes, PersonDetails, PersonExternalID, AddressValue,
		DeviceSecret, DeviceNumber, RegistrationURI, TicketSubject, CommentBody,
		AttachmentName, UploadName, CallFromNumber, CallFromName, CallbackNumber,
		StatementBody, TextNumber,
	}
}

// Index names a blind index. The name goes into the HMAC, so the same word in
// two indexes has two different hashes.
type Index struct{ name string }

// String returns "table.column".
func (i Index) String() string { return i.name }

// The blind indexes.
var (
	AddressIndex     = Index{"address_index.hash"}
	NameIndex        = Index{"name_index.hash"}
	ExternalIDIndex  = Index{"person.external_hash"}
	TicketWordIndex  = Index{"ticket_word.hash"}
	SuppressionIndex = Index{"suppression.hash"}
	ContactIndex     = Index{"registration.contact_hash"}
	TextIndex        = Index{"text_message.seen_hash"}
	Tombstone        = Index{"receipt.tombstone"}
)

// Indexes returns every blind index's handle.
func Indexes() []Index {
	return []Index{AddressIndex, NameIndex, ExternalIDIndex, TicketWordIndex, SuppressionIndex, ContactIndex, TextIndex, Tombstone}
}
