"""The SQL statements of `RequestStore`. Each is a transaction of its own and processes many rows.

The worker's statements pass its epoch: `require_epoch` raises an error if another process has become the leader. (NULL
passes, for statements that are not the worker's, such as the end of a sync report.)

Parameters are arrays, one per column, which `unnest` turns into rows. asyncpg prepares each statement once per
connection.
"""

# Keys first, positions last: a writer waiting for another's key must not hold the lock on the counter. Its row is
# locked from here to COMMIT, and this statement is the whole transaction.
INSERT = """
WITH offered AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
                         $8::text[], $9::text[], $10::bytea[], $11::text[], $12::uuid[], $13::text[], $14::text[])
    WITH ORDINALITY
    AS offered (id, mode, caller, input, callback_url, receiver, created_at, route, key, fingerprint,
                account, run_id, priority, traceparent, n)
), claimed AS (
    INSERT INTO idempotency_keys (caller, route, key, fingerprint, request_id, created_at)
    SELECT caller, route, key, fingerprint, id, created_at FROM offered WHERE key IS NOT NULL
    ORDER BY caller, route, key, n  -- the same order for all writers prevents deadlocks
    ON CONFLICT DO NOTHING RETURNING request_id
), created AS (
    SELECT *, row_number() OVER (PARTITION BY mode ORDER BY n) AS place FROM offered
    WHERE key IS NULL OR id IN (SELECT request_id FROM claimed)
), waiting AS (
    SELECT count(*) AS number FROM created WHERE mode = 'async'
), counter AS (
    UPDATE queue_counter SET last_position = last_position + waiting.number FROM waiting WHERE waiting.number > 0
    RETURNING last_position - waiting.number AS first
)
INSERT INTO requests (id, mode, status, caller, input_payload, idempotency_key, queue_position,
                      callback_url, receiver, callback_status, created_at, started_at, account, run_id,
                      priority, callback_sequence, traceparent)
SELECT id, mode, CASE mode WHEN 'async' THEN 'PENDING' ELSE 'PROCESSING' END, caller, input::json, key,
       CASE mode WHEN 'async' THEN counter.first + place END, callback_url, receiver,
       CASE WHEN callback_url IS NOT NULL THEN 'PENDING' END, created_at, CASE mode WHEN 'sync' THEN created_at END,
       account, run_id, priority, priority, traceparent
FROM created LEFT JOIN counter ON true
RETURNING id, queue_position
"""

FIND_KEYS = """
SELECT wanted.n, k.fingerprint, r.id, r.mode, r.status, r.queue_position, r.result_payload, r.created_at,
       r.completed_at
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS wanted (caller, route, key, n)
JOIN idempotency_keys k USING (caller, route, key) JOIN requests r ON r.id = k.request_id
"""

FREE_KEYS = "DELETE FROM idempotency_keys WHERE request_id = ANY($1::uuid[])"

# Uses the index of unfinished requests: the cost grows with the queue, not with the history.
COUNT_WAITING = """
SELECT caller, count(*) AS number, sum(count(*)) OVER ()::bigint AS total FROM (
    SELECT caller FROM requests WHERE mode = 'async' AND completed_at IS NULL AND status = 'PENDING' LIMIT $1
) AS waiting GROUP BY caller ORDER BY number DESC LIMIT $2
"""

# For each priority: the requests after a position, up to a limit. Cancelled ones with a notification keep their places.
WAITING_AFTER = """
SELECT job.* FROM unnest($1::text[], $2::bigint[], $3::int[]) AS tail (priority, position, room), LATERAL (
    SELECT id, queue_position, caller, input_payload, callback_url, receiver, generation_attempts, priority,
           account, run_id, traceparent, batch_id
    FROM requests r
    WHERE r.mode = 'async' AND r.completed_at IS NULL AND r.status IN ('PENDING', 'CANCELLED')
    AND r.priority = tail.priority AND r.queue_position > tail.position
    ORDER BY r.queue_position LIMIT tail.room
) AS job
"""

# PROCESSING is included for a start whose result was lost: only the worker sets it.
START = """
WITH term AS MATERIALIZED (SELECT require_epoch($3))
UPDATE requests SET status = 'PROCESSING', started_at = $2, generation_attempts = generation_attempts + 1
FROM term WHERE id = ANY($1::uuid[]) AND mode = 'async' AND status IN ('PENDING', 'PROCESSING')
RETURNING id
"""

