"""The tables of the baselines: the same data as ours, for the features they have."""

ORM = """
CREATE TABLE accepted (
    id uuid PRIMARY KEY,
    queue_position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    payload jsonb NOT NULL,
    callback_url text NOT NULL,
    status text NOT NULL,
    created_at timestamptz NOT NULL
)
"""

CELERY = """
CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    queue_position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    idempotency_key text UNIQUE,
    fingerprint bytea,
    payload jsonb NOT NULL,
    callback_url text NOT NULL,
    status text NOT NULL DEFAULT 'PENDING',
    result jsonb,
    callback_status text NOT NULL DEFAULT 'PENDING',
    callback_attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    completed_at timestamptz,
    callback_finished_at timestamptz
);
CREATE INDEX ON jobs (created_at, id);
CREATE TABLE attempts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job_id uuid NOT NULL REFERENCES jobs,
    attempt_number integer NOT NULL,
    status_code integer,
    success boolean NOT NULL,
    error text,
    response_time_ms integer NOT NULL,
    attempted_at timestamptz NOT NULL,
    UNIQUE (job_id, attempt_number)
);
"""
