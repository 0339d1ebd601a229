-- name: Insert
INSERT INTO line (id, kind, number, name, brand, locale, voice, sms, secure_media, outbound, caller_id,
       consent, keep_call_days, keep_voicemail_days, priority, menu_id, schedule_id, time_zone,
       ring_seconds, wait_seconds, max_queue, announce_wait, announce_position, callback,
       wrap_up, wrap_up_seconds, voicemail, overflow, overflow_closed, failover, text_back, text_back_words, turn, relax_seconds, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36);

-- name: Update
UPDATE line SET kind = $2, number = $3, name = $4, brand = $5, locale = $6, voice = $7, sms = $8, secure_media = $9, outbound = $10,
       caller_id = $11, consent = $12, keep_call_days = $13, keep_voicemail_days = $14, priority = $15, menu_id = $16,
       schedule_id = $17, time_zone = $18, ring_seconds = $19, wait_seconds = $20, max_queue = $21, announce_wait = $22,
       announce_position = $23, callback = $24, wrap_up = $25, wrap_up_seconds = $26, voicemail = $27, overflow = $28,
       overflow_closed = $29, failover = $30, text_back = $31, text_back_words = $32, turn = $33, relax_seconds = $34, updated_at = $35
WHERE id = $1;

-- name: Delete
UPDATE line SET deleted_at = $2, updated_at = $2 WHERE id = $1 AND deleted_at IS NULL;

-- name: Recover
UPDATE line SET deleted_at = NULL, updated_at = $2 WHERE id = $1;

-- name: Get
SELECT id, kind, number, name, brand, locale, voice, sms, secure_media, outbound, caller_id,
       consent, keep_call_days, keep_voicemail_days, priority, menu_id, schedule_id, time_zone,
       ring_seconds, wait_seconds, max_queue, announce_wait, announce_position, callback,
       wrap_up, wrap_up_seconds, voicemail, overflow, overflow_closed, failover, text_back, text_back_words, turn, relax_seconds, created_at, updated_at, deleted_at
FROM line WHERE id = $1;

-- name: ByNumber
SELECT id, kind, number, name, brand, locale, voice, sms, secure_media, outbound, caller_id,
       consent, keep_call_days, keep_voicemail_days, priority, menu_id, schedule_id, time_zone,
       ring_seconds, wait_seconds, max_queue, announce_wait, announce_position, callback,
       wrap_up, wrap_up_seconds, voicemail, overflow, overflow_closed, failover, text_back, text_back_words, turn, relax_seconds, created_at, updated_at, deleted_at
FROM line WHERE number = $1 AND deleted_at IS NULL;

-- name: List
SELECT id, kind, number, name, brand, locale, voice, sms, secure_media, outbound, caller_id,
       consent, keep_call_days, keep_voicemail_days, priority, menu_id, schedule_id, time_zone,
       ring_seconds, wait_seconds, max_queue, announce_wait, announce_position, callback,
       wrap_up, wrap_up_seconds, voicemail, overflow, overflow_closed, failover, text_back, text_back_words, turn, relax_seconds, created_at, updated_at, deleted_at
FROM line WHERE deleted_at IS NULL ORDER BY name, id;

-- name: Deleted
SELECT id, kind, number, name, brand, locale, voice, sms, secure_media, outbound, caller_id,
       consent, keep_call_days, keep_voicemail_days, priority, menu_id, schedule_id, time_zone,
       ring_seconds, wait_seconds, max_queue, announce_wait, announce_position, callback,
       wrap_up, wrap_up_seconds, voicemail, overflow, overflow_closed, failover, text_back, text_back_words, turn, relax_seconds, created_at, updated_at, deleted_at
FROM line WHERE deleted_at >= $1 ORDER BY deleted_at DESC, id;

-- name: Taken
SELECT id FROM line WHERE number = $1 AND id <> $2 AND deleted_at IS NULL;

-- name: Target
SELECT id FROM line WHERE (overflow = $1 OR overflow_closed = $1 OR failover = $1) AND id <> $2 AND deleted_at IS NULL;

-- name: Groups
SELECT group_id FROM line_group WHERE line_id = $1 ORDER BY place;

-- name: InsertGroup
INSERT INTO line_group (line_id, place, group_id) VALUES ($1, $2, $3);

-- name: DeleteGroups
DELETE FROM line_group WHERE line_id = $1;

-- name: Skills
SELECT skill_id FROM line_skill WHERE line_id = $1 ORDER BY skill_id;

-- name: InsertSkill
INSERT INTO line_skill (line_id, skill_id) VALUES ($1, $2);

-- name: DeleteSkills
DELETE FROM line_skill WHERE line_id = $1;

-- name: KnownSkill
SELECT id FROM skill WHERE id = $1;

