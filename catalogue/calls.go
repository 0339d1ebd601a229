package catalogue

func calls() []Table {
	// long: one table, read from top to end.
	caller := Edge{Name: "caller", Path: "call.person_id", As: Caller, Fate: RowStays}
	answered := Edge{Name: "agent", Path: "call.agent_id", As: Staff, Fate: RowStays}
	figure := func(name, why, export string) Column {
		return Column{Name: name, Form: Plain, Whose: []string{"caller"}, Why: why, Basis: Contract, Keep: WithRow, Export: export, Correct: Fact, Erase: Detach}
	}
	shared := func(name, why, export string) Column {
		c := figure(name, why, export)
		c.Whose = []string{"caller", "agent"}
		return c
	}
	link := func(c Column, e Erase) Column {
		c.Erase = e
		return c
	}
	via := func(table string) Edge {
		return Edge{Name: "caller", Path: table + ".call_id→call.person_id", As: Caller, Fate: RowStays}
	}
	return []Table{
		{
			Name: "call", Owner: "call", What: "one row for each call, from the first ring to the end reason",
			Edges: []Edge{caller, answered},
			Columns: []Column{
				shared("id", "primary key", "calls[].id"),
				shared("line_id", "which line was called", "calls[].line_id"),
				link(figure("person_id", "who called, as far as the number tells; NULL when withheld", "calls[].person_id"), Null),
				{Name: "key_id", Form: KeyRef, Whose: []string{"caller"}, Why: "the slot of the key the caller's side is sealed under", Basis: LegalDut, Keep: WithPerson, Export: "-: a slot number of the keyring", Correct: Fact, Erase: DestroyKey},
				link(shared("agent_id", "who answered", "calls[].agent_id"), Pseudonym),
				link(figure("ticket_id", "the case it belongs to", "calls[].ticket_id"), Null),
				shared("direction", "inbound or outbound", "calls[].direction"),
				shared("state", "ringing, greeting, menu, consent, queued, connected, voicemail or ended", "calls[].state"),
				shared("in_hours", "1 when the line was open", "calls[].in_hours"),
				{Name: "from_number", Form: Sealed, Whose: []string{"caller"}, Why: "to know who calls and to call back", Basis: Contract, Keep: WithPerson, Export: "calls[].from_number", Correct: Fact, Erase: DestroyKey},
				{Name: "from_name", Form: Sealed, Whose: []string{"caller"}, Why: "the name the network sent along", Basis: Contract, Keep: WithPerson, Export: "calls[].from_name", Correct: Fact, Erase: DestroyKey},
				figure("consent", "what the caller decided about recording", "calls[].consent"),
				figure("voicemail", "1 when a message was left", "calls[].voicemail"),
				shared("started_at", "when it rang", "calls[].started_at"),
				shared("answered_at", "when the desk picked up", "calls[].answered_at"),
				shared("connected_at", "when an agent was on", "calls[].connected_at"),
				shared("ended_at", "when it was over", "calls[].ended_at"),
				shared("reason", "the one reason it ended, from a closed list", "calls[].reason"),
				shared("holds", "how often the caller was put on hold", "calls[].holds"),
				shared("hold_ms", "how long the caller was on hold, in milliseconds", "calls[].hold_ms"),
				shared("consult_ms", "how long the agent asked somebody else meanwhile", "calls[].consult_ms"),
				shared("pauses", "how often the recording was paused", "calls[].pauses"),
				shared("paused_ms", "how long it was paused", "calls[].paused_ms"),
				shared("queued_at", "when the caller began to wait for an agent", "calls[].queued_at"),
				shared("wait_ms", "how long the caller waited in all", "calls[].wait_ms"),
				shared("overdue", "whether the longest wait of the line was over first", "calls[].overdue"),
				shared("overflowed", "1 when the call went on to a number outside because no agent took it", "calls[].overflowed"),
				shared("callback", "who asked to be called back: queue or api; empty for nobody", "calls[].callback"),
				shared("group_id", "which group the caller was given to; NULL for none", "calls[].group_id"),
			},
			Indexes: []string{"call_person", "call_agent", "call_ticket", "call_open", "call_started", "call_ended"},
		},
		{
			Name: "call_leg", Owner: "call", What: "one row for each party's part in a call",
			Edges: []Edge{via("call_leg"), {Name: "agent", Path: "call_leg.person_id", As: Staff, Fate: RowStays}, {Name: "by", Path: "call_leg.by_id", As: Staff, Fate: RowStays}},
			Columns: []Column{
				shared("id", "primary key", "legs[].id"),
				shared("call_id", "which call", "legs[].call_id"),
				link(shared("person_id", "the agent who was rung; NULL for the caller", "legs[].person_id"), Pseudonym),
				shared("kind", "caller, agent, external or supervisor", "legs[].kind"),
				shared("started_at", "when it was rung", "legs[].started_at"),
				shared("answered_at", "when it answered", "legs[].answered_at"),
				shared("ended_at", "when it was over", "legs[].ended_at"),
				shared("cause", "why it ended, from a closed list", "legs[].cause"),
				shared("packets", "RTP packets received", "legs[].packets"),
				shared("lost", "RTP packets lost", "legs[].lost"),
				shared("jitter_us", "jitter in microseconds (RFC 3550 6.4.1)", "legs[].jitter_us"),
				shared("part", "how it came in: line, offer, consultation, transfer, conference, dialled, overflow or monitoring", "legs[].part"),
				{Name: "by_id", Form: Plain, Whose: []string{"caller", "agent", "by"}, Why: "the agent who brought it in; NULL for the desk", Basis: Contract, Keep: WithRow, Export: "legs[].by_id", Correct: Fact, Erase: Pseudonym},
				shared("talk_ms", "how long it was in the conversation", "legs[].talk_ms"),
				shared("hold_ms", "how long it was on hold", "legs[].hold_ms"),
				shared("consult_ms", "how long it was asked while the caller was on hold", "legs[].consult_ms"),
				shared("issues", "what was wrong with the sound, words of a closed list", "legs[].issues"),
				shared("wrap_up_ms", "how long the agent wrote afterwards", "legs[].wrap_up_ms"),
			},
			Indexes: []string{"call_leg_call", "call_leg_person", "call_leg_by"},
		},
		{
			Name: "ivr_step", Owner: "route", What: "one row for each stay of a call in a menu; never the key that was pressed",
			Edges: []Edge{via("ivr_step")},
			Columns: []Column{
				figure("id", "primary key", "menus[].id"),
				figure("call_id", "which call", "menus[].call_id"),
				figure("ivr_id", "which tree of menus", "menus[].ivr_id"),
				figure("version", "which version of it", "menus[].version"),
				figure("menu_id", "which menu", "menus[].menu_id"),
				figure("action", "the way it took, a wrong key, no key, or abandoned; from a closed list", "menus[].action"),
				figure("entered_at", "when the menu began", "menus[].entered_at"),
				figure("left_at", "when the call left it", "menus[].left_at"),
			},
			Indexes: []string{"ivr_step_call"},
		},
		{
			Name: "consent", Owner: "recording", What: "one row for each time a caller was told about recording and decided",
			Edges: []Edge{via("consent")},
			Columns: []Column{
				figure("id", "primary key", "consents[].id"),
				figure("call_id", "which call", "consents[].call_id"),
				figure("purpose", "what for: call recording or voicemail", "consents[].purpose"),
				figure("mode", "the line's rule: always, opt-in, opt-out or never", "consents[].mode"),
				figure("outcome", "granted, refused, withdrawn or not asked", "consents[].outcome"),
				figure("evidence", "how it was given: key 3, no key, a ticked box, no tick, or the rule itself", "consents[].evidence"),
				figure("notice", "which notice was played or shown", "consents[].notice"),
				figure("locale", "the language it was in", "consents[].locale"),
				{Name: "notice_hash", Form: Digest, Whose: []string{"caller"}, Why: "SHA-256 of the very sound played or words shown, to prove what was said (GDPR 7(1))", Basis: LegalDut, Keep: WithRow, Export: "consents[].notice_hash", Correct: Fact, Erase: Detach},
				figure("asked_at", "when the notice ended", "consents[].asked_at"),
				figure("decided_at", "when it was decided", "consents[].decided_at"),
			},
			Indexes: []string{"consent_call"},
		},
	}
}

