-- name: IsStaff
SELECT id FROM person WHERE id = $1 AND role IN ('agent', 'team-lead', 'admin') AND frozen_at IS NULL AND deleted_at IS NULL;

-- name: Key
SELECT key_id FROM person WHERE id = $1 AND key_id IS NOT NULL;

-- name: Locale
SELECT COALESCE(locale, '') FROM person WHERE id = $1;

-- name: Insert
INSERT INTO agent (person_id, state, reason, idle_since, changed_at) VALUES ($1, $2, '', $3, $3) ON CONFLICT (person_id) DO NOTHING;

-- name: SetState
UPDATE agent SET state = $2, reason = $3, reason_id = $4, changed_at = $5 WHERE person_id = $1;

-- name: Talked
UPDATE agent SET idle_since = $2 WHERE person_id = $1;

-- name: Get
SELECT person_id, state, reason, COALESCE(reason_id, 0), idle_since, changed_at FROM agent WHERE person_id = $1;

-- name: List
SELECT person_id, state, reason, COALESCE(reason_id, 0), idle_since, changed_at FROM agent ORDER BY person_id;

-- name: Roster
SELECT a.person_id, p.key_id, COALESCE(p.locale, ''), a.idle_since, d.id, d.kind,
       (SELECT COUNT(*) FROM registration r WHERE r.device_id = d.id AND r.expires_at > $1)
FROM agent a
JOIN person p ON p.id = a.person_id
JOIN device d ON d.person_id = a.person_id
WHERE a.state = $2 AND d.is_rung = 1 AND p.role IN ('agent', 'team-lead', 'admin') AND p.key_id IS NOT NULL
  AND p.frozen_at IS NULL AND p.deleted_at IS NULL AND p.suspended_at IS NULL
ORDER BY a.person_id, d.id;

-- name: AllMemberships
SELECT m.person_id, m.group_id FROM membership m JOIN agent_group g ON g.id = m.group_id
WHERE g.deleted_at IS NULL ORDER BY m.person_id, m.group_id;

-- name: AllSkills
SELECT person_id, skill_id FROM agent_skill ORDER BY person_id, skill_id;

-- name: InsertReason
INSERT INTO state_reason (id, name, state, created_at) VALUES ($1, $2, $3, $4);

-- name: DeleteReason
UPDATE state_reason SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL;

-- name: Reasons
SELECT id, name, state FROM state_reason WHERE deleted_at IS NULL ORDER BY name, id;

-- name: Reason
SELECT id, name, state FROM state_reason WHERE id = $1 AND deleted_at IS NULL;

