package api

import (
	"net/http"
	"slices"
)

// access is who may come in at all. What they may see and do inside is the
// called package's to say.
type access uint8

// The ways in.
const (
	staff  access = iota // agents, team leads and administrators
	lead                 // team leads and administrators
	admin                // administrators
	anyone               // without signing in
)

// route is one operation.
type route struct {
	method string
	path   string // below /api/v2, as http.ServeMux reads it
	who    access
	handle func(http.ResponseWriter, *request) error
}

// routes is the complete list. openapi.yaml describes each; a test compares
// the two. Every path may end in .json or a slash.
func (a *API) routes() []route {
	return slices.Concat(a.people(), a.cases(), a.voices(), a.teams(), a.lines(), a.menus(), a.rights())
}

// people are users, their addresses and the deleted ones.
func (a *API) people() []route {
	const user = "/users/{id}"
	return []route{
		{"GET", "/openapi.yaml", anyone, a.showDescription},

		{"GET", "/users", staff, a.listUsers},
		{"POST", "/users", staff, a.createUser},
		{"GET", "/users/me", staff, a.showMe},
		{"GET", "/users/count", staff, a.countUsers},
		{"GET", "/users/search", staff, a.searchUsers},
		{"GET", "/users/autocomplete", staff, a.searchUsers},
		{"GET", "/users/show_many", staff, a.showManyUsers},
		{"POST", "/users/create_or_update", staff, a.createOrUpdateUser},
		{"DELETE", "/users/destroy_many", staff, a.destroyManyUsers},
		{"GET", user, staff, a.showUser},
		{"PUT", user, staff, a.updateUser},
		{"DELETE", user, staff, a.deleteUser},
		{"GET", user + "/related", staff, a.showRelated},
		{"GET", user + "/tickets/requested", staff, a.listRequested},
		{"GET", user + "/tickets/assigned", staff, a.listAssigned},
		{"GET", user + "/compliance_deletion_statuses", staff, a.showDeletionStatuses},
		{"GET", user + "/identities", staff, a.listIdentities},
		{"POST", user + "/identities", staff, a.createIdentity},
		{"GET", user + "/identities/{identity}", staff, a.showIdentity},
		{"PUT", user + "/identities/{identity}", staff, a.updateIdentity},
		{"DELETE", user + "/identities/{identity}", staff, a.deleteIdentity},
		{"PUT", user + "/identities/{identity}/make_primary", staff, a.makeIdentityPrimary},

		{"GET", "/deleted_users", staff, a.listDeletedUsers},
		{"GET", "/deleted_users/count", staff, a.countDeletedUsers},
		{"GET", "/deleted_users/{id}", staff, a.showDeletedUser},
		{"DELETE", "/deleted_users/{id}", admin, a.eraseDeletedUser},
	}
}

// cases are tickets with what is on them, jobs and search.
func (a *API) cases() []route {
	const (
		ticket  = "/tickets/{ticket}"
		comment = ticket + "/comments/{comment}"
	)
	return []route{
		{"GET", "/tickets", staff, a.listTickets},
		{"POST", "/tickets", staff, a.createTicket},
		{"GET", "/tickets/count", staff, a.countTickets},
		{"GET", "/tickets/show_many", staff, a.showManyTickets},
		{"DELETE", "/tickets/destroy_many", staff, a.deleteManyTickets},
		{"GET", ticket, staff, a.showTicket},
		{"PUT", ticket, staff, a.updateTicket},
		{"DELETE", ticket, staff, a.deleteTicket},
		{"GET", ticket + "/audits", staff, a.listTicketAudits},
		{"GET", ticket + "/comments", staff, a.listComments},
		{"PUT", comment + "/make_private", staff, a.makeCommentPrivate},
		{"PUT", comment + "/redact", staff, a.redactText},
		{"PUT", comment + "/attachments/{attachment}/redact", staff, a.redactAttachment},
		{"PUT", "/comment_redactions/{comment}", staff, a.redactMarked},

		{"GET", "/attachments/{attachment}", staff, a.showAttachment},
		{"GET", "/attachments/{attachment}/content", staff, a.downloadAttachment},
		{"POST", "/uploads", staff, a.createUpload},
		{"DELETE", "/uploads/{token}", staff, a.deleteUpload},

		{"GET", "/deleted_tickets", staff, a.listDeletedTickets},
		{"DELETE", "/deleted_tickets/destroy_many", admin, a.destroyManyTickets},
		{"PUT", "/deleted_tickets/restore_many", staff, a.restoreManyTickets},
		{"DELETE", "/deleted_tickets/{ticket}", admin, a.destroyTicket},
		{"PUT", "/deleted_tickets/{ticket}/restore", staff, a.restoreTicket},

		{"GET", "/job_statuses", staff, a.listJobs},
		{"GET", "/job_statuses/show_many", staff, a.showManyJobs},
		{"GET", "/job_statuses/{id}", staff, a.showJob},

		{"GET", "/search", staff, a.search},
		{"GET", "/search/count", staff, a.searchCount},
	}
}

