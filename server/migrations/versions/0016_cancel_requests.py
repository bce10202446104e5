"""Let requests and callbacks be cancelled."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

UNFINISHED = "ix_requests_unfinished"
OWED = "ix_requests_callbacks_owed"
LANE = ["caller", "receiver", "callback_sequence", "queue_position"]
QUEUE = ["priority", "queue_position"]

# A longer name rewrites nothing, but every index whose condition has the column is built anew with it: of a million
# requests in 12 s, with the table locked. So these are dropped before, and built again: those that deliveries and the
# queue need in the same transaction, and those of the history without a lock.
NEEDED = {
    OWED: "(caller, receiver, callback_sequence, queue_position)"
    " WHERE callback_status = 'PENDING' AND completed_at IS NOT NULL",
    UNFINISHED: "(priority, queue_position) WHERE mode = 'async' AND completed_at IS NULL",
}
OF_HISTORY = {
    "ix_requests_redelivery": "(redelivery_id, callback_status) WHERE redelivery_id IS NOT NULL",
    "ix_requests_idempotency_key": "(idempotency_key)"
    " WHERE idempotency_key IS NOT NULL AND callback_status IS DISTINCT FROM 'PENDING' AND run_id IS NULL",
    "ix_requests_newest_by_error": "(callback_error_code, status, callback_status, created_at, id)"
    " WHERE callback_error_code IS NOT NULL AND run_id IS NULL",
    "ix_requests_newest_by_state": "(mode, status, callback_status, created_at, id) WHERE run_id IS NULL",
    "ix_requests_newest_by_receiver": "(receiver varchar_pattern_ops, status, callback_status, created_at, id)"
    " WHERE receiver IS NOT NULL AND callback_status <> 'PENDING' AND run_id IS NULL",
}
CHECKS = {
    "ck_requests_status": "status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED')",
    "ck_requests_callback_status": "callback_status IN ('PENDING', 'SUCCESS', 'FAILED', 'CANCELLED')",
    "ck_requests_ended_has_completed_at": "CASE WHEN status = 'CANCELLED'"
    " THEN completed_at IS NOT NULL OR callback_status = 'PENDING'"
    " ELSE (status IN ('COMPLETED', 'FAILED')) = (completed_at IS NOT NULL) END",
    "ck_requests_cancelled_has_cancelled_at": "'CANCELLED' NOT IN (status, coalesce(callback_status, ''))"
    " OR cancelled_at IS NOT NULL",
}


def upgrade() -> None:
    # All of it may be run again: a process may die before the version is written.
    for name in (*NEEDED, *OF_HISTORY):
        op.execute(f"DROP INDEX IF EXISTS {name}")
    op.execute("ALTER TABLE requests ADD IF NOT EXISTS cancelled_at timestamptz")
    op.execute("ALTER TABLE requests ALTER callback_status TYPE varchar(9)")
    for name, condition in CHECKS.items():
        op.execute(f"ALTER TABLE requests DROP CONSTRAINT IF EXISTS {name}")
        op.execute(f"ALTER TABLE requests ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
    for name, definition in NEEDED.items():
        op.execute(f"CREATE INDEX {name} ON requests {definition}")
    with op.get_context().autocommit_block():
        for name in CHECKS:
            op.execute(f"ALTER TABLE requests VALIDATE CONSTRAINT {name}")
        for name, definition in OF_HISTORY.items():
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON requests {definition}")


def downgrade() -> None:
    op.drop_index(UNFINISHED, "requests")
    op.drop_index(OWED, "requests")
    op.execute(
        "UPDATE requests SET failure_reason = 'The request was cancelled.', status = 'FAILED',"
        " completed_at = coalesce(completed_at, cancelled_at) WHERE status = 'CANCELLED'"
    )
    op.execute("UPDATE requests SET callback_status = 'FAILED' WHERE callback_status = 'CANCELLED'")
    op.execute(
        "ALTER TABLE requests"
        " DROP CONSTRAINT ck_requests_cancelled_has_cancelled_at,"
        " DROP CONSTRAINT ck_requests_status,"
        " DROP CONSTRAINT ck_requests_callback_status,"
        " DROP CONSTRAINT ck_requests_ended_has_completed_at,"
        " DROP cancelled_at,"
        " ALTER callback_status TYPE varchar(7),"
        " ADD CONSTRAINT ck_requests_status CHECK (status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED')),"
        " ADD CONSTRAINT ck_requests_callback_status CHECK (callback_status IN ('PENDING', 'SUCCESS', 'FAILED')),"
        " ADD CONSTRAINT ck_requests_ended_has_completed_at"
        " CHECK ((status IN ('COMPLETED', 'FAILED')) = (completed_at IS NOT NULL))"
    )
    op.create_index(
        UNFINISHED,
        "requests",
        QUEUE,
        postgresql_where=sa.text("mode = 'async' AND status IN ('PENDING', 'PROCESSING')"),
    )
    op.create_index(
        OWED,
        "requests",
        LANE,
        postgresql_where=sa.text("callback_status = 'PENDING' AND status IN ('COMPLETED', 'FAILED')"),
    )
