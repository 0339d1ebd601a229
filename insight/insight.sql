-- name: Account
SELECT COALESCE(line_id, 0), COUNT(*),
       CAST(SUM(CASE WHEN direction = 'inbound' THEN 1 ELSE 0 END) AS BIGINT),
       CAST(SUM(CASE WHEN reason = 'abandoned-in-queue' THEN 1 ELSE 0 END) AS BIGINT),
       CAST(SUM(CASE WHEN direction = 'inbound' AND in_hours = 0 THEN 1 ELSE 0 END) AS BIGINT),
       CAST(SUM(overdue) AS BIGINT), CAST(SUM(voicemail) AS BIGINT),
       CAST(SUM(CASE WHEN answered_at IS NOT NULL AND ended_at IS NOT NULL THEN ended_at - answered_at ELSE 0 END) AS BIGINT),
       CAST(SUM(CASE WHEN answered_at IS NOT NULL AND ended_at IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT),
       CAST(SUM(hold_ms) AS BIGINT), CAST(SUM(CASE WHEN holds > 0 THEN 1 ELSE 0 END) AS BIGINT),
       CAST(SUM(wait_ms) AS BIGINT), CAST(SUM(CASE WHEN queued_at IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT), MAX(wait_ms),
       CAST(SUM(CASE WHEN direction = 'inbound' AND connected_at IS NOT NULL THEN connected_at - started_at ELSE 0 END) AS BIGINT),
       CAST(SUM(CASE WHEN direction = 'inbound' AND connected_at IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT),
       CAST(SUM(CASE WHEN direction = 'outbound' AND callback = 'queue' THEN 1 ELSE 0 END) AS BIGINT),
       CAST(SUM(CASE WHEN direction = 'outbound' AND callback = 'api' THEN 1 ELSE 0 END) AS BIGINT)
FROM call WHERE started_at >= $1 AND started_at < $2 AND line_id IS NOT NULL
GROUP BY line_id;

-- name: MenuChoices
SELECT c.line_id, s.action, COUNT(DISTINCT c.id)
FROM ivr_step s JOIN call c ON c.id = s.call_id
WHERE c.started_at >= $1 AND c.started_at < $2 AND c.line_id IS NOT NULL AND s.action IN ('voicemail', 'textback')
GROUP BY c.line_id, s.action;

-- name: Waits
SELECT line_id, queued_at, wait_ms FROM call
WHERE started_at >= $1 AND started_at < $2 AND queued_at IS NOT NULL AND wait_ms > 0;

-- name: AgentCalls
SELECT l.person_id,
       CAST(SUM(CASE WHEN l.answered_at IS NOT NULL AND l.ended_at IS NOT NULL THEN l.ended_at - l.answered_at ELSE 0 END) AS BIGINT),
       CAST(SUM(CASE WHEN l.part = 'conference' AND l.answered_at IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT)
FROM call_leg l JOIN call c ON c.id = l.call_id
WHERE c.started_at >= $1 AND c.started_at < $2 AND l.kind = 'agent' AND l.person_id IS NOT NULL
GROUP BY l.person_id;

-- name: ConferencesStarted
SELECT l.by_id, COUNT(*)
FROM call_leg l JOIN call c ON c.id = l.call_id
WHERE c.started_at >= $1 AND c.started_at < $2 AND l.part = 'conference' AND l.by_id IS NOT NULL
GROUP BY l.by_id;

-- name: Nth
SELECT ended_at FROM call WHERE ended_at >= $1 AND ended_at < $2 ORDER BY ended_at LIMIT 1 OFFSET $3;

-- name: Calls
SELECT c.id, COALESCE(c.line_id, 0), COALESCE(c.person_id, 0), COALESCE(c.agent_id, 0), COALESCE(c.ticket_id, 0), c.direction, c.in_hours,
       c.consent, c.voicemail, c.started_at, c.answered_at, c.connected_at, c.ended_at, c.reason, c.hold_ms, c.consult_ms,
       c.pauses, c.paused_ms, c.wait_ms, c.overdue, COALESCE(l.number, ''), COALESCE(l.name, ''), COALESCE(l.kind, ''), COALESCE(l.consent, ''),
       c.overflowed, c.callback, COALESCE(c.group_id, 0), COALESCE(g.name, '')
FROM call c LEFT JOIN line l ON l.id = c.line_id LEFT JOIN agent_group g ON g.id = c.group_id
WHERE c.ended_at >= $1 AND c.ended_at < $2 ORDER BY c.ended_at, c.id;

-- name: Steps
SELECT s.call_id, s.action, s.entered_at, s.left_at
FROM ivr_step s JOIN call c ON c.id = s.call_id
WHERE c.ended_at >= $1 AND c.ended_at < $2 ORDER BY s.id;

-- name: Consents
SELECT k.call_id, k.mode, k.outcome
FROM consent k JOIN call c ON c.id = k.call_id
WHERE c.ended_at >= $1 AND c.ended_at < $2 ORDER BY k.id;

-- name: Recorded
SELECT r.call_id, CAST(SUM(r.duration_ms) AS BIGINT)
FROM recording r JOIN call c ON c.id = r.call_id
WHERE c.ended_at >= $1 AND c.ended_at < $2 AND r.kind = 'call' GROUP BY r.call_id;

-- name: Legs
SELECT l.id, l.call_id, l.kind, l.part, COALESCE(l.person_id, 0), COALESCE(c.person_id, 0), COALESCE(l.by_id, 0), l.started_at, l.answered_at,
       l.ended_at, c.ended_at, l.cause, l.talk_ms, l.hold_ms, l.consult_ms, l.issues, l.wrap_up_ms
FROM call_leg l JOIN call c ON c.id = l.call_id
WHERE c.ended_at >= $1 AND c.ended_at < $2 ORDER BY c.ended_at, c.id, l.id;
