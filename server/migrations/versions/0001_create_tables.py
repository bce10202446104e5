"""Create the tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "queue_counter",
        sa.Column("only_row", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("last_position", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("only_row", name=op.f("ck_queue_counter_only_row")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_queue_counter")),
    )
    op.execute("INSERT INTO queue_counter DEFAULT VALUES")
    op.create_table(
        "requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("mode", sa.String(length=5), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("caller", sa.String(length=64), nullable=False),
        sa.Column("input_payload", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("result_payload", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.Column("queue_position", sa.BigInteger(), nullable=True),
        sa.Column("generation_attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("callback_url", sa.String(length=2048), nullable=True),
        sa.Column("receiver", sa.String(length=300), nullable=True),
        sa.Column("callback_status", sa.String(length=7), nullable=True),
        sa.Column("callback_attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("callback_series_start", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("callback_next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("callback_finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'COMPLETED') = (result_payload IS NOT NULL)",
            name=op.f("ck_requests_completed_has_result"),
        ),
        sa.CheckConstraint(
            "(status = 'FAILED') = (failure_reason IS NOT NULL)", name=op.f("ck_requests_failed_has_reason")
        ),
        sa.CheckConstraint(
            "(status IN ('COMPLETED', 'FAILED')) = (completed_at IS NOT NULL)",
            name=op.f("ck_requests_ended_has_completed_at"),
        ),
        sa.CheckConstraint(
            "callback_status IN ('PENDING', 'SUCCESS', 'FAILED')", name=op.f("ck_requests_callback_status")
        ),
        sa.CheckConstraint("mode IN ('sync', 'async')", name=op.f("ck_requests_mode")),
        sa.CheckConstraint(
            "num_nonnulls(queue_position, callback_url, receiver, callback_status)"
            " = CASE mode WHEN 'async' THEN 4 ELSE 0 END",
            name=op.f("ck_requests_async_has_position_and_callback"),
        ),
        sa.CheckConstraint(
            "status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED')", name=op.f("ck_requests_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sa.UniqueConstraint("queue_position", name=op.f("uq_requests_queue_position")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "ix_requests_callbacks_owed",
        "requests",
        ["receiver", "queue_position"],
        unique=False,
        postgresql_where=sa.text("callback_status = 'PENDING' AND status IN ('COMPLETED', 'FAILED')"),
    )
    op.create_index("ix_requests_newest", "requests", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_requests_newest_by_state",
        "requests",
        ["mode", "status", "callback_status", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_requests_unfinished",
        "requests",
        ["queue_position"],
        unique=False,
        postgresql_where=sa.text("mode = 'async' AND status IN ('PENDING', 'PROCESSING')"),
    )
    op.create_index(
        "ix_requests_unfinished_sync",
        "requests",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("mode = 'sync' AND status = 'PROCESSING'"),
    )
    op.create_table(
        "callback_logs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_number", sa.Integer(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("success", sa.Boolean(), nullable=False),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("response_excerpt", sa.Text(), nullable=True),
        sa.Column("response_time_ms", sa.Integer(), nullable=False),
        sa.Column("attempted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("attempt_number >= 1", name=op.f("ck_callback_logs_attempt_number")),
        sa.CheckConstraint("response_time_ms >= 0", name=op.f("ck_callback_logs_response_time_ms")),
        sa.CheckConstraint("status_code BETWEEN 100 AND 599", name=op.f("ck_callback_logs_status_code")),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["requests.id"],
            name=op.f("fk_callback_logs_request_id_requests"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback_logs")),
    )
    op.create_index(
        "uq_callback_logs_request_id_attempt_number",
        "callback_logs",
        ["request_id", "attempt_number"],
        unique=True,
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.String(length=64), nullable=False),
        sa.Column("route", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["requests.id"],
            name=op.f("fk_idempotency_keys_request_id_requests"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("caller", "route", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"], unique=False)
    op.create_index("ix_idempotency_keys_request_id", "idempotency_keys", ["request_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_idempotency_keys_request_id", table_name="idempotency_keys")
    op.drop_index("ix_idempotency_keys_created_at", table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_index("uq_callback_logs_request_id_attempt_number", table_name="callback_logs")
    op.drop_table("callback_logs")
    op.drop_index(
        "ix_requests_unfinished_sync",
        table_name="requests",
        postgresql_where=sa.text("mode = 'sync' AND status = 'PROCESSING'"),
    )
    op.drop_index(
        "ix_requests_unfinished",
        table_name="requests",
        postgresql_where=sa.text("mode = 'async' AND status IN ('PENDING', 'PROCESSING')"),
    )
    op.drop_index("ix_requests_newest_by_state", table_name="requests")
    op.drop_index("ix_requests_newest", table_name="requests")
    op.drop_index(
        "ix_requests_callbacks_owed",
        table_name="requests",
        postgresql_where=sa.text("callback_status = 'PENDING' AND status IN ('COMPLETED', 'FAILED')"),
    )
    op.drop_table("requests")
    op.drop_table("queue_counter")
