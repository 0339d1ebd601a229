package catalogue

func staff() []Table {
	of := func(path string) []Edge {
		return []Edge{{Name: "staff", Path: path, As: Staff, Fate: RowGoes}}
	}
	col := func(name, why, export string) Column {
		return Column{Name: name, Form: Plain, Whose: []string{"staff"}, Why: why, Basis: Contract, Keep: WithRow, Export: export, Correct: InPlace, Erase: Delete}
	}
	secret := func(name, why string) Column {
		c := col(name, why, "-: a secret, shown once when it was made")
		c.Form, c.Correct = Digest, Fact
		return c
	}
	return append(teams(of, col), []Table{
		{
			Name: "state_reason", Owner: "agent", What: "one row for each reason to be away that an administrator made",
			Columns: []Column{
				nobody("id", "primary key"), nobody("name", "what the desk calls the reason"), nobody("state", "the state that goes with it"),
				nobody("created_at", "since when"), nobody("deleted_at", "since when nobody can choose it"),
			},
		},
		{
			Name: "agent", Owner: "agent", What: "one row for each person who answers calls", Edges: of("agent.person_id"),
			Columns: []Column{
				col("person_id", "who answers", "agent[].person_id"),
				col("state", "online, away, transfers only or offline", "agent[].state"),
				col("reason", "unanswered when the desk set the state itself; else nothing", "agent[].reason"),
				col("reason_id", "the reason chosen, from the desk's list", "agent[].reason_id"),
				col("idle_since", "whose turn it is: longest idle first", "agent[].idle_since"),
				col("changed_at", "when the state last changed", "agent[].changed_at"),
			},
		},
		{
			Name: "device", Owner: "agent", What: "one row for each telephone, browser or outside number an agent is rung at", Edges: of("device.person_id"),
			Columns: []Column{
				col("id", "primary key", "devices[].id"),
				col("person_id", "whose telephone it is", "devices[].person_id"),
				col("kind", "sip, browser or forward", "devices[].kind"),
				col("is_rung", "1 when calls ring it", "devices[].is_rung"),
				col("username", "the telephone's sign-in name, made by the desk; NULL for what does not sign in", "devices[].username"),
				{Name: "secret", Form: Sealed, Whose: []string{"staff"}, Why: "to check the telephone's digest (RFC 7616)", Basis: Contract, Keep: WithRow, Export: "-: a secret, shown once when it was made", Correct: InPlace, Erase: DestroyKey},
				{Name: "number", Form: Sealed, Whose: []string{"staff"}, Why: "the outside number calls are forwarded to", Basis: Contract, Keep: WithRow, Export: "devices[].number", Correct: InPlace, Erase: DestroyKey},
				col("created_at", "since when", "devices[].created_at"),
			},
			Indexes: []string{"device_username", "device_person"},
		},
		{
			Name: "registration", Owner: "agent", What: "one row for each place a telephone can be rung at now", Edges: []Edge{{Name: "staff", Path: "registration.device_id→device.person_id", As: Staff, Fate: RowGoes}},
			Columns: []Column{
				col("id", "primary key", "registrations[].id"),
				col("device_id", "which telephone", "registrations[].device_id"),
				{Name: "contact", Form: Sealed, Whose: []string{"staff"}, Why: "where to send the ring", Basis: Contract, Keep: UntilExpiry, Export: "registrations[].contact", Correct: Derived, Erase: DestroyKey},
				{Name: "contact_hash", Form: Blind, Whose: []string{"staff"}, Why: "to replace the row when the telephone renews it", Basis: Contract, Keep: UntilExpiry, Export: "-: a keyed hash of registrations[].contact", Correct: Derived, Erase: Delete},
				col("expires_at", "until when it counts", "registrations[].expires_at"),
			},
			Indexes: []string{"registration_contact"},
		},
		{
			Name: "api_token", Owner: "account", What: "one row for each key a program signs in with", Edges: of("api_token.person_id"),
			Columns: []Column{
				col("id", "primary key", "api_tokens[].id"),
				col("person_id", "in whose name the program acts", "api_tokens[].person_id"),
				secret("hash", "SHA-256 of 32 random bytes, to check the token"),
				col("created_at", "since when", "api_tokens[].created_at"),
				col("used_at", "last use, to the hour", "api_tokens[].used_at"),
				col("revoked_at", "until when", "api_tokens[].revoked_at"),
			},
			Indexes: []string{"api_token_hash", "api_token_person"},
		},
	}...)
}

