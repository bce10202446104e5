"""Find requests by receiver, by the error of their last attempt and by idempotency key."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("requests", sa.Column("callback_error_code", sa.String(length=40), nullable=True))
    op.create_index(
        "ix_requests_newest_by_receiver",
        "requests",
        ["receiver", "status", "callback_status", "created_at", "id"],
        postgresql_ops={"receiver": "varchar_pattern_ops"},
        postgresql_where=sa.text("receiver IS NOT NULL AND callback_status <> 'PENDING' AND run_id IS NULL"),
    )
    op.create_index(
        "ix_requests_newest_by_error",
        "requests",
        ["callback_error_code", "status", "callback_status", "created_at", "id"],
        postgresql_where=sa.text("callback_error_code IS NOT NULL AND run_id IS NULL"),
    )
    op.create_index(
        "ix_requests_idempotency_key",
        "requests",
        ["idempotency_key"],
        postgresql_where=sa.text(
            "idempotency_key IS NOT NULL AND callback_status IS DISTINCT FROM 'PENDING' AND run_id IS NULL"
        ),
    )


def downgrade() -> None:
    op.drop_index("ix_requests_idempotency_key", "requests")
    op.drop_index("ix_requests_newest_by_error", "requests")
    op.drop_index("ix_requests_newest_by_receiver", "requests")
    op.drop_column("requests", "callback_error_code")
