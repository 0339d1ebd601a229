-- name: Insert
INSERT INTO callback (id, line_id, call_id, person_id, key_id, number, priority, agent_id, secondary_after_ms, relax_after_ms,
                      ring_ms, turn, source, attempts, since_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, $14, $15);

-- name: InsertWant
INSERT INTO callback_want (id, callback_id, kind, ref) VALUES ($1, $2, $3, $4);

-- name: Waiting
SELECT id, line_id, COALESCE(call_id, 0), priority, COALESCE(agent_id, 0), secondary_after_ms, relax_after_ms, ring_ms, turn, source, since_at
FROM callback WHERE expires_at > $1 ORDER BY since_at, id;

-- name: Wants
SELECT callback_id, kind, ref FROM callback_want ORDER BY id;

-- name: Load
SELECT COALESCE(person_id, 0), COALESCE(key_id, 0), number, attempts FROM callback WHERE id = $1 AND expires_at > $2;

-- name: Attempt
UPDATE callback SET attempts = attempts + 1 WHERE id = $1;

-- name: Delete
DELETE FROM callback WHERE id = $1;

-- name: Expired
SELECT id FROM callback WHERE expires_at <= $1 ORDER BY id;

-- name: LiveLine
SELECT id FROM line WHERE id = $1 AND deleted_at IS NULL;
