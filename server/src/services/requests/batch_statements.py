"""The SQL statements of batches. Each is a transaction of its own; see `statements`."""

# Keys first, positions last, as for single requests. The entries of a batch get consecutive positions; all of it is
# stored, or nothing.
INSERT = """
WITH offered AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::text[], $8::text[],
                         $9::timestamptz[], $10::text[], $11::text[], $12::bytea[], $13::uuid[], $14::text[])
    WITH ORDINALITY
    AS offered (id, account, caller, name, size, callbacks, callback_url, receiver, created_at, route, key,
                fingerprint, run_id, traceparent, n)
), claimed AS (
    INSERT INTO idempotency_keys (caller, route, key, fingerprint, batch_id, created_at)
    SELECT caller, route, key, fingerprint, id, created_at FROM offered WHERE key IS NOT NULL
    ORDER BY caller, route, key, n  -- the same order for all writers prevents deadlocks
    ON CONFLICT DO NOTHING RETURNING batch_id
), created AS (
    SELECT *, sum(size) OVER (ORDER BY n) - size AS before FROM (
        SELECT *, sum(size) OVER (ORDER BY n) - size AS entries_before FROM offered
    ) AS numbered WHERE key IS NULL OR id IN (SELECT batch_id FROM claimed)
), waiting AS (
    SELECT sum(size) AS number FROM created
), counter AS (
    UPDATE queue_counter SET last_position = last_position + waiting.number FROM waiting WHERE waiting.number > 0
    RETURNING last_position - waiting.number AS first
), stored AS (
    INSERT INTO batches (id, account, caller, name, size, remaining, first_position, last_position, callbacks,
                         callback_url, receiver, callback_status, created_at)
    SELECT id, account, caller, name, size, size, first + before + 1, first + before + size, callbacks,
           callback_url, receiver, CASE WHEN callback_url IS NOT NULL THEN 'PENDING' END, created_at
    FROM created, counter
    RETURNING id, first_position
), entries AS (
    INSERT INTO requests (id, mode, status, caller, input_payload, queue_position, callback_url, receiver,
                          callback_status, created_at, account, run_id, priority, callback_sequence, traceparent,
                          batch_id)
    SELECT entry.id, 'async', 'PENDING', created.caller, entry.input, first + before + entry.number - entries_before,
           entry.callback_url, entry.receiver, CASE WHEN entry.callback_url IS NOT NULL THEN 'PENDING' END,
           -- A microsecond apart, so that lists by time keep their order.
           created.created_at + (entry.number - entries_before - 1) * interval '1 microsecond',
           created.account, created.run_id, entry.priority, entry.priority, created.traceparent,
           created.id
    -- One document is read in less time than an array for each column is written.
    FROM ROWS FROM (json_to_recordset($15::json)
                    AS (id uuid, input json, callback_url text, receiver text, priority text)) WITH ORDINALITY
         AS entry (id, input, callback_url, receiver, priority, number)
    JOIN created ON entry.number > entries_before AND entry.number <= entries_before + created.size CROSS JOIN counter
    ORDER BY entry.number
)
SELECT id, first_position FROM stored
"""

FIND_KEY = """
SELECT k.fingerprint, b.id, b.size, b.first_position, b.completed_at
FROM idempotency_keys k JOIN batches b ON b.id = k.batch_id WHERE k.caller = $1 AND k.route = $2 AND k.key = $3
"""

FREE_KEY = "DELETE FROM idempotency_keys WHERE batch_id = $1"

MEMBERS = "SELECT id, queue_position FROM requests WHERE batch_id = $1 ORDER BY queue_position"

COUNT = """
SELECT batch_id, status, callback_status, count(*) AS number FROM requests WHERE batch_id = ANY($1::uuid[])
GROUP BY batch_id, status, callback_status
"""

# The callback of a batch is owed once every entry has ended; its first delivery comes behind the callbacks of the
# entries to the same receiver. Here and below.
OWED = """
SELECT id, account, caller, name, size, last_position, callback_url, receiver, result_payload, completed_at,
       cancelled_at, callback_sequence, callback_attempts, callback_series_start, callback_next_attempt_at,
       callback_redelivered_at
FROM batches b
WHERE callback_status = 'PENDING' AND completed_at IS NOT NULL AND caller = $1 AND receiver = $2
AND callback_sequence = $3 AND (callback_redelivered_at IS NOT NULL OR NOT EXISTS (
    SELECT FROM requests r WHERE r.batch_id = b.id AND r.callback_status = 'PENDING' AND r.receiver = b.receiver))
ORDER BY last_position LIMIT $4
"""

