-- name: Insert
INSERT INTO call (id, line_id, person_id, key_id, direction, state, in_hours, from_number, from_name, consent, voicemail, started_at, reason,
                  holds, hold_ms, consult_ms, pauses, paused_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', 0, $10, '', 0, 0, 0, 0, 0);

-- name: Connect
UPDATE call SET state = $2, agent_id = $3, consent = $4, answered_at = $5, connected_at = $6
WHERE id = $1 AND ended_at IS NULL;

-- name: SetTicket
UPDATE call SET ticket_id = $2 WHERE id = $1;

-- name: End
UPDATE call SET state = $2, agent_id = $3, consent = $4, voicemail = $5, answered_at = $6, connected_at = $7, ended_at = $8, reason = $9,
       holds = $10, hold_ms = $11, consult_ms = $12, pauses = $13, paused_ms = $14,
       queued_at = $15, wait_ms = $16, overdue = $17, overflowed = $18, callback = $19, group_id = $20
WHERE id = $1 AND ended_at IS NULL;

-- name: Crash
UPDATE call SET state = $2, ended_at = $3, reason = $4 WHERE id = $1 AND ended_at IS NULL;

-- name: InsertLeg
INSERT INTO call_leg (id, call_id, person_id, kind, started_at, answered_at, ended_at, cause, packets, lost, jitter_us,
                      part, by_id, talk_ms, hold_ms, consult_ms, issues, wrap_up_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18);

-- name: Open
SELECT id, line_id, person_id, key_id, agent_id, ticket_id, direction, state, in_hours, from_number, from_name,
       consent, voicemail, started_at, answered_at, connected_at, ended_at, reason,
       holds, hold_ms, consult_ms, pauses, paused_ms, queued_at, wait_ms, overdue, overflowed, callback, group_id
FROM call WHERE ended_at IS NULL ORDER BY id;

-- name: Get
SELECT id, line_id, person_id, key_id, agent_id, ticket_id, direction, state, in_hours, from_number, from_name,
       consent, voicemail, started_at, answered_at, connected_at, ended_at, reason,
       holds, hold_ms, consult_ms, pauses, paused_ms, queued_at, wait_ms, overdue, overflowed, callback, group_id
FROM call WHERE id = $1;

-- name: List
SELECT id, line_id, person_id, key_id, agent_id, ticket_id, direction, state, in_hours, from_number, from_name,
       consent, voicemail, started_at, answered_at, connected_at, ended_at, reason,
       holds, hold_ms, consult_ms, pauses, paused_ms, queued_at, wait_ms, overdue, overflowed, callback, group_id
FROM call
WHERE id > $1 AND started_at >= $2 AND started_at < $3
ORDER BY id LIMIT $4;

-- name: OfTicket
SELECT id, line_id, person_id, key_id, agent_id, ticket_id, direction, state, in_hours, from_number, from_name,
       consent, voicemail, started_at, answered_at, connected_at, ended_at, reason,
       holds, hold_ms, consult_ms, pauses, paused_ms, queued_at, wait_ms, overdue, overflowed, callback, group_id
FROM call WHERE ticket_id = $1 ORDER BY id;

-- name: Legs
SELECT kind, person_id, started_at, answered_at, ended_at, cause, packets, lost, jitter_us, part, by_id, talk_ms, hold_ms, consult_ms,
       issues, wrap_up_ms
FROM call_leg WHERE call_id = $1 ORDER BY id;

-- name: Handover
UPDATE call SET agent_id = $2 WHERE id = $1 AND ended_at IS NULL;

-- name: InsertMonitoring
INSERT INTO monitoring (id, call_id, ticket_id, agent_id, supervisor_id, action, started_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: EndMonitoring
UPDATE monitoring SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL;

-- name: CutMonitoring
UPDATE monitoring SET ended_at = started_at WHERE ended_at IS NULL;

-- name: Monitorings
SELECT id, call_id, ticket_id, agent_id, supervisor_id, action, started_at, ended_at
FROM monitoring WHERE id > $1 ORDER BY id LIMIT $2;

-- name: WrapUp
UPDATE call_leg SET wrap_up_ms = wrap_up_ms + $3
WHERE id = (SELECT MAX(id) FROM call_leg WHERE call_id = $1 AND person_id = $2 AND answered_at IS NOT NULL);