# One that was cancelled meanwhile stays so; it ends here where it is to be told of, because it is its turn.
FINISH = """
WITH term AS MATERIALIZED (SELECT require_epoch($6))
UPDATE requests SET completed_at = f.completed_at,
                    status = CASE requests.status WHEN 'PROCESSING' THEN f.status ELSE requests.status END,
                    result_payload = CASE requests.status WHEN 'PROCESSING' THEN f.result::json END,
                    failure_reason = CASE requests.status WHEN 'PROCESSING' THEN f.reason END
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
     AS f (id, status, result, reason, completed_at), term
WHERE requests.id = f.id AND requests.completed_at IS NULL
AND (requests.status = 'CANCELLED' OR requests.status = 'PROCESSING' AND f.status <> 'CANCELLED')
RETURNING requests.id, mode, requests.status, callback_status, created_at, started_at, requests.completed_at,
          account, traceparent
"""

# For those that the statement above did not change: recorded before by it, its answer lost; cancelled; or gone.
RECORDED = """
SELECT requests.id, requests.status,
       requests.completed_at = f.completed_at AND callback_status = 'PENDING' AS owed
FROM unnest($1::uuid[], $2::timestamptz[]) AS f (id, completed_at) JOIN requests ON requests.id = f.id
WHERE requests.completed_at = f.completed_at OR requests.status = 'CANCELLED'
"""

# By the state of the row alone. A report that was being generated leaves a file behind, now or in a moment.
CANCEL = """
WITH changed AS (
    UPDATE requests SET
        status = CASE WHEN completed_at IS NULL THEN 'CANCELLED' ELSE status END,
        completed_at = CASE WHEN completed_at IS NULL AND $3 AND callback_status = 'PENDING' THEN NULL
                            ELSE coalesce(completed_at, $2) END,
        callback_status = CASE WHEN completed_at IS NULL AND $3 OR callback_status IS NULL THEN callback_status
                               ELSE 'CANCELLED' END,
        callback_finished_at = CASE WHEN completed_at IS NULL AND $3 OR callback_status IS NULL THEN NULL ELSE $2 END,
        callback_next_attempt_at = NULL,
        cancelled_at = $2
    WHERE id = $1 AND ($5 OR account IS NOT DISTINCT FROM $4::text)
    AND (status IN ('PENDING', 'PROCESSING')
                       OR status IN ('COMPLETED', 'FAILED') AND callback_status = 'PENDING')
    RETURNING id, mode, status, created_at, started_at, cancelled_at AS completed_at, account, traceparent
), noted AS (
    INSERT INTO files_to_delete (request_id)
    SELECT id FROM changed WHERE status = 'CANCELLED' AND started_at IS NOT NULL ON CONFLICT DO NOTHING
)
SELECT *, (SELECT epoch FROM leader) AS epoch FROM changed
"""

RELEASE = """
WITH term AS MATERIALIZED (SELECT require_epoch($2))
UPDATE requests SET status = 'PENDING', started_at = NULL, generation_attempts = generation_attempts - 1
FROM term WHERE id = ANY($1::uuid[]) AND mode = 'async' AND status = 'PROCESSING'
RETURNING id
"""

FAIL_POISON = """
WITH term AS MATERIALIZED (SELECT require_epoch($4))
UPDATE requests SET status = 'FAILED', failure_reason = $2, completed_at = $3
FROM term WHERE mode = 'async' AND completed_at IS NULL AND status = 'PROCESSING' AND generation_attempts >= $1
RETURNING id, mode, status, created_at, started_at, completed_at, account, traceparent
"""

RECOVER = """
WITH term AS MATERIALIZED (SELECT require_epoch($1))
UPDATE requests SET status = 'PENDING', started_at = NULL
FROM term WHERE mode = 'async' AND completed_at IS NULL AND status = 'PROCESSING'
RETURNING id
"""

# The caller never got a response, so its key is freed: a retry with it generates the report.
FAIL_SYNC = """
WITH failed AS (
    UPDATE requests SET status = 'FAILED', failure_reason = f.reason, completed_at = f.completed_at
    FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS f (id, reason, completed_at)
    WHERE requests.id = f.id AND mode = 'sync' AND status = 'PROCESSING'
    RETURNING requests.id, mode, status, created_at, started_at, requests.completed_at, account, traceparent
), freed AS (
    DELETE FROM idempotency_keys WHERE request_id IN (SELECT id FROM failed)
)
SELECT * FROM failed
"""