// callbacks declares what is kept of callers who were promised a call back.
func callbacks() []Table {
	return []Table{
		callback(),
		{
			Name: "callback_want", Owner: "queue", What: "one row for each group or skill a promise to call back waits for", Parent: "callback_id→callback",
			Columns: []Column{
				nobody("id", "primary key"), nobody("callback_id", "which promise"),
				nobody("kind", "group, secondary or skill"), nobody("ref", "its number"),
			},
			Indexes: []string{"callback_want_callback"},
		},
	}
}

// callback declares a place in the queue that is kept without a call: the
// promise to call back.
func callback() Table {
	col := func(name, why string) Column {
		return Column{Name: name, Form: Plain, Whose: []string{"caller"}, Why: why, Basis: Contract, Keep: UntilExpiry, Export: "callbacks[]." + name, Correct: Fact, Erase: Delete}
	}
	key := col("key_id", "the slot of the key the number is sealed under")
	key.Form, key.Basis, key.Export, key.Erase = KeyRef, LegalDut, "-: a slot number of the keyring", DestroyKey
	number := col("number", "whom to call back")
	number.Form, number.Erase = Sealed, DestroyKey
	agent := col("agent_id", "the agent of a direct line, who alone is asked to call back")
	agent.Whose, agent.Erase = []string{"caller", "agent"}, Pseudonym
	return Table{
		Name: "callback", Owner: "queue", What: "one row for each promise to call back that is not kept yet; deleted when it is, and after three days",
		Edges: []Edge{
			{Name: "caller", Path: "callback.person_id", As: Caller, Fate: RowGoes},
			{Name: "agent", Path: "callback.agent_id", As: Staff, Fate: RowStays},
		},
		Columns: []Column{
			col("id", "primary key"), col("line_id", "which line was called"), col("call_id", "the call that was left; NULL for a request from elsewhere"),
			col("person_id", "who is to be called; NULL when the number is nobody's"), key, number,
			col("priority", "1 for the head of the queue"), agent,
			col("secondary_after_ms", "after how long the second groups are asked too"), col("relax_after_ms", "after how long skills do not count"),
			col("ring_ms", "how long one agent is rung"), col("turn", "whose turn it is: longest idle or round robin"),
			col("source", "queue or api"), col("attempts", "how often the number was called"),
			col("since_at", "since when the caller waits"), col("expires_at", "when it is given up"),
		},
		Indexes: []string{"callback_person", "callback_expiry", "callback_agent"},
	}
}
