-- name: Open
SELECT id, subject, subject_id, COALESCE(person_id, 0), COALESCE(request_id, 0), COALESCE(actor_id, 0), state, COALESCE(receipt_no, 0)
FROM erasure WHERE subject = $1 AND subject_id = $2 AND done_at IS NULL;

-- name: Get
SELECT id, subject, subject_id, COALESCE(person_id, 0), COALESCE(request_id, 0), COALESCE(actor_id, 0), state, COALESCE(receipt_no, 0)
FROM erasure WHERE id = $1;

-- name: Undone
SELECT id FROM erasure WHERE done_at IS NULL ORDER BY id;

-- name: Insert
INSERT INTO erasure (id, person_id, subject, subject_id, request_id, actor_id, state, opened_at, commitment)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: Commitment
SELECT commitment FROM erasure WHERE id = $1;

-- name: Unreadable
UPDATE erasure SET state = 'shredded', unreadable_at = $2 WHERE id = $1 AND state = 'frozen';

-- name: State
UPDATE erasure SET state = $2 WHERE id = $1;

-- name: Done
UPDATE erasure SET state = 'done', done_at = $2, receipt_no = $3 WHERE id = $1;

-- name: InsertKey
INSERT INTO erasure_key (erasure_id, key_id) VALUES ($1, $2) ON CONFLICT (erasure_id, key_id) DO NOTHING;

-- name: Keys
SELECT key_id FROM erasure_key WHERE erasure_id = $1 ORDER BY key_id;

-- name: ForgetKeys
DELETE FROM erasure_key WHERE erasure_id = $1;

-- name: InsertMark
INSERT INTO erasure_mark (erasure_id, hash) VALUES ($1, $2) ON CONFLICT (erasure_id, hash) DO NOTHING;

-- name: Marks
SELECT hash FROM erasure_mark WHERE erasure_id = $1 ORDER BY hash;

-- name: ForgetMarks
DELETE FROM erasure_mark WHERE erasure_id = $1;

-- name: Step
INSERT INTO erasure_step (erasure_id, place, action, removed, retained, why, until_at, done)
VALUES ($1, $2, $3, $4, $5, $6, $7, 1)
ON CONFLICT (erasure_id, place) DO UPDATE
SET removed = erasure_step.removed + excluded.removed, retained = excluded.retained;

-- name: Steps
SELECT place, action, removed, retained, why, until_at FROM erasure_step WHERE erasure_id = $1 ORDER BY place;

-- name: InsertNotice
INSERT INTO notice (id, recipient, kind, subject_id, erasure_id, created_at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: OpenNotices
SELECT id, recipient, kind, subject_id FROM notice WHERE erasure_id = $1 AND confirmed_at IS NULL ORDER BY id;

-- name: ConfirmNotice
UPDATE notice SET confirmed_at = $2 WHERE id = $1;

-- name: OpenCorrections
SELECT id, recipient, kind, subject_id FROM notice WHERE kind = 'rectified' AND confirmed_at IS NULL ORDER BY id;
