package catalogue

// duties declares the tables of the duties: requests, erasures, exports, audit.
func duties() []Table {
	// long: one table, read from top to end.
	theirs := []string{"person"}
	proof := func(name, why, export string) Column {
		return Column{Name: name, Form: Plain, Whose: theirs, Why: why, Basis: LegalDut, Keep: Accountable, Export: export, Correct: Fact, Erase: Retain}
	}
	return []Table{
		{
			Name: "request", Owner: "privacy", What: "one row for each right a person exercised",
			Edges: []Edge{
				{Name: "person", Path: "request.person_id", As: Caller, Fate: RowIsKept},
				{Name: "actor", Path: "request.opened_by", As: Staff, Fate: RowStays},
			},
			Columns: []Column{
				proof("id", "primary key", "requests[].id"),
				proof("person_id", "whose request it is, as an opaque number", "requests[].person_id"),
				proof("kind", "access, export, rectification, erasure or objection", "requests[].kind"),
				proof("state", "open, done or incomplete", "requests[].state"),
				proof("opened_at", "when it was made", "requests[].opened_at"),
				{Name: "opened_by", Form: Plain, Whose: []string{"person", "actor"}, Why: "who carried it out", Basis: LegalDut, Keep: Accountable, Export: "requests[].opened_by", Correct: Fact, Erase: Pseudonym},
				proof("done_at", "when it was done", "requests[].done_at"),
				proof("receipt_no", "the receipt that proves it", "requests[].receipt_no"),
			},
			Indexes: []string{"request_person", "request_opener"},
		},
		{
			Name: "erasure", Owner: "erasure", What: "one row for each erasure, of a person, a ticket or a recording, with the step it has reached",
			Edges: []Edge{{Name: "person", Path: "erasure.person_id", As: Caller, Fate: RowIsKept}, {Name: "actor", Path: "erasure.actor_id", As: Staff, Fate: RowStays}},
			Columns: []Column{
				proof("id", "primary key", "-: only set while something is being erased"),
				proof("person_id", "who is erased, as an opaque number; NULL when it is a ticket or a recording", "-: only set while the person is being erased"),
				proof("subject", "person, ticket or recording", "-: repeats the receipt"),
				proof("subject_id", "its number", "-: repeats the receipt"),
				proof("request_id", "the request that asked for it", "-: repeats requests[].id"),
				{Name: "actor_id", Form: Plain, Whose: []string{"actor"}, Why: "who ordered it; NULL for a rule", Basis: LegalDut, Keep: Accountable, Export: "erasures_ordered[].actor_id", Correct: Fact, Erase: Pseudonym},
				proof("state", "frozen, shredded, removed, swept or done", "-: repeats the receipt"),
				proof("opened_at", "when it began", "-: repeats the receipt"),
				proof("unreadable_at", "when nothing could be read any more", "-: repeats the receipt"),
				proof("done_at", "when the last byte was gone and looked for", "-: repeats the receipt"),
				proof("receipt_no", "the receipt that proves it", "-: repeats the receipt"),
				nobody("commitment", "SHA-256 over a random nonce that only the person was given and the person's addresses"),
			},
			Indexes: []string{"erasure_open", "erasure_person", "erasure_actor"},
		},
		{
			Name: "erasure_key", Owner: "erasure", What: "one row for each key an erasure destroys; kept until the erasure is done", Parent: "erasure_id→erasure",
			Columns: []Column{nobody("erasure_id", "which erasure"), nobody("key_id", "a slot number of the keyring; the slot is empty")},
		},
		{
			Name: "erasure_mark", Owner: "erasure", What: "one row for each tombstone an erasure leaves, until it is in the receipt log", Parent: "erasure_id→erasure",
			Columns: []Column{nobody("erasure_id", "which erasure"), digest("hash", "HMAC of an address under the tombstone key")},
		},
		{
			Name: "erasure_step", Owner: "erasure", What: "one row for each place an erasure went through", Parent: "erasure_id→erasure",
			Columns: []Column{
				nobody("erasure_id", "which erasure"), nobody("place", "the place's name in this catalogue"),
				nobody("action", "what was done, from a closed list"), nobody("removed", "how many values or files"),
				nobody("retained", "how many were kept"), nobody("why", "the article they were kept under"),
				nobody("until_at", "until when they are kept"), nobody("done", "1 when nothing is left to do there"),
			},
		},
		{
			Name: "notice", Owner: "erasure", What: "one row for each recipient who must be told of an erasure or a correction (GDPR 19)",
			Columns: []Column{
				nobody("id", "primary key"), nobody("recipient", "the recipient's name in the configuration"),
				nobody("kind", "erased or rectified"), nobody("subject_id", "the person as the opaque number the recipient was given"),
				nobody("erasure_id", "the erasure that waits for the answer"), nobody("created_at", "when it was written"),
				nobody("confirmed_at", "when the recipient confirmed"),
			},
			Indexes: []string{"notice_open"},
		},
		{
			Name: "export", Owner: "privacy", What: "one row for each archive made for a person and not yet expired; the archive is a blob of class export",
			Edges: []Edge{{Name: "person", Path: "export.person_id", As: Caller, Fate: RowGoes}, {Name: "actor", Path: "export.requested_by", As: Staff, Fate: RowStays}},
			Columns: []Column{
				{Name: "id", Form: Plain, Whose: theirs, Why: "primary key", Basis: LegalDut, Keep: UntilExpiry, Export: "-: made by the export itself", Correct: Fact, Erase: Delete},
				{Name: "person_id", Form: Plain, Whose: theirs, Why: "whose archive it is", Basis: LegalDut, Keep: UntilExpiry, Export: "-: made by the export itself", Correct: Fact, Erase: Delete},
				{Name: "requested_by", Form: Plain, Whose: []string{"actor"}, Why: "who asked for it", Basis: LegalDut, Keep: UntilExpiry, Export: "exports_made[].requested_by", Correct: Fact, Erase: Pseudonym},
				{Name: "state", Form: Plain, Whose: theirs, Why: "waiting or ready", Basis: LegalDut, Keep: UntilExpiry, Export: "-: made by the export itself", Correct: Fact, Erase: Delete},
				{Name: "created_at", Form: Plain, Whose: theirs, Why: "when it was asked for", Basis: LegalDut, Keep: UntilExpiry, Export: "-: made by the export itself", Correct: Fact, Erase: Delete},
				{Name: "expires_at", Form: Plain, Whose: theirs, Why: "when it goes by itself", Basis: LegalDut, Keep: UntilExpiry, Export: "-: made by the export itself", Correct: Fact, Erase: Delete},
				{Name: "size", Form: Plain, Whose: theirs, Why: "how many bytes", Basis: LegalDut, Keep: UntilExpiry, Export: "-: made by the export itself", Correct: Fact, Erase: Delete},
			},
			Indexes: []string{"export_person", "export_expiry", "export_requester"},
		},
		{
			Name: "audit_entry", Owner: "audit", What: "one row for each look at or change of personal data; each holds the hash of the one before",
			Edges: []Edge{{Name: "actor", Path: "audit_entry.actor_id", As: Staff, Fate: RowIsKept}, {Name: "subject", Path: "audit_entry.person_id", As: Caller, Fate: RowIsKept}},
			Columns: []Column{
				nobody("id", "the entry's place in the chain"),
				{Name: "at", Form: Plain, Whose: []string{"actor", "subject"}, Why: "when", Basis: LegalDut, Keep: Accountable, Export: "audit[].at", Correct: Fact, Erase: Retain},
				{Name: "actor_id", Form: Plain, Whose: []string{"actor", "subject"}, Why: "who; NULL for the desk itself", Basis: LegalDut, Keep: Accountable, Export: "audit[].actor_id", Correct: Fact, Erase: Pseudonym},
				{Name: "actor_kind", Form: Plain, Whose: []string{"actor", "subject"}, Why: "person, operator at the machine, or the desk itself", Basis: LegalDut, Keep: Accountable, Export: "audit[].actor_kind", Correct: Fact, Erase: Retain},
				{Name: "action", Form: Plain, Whose: []string{"actor", "subject"}, Why: "what was done, from a closed list", Basis: LegalDut, Keep: Accountable, Export: "audit[].action", Correct: Fact, Erase: Retain},
				{Name: "source", Form: Plain, Whose: []string{"actor", "subject"}, Why: "to what kind of thing", Basis: LegalDut, Keep: Accountable, Export: "audit[].source", Correct: Fact, Erase: Retain},
				{Name: "source_id", Form: Plain, Whose: []string{"actor", "subject"}, Why: "to which one", Basis: LegalDut, Keep: Accountable, Export: "audit[].source_id", Correct: Fact, Erase: Retain},
				{Name: "ticket_id", Form: Plain, Whose: []string{"actor", "subject"}, Why: "on which ticket", Basis: LegalDut, Keep: Accountable, Export: "audit[].ticket_id", Correct: Fact, Erase: Retain},
				{Name: "person_id", Form: Plain, Whose: []string{"subject"}, Why: "whose data it was, as an opaque number", Basis: LegalDut, Keep: Accountable, Export: "audit[].person_id", Correct: Fact, Erase: Pseudonym},
				digest("prev", "the hash of the entry before"), digest("hash", "the hash of this entry"),
			},
			Indexes: []string{"audit_actor", "audit_person"},
		},
	}
}
