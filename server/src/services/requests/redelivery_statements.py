"""The statements of bulk redeliveries, by name. Each is one transaction."""

# What is RUNNING for the account, or came with the same key, is in the way: then nothing is inserted. A key is kept
# for a day at least.
BEGIN = """
WITH forgotten AS (
    DELETE FROM redeliveries
    WHERE account IS NOT DISTINCT FROM $2 AND settled_at < $9::timestamptz - interval '1 day' AND id NOT IN (
        SELECT id FROM redeliveries WHERE account IS NOT DISTINCT FROM $2 ORDER BY created_at DESC, id DESC LIMIT $8)
)
INSERT INTO redeliveries (id, account, caller, idempotency_key, fingerprint, status, filter, count, last_position,
                          created_at)
SELECT $1, $2, $3, $4, $5, 'RUNNING', $6::json, $7, last_position, $9 FROM queue_counter
ON CONFLICT DO NOTHING RETURNING id
"""

WITH_KEY = "SELECT id, fingerprint FROM redeliveries WHERE caller = $1 AND idempotency_key = $2"

RUNNING = """
SELECT id, account, greatest(0, extract(epoch FROM next_batch_at - now()))::float8 AS due_in_s FROM redeliveries
WHERE status = 'RUNNING' ORDER BY next_batch_at LIMIT $1
"""

# One step: the next callbacks in queue order are owed again, and the position moves with them, so that a process may
# die at any moment. It looks at a window of positions, however few of them match. Those that were cancelled a moment
# ago are left out: an attempt may still be under way. What this redelivery itself has sent again ends after it was
# created and is not found a second time; the row's lock and `next_batch_at` keep the rate, however many servers there
# are.
ADVANCE = """
WITH due AS (
    SELECT *, least(position + $3, last_position) AS window_end FROM redeliveries
    WHERE id = $1 AND status = 'RUNNING' AND next_batch_at <= now() FOR UPDATE SKIP LOCKED
), found AS (
    SELECT r.id, r.queue_position FROM due, LATERAL (
        SELECT id, queue_position FROM requests
        WHERE queue_position > due.position AND queue_position <= due.window_end
        AND mode = 'async' AND status = 'COMPLETED' AND callback_status IN ('SUCCESS', 'FAILED', 'CANCELLED')
        AND callback_finished_at < due.created_at
        AND (callback_status <> 'CANCELLED' OR callback_finished_at < $4::timestamptz - $6::interval)
        AND run_id IS NULL AND account IS NOT DISTINCT FROM due.account
        AND callback_status = coalesce(due.filter->>'callback_status', callback_status)
        AND receiver = coalesce(due.filter->>'receiver', receiver)
        AND (due.filter->>'error_code' IS NULL OR callback_error_code = due.filter->>'error_code')
        AND (due.filter->>'batch_id' IS NULL OR batch_id = (due.filter->>'batch_id')::uuid)
        AND created_at >= coalesce((due.filter->>'since')::timestamptz, '-infinity')
        AND created_at < coalesce((due.filter->>'until')::timestamptz, 'infinity')
        ORDER BY queue_position LIMIT $2
    ) AS r
), batch AS (
    SELECT count(*) AS size, max(queue_position) AS last FROM found
), again AS (
    UPDATE requests SET callback_status = 'PENDING', callback_series_start = callback_attempts,
                        callback_next_attempt_at = NULL, callback_finished_at = NULL, callback_redelivered_at = $4,
                        callback_sequence = 'redelivery', redelivery_id = $1, cancelled_at = NULL
    FROM found WHERE requests.id = found.id
    AND (callback_status IN ('SUCCESS', 'FAILED')
         OR callback_status = 'CANCELLED' AND callback_finished_at < $4::timestamptz - $6::interval)
    RETURNING requests.id, caller, receiver
), reached AS (
    SELECT CASE WHEN batch.size < $2 THEN due.window_end ELSE batch.last END AS position FROM due, batch
), moved AS (
    UPDATE redeliveries SET
        position = reached.position,
        queued = queued + (SELECT count(*) FROM again),
        next_batch_at = CASE WHEN batch.size > 0 THEN now() + $5 ELSE now() END,
        status = CASE WHEN reached.position >= last_position THEN 'COMPLETED' ELSE 'RUNNING' END,
        ended_at = CASE WHEN reached.position >= last_position THEN $4::timestamptz END
    FROM reached, batch WHERE redeliveries.id = $1
    RETURNING redeliveries.status, batch.size
)
SELECT moved.status, moved.size, again.id, again.caller, again.receiver FROM moved LEFT JOIN again ON true
"""

CANCEL = """
UPDATE redeliveries SET status = 'CANCELLED', ended_at = $3
WHERE id = $1 AND ($4 OR account IS NOT DISTINCT FROM $2::text) AND status = 'RUNNING' RETURNING id
"""

# How they ended is counted once, when nothing of it is owed any more: later each request may be sent again.
SETTLE = """
UPDATE redeliveries SET succeeded = counted.succeeded, failed = counted.failed, settled_at = $1
FROM (
    SELECT ended.id, count(*) FILTER (WHERE r.callback_status = 'SUCCESS') AS succeeded,
           count(*) FILTER (WHERE r.callback_status = 'FAILED') AS failed
    FROM redeliveries ended LEFT JOIN requests r ON r.redelivery_id = ended.id
    WHERE ended.status <> 'RUNNING' AND ended.settled_at IS NULL AND NOT EXISTS (
        SELECT FROM requests owed WHERE owed.redelivery_id = ended.id AND owed.callback_status = 'PENDING')
    GROUP BY ended.id
) AS counted
WHERE redeliveries.id = counted.id
"""

COUNT = """
SELECT redelivery_id, count(*) FILTER (WHERE callback_status = 'SUCCESS') AS succeeded,
       count(*) FILTER (WHERE callback_status = 'FAILED') AS failed
FROM requests WHERE redelivery_id = ANY($1) GROUP BY redelivery_id
"""
