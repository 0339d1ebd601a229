-- name: Insert
INSERT INTO person (id, key_id, role, name, notes, details, external_id, external_hash, locale, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10);

-- name: Get
SELECT id, key_id, role, name, notes, details, external_id, locale, created_at, updated_at,
       suspended_at, deleted_at, frozen_at, erased_at
FROM person WHERE id = $1;

-- name: List
SELECT id, key_id, role, name, notes, details, external_id, locale, created_at, updated_at,
       suspended_at, deleted_at, frozen_at, erased_at
FROM person
WHERE id > $1 AND id < $2 AND (deleted_at IS NOT NULL) = ($3 = 1) AND ($4 = '' OR role = $4 OR ($4 = 'agent' AND role = 'team-lead'))
ORDER BY id LIMIT $5 OFFSET $6;

-- name: ListBackwards
SELECT id, key_id, role, name, notes, details, external_id, locale, created_at, updated_at,
       suspended_at, deleted_at, frozen_at, erased_at
FROM person
WHERE id > $1 AND id < $2 AND (deleted_at IS NOT NULL) = ($3 = 1) AND ($4 = '' OR role = $4 OR ($4 = 'agent' AND role = 'team-lead'))
ORDER BY id DESC LIMIT $5 OFFSET $6;

-- name: Count
SELECT COUNT(*) FROM person WHERE (deleted_at IS NOT NULL) = ($1 = 1) AND ($2 = '' OR role = $2 OR ($2 = 'agent' AND role = 'team-lead'));

-- name: Update
UPDATE person SET role = $2, name = $3, notes = $4, details = $5, external_id = $6, external_hash = $7,
       locale = $8, updated_at = $9, suspended_at = $10
WHERE id = $1 AND frozen_at IS NULL;

-- name: SoftDelete
UPDATE person SET deleted_at = $2, updated_at = $2 WHERE id = $1 AND deleted_at IS NULL AND frozen_at IS NULL;

-- name: Restore
UPDATE person SET deleted_at = NULL, updated_at = $2
WHERE id = $1 AND deleted_at IS NOT NULL AND frozen_at IS NULL;

-- name: LockLive
UPDATE person SET updated_at = updated_at WHERE id = $1 AND frozen_at IS NULL;

-- name: Freeze
UPDATE person SET frozen_at = $2, deleted_at = COALESCE(deleted_at, $2) WHERE id = $1 AND frozen_at IS NULL;

-- name: MarkErased
UPDATE person SET erased_at = $2 WHERE id = $1 AND erased_at IS NULL;

-- name: InsertAddress
INSERT INTO address (id, person_id, kind, value, is_primary, verified_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: InsertAddressIndex
INSERT INTO address_index (hash, address_id, person_id) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING;

-- name: Addresses
SELECT id, kind, value, is_primary, verified_at, created_at FROM address WHERE person_id = $1 ORDER BY id;

-- name: Address
SELECT id, kind, value, is_primary, verified_at, created_at FROM address WHERE id = $1 AND person_id = $2;

-- name: DeleteAddress
DELETE FROM address WHERE id = $1 AND person_id = $2;

-- name: DeleteAddressIndex
DELETE FROM address_index WHERE address_id = $1;

-- name: SetAddress
UPDATE address SET value = $3, verified_at = $4 WHERE id = $1 AND person_id = $2;

-- name: ClearPrimary
UPDATE address SET is_primary = 0 WHERE person_id = $1 AND kind = $2;

-- name: MakePrimary
UPDATE address SET is_primary = 1 WHERE id = $1 AND person_id = $2;

-- name: ByAddress
SELECT i.person_id FROM address_index i JOIN person p ON p.id = i.person_id
WHERE i.hash = $1 AND p.frozen_at IS NULL;

-- name: ByExternal
SELECT id FROM person WHERE external_hash = $1 AND frozen_at IS NULL;

-- name: ByWord
SELECT n.person_id FROM name_index n JOIN person p ON p.id = n.person_id
WHERE n.hash = $1 AND p.frozen_at IS NULL AND p.deleted_at IS NULL ORDER BY n.person_id LIMIT 1000;

-- name: InsertWord
INSERT INTO name_index (hash, person_id) VALUES ($1, $2) ON CONFLICT (hash, person_id) DO NOTHING;

-- name: DeleteWords
DELETE FROM name_index WHERE person_id = $1;

-- name: InsertObjection
INSERT INTO objection (id, person_id, purpose, raised_at) VALUES ($1, $2, $3, $4);

-- name: OpenObjection
SELECT id FROM objection WHERE person_id = $1 AND purpose = $2 AND withdrawn_at IS NULL;

-- name: Objections
SELECT purpose, raised_at FROM objection WHERE person_id = $1 AND withdrawn_at IS NULL ORDER BY id;

-- name: Withdraw
UPDATE objection SET withdrawn_at = $3 WHERE person_id = $1 AND purpose = $2 AND withdrawn_at IS NULL;

-- name: Suppress
INSERT INTO suppression (hash, purpose, since_at) VALUES ($1, $2, $3) ON CONFLICT (hash, purpose) DO NOTHING;

-- name: Unsuppress
DELETE FROM suppression WHERE hash = $1 AND purpose = $2;

-- name: Suppressed
SELECT 1 FROM suppression WHERE hash = $1 AND purpose = $2;
