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


def upgrade() -> None:
    op.drop_index(UNFINISHED, "requests")
    op.drop_index(OWED, "requests")
    # In one statement: the checks read the table once. A longer name rewrites nothing, but the indexes whose condition
    # or key has the column are built anew with it.
    op.execute(
        "ALTER TABLE requests"
        " ADD cancelled_at timestamptz,"
        " ALTER callback_status TYPE varchar(9),"
        " DROP CONSTRAINT ck_requests_status,"
        " DROP CONSTRAINT ck_requests_callback_status,"
        " DROP CONSTRAINT ck_requests_ended_has_completed_at,"
        " ADD CONSTRAINT ck_requests_status"
        " CHECK (status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED')),"
        " ADD CONSTRAINT ck_requests_callback_status"
        " CHECK (callback_status IN ('PENDING', 'SUCCESS', 'FAILED', 'CANCELLED')),"
        " ADD CONSTRAINT ck_requests_ended_has_completed_at CHECK ("
        "CASE WHEN status = 'CANCELLED' THEN completed_at IS NOT NULL OR callback_status = 'PENDING'"
        " ELSE (status IN ('COMPLETED', 'FAILED')) = (completed_at IS NOT NULL) END),"
        " ADD CONSTRAINT ck_requests_cancelled_has_cancelled_at"
        " CHECK ('CANCELLED' NOT IN (status, coalesce(callback_status, '')) OR cancelled_at IS NOT NULL)"
    )
    op.create_index(UNFINISHED, "requests", QUEUE, postgresql_where=sa.text("mode = 'async' AND completed_at IS NULL"))
    op.create_index(
        OWED, "requests", LANE, postgresql_where=sa.text("callback_status = 'PENDING' AND completed_at IS NOT NULL")
    )


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