LANES_OF = """
SELECT DISTINCT caller, receiver, callback_sequence FROM batches b
WHERE id = ANY($1::uuid[]) AND callback_status = 'PENDING' AND completed_at IS NOT NULL
AND (callback_redelivered_at IS NOT NULL OR NOT EXISTS (
    SELECT FROM requests r WHERE r.batch_id = b.id AND r.callback_status = 'PENDING' AND r.receiver = b.receiver))
"""

# Skip scans, as over the callbacks of requests.
CALLERS_OWED = """
WITH RECURSIVE found AS (
    (SELECT caller FROM batches WHERE callback_status = 'PENDING' AND completed_at IS NOT NULL
     AND caller > $1 ORDER BY caller LIMIT 1)
    UNION ALL
    SELECT (SELECT b.caller FROM batches b WHERE b.callback_status = 'PENDING'
            AND b.completed_at IS NOT NULL AND b.caller > found.caller ORDER BY b.caller LIMIT 1)
    FROM found WHERE found.caller IS NOT NULL
)
SELECT caller FROM found WHERE caller IS NOT NULL LIMIT $2
"""

LANES_OWED = """
WITH RECURSIVE found AS (
    SELECT *, 1 AS n FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (caller, receiver, sequence), LATERAL (
        SELECT b.receiver AS next_receiver, b.callback_sequence AS next_sequence, b.callback_next_attempt_at,
               coalesce(b.callback_redelivered_at, b.completed_at) AS owed_since
        FROM batches b
        WHERE b.callback_status = 'PENDING' AND b.completed_at IS NOT NULL AND b.caller = asked.caller
        AND (b.receiver, b.callback_sequence) > (asked.receiver, asked.sequence)
        AND (b.callback_redelivered_at IS NOT NULL OR NOT EXISTS (
            SELECT FROM requests r
            WHERE r.batch_id = b.id AND r.callback_status = 'PENDING' AND r.receiver = b.receiver))
        ORDER BY b.receiver, b.callback_sequence, b.last_position LIMIT 1
    ) AS head
    UNION ALL
    SELECT found.caller, found.next_receiver, found.next_sequence, head.*, found.n + 1 FROM found, LATERAL (
        SELECT b.receiver, b.callback_sequence, b.callback_next_attempt_at,
               coalesce(b.callback_redelivered_at, b.completed_at)
        FROM batches b
        WHERE b.callback_status = 'PENDING' AND b.completed_at IS NOT NULL AND b.caller = found.caller
        AND (b.receiver, b.callback_sequence) > (found.next_receiver, found.next_sequence)
        AND (b.callback_redelivered_at IS NOT NULL OR NOT EXISTS (
            SELECT FROM requests r
            WHERE r.batch_id = b.id AND r.callback_status = 'PENDING' AND r.receiver = b.receiver))
        ORDER BY b.receiver, b.callback_sequence, b.last_position LIMIT 1
    ) AS head
    WHERE found.n < $4
)
SELECT caller, next_receiver AS receiver, next_sequence AS sequence, callback_next_attempt_at, owed_since
FROM found ORDER BY n
"""

# As for requests.
RECORD_ATTEMPTS = """
WITH term AS MATERIALIZED (
    SELECT require_epoch($12)
), tried AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::bool[], $5::text[], $6::text[],
                         $7::text[], $8::int[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[],
                         $13::text[], $14::bytea[], $15::text[])
    AS tried (batch_id, attempt_number, status_code, success, error_code, error_message,
              response_excerpt, response_time_ms, attempted_at, ended_at, next_attempt_at,
              request_headers, request_body_sha256, response_headers)
), updated AS (
    UPDATE batches SET
        callback_attempts = tried.attempt_number,
        callback_next_attempt_at = CASE callback_status WHEN 'PENDING' THEN tried.next_attempt_at END,
        callback_error_code = tried.error_code,
        callback_status = CASE WHEN callback_status = 'CANCELLED' THEN 'CANCELLED' WHEN tried.success THEN 'SUCCESS'
                               WHEN tried.next_attempt_at IS NULL THEN 'FAILED' ELSE 'PENDING' END,
        callback_finished_at = CASE WHEN callback_status = 'CANCELLED' THEN callback_finished_at
                                    WHEN tried.next_attempt_at IS NULL THEN tried.ended_at END
    FROM tried, term WHERE batches.id = tried.batch_id AND batches.callback_status IN ('PENDING', 'CANCELLED')
    RETURNING batches.id, callback_next_attempt_at
)
INSERT INTO batch_callback_logs (id, batch_id, attempt_number, status_code, success, error_code, error_message,
                                 response_excerpt, response_time_ms, attempted_at, next_attempt_at,
                                 request_headers, request_body_sha256, response_headers)
SELECT gen_random_uuid(), batch_id, attempt_number, status_code, success, error_code, error_message,
       response_excerpt, response_time_ms, attempted_at, updated.callback_next_attempt_at,
       request_headers::json, request_body_sha256, response_headers::json
FROM tried JOIN updated ON updated.id = tried.batch_id
ON CONFLICT (batch_id, attempt_number) DO NOTHING
"""