// voices are the audit log, agents and recordings.
func (a *API) voices() []route {
	const (
		voice = "/channels/voice"
		calls = voice + "/calls/{call}/recordings"
	)
	return []route{
		{"GET", "/audit_logs", admin, a.listAuditLogs},
		{"GET", "/audit_logs/{id}", admin, a.showAuditLog},

		{"GET", voice + "/settings", staff, a.showVoiceSettings},
		{"PUT", voice + "/settings", admin, a.updateVoiceSettings},
		{"GET", voice + "/availabilities", staff, a.listAvailabilities},
		{"GET", voice + "/availabilities/{agent}", staff, a.showAvailability},
		{"PUT", voice + "/availabilities/{agent}", staff, a.updateAvailability},
		{"POST", "/sotto/phone/tickets", staff, a.createPhoneTicket},
		{"POST", "/sotto/phone/visits", anyone, a.createVisit},
		{"GET", voice + "/stats/current_queue_activity", staff, a.showQueueActivity},
		{"GET", voice + "/stats/agents_activity", lead, a.showAgentsActivity},
		{"GET", voice + "/stats/account_overview", lead, a.showAccountOverview},
		{"GET", voice + "/stats/agents_overview", lead, a.showAgentsOverview},
		{"GET", voice + "/stats/incremental/calls", admin, a.listCallsSince},
		{"GET", voice + "/stats/incremental/legs", admin, a.listLegsSince},
		{"POST", voice + "/callback_requests", staff, a.createCallback},
		{"GET", "/sotto/dialling", admin, a.showDialling},
		{"PUT", "/sotto/dialling", admin, a.updateDialling},
		{"GET", voice + "/calls/live", staff, a.listLiveCalls},
		{"POST", "/sotto/calls", staff, a.createCall},
		{"POST", voice + "/calls/{call}/{order}", staff, a.orderCall},
		{"GET", calls, staff, a.listRecordings},
		{"DELETE", calls, admin, a.deleteRecordings},
		{"GET", calls + "/{recording}", staff, a.playRecording},
		{"DELETE", calls + "/{recording}", admin, a.deleteRecordingsOfType},
	}
}

// teams are groups, who is in them, and what agents know.
func (a *API) teams() []route {
	const (
		group = "/groups/{group}"
		in    = "/group_memberships"
		user  = "/users/{id}"
	)
	return []route{
		{"GET", "/sotto/texts", staff, a.listTexts},
		{"POST", "/sotto/texts", staff, a.createText},
		{"GET", "/groups", staff, a.listGroups},
		{"POST", "/groups", admin, a.createGroup},
		{"GET", "/groups/assignable", staff, a.listGroups},
		{"GET", "/groups/count", staff, a.countGroups},
		{"GET", group, staff, a.showGroup},
		{"PUT", group, admin, a.updateGroup},
		{"DELETE", group, admin, a.deleteGroup},
		{"GET", group + "/memberships", staff, a.listMembers},
		{"GET", in, staff, a.listMemberships},
		{"POST", in, admin, a.createMembership},
		{"GET", in + "/assignable", staff, a.listMemberships},
		{"POST", in + "/create_many", admin, a.createManyMemberships},
		{"DELETE", in + "/destroy_many", admin, a.destroyManyMemberships},
		{"GET", in + "/{membership}", staff, a.showMembership},
		{"DELETE", in + "/{membership}", admin, a.deleteMembership},
		{"GET", user + "/groups", staff, a.listGroupsOf},
		{"GET", user + in, staff, a.listMembershipsOf},
		{"PUT", user + in + "/{membership}/make_default", admin, a.makeMembershipDefault},

		{"GET", "/sotto/skills", staff, a.listSkills},
		{"POST", "/sotto/skills", admin, a.createSkill},
		{"DELETE", "/sotto/skills/{skill}", admin, a.deleteSkill},
		{"GET", "/sotto/agents/{agent}/devices", staff, a.listDevices},
		{"POST", "/sotto/agents/{agent}/devices", staff, a.createDevice},
		{"PUT", "/sotto/agents/{agent}/devices/{device}", staff, a.updateDevice},
		{"DELETE", "/sotto/agents/{agent}/devices/{device}", staff, a.deleteDevice},
		{"GET", "/sotto/agents/{agent}/skills", staff, a.listSkillsOf},
		{"PUT", "/sotto/agents/{agent}/skills/{skill}", admin, a.giveSkill},
		{"DELETE", "/sotto/agents/{agent}/skills/{skill}", admin, a.takeSkill},
		{"GET", "/sotto/state_reasons", staff, a.listReasons},
		{"POST", "/sotto/state_reasons", admin, a.createReason},
		{"DELETE", "/sotto/state_reasons/{reason}", admin, a.deleteReason},
	}
}