FAIL_ABANDONED_SYNC = """
WITH failed AS (
    UPDATE requests SET status = 'FAILED', failure_reason = $2, completed_at = $3
    WHERE mode = 'sync' AND status = 'PROCESSING' AND created_at < $1
    RETURNING id, mode, status, created_at, started_at, completed_at, account, traceparent
), freed AS (
    DELETE FROM idempotency_keys WHERE request_id IN (SELECT id FROM failed)
)
SELECT * FROM failed
"""

EXPIRE_KEYS = """
DELETE FROM idempotency_keys WHERE (caller, route, key) IN (
    SELECT k.caller, k.route, k.key FROM idempotency_keys k
    LEFT JOIN requests r ON r.id = k.request_id LEFT JOIN batches b ON b.id = k.batch_id
    WHERE k.created_at < $1 AND coalesce(r.completed_at, b.completed_at) < $1 ORDER BY k.created_at LIMIT $2)
"""

OWED = """
SELECT id, queue_position, caller, input_payload, callback_url, receiver, generation_attempts, priority,
       account, run_id, traceparent, batch_id, result_payload, failure_reason, completed_at,
       callback_attempts, callback_series_start, callback_next_attempt_at, callback_redelivered_at
FROM requests
WHERE callback_status = 'PENDING' AND completed_at IS NOT NULL AND caller = $1 AND receiver = $2
AND callback_sequence = $3
ORDER BY queue_position LIMIT $4
"""

# Skip scan over the index of undelivered callbacks: the cost grows with the callers returned, not their callbacks.
CALLERS_OWED = """
WITH RECURSIVE found AS (
    (SELECT caller FROM requests WHERE callback_status = 'PENDING' AND completed_at IS NOT NULL
     AND caller > $1 ORDER BY caller LIMIT 1)
    UNION ALL
    SELECT (SELECT r.caller FROM requests r WHERE r.callback_status = 'PENDING'
            AND r.completed_at IS NOT NULL AND r.caller > found.caller ORDER BY r.caller LIMIT 1)
    FROM found WHERE found.caller IS NOT NULL
)
SELECT caller FROM found WHERE caller IS NOT NULL LIMIT $2
"""

# Skip scan over the sequences of lanes, per caller from a given one on. Round robin: the first of every caller comes
# before the second of any.
LANES_OWED = """
WITH RECURSIVE found AS (
    SELECT asked.caller, head.receiver, head.sequence, head.callback_next_attempt_at, head.owed_since, 1 AS n
    FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (caller, receiver, sequence), LATERAL (
        SELECT r.receiver, r.callback_sequence AS sequence, r.callback_next_attempt_at,
               coalesce(r.callback_redelivered_at, r.completed_at) AS owed_since
        FROM requests r
        WHERE r.callback_status = 'PENDING' AND r.completed_at IS NOT NULL AND r.caller = asked.caller
        AND (r.receiver, r.callback_sequence) > (asked.receiver, asked.sequence)
        ORDER BY r.receiver, r.callback_sequence, r.queue_position LIMIT 1
    ) AS head
    UNION ALL
    SELECT found.caller, head.receiver, head.sequence, head.callback_next_attempt_at, head.owed_since, found.n + 1
    FROM found, LATERAL (
        SELECT r.receiver, r.callback_sequence AS sequence, r.callback_next_attempt_at,
               coalesce(r.callback_redelivered_at, r.completed_at) AS owed_since
        FROM requests r
        WHERE r.callback_status = 'PENDING' AND r.completed_at IS NOT NULL AND r.caller = found.caller
        AND (r.receiver, r.callback_sequence) > (found.receiver, found.sequence)
        ORDER BY r.receiver, r.callback_sequence, r.queue_position LIMIT 1
    ) AS head
    WHERE found.n < $4
)
SELECT caller, receiver, sequence, callback_next_attempt_at, owed_since FROM found ORDER BY n
"""

IS_OWED = """
SELECT 1 FROM batches
WHERE callback_status = 'PENDING' AND completed_at IS NOT NULL AND caller = $1 AND receiver = $2
UNION ALL
SELECT 1 FROM requests
WHERE callback_status = 'PENDING' AND completed_at IS NOT NULL AND caller = $1 AND receiver = $2 LIMIT 1
"""

