-- name: InsertRequest
INSERT INTO request (id, person_id, kind, state, opened_at, opened_by) VALUES ($1, $2, $3, 'open', $4, $5);

-- name: RequestDone
UPDATE request SET state = $2, done_at = $3, receipt_no = $4 WHERE id = $1 AND done_at IS NULL;

-- name: Requests
SELECT id, kind, state, opened_at, done_at, receipt_no FROM request WHERE person_id = $1 ORDER BY id;

-- name: OpenErasures
SELECT id FROM request WHERE kind = 'erasure' AND done_at IS NULL ORDER BY id;

-- name: OpenErasure
SELECT id FROM request WHERE person_id = $1 AND kind = 'erasure' AND done_at IS NULL ORDER BY id;

-- name: WhoseErasure
SELECT person_id FROM request WHERE id = $1 AND kind = 'erasure' AND done_at IS NULL;

-- name: ErasureReceipt
SELECT receipt_no FROM erasure
WHERE subject = 'person' AND subject_id = $1 AND done_at IS NOT NULL ORDER BY id DESC LIMIT 1;

-- name: InsertExport
INSERT INTO export (id, person_id, requested_by, state, created_at, expires_at, size) VALUES ($1, $2, $3, 'waiting', $4, $5, 0);

-- name: ExportReady
UPDATE export SET state = 'ready', size = $2 WHERE id = $1;

-- name: Export
SELECT id, person_id, state, created_at, expires_at, size FROM export WHERE id = $1;

-- name: ExportRow
SELECT id FROM export WHERE id = $1;

-- name: ExportsDue
SELECT id FROM export WHERE expires_at <= $1 ORDER BY id LIMIT 100;

-- name: DeleteExport
DELETE FROM export WHERE id = $1;
