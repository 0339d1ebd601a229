-- name: IsStaff
SELECT id FROM person WHERE id = $1 AND role IN ('agent', 'admin') AND frozen_at IS NULL AND deleted_at IS NULL;

-- name: Key
SELECT key_id FROM person WHERE id = $1 AND key_id IS NOT NULL;

-- name: Insert
INSERT INTO agent (person_id, state, idle_since, changed_at) VALUES ($1, $2, $3, $3) ON CONFLICT (person_id) DO NOTHING;

-- name: SetState
UPDATE agent SET state = $2, changed_at = $3 WHERE person_id = $1 AND state <> $2;

-- name: Talked
UPDATE agent SET idle_since = $2 WHERE person_id = $1;

-- name: Get
SELECT person_id, state, idle_since, changed_at FROM agent WHERE person_id = $1;

-- name: List
SELECT person_id, state, idle_since, changed_at FROM agent ORDER BY person_id;

-- name: Idle
SELECT a.person_id, p.key_id, a.idle_since, d.id
FROM agent a
JOIN person p ON p.id = a.person_id
JOIN device d ON d.person_id = a.person_id
WHERE a.state = 'online' AND p.role IN ('agent', 'admin') AND p.key_id IS NOT NULL
  AND p.frozen_at IS NULL AND p.deleted_at IS NULL AND p.suspended_at IS NULL
  AND EXISTS (SELECT 1 FROM registration r WHERE r.device_id = d.id AND r.expires_at > $1)
ORDER BY a.idle_since, a.person_id, d.id;

-- name: Username
SELECT id FROM device WHERE username = $1;

-- name: CountDevices
SELECT COUNT(*) FROM device WHERE person_id = $1;

-- name: InsertDevice
INSERT INTO device (id, person_id, username, secret, created_at) VALUES ($1, $2, $3, $4, $5);

-- name: SetSecret
UPDATE device SET secret = $2 WHERE id = $1;

-- name: DeleteDevice
DELETE FROM device WHERE id = $1;

-- name: Device
SELECT d.id, d.person_id, d.username, d.created_at,
       (SELECT COUNT(*) FROM registration r WHERE r.device_id = d.id AND r.expires_at > $2)
FROM device d WHERE d.id = $1;

-- name: Devices
SELECT d.id, d.person_id, d.username, d.created_at,
       (SELECT COUNT(*) FROM registration r WHERE r.device_id = d.id AND r.expires_at > $2)
FROM device d WHERE d.person_id = $1 ORDER BY d.id;

-- name: Owner
SELECT person_id FROM device WHERE id = $1;

-- name: Credentials
SELECT d.id, d.secret FROM device d JOIN person p ON p.id = d.person_id
WHERE d.username = $1 AND p.role IN ('agent', 'admin')
  AND p.frozen_at IS NULL AND p.deleted_at IS NULL AND p.suspended_at IS NULL;

-- name: InsertRegistration
INSERT INTO registration (id, device_id, contact, contact_hash, expires_at) VALUES ($1, $2, $3, $4, $5);

-- name: DeleteRegistrations
DELETE FROM registration WHERE device_id = $1;

-- name: Registrations
SELECT id, device_id, contact, expires_at FROM registration ORDER BY id;

-- name: Expire
DELETE FROM registration WHERE expires_at <= $1;
