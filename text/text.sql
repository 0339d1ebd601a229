-- name: Insert
INSERT INTO text_message (id, line_id, person_id, ticket_id, comment_id, agent_id, call_id, kind, state, reason, attempts,
                          number, seen_hash, created_at, ended_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $12, $13, $14);

-- name: PersonKey
SELECT key_id FROM person WHERE id = $1 AND frozen_at IS NULL;

-- name: Seen
SELECT 1 FROM text_message WHERE seen_hash = $1;

-- name: Answered
SELECT 1 FROM text_message WHERE call_id = $1;

-- name: Automatic
SELECT COUNT(*) FROM text_message
WHERE person_id = $1 AND kind IN ('confirmation', 'text-back', 'missed-call') AND created_at > $2;

-- name: Thread
SELECT ticket_id FROM text_message WHERE person_id = $1 AND line_id = $2 ORDER BY id DESC LIMIT 1;

-- name: Get
SELECT id, line_id, person_id, ticket_id, comment_id, agent_id, call_id, kind, state, reason, attempts, number, created_at, ended_at
FROM text_message WHERE id = $1;

-- name: LastOfTicket
SELECT id, line_id, person_id, ticket_id, comment_id, agent_id, call_id, kind, state, reason, attempts, number, created_at, ended_at
FROM text_message WHERE ticket_id = $1 ORDER BY id DESC LIMIT 1;

-- name: OfComment
SELECT id, line_id, person_id, ticket_id, comment_id, agent_id, call_id, kind, state, reason, attempts, number, created_at, ended_at
FROM text_message WHERE comment_id = $1;

-- name: OfTicket
SELECT m.id, m.line_id, m.person_id, m.ticket_id, m.comment_id, m.agent_id, m.call_id, m.kind, m.state, m.reason, m.attempts, m.number, m.created_at, m.ended_at
FROM text_message m JOIN person p ON p.id = m.person_id JOIN ticket t ON t.id = m.ticket_id
WHERE m.ticket_id = $1 AND m.id > $2 AND p.frozen_at IS NULL AND t.status <> 'deleted' ORDER BY m.id LIMIT $3;

-- name: History
SELECT m.id, m.line_id, m.person_id, m.ticket_id, m.comment_id, m.agent_id, m.call_id, m.kind, m.state, m.reason, m.attempts, m.number, m.created_at, m.ended_at
FROM text_message m JOIN person p ON p.id = m.person_id JOIN ticket t ON t.id = m.ticket_id
WHERE m.id < $1 AND p.frozen_at IS NULL AND t.status <> 'deleted' AND (CAST($2 AS BIGINT) = 0 OR m.person_id = $2)
  AND m.created_at >= $3 AND m.created_at < $4 AND (CAST($5 AS BIGINT) = 0 OR m.ticket_id = $5)
ORDER BY m.id DESC LIMIT $6;

-- name: Before
SELECT 1 FROM text_message WHERE person_id = $1 AND ended_at IS NULL AND id < $2 AND line_id = $3 AND created_at > $4;

-- name: Claim
UPDATE text_message SET state = 'sending', attempts = attempts + 1 WHERE id = $1 AND state = 'queued';

-- name: Settle
UPDATE text_message SET state = $2, reason = $3, ended_at = $4 WHERE id = $1 AND ended_at IS NULL;
