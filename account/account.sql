-- name: Insert
INSERT INTO api_token (id, person_id, hash, created_at) VALUES ($1, $2, $3, $4);

-- name: ByHash
SELECT id, person_id, hash, COALESCE(used_at, 0) FROM api_token WHERE hash = $1 AND revoked_at IS NULL;

-- name: Owner
SELECT person_id FROM api_token WHERE id = $1;

-- name: Revoke
UPDATE api_token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL;

-- name: Used
UPDATE api_token SET used_at = $2 WHERE id = $1;

-- name: List
SELECT id, person_id, created_at, used_at, revoked_at FROM api_token ORDER BY id;
