"""The statements that export and delete what belongs to an account, by name. Each is one transaction."""

# --- what has not ended -------------------------------------------------------------------------------------------

# `under_way` is a part of `unfinished`: what cannot be taken away from whoever works on it.
UNFINISHED = """
SELECT (
    SELECT count(*) FROM requests
    WHERE account = $1 AND run_id IS NULL
    AND (status IN ('PENDING', 'PROCESSING') OR callback_status = 'PENDING' OR completed_at IS NULL)
) + (SELECT count(*) FROM batches WHERE account = $1 AND (remaining > 0 OR callback_status = 'PENDING'))
  + (SELECT count(*) FROM redeliveries WHERE account = $1 AND status = 'RUNNING')
  + (SELECT count(*) FROM benchmark_runs WHERE account = $1 AND status = 'RUNNING') AS unfinished,
(SELECT count(*) FROM requests WHERE account = $1 AND run_id IS NULL AND status = 'PROCESSING')
  + (SELECT count(*) FROM benchmark_runs WHERE account = $1 AND status = 'RUNNING') AS under_way
"""

# --- deleting: all of it ends as soon as somebody enables the account ----------------------------------------------

# Before their entries, so that the end of the last entry completes no batch, which would be told of it.
DELETE_BATCHES = """
DELETE FROM batches WHERE id IN (
    SELECT id FROM batches WHERE account = $1
    AND EXISTS (SELECT FROM accounts WHERE name = $1 AND disabled_at IS NOT NULL) LIMIT $2
)
RETURNING id
"""

# Their files are deleted first: a request that is gone names none.
REQUESTS_TO_DELETE = """
SELECT id FROM requests WHERE account = $1 AND run_id IS NULL AND status <> 'PROCESSING'
AND EXISTS (SELECT FROM accounts WHERE name = $1 AND disabled_at IS NOT NULL) LIMIT $2
"""

DELETE_REQUESTS = """
DELETE FROM requests WHERE id = ANY($2::uuid[]) AND status <> 'PROCESSING'
AND EXISTS (SELECT FROM accounts WHERE name = $1 AND disabled_at IS NOT NULL)
RETURNING id
"""

# Keys, tickets and secrets go with the account. Whatever was accepted meanwhile keeps it: then all is done again.
DELETE_ACCOUNT = """
WITH leaving AS (
    SELECT name FROM accounts
    WHERE name = $1 AND disabled_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM requests WHERE account = $1 AND run_id IS NULL)
    AND NOT EXISTS (SELECT FROM batches WHERE account = $1)
    AND NOT EXISTS (SELECT FROM benchmark_runs WHERE account = $1 AND status = 'RUNNING')
    FOR UPDATE
), r AS (DELETE FROM redeliveries WHERE account IN (TABLE leaving)),
b AS (DELETE FROM benchmark_runs WHERE account IN (TABLE leaving)),
i AS (DELETE FROM idempotency_keys WHERE caller = $2 AND EXISTS (TABLE leaving)),
p AS (DELETE FROM paused_receivers WHERE caller = $2 AND EXISTS (TABLE leaving)),
e AS (DELETE FROM ended_pauses WHERE caller = $2 AND EXISTS (TABLE leaving))
DELETE FROM accounts WHERE name IN (TABLE leaving) RETURNING name
"""

# --- exporting: whole rows, as they are stored ---------------------------------------------------------------------

ACCOUNT = "SELECT row_to_json(a)::text AS line FROM accounts a WHERE name = $1"

KEYS = """
SELECT row_to_json(k)::text AS line FROM (
    SELECT id, account, name, scopes, created_at, expires_at, revoked_at, replaced_by, last_used_at
    FROM api_keys WHERE account = $1 ORDER BY created_at, id
) AS k
"""

REQUESTS = """
SELECT id, created_at, row_to_json(r)::text AS line, status = 'COMPLETED' AS has_report, input_payload, result_payload
FROM requests r
WHERE account = $1 AND run_id IS NULL AND (created_at, id) > ($2, $3) AND created_at <= $4
ORDER BY created_at, id LIMIT $5
"""

LOGS = """
SELECT row_to_json(l)::text AS line FROM callback_logs l
WHERE request_id = ANY($1::uuid[]) ORDER BY request_id, attempt_number
"""

KNOWN = "SELECT FROM requests WHERE id = $1"

BATCHES = """
SELECT id, created_at, row_to_json(b)::text AS line FROM batches b
WHERE account = $1 AND (created_at, id) > ($2, $3) AND created_at <= $4 ORDER BY created_at, id LIMIT $5
"""

BATCH_LOGS = """
SELECT row_to_json(l)::text AS line FROM batch_callback_logs l
WHERE batch_id = ANY($1::uuid[]) ORDER BY batch_id, attempt_number
"""

REDELIVERIES = """
SELECT row_to_json(r)::text AS line FROM redeliveries r WHERE account = $1 ORDER BY created_at, id
"""

BENCHMARK_RUNS = """
SELECT row_to_json(r)::text AS line FROM benchmark_runs r WHERE account = $1 ORDER BY created_at, id
"""
