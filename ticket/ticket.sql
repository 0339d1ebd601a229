-- name: Insert
INSERT INTO ticket (id, requester_id, key_id, assignee_id, submitter_id, line_id, subject, status, priority, via,
       created_at, updated_at, solved_at, closed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13);

-- name: Load
SELECT t.id, t.requester_id, t.key_id, t.assignee_id, t.submitter_id, t.line_id, t.subject, t.status, t.priority, t.via,
       t.created_at, t.updated_at, t.solved_at, t.closed_at, t.deleted_at, t.deleted_by, t.purge_at, t.previous_status
FROM ticket t WHERE t.id = $1;

-- name: Get
SELECT t.id, t.requester_id, t.key_id, t.assignee_id, t.submitter_id, t.line_id, t.subject, t.status, t.priority, t.via,
       t.created_at, t.updated_at, t.solved_at, t.closed_at, t.deleted_at, t.deleted_by, t.purge_at, t.previous_status
FROM ticket t WHERE t.id = $1 AND t.status <> 'deleted' AND ($2 = 1 OR t.requester_id = $3);

-- name: List
SELECT t.id, t.requester_id, t.key_id, t.assignee_id, t.submitter_id, t.line_id, t.subject, t.status, t.priority, t.via,
       t.created_at, t.updated_at, t.solved_at, t.closed_at, t.deleted_at, t.deleted_by, t.purge_at, t.previous_status
FROM ticket t
WHERE t.status <> 'deleted'
  AND NOT EXISTS (SELECT 1 FROM person p WHERE p.id = t.requester_id AND p.frozen_at IS NOT NULL)

-- name: Count
SELECT COUNT(*) FROM ticket t
WHERE t.status <> 'deleted'
  AND NOT EXISTS (SELECT 1 FROM person p WHERE p.id = t.requester_id AND p.frozen_at IS NOT NULL)

-- name: Deleted
SELECT t.id, t.requester_id, t.key_id, t.assignee_id, t.submitter_id, t.line_id, t.subject, t.status, t.priority, t.via,
       t.created_at, t.updated_at, t.solved_at, t.closed_at, t.deleted_at, t.deleted_by, t.purge_at, t.previous_status
FROM ticket t
WHERE t.purge_at IS NOT NULL AND t.id < $1
  AND NOT EXISTS (SELECT 1 FROM person p WHERE p.id = t.requester_id AND p.frozen_at IS NOT NULL)
ORDER BY t.id DESC LIMIT $2 OFFSET $3;

-- name: DeletedOldest
SELECT t.id, t.requester_id, t.key_id, t.assignee_id, t.submitter_id, t.line_id, t.subject, t.status, t.priority, t.via,
       t.created_at, t.updated_at, t.solved_at, t.closed_at, t.deleted_at, t.deleted_by, t.purge_at, t.previous_status
FROM ticket t
WHERE t.purge_at IS NOT NULL AND t.id > $1
  AND NOT EXISTS (SELECT 1 FROM person p WHERE p.id = t.requester_id AND p.frozen_at IS NOT NULL)
ORDER BY t.id LIMIT $2 OFFSET $3;

-- name: CountDeleted
SELECT COUNT(*) FROM ticket t
WHERE t.purge_at IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM person p WHERE p.id = t.requester_id AND p.frozen_at IS NOT NULL);

-- name: DuePurge
SELECT id FROM ticket WHERE purge_at IS NOT NULL AND purge_at <= $1 ORDER BY purge_at, id;

-- name: Reach
SELECT requester_id FROM ticket
WHERE id = $1 AND (status = 'deleted') = ($2 = 1) AND ($3 = 1 OR requester_id = $4);

-- name: Requester
SELECT requester_id FROM ticket WHERE id = $1;

-- name: Lock
UPDATE ticket SET updated_at = updated_at WHERE id = $1;

-- name: Purging
SELECT 1 FROM erasure WHERE subject = 'ticket' AND subject_id = $1 AND done_at IS NULL;

-- name: Touch
UPDATE ticket SET updated_at = $2 WHERE id = $1;

-- name: Update
UPDATE ticket SET assignee_id = $2, status = $3, priority = $4, updated_at = $5, solved_at = $6, closed_at = $7
WHERE id = $1;

-- name: SetSubject
UPDATE ticket SET subject = $2, updated_at = $3 WHERE id = $1;

-- name: Delete
UPDATE ticket SET previous_status = status, status = 'deleted', deleted_at = $2, deleted_by = $3, purge_at = $4, updated_at = $2
WHERE id = $1 AND status <> 'deleted';

-- name: Restore
UPDATE ticket SET status = previous_status, previous_status = NULL, deleted_at = NULL, deleted_by = NULL, purge_at = NULL,
       updated_at = $2
WHERE id = $1 AND status = 'deleted';

-- name: PersonKey
SELECT key_id FROM person WHERE id = $1 AND frozen_at IS NULL;

-- name: PersonFrozen
SELECT 1 FROM person WHERE id = $1 AND frozen_at IS NOT NULL;

-- name: PersonExists
SELECT 1 FROM person WHERE id = $1;

-- name: PersonStaff
SELECT 1 FROM person WHERE id = $1 AND role IN ('agent', 'team-lead', 'admin') AND frozen_at IS NULL AND deleted_at IS NULL;