# The receivers of some callers, up to a limit each: those of undelivered callbacks and of waiting or processing
# requests; the latter are few, and the first of the unfinished ones.
RECEIVERS_OF = """
WITH RECURSIVE owed AS (
    SELECT asked.caller, ''::varchar AS receiver, 0 AS n FROM unnest($1::text[]) AS asked (caller)
    UNION ALL
    SELECT owed.caller, next.receiver, owed.n + 1 FROM owed, LATERAL (
        SELECT r.receiver FROM requests r WHERE r.callback_status = 'PENDING' AND r.completed_at IS NOT NULL
        AND r.caller = owed.caller AND r.receiver > owed.receiver ORDER BY r.receiver LIMIT 1
    ) AS next
    WHERE owed.n < $2
), waiting AS (
    SELECT asked.caller, ''::varchar AS receiver, 0 AS n FROM unnest($1::text[]) AS asked (caller)
    UNION ALL
    SELECT waiting.caller, next.receiver, waiting.n + 1 FROM waiting, LATERAL (
        SELECT r.receiver FROM requests r WHERE r.mode = 'async' AND r.status = 'PENDING'
        AND r.caller = waiting.caller AND r.receiver > waiting.receiver ORDER BY r.receiver LIMIT 1
    ) AS next
    WHERE waiting.n < $2
)
SELECT DISTINCT caller, receiver FROM batches WHERE callback_status = 'PENDING' AND caller = ANY($1::text[]) UNION
SELECT caller, receiver FROM owed WHERE n > 0 UNION SELECT caller, receiver FROM waiting WHERE n > 0 UNION
SELECT caller, receiver FROM (
    SELECT each.* FROM unnest('{high,normal,low}'::text[]) AS priorities (priority), LATERAL (
        SELECT r.caller, r.receiver, r.status FROM requests r
        WHERE r.mode = 'async' AND r.completed_at IS NULL AND r.priority = priorities.priority
        ORDER BY r.queue_position LIMIT 64
    ) AS each
) AS first WHERE status = 'PROCESSING' AND caller = ANY($1::text[]) AND receiver IS NOT NULL
"""

# Skip scan over the receivers in the index of the history. The operators are those of its bytewise order, in which
# texts with the same prefix are adjacent.
RECEIVERS_BEGINNING = """
WITH RECURSIVE found AS (
    (SELECT receiver FROM requests WHERE run_id IS NULL AND callback_status <> 'PENDING'
     AND receiver ~>=~ :first AND receiver ~<~ :end
     ORDER BY receiver USING ~<~ LIMIT 1)
    UNION ALL
    SELECT (SELECT r.receiver FROM requests r WHERE r.run_id IS NULL AND r.callback_status <> 'PENDING'
            AND r.receiver ~>~ found.receiver AND r.receiver ~<~ :end ORDER BY r.receiver USING ~<~ LIMIT 1)
    FROM found WHERE found.receiver IS NOT NULL
)
(SELECT receiver FROM found WHERE receiver IS NOT NULL LIMIT :limit)
UNION
(SELECT DISTINCT receiver FROM requests
 WHERE mode = 'async' AND status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED')
 AND callback_status = 'PENDING'
 AND run_id IS NULL AND receiver ~>=~ :first AND receiver ~<~ :end LIMIT :limit)
LIMIT :limit
"""

STILL_OWED = """
SELECT id FROM requests WHERE id = ANY($1::uuid[]) AND callback_status = 'PENDING'
UNION ALL
SELECT id FROM batches WHERE id = ANY($1::uuid[]) AND callback_status = 'PENDING'
"""

