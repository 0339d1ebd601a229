package catalogue

// nobody declares a column that holds nobody's data, and says why not.
func nobody(name, reason string) Column {
	return Column{
		Name: name, Form: Plain, Nobody: reason, Why: reason, Basis: Interest, Keep: WithDesk,
		Export: "-: nobody's data", Correct: NotNeeded, Erase: Untouched,
	}
}

// digest declares a hash that nothing can be read out of.
func digest(name, reason string) Column {
	c := nobody(name, reason)
	c.Form = Digest
	return c
}

// desk declares what the desk knows about itself.
func desk() []Table {
	return []Table{
		{
			Name: "desk", Owner: "db", What: "one row for each fact about this installation",
			Columns: []Column{nobody("name", "the fact's name, from a closed list"), nobody("value", "an instance number, a count, a hash")},
		},
		{
			Name: "sequence", Owner: "db", What: "one row for each counter that people read aloud",
			Columns: []Column{nobody("name", "the counter's name"), nobody("next", "the number given last")},
		},
		{
			Name: "setting", Owner: "db", What: "one row for each setting an administrator changed",
			Columns: []Column{nobody("name", "the setting's name, from a closed list"), nobody("value", "a number or a word of a closed list")},
		},
		{
			Name: "goose_db_version", Owner: "db", What: "one row for each migration that ran",
			Columns: []Column{
				nobody("id", "primary key"), nobody("version_id", "the migration's number"),
				nobody("is_applied", "whether it ran"), nobody("tstamp", "when it ran"),
			},
		},
		{
			Name: "job", Owner: "job", What: "one row for each piece of work that must survive a restart",
			Columns: []Column{
				nobody("id", "primary key"), nobody("kind", "what to do, from a closed list"),
				nobody("ref", "the number of the thing to do it to; never more"),
				nobody("state", "waiting, running, done or failed"), nobody("due_at", "when to start"),
				nobody("attempts", "how often it was tried"), nobody("claimed_until", "whoever runs it has until then"),
				nobody("done_at", "when it was finished"), nobody("fault", "the kind of the last error, from a closed list"),
			},
			Indexes: []string{"job_due", "job_once"},
		},
	}
}
