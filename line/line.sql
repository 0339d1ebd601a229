-- name: Insert
INSERT INTO line (id, number, name, locale, consent, voicemail, ring_seconds, wait_seconds, time_zone,
                  keep_call_days, keep_voicemail_days, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: Update
UPDATE line SET number = $2, name = $3, locale = $4, consent = $5, voicemail = $6, ring_seconds = $7, wait_seconds = $8,
       time_zone = $9, keep_call_days = $10, keep_voicemail_days = $11, updated_at = $12
WHERE id = $1;

-- name: Delete
UPDATE line SET deleted_at = $2, updated_at = $2 WHERE id = $1 AND deleted_at IS NULL;

-- name: Get
SELECT id, number, name, locale, consent, voicemail, ring_seconds, wait_seconds, time_zone,
       keep_call_days, keep_voicemail_days, created_at, updated_at, deleted_at
FROM line WHERE id = $1;

-- name: ByNumber
SELECT id, number, name, locale, consent, voicemail, ring_seconds, wait_seconds, time_zone,
       keep_call_days, keep_voicemail_days, created_at, updated_at, deleted_at
FROM line WHERE number = $1 AND deleted_at IS NULL;

-- name: List
SELECT id, number, name, locale, consent, voicemail, ring_seconds, wait_seconds, time_zone,
       keep_call_days, keep_voicemail_days, created_at, updated_at, deleted_at
FROM line WHERE deleted_at IS NULL ORDER BY name, id;

-- name: Taken
SELECT id FROM line WHERE number = $1 AND id <> $2 AND deleted_at IS NULL;

-- name: Hours
SELECT weekday, opens, closes FROM line_hours WHERE line_id = $1 ORDER BY weekday, opens;

-- name: InsertHours
INSERT INTO line_hours (line_id, weekday, opens, closes) VALUES ($1, $2, $3, $4);

-- name: DeleteHours
DELETE FROM line_hours WHERE line_id = $1;

-- name: InsertGreeting
INSERT INTO greeting (id, line_id, category, locale, sha256, created_at, uploaded_by) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: ReplaceGreeting
UPDATE greeting SET replaced_at = $4 WHERE line_id = $1 AND category = $2 AND locale = $3 AND replaced_at IS NULL;

-- name: Greeting
SELECT id, sha256 FROM greeting WHERE line_id = $1 AND category = $2 AND locale = $3 AND replaced_at IS NULL;

-- name: Greetings
SELECT id, category, locale, created_at, uploaded_by FROM greeting WHERE line_id = $1 AND replaced_at IS NULL ORDER BY category, locale;