# The update locks the request, so it cannot be deleted before its log row is inserted. A record that is written
# again because the first result was lost finds its row and changes nothing. An attempt that was under way when its
# callback was cancelled is logged, and the callback stays cancelled.
RECORD_ATTEMPTS = """
WITH term AS MATERIALIZED (
    SELECT require_epoch($12)
), tried AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::bool[], $5::text[], $6::text[],
                         $7::text[], $8::int[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[],
                         $13::text[], $14::bytea[], $15::text[])
    AS tried (request_id, attempt_number, status_code, success, error_code, error_message,
              response_excerpt, response_time_ms, attempted_at, ended_at, next_attempt_at,
              request_headers, request_body_sha256, response_headers)
), updated AS (
    UPDATE requests SET
        callback_attempts = tried.attempt_number,
        callback_next_attempt_at = CASE callback_status WHEN 'PENDING' THEN tried.next_attempt_at END,
        callback_error_code = tried.error_code,
        callback_status = CASE WHEN callback_status = 'CANCELLED' THEN 'CANCELLED' WHEN tried.success THEN 'SUCCESS'
                               WHEN tried.next_attempt_at IS NULL THEN 'FAILED' ELSE 'PENDING' END,
        callback_finished_at = CASE WHEN callback_status = 'CANCELLED' THEN callback_finished_at
                                    WHEN tried.next_attempt_at IS NULL THEN tried.ended_at END
    FROM tried, term WHERE requests.id = tried.request_id AND requests.callback_status IN ('PENDING', 'CANCELLED')
    RETURNING requests.id, callback_next_attempt_at
)
INSERT INTO callback_logs (id, request_id, attempt_number, status_code, success, error_code, error_message,
                           response_excerpt, response_time_ms, attempted_at, next_attempt_at,
                           request_headers, request_body_sha256, response_headers)
SELECT gen_random_uuid(), request_id, attempt_number, status_code, success, error_code, error_message,
       response_excerpt, response_time_ms, attempted_at, updated.callback_next_attempt_at,
       request_headers::json, request_body_sha256, response_headers::json
FROM tried JOIN updated ON updated.id = tried.request_id
ON CONFLICT (request_id, attempt_number) DO NOTHING
"""

PAUSES = "SELECT caller, receiver, paused_at, reason, probes, next_probe_at FROM paused_receivers LIMIT $1"

PAUSES_OF = """
SELECT caller, receiver, paused_at, reason, probes, next_probe_at FROM paused_receivers
WHERE receiver = ANY($1::text[]) LIMIT $2
"""

PAUSE = """
WITH term AS MATERIALIZED (SELECT require_epoch($7))
INSERT INTO paused_receivers (caller, receiver, paused_at, reason, probes, next_probe_at)
SELECT $1, $2, $3, $4, $5, $6 FROM term
ON CONFLICT (receiver, caller) DO UPDATE SET reason = excluded.reason, probes = excluded.probes,
                                             next_probe_at = excluded.next_probe_at
"""

# Ended pauses are archived, for queries about the past. Here and below.
END_PAUSE = """
WITH forgotten AS (
    DELETE FROM ended_pauses WHERE ended_at < now() - interval '30 days'
), changed AS (
    DELETE FROM paused_receivers WHERE receiver = $2 AND caller = $1 RETURNING receiver, caller, paused_at, reason
)
INSERT INTO ended_pauses (receiver, caller, paused_at, ended_at, reason)
SELECT receiver, caller, paused_at, greatest(now(), paused_at), reason FROM changed
ON CONFLICT (receiver, caller, paused_at) DO UPDATE SET ended_at = excluded.ended_at
RETURNING caller
"""

# Callbacks waiting for a retry become due at once as well. Here and below.
RESUME = """
WITH changed AS (
    DELETE FROM paused_receivers WHERE receiver = $2 AND caller IN ($1, '')
    RETURNING receiver, caller, paused_at, reason
), kept AS (
    INSERT INTO ended_pauses (receiver, caller, paused_at, ended_at, reason)
    SELECT receiver, caller, paused_at, greatest(now(), paused_at), reason FROM changed
    ON CONFLICT (receiver, caller, paused_at) DO UPDATE SET ended_at = excluded.ended_at
), due AS (
    UPDATE requests SET callback_next_attempt_at = NULL
    WHERE callback_status = 'PENDING' AND completed_at IS NOT NULL AND caller = $1 AND receiver = $2
    AND callback_next_attempt_at IS NOT NULL AND EXISTS (SELECT FROM changed)
), due_of_batches AS (
    UPDATE batches SET callback_next_attempt_at = NULL
    WHERE callback_status = 'PENDING' AND completed_at IS NOT NULL AND caller = $1 AND receiver = $2
    AND callback_next_attempt_at IS NOT NULL AND EXISTS (SELECT FROM changed)
)
SELECT caller FROM changed
"""

