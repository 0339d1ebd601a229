-- +goose Up
-- Times are milliseconds since 1970 UTC. Booleans are 0 or 1. A BYTEA column
-- holds sealed bytes, a keyed hash or a digest: see CATALOGUE.md.

CREATE TABLE desk (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE sequence (name TEXT PRIMARY KEY, next BIGINT NOT NULL);
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE job (
  id BIGINT PRIMARY KEY,
  kind TEXT NOT NULL,
  ref BIGINT NOT NULL,
  state TEXT NOT NULL,
  due_at BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  claimed_until BIGINT NOT NULL,
  done_at BIGINT,
  fault TEXT NOT NULL
);
CREATE INDEX job_due ON job (state, due_at);
CREATE UNIQUE INDEX job_once ON job (kind, ref) WHERE state <> 'done';

CREATE TABLE person (
  id BIGINT PRIMARY KEY,
  key_id BIGINT,
  role TEXT NOT NULL,
  name BYTEA,
  notes BYTEA,
  details BYTEA,
  external_id BYTEA,
  external_hash BYTEA,
  locale TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  suspended_at BIGINT,
  deleted_at BIGINT,
  frozen_at BIGINT,
  erased_at BIGINT
);
CREATE INDEX person_role ON person (role, id);
CREATE UNIQUE INDEX person_external ON person (external_hash);

CREATE TABLE address (
  id BIGINT PRIMARY KEY,
  person_id BIGINT NOT NULL REFERENCES person (id),
  kind TEXT NOT NULL,
  value BYTEA NOT NULL,
  is_primary BIGINT NOT NULL,
  verified_at BIGINT,
  created_at BIGINT NOT NULL
);
CREATE INDEX address_person ON address (person_id);

CREATE TABLE address_index (
  hash BYTEA PRIMARY KEY,
  address_id BIGINT NOT NULL REFERENCES address (id) ON DELETE CASCADE,
  person_id BIGINT NOT NULL REFERENCES person (id)
);
CREATE INDEX address_index_person ON address_index (person_id);

CREATE TABLE name_index (
  hash BYTEA NOT NULL,
  person_id BIGINT NOT NULL REFERENCES person (id),
  PRIMARY KEY (hash, person_id)
);
CREATE INDEX name_index_person ON name_index (person_id);

CREATE TABLE objection (
  id BIGINT PRIMARY KEY,
  person_id BIGINT NOT NULL REFERENCES person (id),
  purpose TEXT NOT NULL,
  raised_at BIGINT NOT NULL,
  withdrawn_at BIGINT
);
CREATE INDEX objection_person ON objection (person_id);

CREATE TABLE suppression (
  hash BYTEA NOT NULL,
  purpose TEXT NOT NULL,
  since_at BIGINT NOT NULL,
  PRIMARY KEY (hash, purpose)
);

CREATE TABLE state_reason (
  id BIGINT PRIMARY KEY,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  deleted_at BIGINT
);

CREATE TABLE agent (
  person_id BIGINT PRIMARY KEY REFERENCES person (id),
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  reason_id BIGINT REFERENCES state_reason (id),
  idle_since BIGINT NOT NULL,
  changed_at BIGINT NOT NULL
);

CREATE TABLE agent_day (
  id BIGINT PRIMARY KEY,
  person_id BIGINT NOT NULL REFERENCES person (id),
  day_at BIGINT NOT NULL,
  accepted BIGINT NOT NULL,
  denied BIGINT NOT NULL,
  missed BIGINT NOT NULL,
  talks BIGINT NOT NULL,
  talk_ms BIGINT NOT NULL,
  wrap_ups BIGINT NOT NULL,
  wrap_up_ms BIGINT NOT NULL,
  holds BIGINT NOT NULL,
  hold_ms BIGINT NOT NULL,
  transfers_started BIGINT NOT NULL,
  transfers_accepted BIGINT NOT NULL,
  available_ms BIGINT NOT NULL,
  away_ms BIGINT NOT NULL,
  transfers_only_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX agent_day_person ON agent_day (person_id, day_at);
CREATE INDEX agent_day_at ON agent_day (day_at);

CREATE TABLE agent_group (
  id BIGINT PRIMARY KEY,
  name TEXT NOT NULL,
  is_default BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT
);

CREATE TABLE membership (
  id BIGINT PRIMARY KEY,
  person_id BIGINT NOT NULL REFERENCES person (id),
  group_id BIGINT NOT NULL REFERENCES agent_group (id),
  is_default BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX membership_person ON membership (person_id, group_id);
CREATE INDEX membership_group ON membership (group_id);

CREATE TABLE skill (
  id BIGINT PRIMARY KEY,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX skill_name ON skill (name);

CREATE TABLE agent_skill (
  id BIGINT PRIMARY KEY,
  person_id BIGINT NOT NULL REFERENCES person (id),
  skill_id BIGINT NOT NULL REFERENCES skill (id)
);
CREATE UNIQUE INDEX agent_skill_person ON agent_skill (person_id, skill_id);

CREATE TABLE device (
  id BIGINT PRIMARY KEY,
  person_id BIGINT NOT NULL REFERENCES person (id),
  kind TEXT NOT NULL,
  is_rung BIGINT NOT NULL,
  username TEXT,
  secret BYTEA,
  number BYTEA,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX device_username ON device (username);
CREATE INDEX device_person ON device (person_id);

CREATE TABLE registration (
  id BIGINT PRIMARY KEY,
  device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
  contact BYTEA NOT NULL,
  contact_hash BYTEA NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX registration_contact ON registration (device_id, contact_hash);

CREATE TABLE api_token (
  id BIGINT PRIMARY KEY,
  person_id BIGINT NOT NULL REFERENCES person (id),
  hash BYTEA NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT,
  revoked_at BIGINT
);
CREATE UNIQUE INDEX api_token_hash ON api_token (hash);
CREATE INDEX api_token_person ON api_token (person_id);

CREATE TABLE schedule (
  id BIGINT PRIMARY KEY,
  name TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE schedule_span (
  schedule_id BIGINT NOT NULL REFERENCES schedule (id) ON DELETE CASCADE,
  weekday BIGINT NOT NULL,
  opens BIGINT NOT NULL,
  closes BIGINT NOT NULL,
  PRIMARY KEY (schedule_id, weekday, opens)
);

CREATE TABLE holiday (
  id BIGINT PRIMARY KEY,
  schedule_id BIGINT NOT NULL REFERENCES schedule (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  first_day TEXT NOT NULL,
  last_day TEXT NOT NULL
);
CREATE INDEX holiday_schedule ON holiday (schedule_id);

CREATE TABLE ivr (
  id BIGINT PRIMARY KEY,
  name TEXT NOT NULL,
  draft TEXT NOT NULL,
  live BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT
);

CREATE TABLE ivr_version (
  ivr_id BIGINT NOT NULL REFERENCES ivr (id),
  number BIGINT NOT NULL,
  plan TEXT NOT NULL,
  published_at BIGINT NOT NULL,
  PRIMARY KEY (ivr_id, number)
);

CREATE TABLE line (
  id BIGINT PRIMARY KEY,
  kind TEXT NOT NULL,
  number TEXT NOT NULL,
  name TEXT NOT NULL,
  brand TEXT NOT NULL,
  locale TEXT NOT NULL,
  voice BIGINT NOT NULL,
  sms BIGINT NOT NULL,
  secure_media BIGINT NOT NULL,
  outbound BIGINT NOT NULL,
  caller_id TEXT NOT NULL,
  consent TEXT NOT NULL,
  keep_call_days BIGINT,
  keep_voicemail_days BIGINT,
  priority BIGINT NOT NULL,
  menu_id BIGINT,
  schedule_id BIGINT REFERENCES schedule (id),
  time_zone TEXT NOT NULL,
  ring_seconds BIGINT NOT NULL,
  wait_seconds BIGINT NOT NULL,
  max_queue BIGINT NOT NULL,
  announce_wait BIGINT NOT NULL,
  announce_position BIGINT NOT NULL,
  callback BIGINT NOT NULL,
  wrap_up BIGINT NOT NULL,
  wrap_up_seconds BIGINT NOT NULL,
  voicemail BIGINT NOT NULL,
  overflow TEXT NOT NULL,
  overflow_closed TEXT NOT NULL,
  failover TEXT NOT NULL,
  text_back BIGINT NOT NULL DEFAULT 0,
  text_back_words TEXT NOT NULL DEFAULT '',
  turn TEXT NOT NULL DEFAULT 'longest-idle',
  relax_seconds BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT
);
CREATE UNIQUE INDEX line_number ON line (number) WHERE deleted_at IS NULL;

CREATE TABLE direct_line (
  line_id BIGINT PRIMARY KEY REFERENCES line (id),
  person_id BIGINT NOT NULL REFERENCES person (id)
);
CREATE INDEX direct_line_person ON direct_line (person_id);

CREATE TABLE line_group (
  line_id BIGINT NOT NULL REFERENCES line (id) ON DELETE CASCADE,
  place BIGINT NOT NULL,
  group_id BIGINT NOT NULL,
  PRIMARY KEY (line_id, place)
);

CREATE TABLE line_skill (
  line_id BIGINT NOT NULL REFERENCES line (id) ON DELETE CASCADE,
  skill_id BIGINT NOT NULL REFERENCES skill (id) ON DELETE CASCADE,
  PRIMARY KEY (line_id, skill_id)
);

CREATE TABLE greeting (
  id BIGINT PRIMARY KEY,
  category TEXT NOT NULL,
  locale TEXT NOT NULL,
  name TEXT NOT NULL,
  sha256 BYTEA,
  duration_ms BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  uploaded_by BIGINT REFERENCES person (id),
  removed_at BIGINT
);

CREATE TABLE greeting_use (
  line_id BIGINT NOT NULL REFERENCES line (id),
  category TEXT NOT NULL,
  locale TEXT NOT NULL,
  hours TEXT NOT NULL,
  greeting_id BIGINT NOT NULL REFERENCES greeting (id),
  PRIMARY KEY (line_id, category, locale, hours)
);
CREATE INDEX greeting_use_greeting ON greeting_use (greeting_id);
CREATE INDEX greeting_uploader ON greeting (uploaded_by) WHERE uploaded_by IS NOT NULL;

CREATE TABLE ticket (
  id BIGINT PRIMARY KEY,
  requester_id BIGINT REFERENCES person (id),
  key_id BIGINT,
  assignee_id BIGINT REFERENCES person (id),
  submitter_id BIGINT REFERENCES person (id),
  line_id BIGINT REFERENCES line (id),
  subject BYTEA NOT NULL,
  status TEXT NOT NULL,
  priority TEXT NOT NULL,
  via TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  solved_at BIGINT,
  closed_at BIGINT,
  deleted_at BIGINT,
  deleted_by BIGINT REFERENCES person (id),
  purge_at BIGINT,
  previous_status TEXT
);
CREATE INDEX ticket_requester ON ticket (requester_id, key_id);
CREATE INDEX ticket_purge ON ticket (purge_at) WHERE purge_at IS NOT NULL;
CREATE INDEX ticket_updated ON ticket (updated_at, id);
CREATE INDEX ticket_assignee ON ticket (assignee_id) WHERE assignee_id IS NOT NULL;
CREATE INDEX ticket_submitter ON ticket (submitter_id) WHERE submitter_id IS NOT NULL;
CREATE INDEX ticket_deleter ON ticket (deleted_by) WHERE deleted_by IS NOT NULL;

CREATE TABLE comment (
  id BIGINT PRIMARY KEY,
  ticket_id BIGINT NOT NULL REFERENCES ticket (id),
  author_id BIGINT REFERENCES person (id),
  public BIGINT NOT NULL,
  kind TEXT NOT NULL,
  body BYTEA NOT NULL,
  call_id BIGINT,
  created_at BIGINT NOT NULL,
  redacted_at BIGINT
);
CREATE INDEX comment_ticket ON comment (ticket_id, id);
CREATE INDEX comment_author ON comment (author_id) WHERE author_id IS NOT NULL;

CREATE TABLE attachment (
  id BIGINT PRIMARY KEY,
  ticket_id BIGINT NOT NULL REFERENCES ticket (id),
  comment_id BIGINT NOT NULL REFERENCES comment (id),
  name BYTEA NOT NULL,
  content_type TEXT NOT NULL,
  size BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  redacted_at BIGINT
);
CREATE INDEX attachment_comment ON attachment (comment_id);
CREATE INDEX attachment_ticket ON attachment (ticket_id);

CREATE TABLE ticket_event (
  id BIGINT PRIMARY KEY,
  ticket_id BIGINT NOT NULL REFERENCES ticket (id),
  at BIGINT NOT NULL,
  actor_id BIGINT REFERENCES person (id),
  kind TEXT NOT NULL,
  was TEXT NOT NULL,
  becomes TEXT NOT NULL,
  object_id BIGINT
);
CREATE INDEX ticket_event_ticket ON ticket_event (ticket_id, id);
CREATE INDEX ticket_event_actor ON ticket_event (actor_id) WHERE actor_id IS NOT NULL;

CREATE TABLE ticket_word (
  hash BYTEA NOT NULL,
  ticket_id BIGINT NOT NULL REFERENCES ticket (id),
  comment_id BIGINT NOT NULL,
  PRIMARY KEY (hash, ticket_id, comment_id)
);
CREATE INDEX ticket_word_ticket ON ticket_word (ticket_id, comment_id);

CREATE TABLE upload (
  id BIGINT PRIMARY KEY,
  token_hash BYTEA NOT NULL,
  person_id BIGINT NOT NULL REFERENCES person (id),
  name BYTEA NOT NULL,
  content_type TEXT NOT NULL,
  size BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX upload_token ON upload (token_hash);
CREATE INDEX upload_person ON upload (person_id);

CREATE TABLE call (
  id BIGINT PRIMARY KEY,
  line_id BIGINT REFERENCES line (id),
  person_id BIGINT REFERENCES person (id),
  key_id BIGINT,
  agent_id BIGINT REFERENCES person (id),
  ticket_id BIGINT REFERENCES ticket (id) ON DELETE SET NULL,
  direction TEXT NOT NULL,
  state TEXT NOT NULL,
  in_hours BIGINT NOT NULL,
  from_number BYTEA,
  from_name BYTEA,
  consent TEXT NOT NULL,
  voicemail BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  answered_at BIGINT,
  connected_at BIGINT,
  ended_at BIGINT,
  reason TEXT NOT NULL,
  holds BIGINT NOT NULL DEFAULT 0,
  hold_ms BIGINT NOT NULL DEFAULT 0,
  consult_ms BIGINT NOT NULL DEFAULT 0,
  pauses BIGINT NOT NULL DEFAULT 0,
  paused_ms BIGINT NOT NULL DEFAULT 0,
  queued_at BIGINT,
  wait_ms BIGINT NOT NULL DEFAULT 0,
  overdue BIGINT NOT NULL DEFAULT 0,
  overflowed BIGINT NOT NULL DEFAULT 0,
  callback TEXT NOT NULL DEFAULT '',
  group_id BIGINT
);
CREATE INDEX call_person ON call (person_id, key_id);
CREATE INDEX call_agent ON call (agent_id);
CREATE INDEX call_ticket ON call (ticket_id);
CREATE INDEX call_started ON call (started_at);
CREATE INDEX call_ended ON call (ended_at);
CREATE INDEX call_open ON call (state) WHERE ended_at IS NULL;

CREATE TABLE text_message (
  id BIGINT PRIMARY KEY,
  line_id BIGINT NOT NULL REFERENCES line (id),
  person_id BIGINT NOT NULL REFERENCES person (id),
  ticket_id BIGINT NOT NULL REFERENCES ticket (id),
  comment_id BIGINT NOT NULL REFERENCES comment (id),
  agent_id BIGINT REFERENCES person (id),
  call_id BIGINT,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  number BYTEA NOT NULL,
  seen_hash BYTEA,
  created_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX text_message_thread ON text_message (person_id, line_id, id);
CREATE INDEX text_message_ticket ON text_message (ticket_id, id);
CREATE INDEX text_message_comment ON text_message (comment_id);
CREATE INDEX text_message_open ON text_message (person_id, id) WHERE ended_at IS NULL;
CREATE INDEX text_message_agent ON text_message (agent_id) WHERE agent_id IS NOT NULL;
CREATE UNIQUE INDEX text_message_seen ON text_message (seen_hash) WHERE seen_hash IS NOT NULL;
CREATE UNIQUE INDEX text_message_call ON text_message (call_id) WHERE call_id IS NOT NULL;

CREATE TABLE call_leg (
  id BIGINT PRIMARY KEY,
  call_id BIGINT NOT NULL REFERENCES call (id),
  person_id BIGINT REFERENCES person (id),
  kind TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  answered_at BIGINT,
  ended_at BIGINT,
  cause TEXT NOT NULL,
  packets BIGINT NOT NULL,
  lost BIGINT NOT NULL,
  jitter_us BIGINT NOT NULL,
  part TEXT NOT NULL,
  by_id BIGINT REFERENCES person (id),
  talk_ms BIGINT NOT NULL,
  hold_ms BIGINT NOT NULL,
  consult_ms BIGINT NOT NULL,
  issues TEXT NOT NULL DEFAULT '',
  wrap_up_ms BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX call_leg_call ON call_leg (call_id);
CREATE INDEX call_leg_person ON call_leg (person_id);
CREATE INDEX call_leg_by ON call_leg (by_id);

CREATE TABLE monitoring (
  id BIGINT PRIMARY KEY,
  call_id BIGINT NOT NULL REFERENCES call (id),
  ticket_id BIGINT REFERENCES ticket (id) ON DELETE SET NULL,
  agent_id BIGINT REFERENCES person (id),
  supervisor_id BIGINT REFERENCES person (id),
  action TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX monitoring_call ON monitoring (call_id);
CREATE INDEX monitoring_agent ON monitoring (agent_id);
CREATE INDEX monitoring_supervisor ON monitoring (supervisor_id);

CREATE TABLE ivr_step (
  id BIGINT PRIMARY KEY,
  call_id BIGINT NOT NULL REFERENCES call (id),
  ivr_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  menu_id BIGINT NOT NULL,
  action TEXT NOT NULL,
  entered_at BIGINT NOT NULL,
  left_at BIGINT NOT NULL
);
CREATE INDEX ivr_step_call ON ivr_step (call_id);

CREATE TABLE callback (
  id BIGINT PRIMARY KEY,
  line_id BIGINT NOT NULL REFERENCES line (id),
  call_id BIGINT REFERENCES call (id),
  person_id BIGINT REFERENCES person (id),
  key_id BIGINT,
  number BYTEA NOT NULL,
  priority BIGINT NOT NULL,
  agent_id BIGINT REFERENCES person (id),
  secondary_after_ms BIGINT NOT NULL,
  relax_after_ms BIGINT NOT NULL,
  ring_ms BIGINT NOT NULL,
  turn TEXT NOT NULL,
  source TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  since_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX callback_person ON callback (person_id, key_id);
CREATE INDEX callback_expiry ON callback (expires_at);
CREATE INDEX callback_agent ON callback (agent_id) WHERE agent_id IS NOT NULL;

CREATE TABLE callback_want (
  id BIGINT PRIMARY KEY,
  callback_id BIGINT NOT NULL REFERENCES callback (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  ref BIGINT NOT NULL
);
CREATE INDEX callback_want_callback ON callback_want (callback_id);

CREATE TABLE consent (
  id BIGINT PRIMARY KEY,
  call_id BIGINT NOT NULL REFERENCES call (id),
  purpose TEXT NOT NULL,
  mode TEXT NOT NULL,
  outcome TEXT NOT NULL,
  evidence TEXT NOT NULL,
  notice TEXT NOT NULL,
  locale TEXT NOT NULL,
  notice_hash BYTEA NOT NULL,
  asked_at BIGINT NOT NULL,
  decided_at BIGINT NOT NULL
);
CREATE INDEX consent_call ON consent (call_id);

CREATE TABLE recording (
  id BIGINT PRIMARY KEY,
  call_id BIGINT NOT NULL REFERENCES call (id),
  ticket_id BIGINT REFERENCES ticket (id),
  line_id BIGINT REFERENCES line (id),
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT,
  duration_ms BIGINT NOT NULL,
  deleted_at BIGINT,
  deleted_by BIGINT REFERENCES person (id)
);
CREATE INDEX recording_call ON recording (call_id);
CREATE INDEX recording_ticket ON recording (ticket_id);
CREATE INDEX recording_due ON recording (line_id, kind, state, ended_at);
CREATE INDEX recording_deleter ON recording (deleted_by) WHERE deleted_by IS NOT NULL;

CREATE TABLE track (
  id BIGINT PRIMARY KEY,
  recording_id BIGINT NOT NULL REFERENCES recording (id),
  agent_id BIGINT REFERENCES person (id),
  role TEXT NOT NULL,
  key_id BIGINT NOT NULL,
  caller_key_id BIGINT NOT NULL,
  offset_samples BIGINT NOT NULL,
  samples BIGINT NOT NULL,
  lost_samples BIGINT NOT NULL,
  chunks BIGINT NOT NULL,
  state TEXT NOT NULL
);
CREATE INDEX track_recording ON track (recording_id);
CREATE INDEX track_agent ON track (agent_id);

CREATE TABLE pause (
  id BIGINT PRIMARY KEY,
  recording_id BIGINT NOT NULL REFERENCES recording (id),
  by_id BIGINT REFERENCES person (id),
  started_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX pause_recording ON pause (recording_id);
CREATE INDEX pause_by ON pause (by_id) WHERE by_id IS NOT NULL;

CREATE TABLE statement (
  id BIGINT PRIMARY KEY,
  recording_id BIGINT NOT NULL REFERENCES recording (id),
  body BYTEA NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX statement_recording ON statement (recording_id);

CREATE TABLE dial_country (region TEXT PRIMARY KEY);

CREATE TABLE dial_rate (prefix TEXT PRIMARY KEY, micros BIGINT NOT NULL);

CREATE TABLE dial_attempt (
  id BIGINT PRIMARY KEY,
  agent_id BIGINT REFERENCES person (id),
  path TEXT NOT NULL,
  outcome TEXT NOT NULL,
  day TEXT NOT NULL,
  at BIGINT NOT NULL,
  ended_at BIGINT,
  seconds BIGINT NOT NULL,
  cost_micros BIGINT NOT NULL
);
CREATE INDEX dial_attempt_day ON dial_attempt (day, agent_id);
CREATE INDEX dial_attempt_open ON dial_attempt (agent_id) WHERE ended_at IS NULL;
CREATE INDEX dial_attempt_agent ON dial_attempt (agent_id) WHERE agent_id IS NOT NULL;

CREATE TABLE request (
  id BIGINT PRIMARY KEY,
  person_id BIGINT NOT NULL REFERENCES person (id),
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  opened_at BIGINT NOT NULL,
  opened_by BIGINT REFERENCES person (id),
  done_at BIGINT,
  receipt_no BIGINT
);
CREATE INDEX request_person ON request (person_id);
CREATE INDEX request_opener ON request (opened_by) WHERE opened_by IS NOT NULL;

CREATE TABLE erasure (
  id BIGINT PRIMARY KEY,
  person_id BIGINT REFERENCES person (id),
  subject TEXT NOT NULL,
  subject_id BIGINT NOT NULL,
  request_id BIGINT REFERENCES request (id),
  actor_id BIGINT REFERENCES person (id),
  state TEXT NOT NULL,
  opened_at BIGINT NOT NULL,
  unreadable_at BIGINT,
  done_at BIGINT,
  receipt_no BIGINT,
  commitment TEXT NOT NULL
);
CREATE UNIQUE INDEX erasure_open ON erasure (subject, subject_id) WHERE done_at IS NULL;
CREATE INDEX erasure_person ON erasure (person_id);
CREATE INDEX erasure_actor ON erasure (actor_id) WHERE actor_id IS NOT NULL;

CREATE TABLE erasure_key (
  erasure_id BIGINT NOT NULL REFERENCES erasure (id),
  key_id BIGINT NOT NULL,
  PRIMARY KEY (erasure_id, key_id)
);

CREATE TABLE erasure_mark (
  erasure_id BIGINT NOT NULL REFERENCES erasure (id),
  hash BYTEA NOT NULL,
  PRIMARY KEY (erasure_id, hash)
);

CREATE TABLE erasure_step (
  erasure_id BIGINT NOT NULL REFERENCES erasure (id),
  place TEXT NOT NULL,
  action TEXT NOT NULL,
  removed BIGINT NOT NULL,
  retained BIGINT NOT NULL,
  why TEXT NOT NULL,
  until_at BIGINT,
  done BIGINT NOT NULL,
  PRIMARY KEY (erasure_id, place)
);

CREATE TABLE notice (
  id BIGINT PRIMARY KEY,
  recipient TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject_id BIGINT NOT NULL,
  erasure_id BIGINT REFERENCES erasure (id),
  created_at BIGINT NOT NULL,
  confirmed_at BIGINT
);
CREATE INDEX notice_open ON notice (erasure_id) WHERE confirmed_at IS NULL;

CREATE TABLE export (
  id BIGINT PRIMARY KEY,
  person_id BIGINT NOT NULL REFERENCES person (id),
  requested_by BIGINT REFERENCES person (id),
  state TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  size BIGINT NOT NULL
);
CREATE INDEX export_person ON export (person_id);
CREATE INDEX export_expiry ON export (expires_at);
CREATE INDEX export_requester ON export (requested_by) WHERE requested_by IS NOT NULL;

CREATE TABLE audit_entry (
  id BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,
  actor_id BIGINT,
  actor_kind TEXT NOT NULL,
  action TEXT NOT NULL,
  source TEXT NOT NULL,
  source_id BIGINT NOT NULL,
  ticket_id BIGINT,
  person_id BIGINT,
  prev BYTEA NOT NULL,
  hash BYTEA NOT NULL
);
CREATE INDEX audit_actor ON audit_entry (actor_id);
CREATE INDEX audit_person ON audit_entry (person_id);
