package catalogue

// dialling declares the rules and the account of calls to numbers outside.
func dialling() []Table {
	col := func(name, why string) Column {
		return Column{Name: name, Form: Plain, Whose: []string{"agent"}, Why: why, Basis: Interest, Keep: WithRow, Export: "dialled[]." + name, Correct: Fact, Erase: Detach}
	}
	who := col("agent_id", "who asked, so that the day's caps count; NULL for a rule of the desk")
	who.Erase = Pseudonym
	return []Table{
		{
			Name: "dial_country", Owner: "dial", What: "one row for each country that may be dialled besides the desk's own",
			Columns: []Column{nobody("region", "the country, in two letters")},
		},
		{
			Name: "dial_rate", Owner: "dial", What: "one row for each price of the carrier",
			Columns: []Column{nobody("prefix", "which numbers, by their first digits"), nobody("micros", "what a minute costs, in millionths")},
		},
		{
			Name: "dial_attempt", Owner: "dial", What: "one row for each time somebody asked to call a number outside; the number is not kept",
			Edges: []Edge{{Name: "agent", Path: "dial_attempt.agent_id", As: Staff, Fate: RowStays}},
			Columns: []Column{
				col("id", "primary key"), who,
				col("path", "click, ticket, transfer and so on, from a closed list"),
				col("outcome", "allowed, or why not, from a closed list"),
				col("day", "which day's caps it counts for"),
				col("at", "when it was asked"),
				col("ended_at", "when the call was over; at once for a refusal"),
				col("seconds", "how long the call lasted, or may last"),
				col("cost_micros", "what it cost, or may cost, in millionths"),
			},
			Indexes: []string{"dial_attempt_day", "dial_attempt_open", "dial_attempt_agent"},
		},
	}
}
