-- name: Deletions
SELECT opened_at, unreadable_at, done_at, actor_id FROM erasure WHERE subject = 'person' AND subject_id = $1 ORDER BY id;

-- name: WouldBeDue
SELECT COUNT(*) FROM recording WHERE line_id = $1 AND kind = $2 AND state = 'durable' AND ended_at <= $3;