// teams declares who is in which group and can do what, and what was done.
func teams(of func(path string) []Edge, col func(name, why, export string) Column) []Table {
	return []Table{
		agentDay(of("agent_day.person_id"), col),
		{
			Name: "agent_group", Owner: "agent", What: "one row for each group of agents",
			Columns: []Column{
				nobody("id", "primary key"), nobody("name", "what the desk calls the group"), nobody("is_default", "1 for the group of whoever is in no other"),
				nobody("created_at", "since when"), nobody("updated_at", "when it last changed"), nobody("deleted_at", "since when no call goes there"),
			},
		},
		{
			Name: "membership", Owner: "agent", What: "one row for each group an agent is in", Edges: of("membership.person_id"),
			Columns: []Column{
				col("id", "primary key", "memberships[].id"),
				col("person_id", "who is in the group", "memberships[].person_id"),
				col("group_id", "which group", "memberships[].group_id"),
				col("is_default", "1 for the agent's first group", "memberships[].is_default"),
				col("created_at", "since when", "memberships[].created_at"),
			},
			Indexes: []string{"membership_person", "membership_group"},
		},
		{
			Name: "skill", Owner: "agent", What: "one row for each skill a call may ask for",
			Columns: []Column{nobody("id", "primary key"), nobody("name", "what the desk calls the skill"), nobody("created_at", "since when")},
			Indexes: []string{"skill_name"},
		},
		{
			Name: "agent_skill", Owner: "agent", What: "one row for each skill of an agent", Edges: of("agent_skill.person_id"),
			Columns: []Column{
				col("id", "primary key", "skills[].id"),
				col("person_id", "who has the skill", "skills[].person_id"),
				col("skill_id", "which skill", "skills[].skill_id"),
			},
			Indexes: []string{"agent_skill_person"},
		},
	}
}

// agentDay declares an agent's figures of one day, for the board and nothing
// else: no ranking is made of them.
func agentDay(edges []Edge, col func(name, why, export string) Column) Table {
	figure := func(name, why string) Column {
		c := col(name, why, "agent_days[]."+name)
		c.Basis, c.Keep, c.Correct = Interest, UntilExpiry, Fact
		return c
	}
	return Table{
		Name: "agent_day", Owner: "agent", What: "one row for each day an agent worked, deleted after 31 days", Edges: edges,
		Columns: []Column{
			figure("id", "primary key"), figure("person_id", "who worked"), figure("day_at", "the day, as its first moment in UTC"),
			figure("accepted", "offers accepted"), figure("denied", "offers declined"), figure("missed", "offers not answered"),
			figure("talks", "calls talked in"), figure("talk_ms", "time talking"),
			figure("wrap_ups", "times of wrap-up"), figure("wrap_up_ms", "time in wrap-up"),
			figure("holds", "calls put on hold"), figure("hold_ms", "time callers were on hold"),
			figure("transfers_started", "calls handed on"), figure("transfers_accepted", "calls taken over"),
			figure("available_ms", "time online"), figure("away_ms", "time away"), figure("transfers_only_ms", "time for transfers only"),
		},
		Indexes: []string{"agent_day_person", "agent_day_at"},
	}
}

