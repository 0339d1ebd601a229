-- name: InsertRecording
INSERT INTO recording (id, call_id, ticket_id, line_id, kind, state, reason, started_at, ended_at, duration_ms, deleted_at, deleted_by)
VALUES ($1, $2, (SELECT ticket_id FROM call WHERE id = $2), $3, $4, 'writing', '', $5, NULL, 0, NULL, NULL);

-- name: InsertTrack
INSERT INTO track (id, recording_id, agent_id, role, key_id, caller_key_id, offset_samples, samples, lost_samples, chunks, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0, 'writing');

-- name: TellTrack
UPDATE track SET offset_samples = $2, lost_samples = $3 WHERE id = $1 AND state = 'writing';

-- name: FinishTrack
UPDATE track SET offset_samples = $2, samples = $3, lost_samples = $4, chunks = $5, state = $6
WHERE id = $1 AND state = 'writing';

-- name: LoseTracks
UPDATE track SET samples = 0, chunks = 0, state = 'lost' WHERE recording_id = $1 AND state = 'writing';

-- name: FinishRecording
UPDATE recording SET state = $2, reason = $3, started_at = $4, ended_at = $5, duration_ms = $6, deleted_at = $7
WHERE id = $1 AND state = 'writing';

-- name: Recording
SELECT r.id, r.call_id, r.ticket_id, r.line_id, r.kind, r.state, r.reason, r.started_at, r.ended_at, r.duration_ms,
  r.deleted_at, r.deleted_by, c.person_id
FROM recording r JOIN call c ON c.id = r.call_id WHERE r.id = $1;

-- name: RecordingsOfCall
SELECT r.id, r.call_id, r.ticket_id, r.line_id, r.kind, r.state, r.reason, r.started_at, r.ended_at, r.duration_ms,
  r.deleted_at, r.deleted_by, c.person_id
FROM recording r JOIN call c ON c.id = r.call_id WHERE r.call_id = $1 ORDER BY r.id;

-- name: RecordingsOfTicket
SELECT r.id, r.call_id, r.ticket_id, r.line_id, r.kind, r.state, r.reason, r.started_at, r.ended_at, r.duration_ms,
  r.deleted_at, r.deleted_by, c.person_id
FROM recording r JOIN call c ON c.id = r.call_id WHERE r.ticket_id = $1 ORDER BY r.id;

-- name: Tracks
SELECT id, recording_id, agent_id, role, key_id, caller_key_id, offset_samples, samples, lost_samples, chunks, state
FROM track WHERE recording_id = $1 ORDER BY id;

-- name: Track
SELECT id, recording_id, agent_id, role, key_id, caller_key_id, offset_samples, samples, lost_samples, chunks, state
FROM track WHERE id = $1;

-- name: IDsOfTicket
SELECT id FROM recording WHERE ticket_id = $1 ORDER BY id;

-- name: Attach
UPDATE recording SET ticket_id = $2 WHERE call_id = $1;

-- name: MarkDeleted
UPDATE recording SET state = 'deleted', deleted_at = $2, deleted_by = $3 WHERE id = $1 AND state NOT IN ('deleted', 'erased');

-- name: SilenceTracks
UPDATE track SET samples = 0, chunks = 0, state = 'lost' WHERE recording_id = $1;

-- name: Due
SELECT r.id FROM recording r JOIN line l ON l.id = r.line_id
WHERE r.state = 'durable' AND r.kind = 'call' AND r.ended_at <= $1 - l.keep_call_days * 86400000
UNION ALL
SELECT r.id FROM recording r JOIN line l ON l.id = r.line_id
WHERE r.state = 'durable' AND r.kind = 'voicemail' AND r.ended_at <= $1 - l.keep_voicemail_days * 86400000
ORDER BY 1 LIMIT 1000;

-- name: Unfinished
SELECT id FROM recording WHERE state = 'writing' ORDER BY id;

-- name: UnfinishedTracks
SELECT t.id FROM track t JOIN recording r ON r.id = t.recording_id
WHERE t.state = 'writing' AND r.state <> 'writing' ORDER BY t.id;

-- name: TrackIDs
SELECT id FROM track ORDER BY id;

-- name: LoseStrayTracks
UPDATE track SET samples = 0, chunks = 0, state = 'lost'
WHERE state = 'writing' AND recording_id IN (SELECT id FROM recording WHERE state <> 'writing');

-- name: GoneTracks
SELECT t.id FROM track t JOIN recording r ON r.id = t.recording_id WHERE r.state IN ('deleted', 'erased') ORDER BY t.id;

-- name: DurableTracks
SELECT t.id, t.recording_id, t.agent_id, t.role, t.key_id, t.caller_key_id, t.offset_samples, t.samples, t.lost_samples, t.chunks, t.state
FROM track t WHERE t.state = 'durable' AND t.id > $1 ORDER BY t.id LIMIT 500;

-- name: SoundlessRecordings
SELECT r.id FROM recording r
WHERE r.state = 'durable' AND NOT EXISTS (SELECT 1 FROM track t WHERE t.recording_id = r.id AND t.state = 'durable') ORDER BY r.id;

-- name: UnmarkedTracks
SELECT t.id FROM track t JOIN recording r ON r.id = t.recording_id
WHERE t.state = 'durable' AND r.state <> 'durable' ORDER BY t.id;

-- name: Unconsented
SELECT r.id FROM recording r
WHERE r.state IN ('writing', 'durable') AND NOT EXISTS (
  SELECT 1 FROM consent c WHERE c.call_id = r.call_id AND c.purpose = r.kind
  AND (c.outcome = 'granted' OR (c.outcome = 'not-asked' AND c.mode = 'always'))) ORDER BY r.id;

-- name: InsertConsent
INSERT INTO consent (id, call_id, purpose, mode, outcome, evidence, notice, locale, notice_hash, asked_at, decided_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: LastConsent
SELECT call_id, purpose, mode, outcome, evidence, notice, locale, notice_hash, asked_at, decided_at
FROM consent WHERE call_id = $1 AND purpose = $2 ORDER BY decided_at DESC, id DESC LIMIT 1;

-- name: ConsentThatAllows
SELECT call_id, purpose, mode, outcome, evidence, notice, locale, notice_hash, asked_at, decided_at
FROM consent WHERE call_id = $1 AND purpose = $2
AND (outcome = 'granted' OR (outcome = 'not-asked' AND mode = 'always')) ORDER BY decided_at DESC, id DESC LIMIT 1;

-- name: CallerKey
SELECT c.key_id FROM recording r JOIN call c ON c.id = r.call_id WHERE r.id = $1;

-- name: InsertStatement
INSERT INTO statement (id, recording_id, body, created_at) VALUES ($1, $2, $3, $4);

-- name: Statements
SELECT id, recording_id, body, created_at FROM statement WHERE recording_id = $1 ORDER BY id;

-- name: InsertPause
INSERT INTO pause (id, recording_id, by_id, started_at) VALUES ($1, $2, $3, $4);

-- name: EndPause
UPDATE pause SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL;

-- name: EndPauses
UPDATE pause SET ended_at = $2 WHERE recording_id = $1 AND ended_at IS NULL;

-- name: Pauses
SELECT by_id, started_at, ended_at FROM pause WHERE recording_id = $1 ORDER BY started_at, id;