-- name: Tally
INSERT INTO agent_day (id, person_id, day_at, accepted, denied, missed, talks, talk_ms, wrap_ups, wrap_up_ms, holds, hold_ms,
                       transfers_started, transfers_accepted, available_ms, away_ms, transfers_only_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT (person_id, day_at) DO UPDATE SET
  accepted = agent_day.accepted + excluded.accepted, denied = agent_day.denied + excluded.denied,
  missed = agent_day.missed + excluded.missed, talks = agent_day.talks + excluded.talks,
  talk_ms = agent_day.talk_ms + excluded.talk_ms, wrap_ups = agent_day.wrap_ups + excluded.wrap_ups,
  wrap_up_ms = agent_day.wrap_up_ms + excluded.wrap_up_ms, holds = agent_day.holds + excluded.holds,
  hold_ms = agent_day.hold_ms + excluded.hold_ms,
  transfers_started = agent_day.transfers_started + excluded.transfers_started,
  transfers_accepted = agent_day.transfers_accepted + excluded.transfers_accepted,
  available_ms = agent_day.available_ms + excluded.available_ms, away_ms = agent_day.away_ms + excluded.away_ms,
  transfers_only_ms = agent_day.transfers_only_ms + excluded.transfers_only_ms;

-- name: Day
SELECT person_id, accepted, denied, missed, talks, talk_ms, wrap_ups, wrap_up_ms, holds, hold_ms,
       transfers_started, transfers_accepted, available_ms, away_ms, transfers_only_ms
FROM agent_day WHERE day_at = $1 ORDER BY person_id;

-- name: ExpireDays
DELETE FROM agent_day WHERE day_at < $1;

-- name: InsertGroup
INSERT INTO agent_group (id, name, is_default, created_at, updated_at) VALUES ($1, $2, $3, $4, $4);

-- name: UpdateGroup
UPDATE agent_group SET name = $2, is_default = $3, updated_at = $4 WHERE id = $1;

-- name: DeleteGroup
UPDATE agent_group SET deleted_at = $2, updated_at = $2 WHERE id = $1;

-- name: NoDefaultGroup
UPDATE agent_group SET is_default = 0, updated_at = $1 WHERE is_default = 1;

-- name: Groups
SELECT id, name, is_default, created_at, updated_at FROM agent_group WHERE deleted_at IS NULL ORDER BY id;

-- name: Group
SELECT id, name, is_default, created_at, updated_at FROM agent_group WHERE id = $1 AND deleted_at IS NULL;

-- name: InsertMembership
INSERT INTO membership (id, person_id, group_id, is_default, created_at) VALUES ($1, $2, $3, $4, $5);

-- name: DeleteMembership
DELETE FROM membership WHERE id = $1;

-- name: DeleteMembershipsOfGroup
DELETE FROM membership WHERE group_id = $1;

-- name: NoDefaultMembership
UPDATE membership SET is_default = 0 WHERE person_id = $1 AND is_default = 1;

-- name: DefaultMembership
UPDATE membership SET is_default = 1 WHERE id = $1;

-- name: Memberships
SELECT m.id, m.person_id, m.group_id, m.is_default, m.created_at
FROM membership m JOIN agent_group g ON g.id = m.group_id WHERE g.deleted_at IS NULL ORDER BY m.id;

-- name: InsertSkill
INSERT INTO skill (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING;

-- name: SkillByName
SELECT id FROM skill WHERE name = $1;

-- name: SkillByID
SELECT id FROM skill WHERE id = $1;

-- name: Skills
SELECT id, name FROM skill ORDER BY name;

-- name: DropSkill
DELETE FROM agent_skill WHERE skill_id = $1;

-- name: DeleteSkill
DELETE FROM skill WHERE id = $1;

-- name: SkillsOf
SELECT s.id, s.name FROM skill s JOIN agent_skill a ON a.skill_id = s.id WHERE a.person_id = $1 ORDER BY s.name;

-- name: GiveSkill
INSERT INTO agent_skill (id, person_id, skill_id) VALUES ($1, $2, $3) ON CONFLICT (person_id, skill_id) DO NOTHING;

-- name: TakeSkill
DELETE FROM agent_skill WHERE person_id = $1 AND skill_id = $2;

-- name: SetDirect
INSERT INTO direct_line (line_id, person_id) VALUES ($1, $2) ON CONFLICT (line_id) DO UPDATE SET person_id = excluded.person_id;

-- name: ClearDirect
DELETE FROM direct_line WHERE line_id = $1;

-- name: Direct
SELECT person_id FROM direct_line WHERE line_id = $1;

-- name: LiveLine
SELECT id FROM line WHERE id = $1 AND deleted_at IS NULL;

-- name: Username
SELECT id FROM device WHERE username = $1;

-- name: Extension
SELECT d.person_id FROM device d JOIN person p ON p.id = d.person_id
WHERE d.username = $1 AND p.role IN ('agent', 'team-lead', 'admin') AND p.frozen_at IS NULL AND p.deleted_at IS NULL AND p.suspended_at IS NULL;

-- name: CountDevices
SELECT COUNT(*) FROM device WHERE person_id = $1;

-- name: InsertDevice
INSERT INTO device (id, person_id, kind, is_rung, username, secret, number, created_at) VALUES ($1, $2, $3, 1, $4, $5, $6, $7);

-- name: SetRung
UPDATE device SET is_rung = $2 WHERE id = $1;

-- name: DeviceNumber
SELECT number FROM device WHERE id = $1 AND kind = 'forward';

-- name: SetSecret
UPDATE device SET secret = $2 WHERE id = $1;

-- name: DeleteDevice
DELETE FROM device WHERE id = $1;

-- name: Device
SELECT d.id, d.person_id, d.kind, d.is_rung, COALESCE(d.username, ''), d.created_at,
       (SELECT COUNT(*) FROM registration r WHERE r.device_id = d.id AND r.expires_at > $2)
FROM device d WHERE d.id = $1;

-- name: Devices
SELECT d.id, d.person_id, d.kind, d.is_rung, COALESCE(d.username, ''), d.created_at,
       (SELECT COUNT(*) FROM registration r WHERE r.device_id = d.id AND r.expires_at > $2)
FROM device d WHERE d.person_id = $1 ORDER BY d.id;

-- name: Owner
SELECT person_id FROM device WHERE id = $1;

-- name: Credentials
SELECT d.id, d.secret FROM device d JOIN person p ON p.id = d.person_id
WHERE d.username = $1 AND d.kind = 'sip' AND p.role IN ('agent', 'team-lead', 'admin')
  AND p.frozen_at IS NULL AND p.deleted_at IS NULL AND p.suspended_at IS NULL;

-- name: InsertRegistration
INSERT INTO registration (id, device_id, contact, contact_hash, expires_at) VALUES ($1, $2, $3, $4, $5);

-- name: DeleteRegistrations
DELETE FROM registration WHERE device_id = $1;

-- name: Registrations
SELECT id, device_id, contact, expires_at FROM registration ORDER BY id;

-- name: Expire
DELETE FROM registration WHERE expires_at <= $1;