-- name: InsertSchedule
INSERT INTO schedule (id, name, time_zone, created_at, updated_at) VALUES ($1, $2, $3, $4, $5);

-- name: UpdateSchedule
UPDATE schedule SET name = $2, time_zone = $3, updated_at = $4 WHERE id = $1;

-- name: DeleteSchedule
DELETE FROM schedule WHERE id = $1;

-- name: Schedule
SELECT id, name, time_zone, created_at, updated_at FROM schedule WHERE id = $1;

-- name: Schedules
SELECT id, name, time_zone, created_at, updated_at FROM schedule ORDER BY name, id LIMIT $1;

-- name: ScheduleShared
SELECT id FROM line WHERE schedule_id = $1 AND id <> $2;

-- name: ScheduleUsed
SELECT id FROM line WHERE schedule_id = $1 AND (deleted_at IS NULL OR deleted_at >= $2);

-- name: ForgetSchedule
UPDATE line SET schedule_id = NULL WHERE schedule_id = $1;

-- name: Spans
SELECT weekday, opens, closes FROM schedule_span WHERE schedule_id = $1 ORDER BY weekday, opens;

-- name: InsertSpan
INSERT INTO schedule_span (schedule_id, weekday, opens, closes) VALUES ($1, $2, $3, $4);

-- name: DeleteSpans
DELETE FROM schedule_span WHERE schedule_id = $1;

-- name: Holidays
SELECT id, name, first_day, last_day FROM holiday WHERE schedule_id = $1 ORDER BY first_day, last_day, id;

-- name: InsertHoliday
INSERT INTO holiday (id, schedule_id, name, first_day, last_day) VALUES ($1, $2, $3, $4, $5);

-- name: DeleteHolidays
DELETE FROM holiday WHERE schedule_id = $1;

-- name: InsertGreeting
INSERT INTO greeting (id, category, locale, name, sha256, duration_ms, created_at, uploaded_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: FillGreeting
UPDATE greeting SET sha256 = $2, duration_ms = $3, uploaded_by = $4 WHERE id = $1 AND sha256 IS NULL AND removed_at IS NULL;

-- name: RenameGreeting
UPDATE greeting SET name = $2 WHERE id = $1;

-- name: RemoveGreeting
UPDATE greeting SET removed_at = $2 WHERE id = $1 AND removed_at IS NULL;

-- name: RemoveUnused
UPDATE greeting SET removed_at = $2
WHERE id = $1 AND removed_at IS NULL AND NOT EXISTS (SELECT 1 FROM greeting_use u WHERE u.greeting_id = greeting.id);

-- name: GreetingByID
SELECT id, category, locale, name, sha256, duration_ms, created_at, uploaded_by FROM greeting WHERE id = $1 AND removed_at IS NULL;

-- name: Greetings
SELECT id, category, locale, name, sha256, duration_ms, created_at, uploaded_by FROM greeting WHERE removed_at IS NULL ORDER BY id LIMIT $1;

-- name: Heard
SELECT g.id, g.sha256 FROM greeting_use u JOIN greeting g ON g.id = u.greeting_id
WHERE u.line_id = $1 AND u.category = $2 AND u.locale = $3 AND u.hours IN ('any', $4) AND g.sha256 IS NOT NULL
ORDER BY CASE WHEN u.hours = 'any' THEN 1 ELSE 0 END
LIMIT 1;

-- name: InsertUse
INSERT INTO greeting_use (line_id, category, locale, hours, greeting_id) VALUES ($1, $2, $3, $4, $5);

-- name: UsedAt
SELECT greeting_id FROM greeting_use WHERE line_id = $1 AND category = $2 AND locale = $3 AND hours = $4;

-- name: DeleteUse
DELETE FROM greeting_use WHERE line_id = $1 AND category = $2 AND locale = $3 AND hours = $4;

-- name: MoveUses
UPDATE greeting_use SET greeting_id = $2 WHERE greeting_id = $1;

-- name: UsesOfGreeting
SELECT u.line_id, u.category, u.locale, u.hours, u.greeting_id FROM greeting_use u
JOIN line l ON l.id = u.line_id
WHERE u.greeting_id = $1 AND (l.deleted_at IS NULL OR l.deleted_at >= $2) ORDER BY u.line_id, u.hours;

-- name: UsesOfLine
SELECT line_id, category, locale, hours, greeting_id FROM greeting_use WHERE line_id = $1 ORDER BY category, locale, hours;

-- name: WithMenu
SELECT id FROM line WHERE menu_id = $1 AND deleted_at IS NULL ORDER BY id;

-- name: MenuSound
SELECT id, sha256 FROM greeting WHERE id = $1 AND category = 'menu' AND sha256 IS NOT NULL;

-- name: HasMenuSound
SELECT id FROM greeting WHERE id = $1 AND category = 'menu' AND sha256 IS NOT NULL;
