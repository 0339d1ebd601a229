package catalogue

// monitorings declares who was in whose call.
func monitorings() []Table {
	watched := func(name, why string) Column {
		return Column{
			Name: name, Form: Plain, Whose: []string{"caller", "agent", "supervisor"}, Why: why, Basis: Interest, Keep: WithRow,
			Export: "monitorings[]." + name, Correct: Fact, Erase: Detach,
		}
	}
	who := func(name, why string) Column {
		c := watched(name, why)
		c.Erase = Pseudonym
		return c
	}
	ticket := watched("ticket_id", "the case it belongs to")
	ticket.Whose, ticket.Erase = []string{"caller"}, Null
	return []Table{
		{
			Name: "monitoring", Owner: "call", What: "one row for each time somebody listened to, whispered into or joined another's call",
			Edges: []Edge{
				{Name: "caller", Path: "monitoring.call_id→call.person_id", As: Caller, Fate: RowStays}, {Name: "agent", Path: "monitoring.agent_id", As: Staff, Fate: RowStays},
				{Name: "supervisor", Path: "monitoring.supervisor_id", As: Staff, Fate: RowStays},
			},
			Columns: []Column{
				watched("id", "primary key"), watched("call_id", "which call"), ticket,
				who("agent_id", "whose call it was"), who("supervisor_id", "who listened"),
				watched("action", "listen, whisper or barge"), watched("started_at", "when it began"), watched("ended_at", "when it was over"),
			},
			Indexes: []string{"monitoring_call", "monitoring_agent", "monitoring_supervisor"},
		},
	}
}
