-- name: Insert
INSERT INTO ivr (id, name, draft, created_at, updated_at) VALUES ($1, $2, $3, $4, $4);

-- name: Update
UPDATE ivr SET name = $2, draft = $3, updated_at = $4 WHERE id = $1 AND deleted_at IS NULL;

-- name: SetLive
UPDATE ivr SET live = $2, updated_at = $3 WHERE id = $1 AND deleted_at IS NULL;

-- name: Delete
UPDATE ivr SET name = '', draft = '', live = NULL, deleted_at = $2, updated_at = $2 WHERE id = $1 AND deleted_at IS NULL;

-- name: Get
SELECT id, name, draft, live, created_at, updated_at FROM ivr WHERE id = $1 AND deleted_at IS NULL;

-- name: List
SELECT id, name, draft, live, created_at, updated_at FROM ivr WHERE deleted_at IS NULL ORDER BY name, id;

-- name: LastVersion
SELECT COALESCE(MAX(number), 0) FROM ivr_version WHERE ivr_id = $1;

-- name: InsertVersion
INSERT INTO ivr_version (ivr_id, number, plan, published_at) VALUES ($1, $2, $3, $4);

-- name: Version
SELECT number, plan, published_at FROM ivr_version WHERE ivr_id = $1 AND number = $2;

-- name: Versions
SELECT number, plan, published_at FROM ivr_version WHERE ivr_id = $1 ORDER BY number DESC;

-- name: Live
SELECT v.number, v.plan, v.published_at FROM ivr i JOIN ivr_version v ON v.ivr_id = i.id AND v.number = i.live
WHERE i.id = $1 AND i.deleted_at IS NULL;

-- name: DeleteVersions
DELETE FROM ivr_version WHERE ivr_id = $1;

-- name: InsertStep
INSERT INTO ivr_step (id, call_id, ivr_id, version, menu_id, action, entered_at, left_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: Steps
SELECT ivr_id, version, menu_id, action, entered_at, left_at FROM ivr_step WHERE call_id = $1 ORDER BY id;