PROBE = """
WITH changed AS (
    UPDATE paused_receivers SET next_probe_at = $3 WHERE receiver = $2 AND caller IN ($1, '') RETURNING caller
), due AS (
    UPDATE requests SET callback_next_attempt_at = NULL
    WHERE callback_status = 'PENDING' AND completed_at IS NOT NULL AND caller = $1 AND receiver = $2
    AND callback_next_attempt_at IS NOT NULL AND EXISTS (SELECT FROM changed)
), due_of_batches AS (
    UPDATE batches SET callback_next_attempt_at = NULL
    WHERE callback_status = 'PENDING' AND completed_at IS NOT NULL AND caller = $1 AND receiver = $2
    AND callback_next_attempt_at IS NOT NULL AND EXISTS (SELECT FROM changed)
)
SELECT caller FROM changed
"""

REDELIVER = """
UPDATE requests SET callback_status = 'PENDING', callback_series_start = callback_attempts,
                    callback_next_attempt_at = NULL, callback_finished_at = NULL, callback_redelivered_at = $2,
                    callback_sequence = 'redelivery', cancelled_at = NULL
WHERE id = $1 AND status <> 'CANCELLED' AND ($4 OR account IS NOT DISTINCT FROM $3::text)
AND (callback_status IN ('SUCCESS', 'FAILED') OR callback_status = 'CANCELLED' AND callback_finished_at < $5)
RETURNING caller, receiver
"""

# By creation time, because that is indexed; few requests that old have not ended. Entries go with their batch.
DELETE_OLD = """
DELETE FROM requests WHERE id IN (
    SELECT id FROM requests WHERE created_at < $1 AND completed_at < $1 AND callback_status IS DISTINCT FROM 'PENDING'
    AND run_id IS NULL AND batch_id IS NULL ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING id, account
"""

COUNT_COMPLETED = "SELECT count(*) AS number FROM requests WHERE status = 'COMPLETED'"

COMPLETED_AFTER = """
SELECT id, input_payload, result_payload FROM requests WHERE id > $1 AND status = 'COMPLETED' ORDER BY id LIMIT $2
"""

FILES_TO_DELETE = "SELECT request_id AS id FROM files_to_delete WHERE due_at <= now() ORDER BY due_at LIMIT $1"

FILES_DELETED = """
WITH done AS (
    DELETE FROM files_to_delete WHERE request_id = ANY($1::uuid[]) AND NOT again
)
UPDATE files_to_delete SET again = false, due_at = now() + $2
WHERE request_id = ANY($1::uuid[]) AND again
"""

KNOWN = "SELECT id FROM requests WHERE id = ANY($1::uuid[])"

DELETE = """
DELETE FROM requests WHERE id = $1 AND status <> 'PROCESSING' AND ($3 OR account IS NOT DISTINCT FROM $2::text)
RETURNING id, account
"""

DELETE_SOME = """
DELETE FROM requests WHERE id IN (
    SELECT id FROM requests WHERE status <> 'PROCESSING' AND run_id IS NULL
    AND ($3 OR account IS NOT DISTINCT FROM $2::text)
    LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING id, account
"""

# In the order of their ids, so that two that delete the same do not block each other.
DELETE_NAMED = """
DELETE FROM requests WHERE id IN (
    SELECT id FROM requests WHERE id = ANY($1::uuid[]) AND status <> 'PROCESSING'
    AND ($3 OR account IS NOT DISTINCT FROM $2::text)
    AND ($4::text IS NULL OR status = $4) AND ($5::text IS NULL OR callback_status = $5) ORDER BY id FOR UPDATE)
RETURNING id, account
"""

# Skip scan over runs: the cost grows with the runs, not with their requests.
RUNS_WITH_REQUESTS = """
WITH RECURSIVE found AS (
    (SELECT run_id FROM requests WHERE run_id IS NOT NULL ORDER BY run_id LIMIT 1)
    UNION ALL
    SELECT (SELECT r.run_id FROM requests r WHERE r.run_id > found.run_id ORDER BY r.run_id LIMIT 1)
    FROM found WHERE found.run_id IS NOT NULL
)
SELECT run_id FROM found WHERE run_id IS NOT NULL LIMIT $1
"""

DELETE_OF_RUNS = """
DELETE FROM requests WHERE id IN (
    SELECT id FROM requests WHERE run_id = ANY($1::uuid[]) AND status <> 'PROCESSING'
    LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING id
"""
