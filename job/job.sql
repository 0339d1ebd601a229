-- A running job's due_at is $never until it is enqueued anew: what is less
-- was asked for while it ran.

-- name: Enqueue
INSERT INTO job (id, kind, ref, state, due_at, attempts, claimed_until, fault)
VALUES ($1, $2, $3, 'waiting', $4, 0, 0, '')
ON CONFLICT (kind, ref) WHERE state <> 'done'
DO UPDATE SET due_at = excluded.due_at WHERE excluded.due_at < job.due_at;

-- name: Claim.sqlite
UPDATE job SET state = 'running', attempts = attempts + 1, due_at = $2,
  claimed_until = CASE WHEN claimed_until < $3 THEN $3 ELSE claimed_until + 1 END
WHERE id = (SELECT id FROM job WHERE state = 'waiting' AND due_at <= $1 AND kind IN (kinds)
  ORDER BY due_at, id LIMIT 1)
RETURNING id, kind, ref, attempts, claimed_until;

-- name: Claim.postgres
UPDATE job SET state = 'running', attempts = attempts + 1, due_at = $2,
  claimed_until = CASE WHEN claimed_until < $3 THEN $3 ELSE claimed_until + 1 END
WHERE id = (SELECT id FROM job WHERE state = 'waiting' AND due_at <= $1 AND kind IN (kinds)
  ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, kind, ref, attempts, claimed_until;

-- name: Renew
UPDATE job SET claimed_until = $3 WHERE id = $1 AND claimed_until = $2 AND state = 'running';

-- name: Finish
UPDATE job SET fault = '',
  state = CASE WHEN due_at = $3 THEN 'done' ELSE 'waiting' END,
  done_at = CASE WHEN due_at = $3 THEN $4 ELSE done_at END,
  attempts = CASE WHEN due_at = $3 THEN attempts ELSE 0 END,
  due_at = CASE WHEN due_at = $3 THEN $4 ELSE due_at END
WHERE id = $1 AND claimed_until = $2 AND state = 'running';

-- name: Again
UPDATE job SET state = 'waiting', fault = '', attempts = 0,
  due_at = CASE WHEN due_at < $3 THEN due_at ELSE $3 END
WHERE id = $1 AND claimed_until = $2 AND state = 'running';

-- name: Retry
UPDATE job SET state = 'waiting', fault = $4, due_at = $3
WHERE id = $1 AND claimed_until = $2 AND state = 'running';

-- name: Return
UPDATE job SET state = 'waiting', attempts = attempts - 1, due_at = $3
WHERE id = $1 AND claimed_until = $2 AND state = 'running';

-- name: Expired
SELECT id, claimed_until FROM job WHERE state = 'running' AND claimed_until <= $1;

-- name: Release
UPDATE job SET state = 'waiting', due_at = $3
WHERE id = $1 AND claimed_until = $2 AND state = 'running';

-- name: Recover
UPDATE job SET state = 'waiting', due_at = $1 WHERE state = 'running';

-- name: Clean
DELETE FROM job WHERE state = 'done' AND due_at < $1;

-- name: NextDue
SELECT due_at FROM job WHERE state = 'waiting' AND kind IN (kinds) ORDER BY due_at LIMIT 1;

-- name: Unknown
SELECT COUNT(*) FROM job WHERE state <> 'done' AND kind NOT IN (kinds);
