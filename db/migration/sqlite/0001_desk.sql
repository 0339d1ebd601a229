-- +goose Up
-- Times are milliseconds since 1970 UTC. Booleans are 0 or 1. A BLOB column
-- holds sealed bytes, a keyed hash or a digest: see CATALOGUE.md.

CREATE TABLE desk (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE sequence (name TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT;
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE job (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  ref INTEGER NOT NULL,
  state TEXT NOT NULL,
  due_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  claimed_until INTEGER NOT NULL,
  done_at INTEGER,
  fault TEXT NOT NULL
) STRICT;
CREATE INDEX job_due ON job (state, due_at);
CREATE UNIQUE INDEX job_once ON job (kind, ref) WHERE state <> 'done';

CREATE TABLE person (
  id INTEGER PRIMARY KEY,
  key_id INTEGER,
  role TEXT NOT NULL,
  name BLOB,
  notes BLOB,
  details BLOB,
  external_id BLOB,
  external_hash BLOB,
  locale TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  suspended_at INTEGER,
  deleted_at INTEGER,
  frozen_at INTEGER,
  erased_at INTEGER
) STRICT;
CREATE INDEX person_role ON person (role, id);
CREATE UNIQUE INDEX person_external ON person (external_hash);

CREATE TABLE address (
  id INTEGER PRIMARY KEY,
  person_id INTEGER NOT NULL REFERENCES person (id),
  kind TEXT NOT NULL,
  value BLOB NOT NULL,
  is_primary INTEGER NOT NULL,
  verified_at INTEGER,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX address_person ON address (person_id);

CREATE TABLE address_index (
  hash BLOB PRIMARY KEY,
  address_id INTEGER NOT NULL REFERENCES address (id) ON DELETE CASCADE,
  person_id INTEGER NOT NULL REFERENCES person (id)
) STRICT;
CREATE INDEX address_index_person ON address_index (person_id);

CREATE TABLE name_index (
  hash BLOB NOT NULL,
  person_id INTEGER NOT NULL REFERENCES person (id),
  PRIMARY KEY (hash, person_id)
) STRICT;
CREATE INDEX name_index_person ON name_index (person_id);

CREATE TABLE objection (
  id INTEGER PRIMARY KEY,
  person_id INTEGER NOT NULL REFERENCES person (id),
  purpose TEXT NOT NULL,
  raised_at INTEGER NOT NULL,
  withdrawn_at INTEGER
) STRICT;
CREATE INDEX objection_person ON objection (person_id);

CREATE TABLE suppression (
  hash BLOB NOT NULL,
  purpose TEXT NOT NULL,
  since_at INTEGER NOT NULL,
  PRIMARY KEY (hash, purpose)
) STRICT;

CREATE TABLE state_reason (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;

CREATE TABLE agent (
  person_id INTEGER PRIMARY KEY REFERENCES person (id),
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  reason_id INTEGER REFERENCES state_reason (id),
  idle_since INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE agent_day (
  id INTEGER PRIMARY KEY,
  person_id INTEGER NOT NULL REFERENCES person (id),
  day_at INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  denied INTEGER NOT NULL,
  missed INTEGER NOT NULL,
  talks INTEGER NOT NULL,
  talk_ms INTEGER NOT NULL,
  wrap_ups INTEGER NOT NULL,
  wrap_up_ms INTEGER NOT NULL,
  holds INTEGER NOT NULL,
  hold_ms INTEGER NOT NULL,
  transfers_started INTEGER NOT NULL,
  transfers_accepted INTEGER NOT NULL,
  available_ms INTEGER NOT NULL,
  away_ms INTEGER NOT NULL,
  transfers_only_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX agent_day_person ON agent_day (person_id, day_at);
CREATE INDEX agent_day_at ON agent_day (day_at);

CREATE TABLE agent_group (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  is_default INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;

CREATE TABLE membership (
  id INTEGER PRIMARY KEY,
  person_id INTEGER NOT NULL REFERENCES person (id),
  group_id INTEGER NOT NULL REFERENCES agent_group (id),
  is_default INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX membership_person ON membership (person_id, group_id);
CREATE INDEX membership_group ON membership (group_id);

CREATE TABLE skill (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX skill_name ON skill (name);

CREATE TABLE agent_skill (
  id INTEGER PRIMARY KEY,
  person_id INTEGER NOT NULL REFERENCES person (id),
  skill_id INTEGER NOT NULL REFERENCES skill (id)
) STRICT;
CREATE UNIQUE INDEX agent_skill_person ON agent_skill (person_id, skill_id);

CREATE TABLE device (
  id INTEGER PRIMARY KEY,
  person_id INTEGER NOT NULL REFERENCES person (id),
  kind TEXT NOT NULL,
  is_rung INTEGER NOT NULL,
  username TEXT,
  secret BLOB,
  number BLOB,
  created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX device_username ON device (username);
CREATE INDEX device_person ON device (person_id);

CREATE TABLE registration (
  id INTEGER PRIMARY KEY,
  device_id INTEGER NOT NULL REFERENCES device (id) ON DELETE CASCADE,
  contact BLOB NOT NULL,
  contact_hash BLOB NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX registration_contact ON registration (device_id, contact_hash);

CREATE TABLE api_token (
  id INTEGER PRIMARY KEY,
  person_id INTEGER NOT NULL REFERENCES person (id),
  hash BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  used_at INTEGER,
  revoked_at INTEGER
) STRICT;
CREATE UNIQUE INDEX api_token_hash ON api_token (hash);
CREATE INDEX api_token_person ON api_token (person_id);

CREATE TABLE schedule (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE schedule_span (
  schedule_id INTEGER NOT NULL REFERENCES schedule (id) ON DELETE CASCADE,
  weekday INTEGER NOT NULL,
  opens INTEGER NOT NULL,
  closes INTEGER NOT NULL,
  PRIMARY KEY (schedule_id, weekday, opens)
) STRICT;

CREATE TABLE holiday (
  id INTEGER PRIMARY KEY,
  schedule_id INTEGER NOT NULL REFERENCES schedule (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  first_day TEXT NOT NULL,
  last_day TEXT NOT NULL
) STRICT;
CREATE INDEX holiday_schedule ON holiday (schedule_id);

CREATE TABLE ivr (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  draft TEXT NOT NULL,
  live INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;

CREATE TABLE ivr_version (
  ivr_id INTEGER NOT NULL REFERENCES ivr (id),
  number INTEGER NOT NULL,
  plan TEXT NOT NULL,
  published_at INTEGER NOT NULL,
  PRIMARY KEY (ivr_id, number)
) STRICT;

CREATE TABLE line (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  number TEXT NOT NULL,
  name TEXT NOT NULL,
  brand TEXT NOT NULL,
  locale TEXT NOT NULL,
  voice INTEGER NOT NULL,
  sms INTEGER NOT NULL,
  secure_media INTEGER NOT NULL,
  outbound INTEGER NOT NULL,
  caller_id TEXT NOT NULL,
  consent TEXT NOT NULL,
  keep_call_days INTEGER,
  keep_voicemail_days INTEGER,
  priority INTEGER NOT NULL,
  menu_id INTEGER,
  schedule_id INTEGER REFERENCES schedule (id),
  time_zone TEXT NOT NULL,
  ring_seconds INTEGER NOT NULL,
  wait_seconds INTEGER NOT NULL,
  max_queue INTEGER NOT NULL,
  announce_wait INTEGER NOT NULL,
  announce_position INTEGER NOT NULL,
  callback INTEGER NOT NULL,
  wrap_up INTEGER NOT NULL,
  wrap_up_seconds INTEGER NOT NULL,
  voicemail INTEGER NOT NULL,
  overflow TEXT NOT NULL,
  overflow_closed TEXT NOT NULL,
  failover TEXT NOT NULL,
  text_back INTEGER NOT NULL DEFAULT 0,
  text_back_words TEXT NOT NULL DEFAULT '',
  turn TEXT NOT NULL DEFAULT 'longest-idle',
  relax_seconds INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX line_number ON line (number) WHERE deleted_at IS NULL;

CREATE TABLE direct_line (
  line_id INTEGER PRIMARY KEY REFERENCES line (id),
  person_id INTEGER NOT NULL REFERENCES person (id)
) STRICT;
CREATE INDEX direct_line_person ON direct_line (person_id);

CREATE TABLE line_group (
  line_id INTEGER NOT NULL REFERENCES line (id) ON DELETE CASCADE,
  place INTEGER NOT NULL,
  group_id INTEGER NOT NULL,
  PRIMARY KEY (line_id, place)
) STRICT;

CREATE TABLE line_skill (
  line_id INTEGER NOT NULL REFERENCES line (id) ON DELETE CASCADE,
  skill_id INTEGER NOT NULL REFERENCES skill (id) ON DELETE CASCADE,
  PRIMARY KEY (line_id, skill_id)
) STRICT;

CREATE TABLE greeting (
  id INTEGER PRIMARY KEY,
  category TEXT NOT NULL,
  locale TEXT NOT NULL,
  name TEXT NOT NULL,
  sha256 BLOB,
  duration_ms INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  uploaded_by INTEGER REFERENCES person (id),
  removed_at INTEGER
) STRICT;

CREATE TABLE greeting_use (
  line_id INTEGER NOT NULL REFERENCES line (id),
  category TEXT NOT NULL,
  locale TEXT NOT NULL,
  hours TEXT NOT NULL,
  greeting_id INTEGER NOT NULL REFERENCES greeting (id),
  PRIMARY KEY (line_id, category, locale, hours)
) STRICT;
CREATE INDEX greeting_use_greeting ON greeting_use (greeting_id);
CREATE INDEX greeting_uploader ON greeting (uploaded_by) WHERE uploaded_by IS NOT NULL;

CREATE TABLE ticket (
  id INTEGER PRIMARY KEY,
  requester_id INTEGER REFERENCES person (id),
  key_id INTEGER,
  assignee_id INTEGER REFERENCES person (id),
  submitter_id INTEGER REFERENCES person (id),
  line_id INTEGER REFERENCES line (id),
  subject BLOB NOT NULL,
  status TEXT NOT NULL,
  priority TEXT NOT NULL,
  via TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  solved_at INTEGER,
  closed_at INTEGER,
  deleted_at INTEGER,
  deleted_by INTEGER REFERENCES person (id),
  purge_at INTEGER,
  previous_status TEXT
) STRICT;
CREATE INDEX ticket_requester ON ticket (requester_id, key_id);
CREATE INDEX ticket_purge ON ticket (purge_at) WHERE purge_at IS NOT NULL;
CREATE INDEX ticket_updated ON ticket (updated_at, id);
CREATE INDEX ticket_assignee ON ticket (assignee_id) WHERE assignee_id IS NOT NULL;
CREATE INDEX ticket_submitter ON ticket (submitter_id) WHERE submitter_id IS NOT NULL;
CREATE INDEX ticket_deleter ON ticket (deleted_by) WHERE deleted_by IS NOT NULL;

CREATE TABLE comment (
  id INTEGER PRIMARY KEY,
  ticket_id INTEGER NOT NULL REFERENCES ticket (id),
  author_id INTEGER REFERENCES person (id),
  public INTEGER NOT NULL,
  kind TEXT NOT NULL,
  body BLOB NOT NULL,
  call_id INTEGER,
  created_at INTEGER NOT NULL,
  redacted_at INTEGER
) STRICT;
CREATE INDEX comment_ticket ON comment (ticket_id, id);
CREATE INDEX comment_author ON comment (author_id) WHERE author_id IS NOT NULL;

CREATE TABLE attachment (
  id INTEGER PRIMARY KEY,
  ticket_id INTEGER NOT NULL REFERENCES ticket (id),
  comment_id INTEGER NOT NULL REFERENCES comment (id),
  name BLOB NOT NULL,
  content_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  redacted_at INTEGER
) STRICT;
CREATE INDEX attachment_comment ON attachment (comment_id);
CREATE INDEX attachment_ticket ON attachment (ticket_id);

CREATE TABLE ticket_event (
  id INTEGER PRIMARY KEY,
  ticket_id INTEGER NOT NULL REFERENCES ticket (id),
  at INTEGER NOT NULL,
  actor_id INTEGER REFERENCES person (id),
  kind TEXT NOT NULL,
  was TEXT NOT NULL,
  becomes TEXT NOT NULL,
  object_id INTEGER
) STRICT;
CREATE INDEX ticket_event_ticket ON ticket_event (ticket_id, id);
CREATE INDEX ticket_event_actor ON ticket_event (actor_id) WHERE actor_id IS NOT NULL;

CREATE TABLE ticket_word (
  hash BLOB NOT NULL,
  ticket_id INTEGER NOT NULL REFERENCES ticket (id),
  comment_id INTEGER NOT NULL,
  PRIMARY KEY (hash, ticket_id, comment_id)
) STRICT;
CREATE INDEX ticket_word_ticket ON ticket_word (ticket_id, comment_id);

CREATE TABLE upload (
  id INTEGER PRIMARY KEY,
  token_hash BLOB NOT NULL,
  person_id INTEGER NOT NULL REFERENCES person (id),
  name BLOB NOT NULL,
  content_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX upload_token ON upload (token_hash);
CREATE INDEX upload_person ON upload (person_id);

CREATE TABLE call (
  id INTEGER PRIMARY KEY,
  line_id INTEGER REFERENCES line (id),
  person_id INTEGER REFERENCES person (id),
  key_id INTEGER,
  agent_id INTEGER REFERENCES person (id),
  ticket_id INTEGER REFERENCES ticket (id) ON DELETE SET NULL,
  direction TEXT NOT NULL,
  state TEXT NOT NULL,
  in_hours INTEGER NOT NULL,
  from_number BLOB,
  from_name BLOB,
  consent TEXT NOT NULL,
  voicemail INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  answered_at INTEGER,
  connected_at INTEGER,
  ended_at INTEGER,
  reason TEXT NOT NULL,
  holds INTEGER NOT NULL DEFAULT 0,
  hold_ms INTEGER NOT NULL DEFAULT 0,
  consult_ms INTEGER NOT NULL DEFAULT 0,
  pauses INTEGER NOT NULL DEFAULT 0,
  paused_ms INTEGER NOT NULL DEFAULT 0,
  queued_at INTEGER,
  wait_ms INTEGER NOT NULL DEFAULT 0,
  overdue INTEGER NOT NULL DEFAULT 0,
  overflowed INTEGER NOT NULL DEFAULT 0,
  callback TEXT NOT NULL DEFAULT '',
  group_id INTEGER
) STRICT;
CREATE INDEX call_person ON call (person_id, key_id);
CREATE INDEX call_agent ON call (agent_id);
CREATE INDEX call_ticket ON call (ticket_id);
CREATE INDEX call_started ON call (started_at);
CREATE INDEX call_ended ON call (ended_at);
CREATE INDEX call_open ON call (state) WHERE ended_at IS NULL;

CREATE TABLE text_message (
  id INTEGER PRIMARY KEY,
  line_id INTEGER NOT NULL REFERENCES line (id),
  person_id INTEGER NOT NULL REFERENCES person (id),
  ticket_id INTEGER NOT NULL REFERENCES ticket (id),
  comment_id INTEGER NOT NULL REFERENCES comment (id),
  agent_id INTEGER REFERENCES person (id),
  call_id INTEGER,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  number BLOB NOT NULL,
  seen_hash BLOB,
  created_at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;
CREATE INDEX text_message_thread ON text_message (person_id, line_id, id);
CREATE INDEX text_message_ticket ON text_message (ticket_id, id);
CREATE INDEX text_message_comment ON text_message (comment_id);
CREATE INDEX text_message_open ON text_message (person_id, id) WHERE ended_at IS NULL;
CREATE INDEX text_message_agent ON text_message (agent_id) WHERE agent_id IS NOT NULL;
CREATE UNIQUE INDEX text_message_seen ON text_message (seen_hash) WHERE seen_hash IS NOT NULL;
CREATE UNIQUE INDEX text_message_call ON text_message (call_id) WHERE call_id IS NOT NULL;

CREATE TABLE call_leg (
  id INTEGER PRIMARY KEY,
  call_id INTEGER NOT NULL REFERENCES call (id),
  person_id INTEGER REFERENCES person (id),
  kind TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  answered_at INTEGER,
  ended_at INTEGER,
  cause TEXT NOT NULL,
  packets INTEGER NOT NULL,
  lost INTEGER NOT NULL,
  jitter_us INTEGER NOT NULL,
  part TEXT NOT NULL,
  by_id INTEGER REFERENCES person (id),
  talk_ms INTEGER NOT NULL,
  hold_ms INTEGER NOT NULL,
  consult_ms INTEGER NOT NULL,
  issues TEXT NOT NULL DEFAULT '',
  wrap_up_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX call_leg_call ON call_leg (call_id);
CREATE INDEX call_leg_person ON call_leg (person_id);
CREATE INDEX call_leg_by ON call_leg (by_id);

CREATE TABLE monitoring (
  id INTEGER PRIMARY KEY,
  call_id INTEGER NOT NULL REFERENCES call (id),
  ticket_id INTEGER REFERENCES ticket (id) ON DELETE SET NULL,
  agent_id INTEGER REFERENCES person (id),
  supervisor_id INTEGER REFERENCES person (id),
  action TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;
CREATE INDEX monitoring_call ON monitoring (call_id);
CREATE INDEX monitoring_agent ON monitoring (agent_id);
CREATE INDEX monitoring_supervisor ON monitoring (supervisor_id);

CREATE TABLE ivr_step (
  id INTEGER PRIMARY KEY,
  call_id INTEGER NOT NULL REFERENCES call (id),
  ivr_id INTEGER NOT NULL,
  version INTEGER NOT NULL,
  menu_id INTEGER NOT NULL,
  action TEXT NOT NULL,
  entered_at INTEGER NOT NULL,
  left_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ivr_step_call ON ivr_step (call_id);

CREATE TABLE callback (
  id INTEGER PRIMARY KEY,
  line_id INTEGER NOT NULL REFERENCES line (id),
  call_id INTEGER REFERENCES call (id),
  person_id INTEGER REFERENCES person (id),
  key_id INTEGER,
  number BLOB NOT NULL,
  priority INTEGER NOT NULL,
  agent_id INTEGER REFERENCES person (id),
  secondary_after_ms INTEGER NOT NULL,
  relax_after_ms INTEGER NOT NULL,
  ring_ms INTEGER NOT NULL,
  turn TEXT NOT NULL,
  source TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  since_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX callback_person ON callback (person_id, key_id);
CREATE INDEX callback_expiry ON callback (expires_at);
CREATE INDEX callback_agent ON callback (agent_id) WHERE agent_id IS NOT NULL;

CREATE TABLE callback_want (
  id INTEGER PRIMARY KEY,
  callback_id INTEGER NOT NULL REFERENCES callback (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  ref INTEGER NOT NULL
) STRICT;
CREATE INDEX callback_want_callback ON callback_want (callback_id);

CREATE TABLE consent (
  id INTEGER PRIMARY KEY,
  call_id INTEGER NOT NULL REFERENCES call (id),
  purpose TEXT NOT NULL,
  mode TEXT NOT NULL,
  outcome TEXT NOT NULL,
  evidence TEXT NOT NULL,
  notice TEXT NOT NULL,
  locale TEXT NOT NULL,
  notice_hash BLOB NOT NULL,
  asked_at INTEGER NOT NULL,
  decided_at INTEGER NOT NULL
) STRICT;
CREATE INDEX consent_call ON consent (call_id);

CREATE TABLE recording (
  id INTEGER PRIMARY KEY,
  call_id INTEGER NOT NULL REFERENCES call (id),
  ticket_id INTEGER REFERENCES ticket (id),
  line_id INTEGER REFERENCES line (id),
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  duration_ms INTEGER NOT NULL,
  deleted_at INTEGER,
  deleted_by INTEGER REFERENCES person (id)
) STRICT;
CREATE INDEX recording_call ON recording (call_id);
CREATE INDEX recording_ticket ON recording (ticket_id);
CREATE INDEX recording_due ON recording (line_id, kind, state, ended_at);
CREATE INDEX recording_deleter ON recording (deleted_by) WHERE deleted_by IS NOT NULL;

CREATE TABLE track (
  id INTEGER PRIMARY KEY,
  recording_id INTEGER NOT NULL REFERENCES recording (id),
  agent_id INTEGER REFERENCES person (id),
  role TEXT NOT NULL,
  key_id INTEGER NOT NULL,
  caller_key_id INTEGER NOT NULL,
  offset_samples INTEGER NOT NULL,
  samples INTEGER NOT NULL,
  lost_samples INTEGER NOT NULL,
  chunks INTEGER NOT NULL,
  state TEXT NOT NULL
) STRICT;
CREATE INDEX track_recording ON track (recording_id);
CREATE INDEX track_agent ON track (agent_id);

CREATE TABLE pause (
  id INTEGER PRIMARY KEY,
  recording_id INTEGER NOT NULL REFERENCES recording (id),
  by_id INTEGER REFERENCES person (id),
  started_at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;
CREATE INDEX pause_recording ON pause (recording_id);
CREATE INDEX pause_by ON pause (by_id) WHERE by_id IS NOT NULL;

CREATE TABLE statement (
  id INTEGER PRIMARY KEY,
  recording_id INTEGER NOT NULL REFERENCES recording (id),
  body BLOB NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX statement_recording ON statement (recording_id);

CREATE TABLE dial_country (region TEXT PRIMARY KEY) STRICT;

CREATE TABLE dial_rate (prefix TEXT PRIMARY KEY, micros INTEGER NOT NULL) STRICT;

CREATE TABLE dial_attempt (
  id INTEGER PRIMARY KEY,
  agent_id INTEGER REFERENCES person (id),
  path TEXT NOT NULL,
  outcome TEXT NOT NULL,
  day TEXT NOT NULL,
  at INTEGER NOT NULL,
  ended_at INTEGER,
  seconds INTEGER NOT NULL,
  cost_micros INTEGER NOT NULL
) STRICT;
CREATE INDEX dial_attempt_day ON dial_attempt (day, agent_id);
CREATE INDEX dial_attempt_open ON dial_attempt (agent_id) WHERE ended_at IS NULL;
CREATE INDEX dial_attempt_agent ON dial_attempt (agent_id) WHERE agent_id IS NOT NULL;

CREATE TABLE request (
  id INTEGER PRIMARY KEY,
  person_id INTEGER NOT NULL REFERENCES person (id),
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  opened_by INTEGER REFERENCES person (id),
  done_at INTEGER,
  receipt_no INTEGER
) STRICT;
CREATE INDEX request_person ON request (person_id);
CREATE INDEX request_opener ON request (opened_by) WHERE opened_by IS NOT NULL;

CREATE TABLE erasure (
  id INTEGER PRIMARY KEY,
  person_id INTEGER REFERENCES person (id),
  subject TEXT NOT NULL,
  subject_id INTEGER NOT NULL,
  request_id INTEGER REFERENCES request (id),
  actor_id INTEGER REFERENCES person (id),
  state TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  unreadable_at INTEGER,
  done_at INTEGER,
  receipt_no INTEGER,
  commitment TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX erasure_open ON erasure (subject, subject_id) WHERE done_at IS NULL;
CREATE INDEX erasure_person ON erasure (person_id);
CREATE INDEX erasure_actor ON erasure (actor_id) WHERE actor_id IS NOT NULL;

CREATE TABLE erasure_key (
  erasure_id INTEGER NOT NULL REFERENCES erasure (id),
  key_id INTEGER NOT NULL,
  PRIMARY KEY (erasure_id, key_id)
) STRICT;

CREATE TABLE erasure_mark (
  erasure_id INTEGER NOT NULL REFERENCES erasure (id),
  hash BLOB NOT NULL,
  PRIMARY KEY (erasure_id, hash)
) STRICT;

CREATE TABLE erasure_step (
  erasure_id INTEGER NOT NULL REFERENCES erasure (id),
  place TEXT NOT NULL,
  action TEXT NOT NULL,
  removed INTEGER NOT NULL,
  retained INTEGER NOT NULL,
  why TEXT NOT NULL,
  until_at INTEGER,
  done INTEGER NOT NULL,
  PRIMARY KEY (erasure_id, place)
) STRICT;

CREATE TABLE notice (
  id INTEGER PRIMARY KEY,
  recipient TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject_id INTEGER NOT NULL,
  erasure_id INTEGER REFERENCES erasure (id),
  created_at INTEGER NOT NULL,
  confirmed_at INTEGER
) STRICT;
CREATE INDEX notice_open ON notice (erasure_id) WHERE confirmed_at IS NULL;

CREATE TABLE export (
  id INTEGER PRIMARY KEY,
  person_id INTEGER NOT NULL REFERENCES person (id),
  requested_by INTEGER REFERENCES person (id),
  state TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  size INTEGER NOT NULL
) STRICT;
CREATE INDEX export_person ON export (person_id);
CREATE INDEX export_expiry ON export (expires_at);
CREATE INDEX export_requester ON export (requested_by) WHERE requested_by IS NOT NULL;

CREATE TABLE audit_entry (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  actor_id INTEGER,
  actor_kind TEXT NOT NULL,
  action TEXT NOT NULL,
  source TEXT NOT NULL,
  source_id INTEGER NOT NULL,
  ticket_id INTEGER,
  person_id INTEGER,
  prev BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE INDEX audit_actor ON audit_entry (actor_id);
CREATE INDEX audit_person ON audit_entry (person_id);
