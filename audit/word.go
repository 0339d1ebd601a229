package audit

import (
	"slices"

	"sotto"
)

// Action is what was done, a word of a closed list.
type Action string

// The actions.
const (
	Create   Action = "create"
	Update   Action = "update"
	Destroy  Action = "destroy"  // for good; of a ticket, into the deleted tickets
	Restore  Action = "restore"  // out of the deleted tickets
	Read     Action = "read"     // looked at
	Listen   Action = "listen"   // heard a recording or a call under way
	Download Action = "download" // took a copy of one thing
	Export   Action = "export"   // took a copy of much
	Redact   Action = "redact"   // took words out of a text
	Merge    Action = "merge"
	Verify   Action = "verify" // made sure who a person is
	Restrict Action = "restrict"
	Release  Action = "release" // ended a restriction or a hold
	Pause    Action = "pause"   // of a recording
	Resume   Action = "resume"
	Login    Action = "login"
	Logout   Action = "logout"
	Refuse   Action = "refuse" // asked for it and was not allowed to
)

// Actions returns every action.
func Actions() []Action {
	return []Action{
		Create, Update, Destroy, Restore, Read, Listen, Download, Export, Redact, Merge, Verify,
		Restrict, Release, Pause, Resume, Login, Logout, Refuse,
	}
}

// Source is the kind of thing an entry speaks of, a word of a closed list.
type Source string

// The sources. SourceID is the number of the row of that name, where there is
// one.
const (
	Person     Source = "person"
	Address    Source = "address"
	Objection  Source = "objection"
	Agent      Source = "agent"
	Device     Source = "device"
	Session    Source = "session"
	Token      Source = "token"
	Ticket     Source = "ticket"
	Comment    Source = "comment"
	Attachment Source = "attachment"
	Call       Source = "call"
	Consent    Source = "consent"
	Recording  Source = "recording"
	Text       Source = "text" // the text history, or one text
	Statement  Source = "statement"
	Line       Source = "line"
	Greeting   Source = "greeting"
	Schedule   Source = "schedule"
	Menu       Source = "menu"
	Group      Source = "group"
	Queue      Source = "queue"
	Setting    Source = "setting"
	Dial       Source = "dial" // an attempt to call a number outside, or the rules for it
	Request    Source = "request"
	Erasure    Source = "erasure"
	Exported   Source = "export"
	Hold       Source = "hold"
	Backup     Source = "backup"
	Chain      Source = "audit" // the audit log itself
)

// Sources returns every source.
func Sources() []Source {
	return []Source{
		Person, Address, Objection, Agent, Device, Session, Token, Ticket, Comment, Attachment, Call, Consent, Recording, Text,
		Statement, Line, Greeting, Schedule, Menu, Group, Queue, Setting, Dial, Request, Erasure, Exported, Hold, Backup, Chain,
	}
}

// check refuses words that are not in the lists: a converted string could
// carry anything.
func (e Entry) check() error {
	if !slices.Contains(Actions(), e.Action) {
		return sotto.Fail(sotto.Internal, "An audit entry needs an action of the closed list.")
	}
	if !slices.Contains(Sources(), e.Source) {
		return sotto.Fail(sotto.Internal, "An audit entry needs a source of the closed list.")
	}
	if e.SourceID < 0 || e.Ticket < 0 || e.Person < 0 {
		return sotto.Fail(sotto.Internal, "The numbers of an audit entry are not negative.")
	}
	return nil
}