REDELIVER = """
UPDATE batches SET callback_status = 'PENDING', callback_series_start = callback_attempts,
                   callback_next_attempt_at = NULL, callback_finished_at = NULL, callback_redelivered_at = $2,
                   callback_sequence = 'batch_redelivery'
WHERE id = $1 AND result_payload IS NOT NULL AND ($4 OR account IS NOT DISTINCT FROM $3::text)
AND (callback_status IN ('SUCCESS', 'FAILED')
     OR callback_status = 'CANCELLED' AND cancelled_at IS NULL AND callback_finished_at < $5)
RETURNING caller, receiver, callback_sequence
"""

# Entries first, their batch behind them, as when an entry ends: the same order prevents deadlocks. A batch of which
# every entry has ended is left alone but for its callback.
CANCEL = """
WITH entries AS (
    UPDATE requests SET
        status = 'CANCELLED',
        completed_at = CASE WHEN $3::bool AND callback_status = 'PENDING' THEN NULL ELSE $2::timestamptz END,
        callback_status = CASE WHEN $3::bool OR callback_status IS NULL THEN callback_status ELSE 'CANCELLED' END,
        callback_finished_at = CASE WHEN NOT $3::bool AND callback_status IS NOT NULL THEN $2::timestamptz END,
        callback_next_attempt_at = NULL,
        cancelled_at = $2::timestamptz
    WHERE batch_id = $1 AND status IN ('PENDING', 'PROCESSING') AND ($5::bool OR account IS NOT DISTINCT FROM $4::text)
    RETURNING id, mode, status, created_at, started_at, cancelled_at AS completed_at, account, traceparent
), noted AS (
    INSERT INTO files_to_delete (request_id) SELECT id FROM entries WHERE started_at IS NOT NULL ON CONFLICT DO NOTHING
), number AS (
    SELECT count(*) AS cancelled FROM entries
), batch AS (
    UPDATE batches SET
        cancelled_at = CASE WHEN cancelled > 0 THEN $2::timestamptz ELSE cancelled_at END,
        callback_status = CASE WHEN cancelled > 0 AND $3::bool THEN callback_status ELSE 'CANCELLED' END,
        callback_finished_at = CASE WHEN cancelled > 0 AND $3::bool THEN NULL ELSE $2::timestamptz END,
        callback_next_attempt_at = NULL
    FROM number
    WHERE id = $1 AND ($5::bool OR account IS NOT DISTINCT FROM $4::text) AND callback_status = 'PENDING'
    AND cancelled_at IS NULL
    RETURNING id
), alone AS (
    UPDATE batches SET cancelled_at = $2::timestamptz FROM number
    WHERE id = $1 AND ($5::bool OR account IS NOT DISTINCT FROM $4::text) AND callback_status IS DISTINCT FROM 'PENDING'
    AND cancelled > 0
    RETURNING id
)
SELECT *, (SELECT epoch FROM leader) AS epoch FROM entries
UNION ALL
SELECT id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, (SELECT epoch FROM leader)
FROM (TABLE batch UNION ALL TABLE alone) AS changed
"""

DELETE = """
WITH gone AS (
    DELETE FROM batches WHERE id = $1 AND remaining = 0 AND ($3 OR account IS NOT DISTINCT FROM $2::text)
    RETURNING id, account
), entries AS (
    DELETE FROM requests WHERE batch_id IN (SELECT id FROM gone) RETURNING id, account
)
SELECT id, account, false AS is_entry FROM gone UNION ALL SELECT id, account, true FROM entries
"""

# A batch and its entries go together, once the last of their callbacks has ended.
DELETE_OLD = """
WITH gone AS (
    DELETE FROM batches WHERE id IN (
        SELECT id FROM batches b
        WHERE created_at < $1 AND completed_at < $1 AND callback_status IS DISTINCT FROM 'PENDING' AND NOT EXISTS (
            SELECT FROM requests r
            WHERE r.batch_id = b.id AND (r.callback_status = 'PENDING' OR r.completed_at IS NULL))
        ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING id, account
), entries AS (
    DELETE FROM requests WHERE batch_id IN (SELECT id FROM gone) RETURNING id, account
)
SELECT id, account, false AS is_entry FROM gone UNION ALL SELECT id, account, true FROM entries
"""

# Of which every entry was deleted.
DELETE_EMPTY = """
DELETE FROM batches b
WHERE remaining = 0 AND ($2 OR account IS NOT DISTINCT FROM $1::text)
AND NOT EXISTS (SELECT FROM requests r WHERE r.batch_id = b.id)
RETURNING id, account
"""
