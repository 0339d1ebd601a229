-- name: Add
INSERT INTO audit_entry (id, at, actor_id, actor_kind, action, source, source_id, ticket_id, person_id, prev, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: Head
SELECT id, hash FROM audit_entry ORDER BY id DESC LIMIT 1;

-- name: Page
SELECT id, at, actor_id, actor_kind, action, source, source_id, ticket_id, person_id, prev, hash
FROM audit_entry WHERE id > $1 ORDER BY id LIMIT $2;

-- name: Oldest
SELECT COALESCE(MIN(id), 0) FROM audit_entry;

-- name: HashAt
SELECT hash FROM audit_entry WHERE id = $1;

-- name: PrevAt
SELECT prev FROM audit_entry WHERE id = $1;

-- name: List
SELECT id, at, actor_id, actor_kind, action, source, source_id, ticket_id, person_id, prev, hash
FROM audit_entry

-- name: Count
SELECT COUNT(*) FROM audit_entry

-- name: FirstSince
SELECT id FROM audit_entry WHERE at >= $1 ORDER BY id LIMIT 1;

-- name: Prune
DELETE FROM audit_entry WHERE id < $1;
