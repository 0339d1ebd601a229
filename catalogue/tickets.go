package catalogue

func tickets() []Table {
	// long: one table, read from top to end.
	owned := []string{"requester"}
	inside := func(table string) Edge {
		return Edge{Name: "requester", Path: table + ".ticket_id→ticket.requester_id", As: Caller, Fate: RowGoes}
	}
	// fact is a column that records what happened to the ticket.
	fact := func(name, why, export string) Column {
		return Column{Name: name, Form: Plain, Whose: owned, Why: why, Basis: Contract, Keep: WithTicket, Export: export, Correct: Fact, Erase: Delete}
	}
	// by is a column that names a member of staff who did something.
	by := func(name, edge, why, export string) Column {
		return Column{Name: name, Form: Plain, Whose: []string{"requester", edge}, Why: why, Basis: Contract, Keep: WithTicket, Export: export, Correct: Fact, Erase: Pseudonym}
	}
	return []Table{
		{
			Name: "ticket", Owner: "ticket", What: "one row for each case",
			Edges: []Edge{
				{Name: "requester", Path: "ticket.requester_id", As: Caller, Fate: RowGoes},
				{Name: "assignee", Path: "ticket.assignee_id", As: Staff, Fate: RowStays},
				{Name: "submitter", Path: "ticket.submitter_id", As: Staff, Fate: RowStays},
				{Name: "deleter", Path: "ticket.deleted_by", As: Staff, Fate: RowStays},
			},
			Columns: []Column{
				fact("id", "the number people read aloud", "tickets[].id"),
				fact("requester_id", "whose case it is; NULL for a caller who withheld the number", "tickets[].requester_id"),
				{Name: "key_id", Form: KeyRef, Whose: owned, Why: "the slot of the key the case is sealed under", Basis: LegalDut, Keep: WithTicket, Export: "-: a slot number of the keyring", Correct: Fact, Erase: DestroyKey},
				by("assignee_id", "assignee", "who works on it", "tickets[].assignee_id"),
				by("submitter_id", "submitter", "who opened it", "tickets[].submitter_id"),
				fact("line_id", "the line it came in on", "tickets[].line_id"),
				{Name: "subject", Form: Sealed, Whose: owned, Why: "what the case is about", Basis: Contract, Keep: WithTicket, Export: "tickets[].subject", Correct: InPlace, Erase: DestroyKey},
				fact("status", "new, open, pending, hold, solved, closed or deleted", "tickets[].status"),
				fact("priority", "low, normal, high or urgent", "tickets[].priority"),
				fact("via", "how it came in: voice, voicemail, outbound, sms, api or web", "tickets[].via"),
				fact("created_at", "when it was opened", "tickets[].created_at"),
				fact("updated_at", "when it last changed", "tickets[].updated_at"),
				fact("solved_at", "when it was solved", "tickets[].solved_at"),
				fact("closed_at", "when it was closed", "tickets[].closed_at"),
				fact("deleted_at", "when it was deleted, not yet for good", "tickets[].deleted_at"),
				by("deleted_by", "deleter", "who deleted it", "tickets[].deleted_by"),
				fact("purge_at", "when it goes for good", "tickets[].purge_at"),
				fact("previous_status", "what to restore it to", "tickets[].previous_status"),
			},
			Indexes: []string{"ticket_requester", "ticket_purge", "ticket_updated", "ticket_assignee", "ticket_submitter", "ticket_deleter"},
		},
		{
			Name: "comment", Owner: "ticket", What: "one row for each thing said on a ticket", Parent: "ticket_id→ticket",
			Edges: []Edge{inside("comment"), {Name: "author", Path: "comment.author_id", As: Staff, Fate: RowStays}},
			Columns: []Column{
				fact("id", "primary key", "comments[].id"),
				fact("ticket_id", "which case", "comments[].ticket_id"),
				by("author_id", "author", "who said it", "comments[].author_id"),
				fact("public", "1 when the requester may read it, 0 for a note of the staff", "comments[].public"),
				fact("kind", "text or voice", "comments[].kind"),
				{Name: "body", Form: Sealed, Whose: owned, Why: "what was said", Basis: Contract, Keep: WithTicket, Export: "comments[].body", Correct: InPlace, Erase: DestroyKey},
				fact("call_id", "the call it speaks of", "comments[].call_id"),
				fact("created_at", "when it was said", "comments[].created_at"),
				fact("redacted_at", "when something was blacked out in it", "comments[].redacted_at"),
			},
			Indexes: []string{"comment_ticket", "comment_author"},
		},
		{
			Name: "attachment", Owner: "ticket", What: "one row for each file on a comment", Parent: "ticket_id→ticket",
			Edges: []Edge{inside("attachment")},
			Columns: []Column{
				fact("id", "primary key", "attachments[].id"),
				fact("ticket_id", "which case", "attachments[].ticket_id"),
				fact("comment_id", "which comment", "attachments[].comment_id"),
				{Name: "name", Form: Sealed, Whose: owned, Why: "what its sender called it", Basis: Contract, Keep: WithTicket, Export: "attachments[].name", Correct: InPlace, Erase: DestroyKey},
				fact("content_type", "how to show it", "attachments[].content_type"),
				fact("size", "how many bytes", "attachments[].size"),
				fact("created_at", "when it was added", "attachments[].created_at"),
				fact("redacted_at", "when it was removed", "attachments[].redacted_at"),
			},
			Indexes: []string{"attachment_comment", "attachment_ticket"},
		},
		{
			Name: "ticket_event", Owner: "ticket", What: "one row for each change to a ticket", Parent: "ticket_id→ticket",
			Edges: []Edge{inside("ticket_event"), {Name: "actor", Path: "ticket_event.actor_id", As: Staff, Fate: RowStays}},
			Columns: []Column{
				fact("id", "primary key", "events[].id"),
				fact("ticket_id", "which case", "events[].ticket_id"),
				fact("at", "when", "events[].at"),
				by("actor_id", "actor", "who did it; NULL for the desk itself", "events[].actor_id"),
				fact("kind", "what changed, from a closed list", "events[].kind"),
				fact("was", "a word of a closed list or a number, never a text", "events[].was"),
				fact("becomes", "a word of a closed list or a number, never a text", "events[].becomes"),
				fact("object_id", "the comment, attachment or recording it is about", "events[].object_id"),
			},
			Indexes: []string{"ticket_event_ticket", "ticket_event_actor"},
		},
		{
			Name: "ticket_word", Owner: "ticket", What: "one row for each different word of a ticket, to find it by", Parent: "ticket_id→ticket",
			Edges: []Edge{inside("ticket_word")},
			Columns: []Column{
				{Name: "hash", Form: Blind, Whose: owned, Why: "to search tickets", Basis: Interest, Keep: WithTicket, Export: "-: a keyed hash of a word of the ticket", Correct: Derived, Erase: Delete},
				fact("ticket_id", "where the word stands", "-: repeats tickets[].id"),
				fact("comment_id", "the comment it stands in; 0 for the subject", "-: repeats comments[].id"),
			},
			Indexes: []string{"ticket_word_ticket"},
		},
		{
			Name: "upload", Owner: "ticket", What: "one row for each file sent but not yet put on a comment",
			Edges: []Edge{{Name: "uploader", Path: "upload.person_id", As: Staff, Fate: RowGoes}},
			Columns: []Column{
				{Name: "id", Form: Plain, Whose: []string{"uploader"}, Why: "primary key", Basis: Contract, Keep: UntilExpiry, Export: "uploads[].id", Correct: Fact, Erase: Delete},
				digest("token_hash", "SHA-256 of the random token the sender holds"),
				{Name: "person_id", Form: Plain, Whose: []string{"uploader"}, Why: "who sent it", Basis: Contract, Keep: UntilExpiry, Export: "uploads[].person_id", Correct: Fact, Erase: Delete},
				{Name: "name", Form: Sealed, Whose: []string{"uploader"}, Why: "what its sender called it", Basis: Contract, Keep: UntilExpiry, Export: "uploads[].name", Correct: InPlace, Erase: DestroyKey},
				nobody("content_type", "how to show it"), nobody("size", "how many bytes"), nobody("expires_at", "when it goes if nothing takes it"),
			},
			Indexes: []string{"upload_token", "upload_person"},
		},
	}
}