// lines are the desk's numbers, what they say and when they are open.
func (a *API) lines() []route {
	const (
		numbers  = "/channels/voice/phone_numbers"
		plans    = "/business_hours/schedules"
		holidays = plans + "/{schedule}/holidays"
	)
	return []route{
		{"GET", "/channels/voice/lines", staff, a.listLines},
		{"GET", "/channels/voice/digital_lines", staff, a.listDigitalLines},
		{"GET", numbers, staff, a.listPhoneNumbers},
		{"POST", numbers, admin, a.createPhoneNumber},
		{"GET", numbers + "/deleted", admin, a.listDeletedPhoneNumbers},
		{"PUT", numbers + "/update_many", admin, a.updatePhoneNumbers},
		{"GET", numbers + "/{line}", staff, a.showPhoneNumber},
		{"PUT", numbers + "/{line}", admin, a.updatePhoneNumber},
		{"DELETE", numbers + "/{line}", admin, a.deletePhoneNumber},
		{"PUT", numbers + "/{line}/recover", admin, a.recoverPhoneNumber},
		{"GET", numbers + "/{line}/automatic_deletion", admin, a.previewDeletion},

		{"PUT", numbers + "/{line}/greetings/{greeting}", admin, a.useGreeting},
		{"DELETE", numbers + "/{line}/greetings/{greeting}", admin, a.stopGreeting},

		{"GET", "/channels/voice/greeting_categories", staff, a.listGreetingCategories},
		{"GET", "/channels/voice/greeting_categories/{category}", staff, a.showGreetingCategory},
		{"GET", greetingsPath, staff, a.listGreetings},
		{"POST", greetingsPath, admin, a.createGreeting},
		{"GET", greetingsPath + "/{greeting}", staff, a.showGreeting},
		{"PUT", greetingsPath + "/{greeting}", admin, a.updateGreeting},
		{"DELETE", greetingsPath + "/{greeting}", admin, a.deleteGreeting},
		{"GET", greetingsPath + "/{greeting}/recording.wav", staff, a.playGreeting},
		{"PUT", greetingsPath + "/{greeting}/recording", admin, a.uploadGreeting},

		{"GET", plans, staff, a.listSchedules},
		{"POST", plans, admin, a.createSchedule},
		{"GET", plans + "/{schedule}", staff, a.showSchedule},
		{"PUT", plans + "/{schedule}", admin, a.updateSchedule},
		{"DELETE", plans + "/{schedule}", admin, a.deleteSchedule},
		{"PUT", plans + "/{schedule}/workweek", admin, a.updateWorkweek},
		{"GET", holidays, staff, a.listHolidays},
		{"POST", holidays, admin, a.createHoliday},
		{"GET", holidays + "/{holiday}", staff, a.showHoliday},
		{"PUT", holidays + "/{holiday}", admin, a.updateHoliday},
		{"DELETE", holidays + "/{holiday}", admin, a.deleteHoliday},
	}
}

// menus are what callers choose in. The last four are ours: menus are drafts
// until they are published.
func (a *API) menus() []route {
	const (
		tree = ivrPath + "/{ivr}"
		menu = tree + "/menus/{menu}"
		key  = menu + "/routes/{route}"
	)
	return []route{
		{"GET", ivrPath, staff, a.listIVRs},
		{"POST", ivrPath, admin, a.createIVR},
		{"GET", tree, staff, a.showIVR},
		{"PUT", tree, admin, a.updateIVR},
		{"DELETE", tree, admin, a.deleteIVR},
		{"GET", tree + "/menus", staff, a.listIVRMenus},
		{"POST", tree + "/menus", admin, a.createIVRMenu},
		{"GET", menu, staff, a.showIVRMenu},
		{"PUT", menu, admin, a.updateIVRMenu},
		{"DELETE", menu, admin, a.deleteIVRMenu},
		{"GET", menu + "/routes", staff, a.listIVRRoutes},
		{"POST", menu + "/routes", admin, a.createIVRRoute},
		{"GET", key, staff, a.showIVRRoute},
		{"PUT", key, admin, a.updateIVRRoute},
		{"DELETE", key, admin, a.deleteIVRRoute},
		{"GET", tree + "/check", staff, a.checkIVR},
		{"GET", tree + "/versions", staff, a.listIVRVersions},
		{"POST", tree + "/publish", admin, a.publishIVR},
		{"POST", tree + "/rollback", admin, a.rollBackIVR},
	}
}

// rights are what a person may ask under privacy law.
func (a *API) rights() []route {
	const subject = "/sotto/people/{person}"
	return []route{
		{"GET", subject + "/access", staff, a.showAccess},
		{"POST", subject + "/exports", staff, a.createExport},
		{"GET", subject + "/exports/{export}", staff, a.downloadExport},
		{"PUT", subject + "/correction", admin, a.correct},
		{"GET", subject + "/erasure", admin, a.previewErasure},
		{"POST", subject + "/erasure", admin, a.erase},
		{"GET", subject + "/requests", admin, a.listRequests},
		{"GET", subject + "/objections", staff, a.listObjections},
		{"PUT", subject + "/objections/{purpose}", staff, a.object},
		{"DELETE", subject + "/objections/{purpose}", staff, a.withdrawObjection},
		{"GET", "/sotto/receipts/{receipt}", admin, a.showReceipt},
	}
}
