-- name: Deletions
SELECT opened_at, unreadable_at, done_at, actor_id FROM erasure WHERE subject = 'person' AND subject_id = $1 ORDER BY id;