// texts declares what is kept of text messages beside the words, which stand
// once, in the comment.
func texts() []Table {
	col := func(name, why string) Column {
		return Column{Name: name, Form: Plain, Whose: []string{"person"}, Why: why, Basis: Contract, Keep: WithTicket, Export: "texts[]." + name, Correct: Fact, Erase: Delete}
	}
	number := col("number", "the number it came from or goes to, to answer it")
	number.Form, number.Erase = Sealed, DestroyKey
	agent := col("agent_id", "who wrote it; NULL for the person and for the desk")
	agent.Whose, agent.Erase = []string{"person", "agent"}, Pseudonym
	seen := col("seen_hash", "to know a text again that the carrier repeats")
	seen.Form, seen.Basis, seen.Export, seen.Correct = Blind, Interest, "-: a keyed hash of the carrier's own name for the text", Derived
	return []Table{{
		Name: "text_message", Owner: "text", What: "one row for each text that came in or goes out", Parent: "ticket_id→ticket",
		Edges: []Edge{
			{Name: "person", Path: "text_message.person_id", As: Caller, Fate: RowGoes},
			{Name: "agent", Path: "text_message.agent_id", As: Staff, Fate: RowStays},
		},
		Columns: []Column{
			col("id", "primary key"), col("line_id", "on which line"), col("person_id", "with whom"),
			col("ticket_id", "which case"), col("comment_id", "the comment that holds its words"), agent,
			col("call_id", "the call it answers; NULL for none"),
			col("kind", "inbound, reply, confirmation, text-back or missed-call"),
			col("state", "received, queued, sending, sent, delivered or failed"),
			col("reason", "why it failed, from a closed list"), col("attempts", "how often it was sent"),
			number, seen, col("created_at", "when it was written"), col("ended_at", "when it was known what became of it"),
		},
		Indexes: []string{"text_message_thread", "text_message_ticket", "text_message_comment", "text_message_open", "text_message_agent", "text_message_seen", "text_message_call"},
	}}
}