func lines() []Table {
	return []Table{
		{
			Name: "schedule", Owner: "line", What: "one row for each opening hours that lines go by",
			Columns: []Column{
				nobody("id", "primary key"), nobody("name", "what the desk calls them"), nobody("time_zone", "where the opening hours count"),
				nobody("created_at", "since when they exist"), nobody("updated_at", "when they last changed"),
			},
		},
		{
			Name: "schedule_span", Owner: "line", What: "one row for each span of a week that a schedule is open", Parent: "schedule_id→schedule",
			Columns: []Column{
				nobody("schedule_id", "which schedule"), nobody("weekday", "0 is Sunday"),
				nobody("opens", "minutes after midnight"), nobody("closes", "minutes after midnight"),
			},
		},
		{
			Name: "holiday", Owner: "line", What: "one row for each stretch of days a schedule is closed", Parent: "schedule_id→schedule",
			Columns: []Column{
				nobody("id", "primary key"), nobody("schedule_id", "which schedule"), nobody("name", "the holiday's name"),
				nobody("first_day", "the first closed day"), nobody("last_day", "the last closed day"),
			},
			Indexes: []string{"holiday_schedule"},
		},
		{
			Name: "ivr", Owner: "route", What: "one row for each tree of menus",
			Columns: []Column{
				nobody("id", "primary key"), nobody("name", "what the desk calls the menus"),
				nobody("draft", "the menus being worked on: names, keys, ids, the desk's own texts and the numbers it forwards to; the fields of route.Plan"),
				nobody("live", "the version new calls begin with; NULL while none was published"),
				nobody("created_at", "since when the menus exist"), nobody("updated_at", "when they last changed"),
				nobody("deleted_at", "since when they are gone; name, draft and versions are removed then"),
			},
		},
		{
			Name: "ivr_version", Owner: "route", What: "one row for each published version of a tree of menus",
			Columns: []Column{
				nobody("ivr_id", "which tree of menus"), nobody("number", "its number, from 1"),
				nobody("plan", "the menus as they were published; the fields of route.Plan"), nobody("published_at", "since when"),
			},
		},
		{
			Name: "line", Owner: "line", What: "one row for each number of the desk",
			Columns: []Column{
				nobody("id", "primary key"), nobody("kind", "phone, sip-in or digital"), nobody("number", "the desk's own number"),
				nobody("name", "what the desk calls the line"), nobody("brand", "in whose name the line answers, a company's or a product's"),
				nobody("locale", "the language the line speaks first"), nobody("voice", "whether it takes calls"), nobody("sms", "whether it takes texts"),
				nobody("secure_media", "whether calls must be encrypted"), nobody("outbound", "whether agents may call from it"),
				nobody("caller_id", "the company's number that is shown"), nobody("consent", "always, opt-in, opt-out or never"),
				nobody("keep_call_days", "automatic deletion of recorded calls; NULL is never"),
				nobody("keep_voicemail_days", "automatic deletion of voice messages; NULL is never"),
				nobody("priority", "whether its callers go before others"), nobody("menu_id", "the menu a caller hears"),
				nobody("schedule_id", "when it is open; NULL is always"), nobody("time_zone", "where it is, when it has no schedule"),
				nobody("ring_seconds", "how long one agent is rung"), nobody("wait_seconds", "how long a caller waits at most"),
				nobody("max_queue", "how many callers wait at most"), nobody("announce_wait", "whether callers hear the average wait"),
				nobody("announce_position", "whether callers hear their place"), nobody("callback", "whether callers may ask to be called back"),
				nobody("wrap_up", "whether agents have time after a call"), nobody("wrap_up_seconds", "how much at most; 0 is no limit"),
				nobody("voicemail", "whether messages are taken"), nobody("overflow", "a number of a company's, as an answering service, in hours"),
				nobody("overflow_closed", "a number of a company's, as an answering service, out of hours"),
				nobody("failover", "a number of a company's, for when the desk is down"),
				nobody("text_back", "whether a caller nobody talked to gets a text"), nobody("text_back_words", "the company's own words of that text"),
				nobody("turn", "whose turn it is: longest idle or round robin"), nobody("relax_seconds", "for how long skills are asked for; 0 is without end"),
				nobody("created_at", "since when the line exists"), nobody("updated_at", "when it last changed"), nobody("deleted_at", "since when it takes no calls"),
			},
			Indexes: []string{"line_number"},
		},
		{
			Name: "direct_line", Owner: "agent", What: "one row for each line that rings one agent alone", Edges: []Edge{{Name: "staff", Path: "direct_line.person_id", As: Staff, Fate: RowGoes}},
			Columns: []Column{
				{Name: "line_id", Form: Plain, Whose: []string{"staff"}, Why: "which line", Basis: Contract, Keep: WithRow, Export: "direct_lines[].line_id", Correct: InPlace, Erase: Delete},
				{Name: "person_id", Form: Plain, Whose: []string{"staff"}, Why: "whom it rings", Basis: Contract, Keep: WithRow, Export: "direct_lines[].person_id", Correct: InPlace, Erase: Delete},
			},
			Indexes: []string{"direct_line_person"},
		},
	}
}

// lineParts declares what a line has many of: groups, skills, sounds.
func lineParts() []Table {
	return []Table{
		{
			Name: "line_group", Owner: "line", What: "one row for each group a line rings, in order", Parent: "line_id→line",
			Columns: []Column{nobody("line_id", "which line"), nobody("place", "0 is the primary group"), nobody("group_id", "which group")},
		},
		{
			Name: "line_skill", Owner: "line", What: "one row for each skill a line asks of an agent", Parent: "line_id→line",
			Columns: []Column{nobody("line_id", "which line"), nobody("skill_id", "which skill")},
		},
		{
			Name: "greeting", Owner: "line", What: "one row for each sound file of an administrator", Edges: []Edge{{Name: "staff", Path: "greeting.uploaded_by", As: Staff, Fate: RowStays}},
			Columns: []Column{
				nobody("id", "primary key"), nobody("category", "what the sound is for, from a closed list"),
				nobody("locale", "the language spoken"), nobody("name", "what the desk calls it"),
				digest("sha256", "which sound a caller was played, to prove consent later; NULL until it is there"),
				nobody("duration_ms", "how long it plays"), nobody("created_at", "since when"),
				{Name: "uploaded_by", Form: Plain, Whose: []string{"staff"}, Why: "who put it there", Basis: Interest, Keep: WithRow, Export: "greetings[].uploaded_by", Correct: Fact, Erase: Pseudonym},
				nobody("removed_at", "since when it is not played; it is kept, because consent rests on it"),
			},
			Indexes: []string{"greeting_uploader"},
		},
		{
			Name: "greeting_use", Owner: "line", What: "one row for each place a sound file is played", Parent: "line_id→line",
			Columns: []Column{
				nobody("line_id", "on which line"), nobody("category", "as the sound's"), nobody("locale", "as the sound's"),
				nobody("hours", "any, open or closed"), nobody("greeting_id", "which sound"),
			},
			Indexes: []string{"greeting_use_greeting"},
		},
	}
}
