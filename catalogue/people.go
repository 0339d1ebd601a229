package catalogue

func people() []Table {
	self := Edge{Name: "self", Path: "person.id", As: Caller, Fate: RowStays}
	of := func(table string) Edge {
		return Edge{Name: "person", Path: table + ".person_id", As: Caller, Fate: RowGoes}
	}
	mine := []string{"self"}
	theirs := []string{"person"}
	return []Table{
		{
			Name: "person", Owner: "person", What: "one row for each person: end user, agent, administrator", Edges: []Edge{self},
			Columns: []Column{
				{Name: "id", Form: Plain, Whose: mine, Why: "an opaque number, so that tickets and calls can point at the person", Basis: Contract, Keep: Accountable, Export: "person[].id", Correct: Fact, Erase: Pseudonym},
				{Name: "key_id", Form: KeyRef, Whose: mine, Why: "the slot of the key everything about the person is sealed under", Basis: LegalDut, Keep: WithPerson, Export: "-: a slot number of the keyring", Correct: Fact, Erase: DestroyKey},
				{Name: "role", Form: Plain, Whose: mine, Why: "what the person may do here", Basis: Contract, Keep: WithPerson, Export: "person[].role", Correct: InPlace, Erase: Detach},
				{Name: "name", Form: Sealed, Whose: mine, Why: "to address the person", Basis: Contract, Keep: WithPerson, Export: "person[].name", Correct: InPlace, Erase: DestroyKey},
				{Name: "notes", Form: Sealed, Whose: mine, Why: "what agents must know to help", Basis: Interest, Keep: WithPerson, Export: "person[].notes", Correct: InPlace, Erase: DestroyKey},
				{Name: "details", Form: Sealed, Whose: mine, Why: "what the person told about itself", Basis: Contract, Keep: WithPerson, Export: "person[].details", Correct: InPlace, Erase: DestroyKey},
				{Name: "external_id", Form: Sealed, Whose: mine, Why: "the person's number in the company's other systems", Basis: Interest, Keep: WithPerson, Export: "person[].external_id", Correct: InPlace, Erase: DestroyKey},
				{Name: "external_hash", Form: Blind, Whose: mine, Why: "to find the person by that number", Basis: Interest, Keep: WithPerson, Export: "-: a keyed hash of external_id", Correct: Derived, Erase: Null},
				{Name: "locale", Form: Plain, Whose: mine, Why: "the language to speak", Basis: Contract, Keep: WithPerson, Export: "person[].locale", Correct: InPlace, Erase: Null},
				{Name: "created_at", Form: Plain, Whose: mine, Why: "since when the person is known", Basis: Contract, Keep: WithPerson, Export: "person[].created_at", Correct: Fact, Erase: Detach},
				{Name: "updated_at", Form: Plain, Whose: mine, Why: "when the entry last changed", Basis: Contract, Keep: WithPerson, Export: "person[].updated_at", Correct: Derived, Erase: Detach},
				{Name: "suspended_at", Form: Plain, Whose: mine, Why: "the person may not sign in", Basis: Interest, Keep: WithPerson, Export: "person[].suspended_at", Correct: InPlace, Erase: Null},
				{Name: "deleted_at", Form: Plain, Whose: mine, Why: "deleted, but not yet for good", Basis: Interest, Keep: WithPerson, Export: "person[].deleted_at", Correct: InPlace, Erase: Detach},
				{Name: "frozen_at", Form: Plain, Whose: mine, Why: "erasure has begun: nothing new may be written", Basis: LegalDut, Keep: Accountable, Export: "-: only set while the person is being erased", Correct: Fact, Erase: Detach},
				{Name: "erased_at", Form: Plain, Whose: mine, Why: "when the person was forgotten", Basis: LegalDut, Keep: Accountable, Export: "-: only set once there is nothing to export", Correct: Fact, Erase: Detach},
			},
			Indexes: []string{"person_role", "person_external"},
		},
		{
			Name: "address", Owner: "person", What: "one row for each telephone number or e-mail address of a person", Edges: []Edge{of("address")},
			Columns: []Column{
				{Name: "id", Form: Plain, Whose: theirs, Why: "primary key", Basis: Contract, Keep: WithRow, Export: "addresses[].id", Correct: Fact, Erase: Delete},
				{Name: "person_id", Form: Plain, Whose: theirs, Why: "whose address it is", Basis: Contract, Keep: WithRow, Export: "addresses[].person_id", Correct: Fact, Erase: Delete},
				{Name: "kind", Form: Plain, Whose: theirs, Why: "phone or email", Basis: Contract, Keep: WithRow, Export: "addresses[].kind", Correct: Fact, Erase: Delete},
				{Name: "value", Form: Sealed, Whose: theirs, Why: "to know who calls and to call back", Basis: Contract, Keep: WithPerson, Export: "addresses[].value", Correct: InPlace, Erase: DestroyKey},
				{Name: "is_primary", Form: Plain, Whose: theirs, Why: "which one to use first", Basis: Contract, Keep: WithRow, Export: "addresses[].is_primary", Correct: InPlace, Erase: Delete},
				{Name: "verified_at", Form: Plain, Whose: theirs, Why: "when the person proved it is theirs", Basis: Contract, Keep: WithRow, Export: "addresses[].verified_at", Correct: InPlace, Erase: Delete},
				{Name: "created_at", Form: Plain, Whose: theirs, Why: "since when it is known", Basis: Contract, Keep: WithRow, Export: "addresses[].created_at", Correct: Fact, Erase: Delete},
			},
			Indexes: []string{"address_person"},
		},
		{
			Name: "address_index", Owner: "person", What: "one row for each address, to find the person by it", Edges: []Edge{of("address_index")},
			Columns: []Column{
				{Name: "hash", Form: Blind, Whose: theirs, Why: "to find the person by number or e-mail", Basis: Contract, Keep: WithRow, Export: "-: a keyed hash of addresses[].value", Correct: Derived, Erase: Delete},
				{Name: "address_id", Form: Plain, Whose: theirs, Why: "the address behind the hash", Basis: Contract, Keep: WithRow, Export: "-: repeats addresses[].id", Correct: Derived, Erase: Delete},
				{Name: "person_id", Form: Plain, Whose: theirs, Why: "the person behind the hash", Basis: Contract, Keep: WithRow, Export: "-: repeats addresses[].person_id", Correct: Derived, Erase: Delete},
			},
			Indexes: []string{"address_index_person"},
		},
		{
			Name: "name_index", Owner: "person", What: "one row for each word of a name, to find the person by it", Edges: []Edge{of("name_index")},
			Columns: []Column{
				{Name: "hash", Form: Blind, Whose: theirs, Why: "to find the person by name", Basis: Contract, Keep: WithRow, Export: "-: a keyed hash of a word of person.name", Correct: Derived, Erase: Delete},
				{Name: "person_id", Form: Plain, Whose: theirs, Why: "the person behind the hash", Basis: Contract, Keep: WithRow, Export: "-: repeats person.id", Correct: Derived, Erase: Delete},
			},
			Indexes: []string{"name_index_person"},
		},
		{
			Name: "objection", Owner: "person", What: "one row for each purpose a person objected to", Edges: []Edge{of("objection")},
			Columns: []Column{
				{Name: "id", Form: Plain, Whose: theirs, Why: "primary key", Basis: LegalDut, Keep: WithRow, Export: "objections[].id", Correct: Fact, Erase: Delete},
				{Name: "person_id", Form: Plain, Whose: theirs, Why: "who objects", Basis: LegalDut, Keep: WithRow, Export: "objections[].person_id", Correct: Fact, Erase: Delete},
				{Name: "purpose", Form: Plain, Whose: theirs, Why: "what for the data may not be used (GDPR 21)", Basis: LegalDut, Keep: WithRow, Export: "objections[].purpose", Correct: InPlace, Erase: Delete},
				{Name: "raised_at", Form: Plain, Whose: theirs, Why: "since when", Basis: LegalDut, Keep: WithRow, Export: "objections[].raised_at", Correct: Fact, Erase: Delete},
				{Name: "withdrawn_at", Form: Plain, Whose: theirs, Why: "until when", Basis: LegalDut, Keep: WithRow, Export: "objections[].withdrawn_at", Correct: Fact, Erase: Delete},
			},
			Indexes: []string{"objection_person"},
		},
		{
			Name: "suppression", Owner: "person", What: "one row for each number that must not be contacted for a purpose, also after its owner is forgotten",
			Columns: []Column{
				{Name: "hash", Form: Blind, Nobody: "a keyed hash under a key of its own; it leads to no row and to no person, and is kept so that the objection outlives the erasure (GDPR 21(3), 17(3)(b))", Why: "every outgoing call and text asks here first", Basis: LegalDut, Keep: Accountable, Export: "-: exported as objections[]", Correct: Derived, Erase: Retain},
				nobody("purpose", "the purpose, from a closed list"),
				nobody("since_at", "since when; says nothing about whose"),
			},
		},
	}
}
