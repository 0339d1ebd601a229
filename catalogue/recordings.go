package catalogue

func recordings() []Table {
	owned := []string{"caller"}
	fact := func(name, why, export string) Column {
		return Column{Name: name, Form: Plain, Whose: owned, Why: why, Basis: Contract, Keep: WithLine, Export: export, Correct: Fact, Erase: Delete}
	}
	both := func(name, why, export string) Column {
		c := fact(name, why, export)
		c.Whose = []string{"caller", "speaker"}
		return c
	}
	return []Table{
		{
			Name: "recording", Owner: "recording", What: "one row for each recorded call or voice message, also after its sound is gone", Parent: "ticket_id→ticket",
			Edges: []Edge{
				{Name: "caller", Path: "recording.call_id→call.person_id", As: Caller, Fate: RowGoes},
				{Name: "deleter", Path: "recording.deleted_by", As: Staff, Fate: RowStays},
			},
			Columns: []Column{
				fact("id", "primary key", "recordings[].id"),
				fact("call_id", "which call", "recordings[].call_id"),
				fact("ticket_id", "which case", "recordings[].ticket_id"),
				fact("line_id", "whose automatic deletion applies", "recordings[].line_id"),
				fact("kind", "call or voicemail", "recordings[].kind"),
				fact("state", "writing, durable, lost, deleted or erased", "recordings[].state"),
				fact("reason", "why it is not durable, from a closed list", "recordings[].reason"),
				fact("started_at", "the first sample's time", "recordings[].started_at"),
				fact("ended_at", "the last sample's time", "recordings[].ended_at"),
				fact("duration_ms", "how long", "recordings[].duration_ms"),
				fact("deleted_at", "when the sound was deleted", "recordings[].deleted_at"),
				{Name: "deleted_by", Form: Plain, Whose: []string{"caller", "deleter"}, Why: "who deleted it; NULL for automatic deletion", Basis: LegalDut, Keep: WithTicket, Export: "recordings[].deleted_by", Correct: Fact, Erase: Pseudonym},
			},
			Indexes: []string{"recording_call", "recording_ticket", "recording_due", "recording_deleter"},
		},
		{
			Name: "track", Owner: "recording", What: "one row for each voice of a recording; the sound is a blob of class track", Parent: "recording_id→recording",
			Edges: []Edge{
				{Name: "caller", Path: "track.recording_id→recording.call_id→call.person_id", As: Caller, Fate: RowGoes},
				{Name: "speaker", Path: "track.agent_id", As: Staff, Fate: RowGoes},
			},
			Columns: []Column{
				both("id", "primary key", "tracks[].id"),
				both("recording_id", "which recording", "tracks[].recording_id"),
				both("agent_id", "the agent who speaks; NULL on the caller's track", "tracks[].agent_id"),
				both("role", "caller or agent", "tracks[].role"),
				{Name: "key_id", Form: KeyRef, Whose: []string{"speaker"}, Why: "the slot of the agent's key on the agent's track, 0 on the caller's", Basis: LegalDut, Keep: WithLine, Export: "-: a slot number of the keyring", Correct: Fact, Erase: Delete},
				{Name: "caller_key_id", Form: KeyRef, Whose: owned, Why: "the slot of the caller's key; every track of the call needs it too", Basis: LegalDut, Keep: WithLine, Export: "-: a slot number of the keyring", Correct: Fact, Erase: Delete},
				both("offset_samples", "where on the recording's timeline it begins", "tracks[].offset_samples"),
				both("samples", "how many samples, 8000 a second", "tracks[].samples"),
				both("lost_samples", "how many of them never came or could not be written", "tracks[].lost_samples"),
				both("chunks", "how many sealed chunks the file has", "tracks[].chunks"),
				both("state", "writing, durable or lost", "tracks[].state"),
			},
			Indexes: []string{"track_recording", "track_agent"},
		},
		{
			Name: "pause", Owner: "recording", What: "one row for each stretch that was kept out of a recording: it is silent there", Parent: "recording_id→recording",
			Edges: []Edge{
				{Name: "caller", Path: "pause.recording_id→recording.call_id→call.person_id", As: Caller, Fate: RowGoes},
				{Name: "by", Path: "pause.by_id", As: Staff, Fate: RowStays},
			},
			Columns: []Column{
				fact("id", "primary key", "pauses[].id"),
				fact("recording_id", "which recording", "pauses[].recording_id"),
				{Name: "by_id", Form: Plain, Whose: []string{"caller", "by"}, Why: "who paused it; NULL for the operator", Basis: Contract, Keep: WithLine, Export: "pauses[].by_id", Correct: Fact, Erase: Pseudonym},
				fact("started_at", "when it was paused", "pauses[].started_at"),
				fact("ended_at", "when it went on", "pauses[].ended_at"),
			},
			Indexes: []string{"pause_recording", "pause_by"},
		},
		{
			Name: "statement", Owner: "recording", What: "one row for each statement a person bound to a recording, since sound is not edited", Parent: "recording_id→recording",
			Edges: []Edge{{Name: "caller", Path: "statement.recording_id→recording.call_id→call.person_id", As: Caller, Fate: RowGoes}},
			Columns: []Column{
				fact("id", "primary key", "statements[].id"),
				fact("recording_id", "which recording", "statements[].recording_id"),
				{Name: "body", Form: Sealed, Whose: owned, Why: "what the person says is not right (GDPR 16)", Basis: LegalDut, Keep: WithLine, Export: "statements[].body", Correct: InPlace, Erase: DestroyKey},
				fact("created_at", "when it was made", "statements[].created_at"),
			},
			Indexes: []string{"statement_recording"},
		},
	}
}