-- name: InsertComment
INSERT INTO comment (id, ticket_id, author_id, public, kind, body, call_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: Comment
SELECT id, ticket_id, author_id, public, kind, body, call_id, created_at, redacted_at
FROM comment WHERE id = $1 AND ticket_id = $2;

-- name: HasComment
SELECT 1 FROM comment WHERE id = $1 AND ticket_id = $2;

-- name: Comments
SELECT id, ticket_id, author_id, public, kind, body, call_id, created_at, redacted_at
FROM comment WHERE ticket_id = $1 AND id > $2 AND ($3 = 1 OR public = 1) ORDER BY id LIMIT $4 OFFSET $5;

-- name: CommentsNewest
SELECT id, ticket_id, author_id, public, kind, body, call_id, created_at, redacted_at
FROM comment WHERE ticket_id = $1 AND id < $2 AND ($3 = 1 OR public = 1) ORDER BY id DESC LIMIT $4 OFFSET $5;

-- name: CountComments
SELECT COUNT(*) FROM comment WHERE ticket_id = $1 AND ($2 = 1 OR public = 1);

-- name: SetBody
UPDATE comment SET body = $3, redacted_at = $4 WHERE id = $1 AND ticket_id = $2;

-- name: MakePrivate
UPDATE comment SET public = 0 WHERE id = $1 AND ticket_id = $2 AND public = 1;

-- name: InsertAttachment
INSERT INTO attachment (id, ticket_id, comment_id, name, content_type, size, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: Attachment
SELECT a.id, a.ticket_id, a.comment_id, a.name, a.content_type, a.size, a.created_at, a.redacted_at
FROM attachment a JOIN comment c ON c.id = a.comment_id JOIN ticket t ON t.id = a.ticket_id
WHERE a.id = $1 AND t.status <> 'deleted' AND ($2 = 1 OR (t.requester_id = $3 AND c.public = 1))
  AND NOT EXISTS (SELECT 1 FROM person p WHERE p.id = t.requester_id AND p.frozen_at IS NOT NULL);

-- name: Attachments
SELECT id, ticket_id, comment_id, name, content_type, size, created_at, redacted_at
FROM attachment WHERE ticket_id = $1 AND comment_id >= $2 AND comment_id <= $3 ORDER BY id;

-- name: AttachmentOf
SELECT id, ticket_id, comment_id, name, content_type, size, created_at, redacted_at
FROM attachment WHERE id = $1 AND ticket_id = $2 AND comment_id = $3;

-- name: RedactAttachment
UPDATE attachment SET name = $2, content_type = 'text/plain', size = 0, redacted_at = $3 WHERE id = $1;

-- name: RenameAttachment
UPDATE attachment SET name = $2 WHERE id = $1;

-- name: InsertEvent
INSERT INTO ticket_event (id, ticket_id, at, actor_id, kind, was, becomes, object_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: Events
SELECT id, ticket_id, at, actor_id, kind, was, becomes, object_id
FROM ticket_event WHERE ticket_id = $1 AND id > $2 ORDER BY id LIMIT $3 OFFSET $4;

-- name: EventsNewest
SELECT id, ticket_id, at, actor_id, kind, was, becomes, object_id
FROM ticket_event WHERE ticket_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3 OFFSET $4;

-- name: CountEvents
SELECT COUNT(*) FROM ticket_event WHERE ticket_id = $1;

-- name: HasEvent
SELECT 1 FROM ticket_event WHERE ticket_id = $1 AND kind = $2 AND object_id = $3;

-- name: InsertWords
INSERT INTO ticket_word (hash, ticket_id, comment_id) VALUES

-- name: DeleteWords
DELETE FROM ticket_word WHERE ticket_id = $1 AND comment_id = $2;

-- name: Words
SELECT hash FROM ticket_word WHERE ticket_id = $1 AND comment_id = $2;

-- name: InsertUpload
INSERT INTO upload (id, token_hash, person_id, name, content_type, size, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: Upload
SELECT id, person_id, name, content_type, size, expires_at FROM upload
WHERE token_hash = $1 AND person_id = $2 AND expires_at > $3;

-- name: DeleteUpload
DELETE FROM upload WHERE id = $1;

-- name: ExpiredUploads
SELECT id FROM upload WHERE expires_at <= $1 AND id > $2 ORDER BY id LIMIT 100;

-- name: CheckTickets
SELECT t.id, t.requester_id, t.key_id, t.assignee_id, t.submitter_id, t.line_id, t.subject, t.status, t.priority, t.via,
       t.created_at, t.updated_at, t.solved_at, t.closed_at, t.deleted_at, t.deleted_by, t.purge_at, t.previous_status
FROM ticket t WHERE t.id > $1 ORDER BY t.id LIMIT $2;

-- name: CheckComments
SELECT id, ticket_id, author_id, public, kind, body, call_id, created_at, redacted_at
FROM comment WHERE id > $1 ORDER BY id LIMIT $2;

-- name: CheckAttachments
SELECT a.id, a.ticket_id, a.comment_id, a.name, a.content_type, a.size, a.created_at, a.redacted_at
FROM attachment a WHERE a.id > $1 ORDER BY a.id LIMIT $2;

-- name: CheckUploads
SELECT id, person_id, name, content_type, size, expires_at FROM upload WHERE id > $1 ORDER BY id LIMIT $2;

-- name: CheckWords
SELECT DISTINCT w.ticket_id, w.comment_id FROM ticket_word w
WHERE w.comment_id <> 0
  AND NOT EXISTS (SELECT 1 FROM comment c WHERE c.id = w.comment_id AND c.ticket_id = w.ticket_id)
LIMIT 100;

-- name: AttachmentRow
SELECT id FROM attachment WHERE id = $1 AND redacted_at IS NULL;

-- name: UploadRow
SELECT id FROM upload WHERE id = $1;
