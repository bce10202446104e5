"""Submit requests in batches, with one callback for all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# Whatever ends an entry, and however many at once: no statement can forget it. The row of the batch is locked by the
# first statement, and the second one sees what others had committed by then: exactly one of them finds none remaining.
ENTRY_ENDED = """
CREATE FUNCTION note_batch_entry_ended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    batch batches%ROWTYPE;
BEGIN
    UPDATE batches SET remaining = remaining - 1,
                       completed_at = CASE WHEN remaining = 1 THEN coalesce(NEW.completed_at, now()) END
    WHERE id = OLD.batch_id RETURNING * INTO batch;
    IF batch.remaining = 0 AND batch.callback_status = 'PENDING' THEN
        UPDATE batches SET result_payload = (
            SELECT json_build_object(
                'counts', json_build_object(
                    'PENDING', 0, 'PROCESSING', 0,
                    'COMPLETED', count(*) FILTER (WHERE status = 'COMPLETED'),
                    'FAILED', count(*) FILTER (WHERE status = 'FAILED'),
                    'CANCELLED', count(*) FILTER (WHERE status = 'CANCELLED'),
                    'deleted', batch.size - count(*)),
                'entries', CASE WHEN batch.size <= 100 THEN coalesce(
                    json_agg(json_build_object(
                        'index', queue_position - batch.first_position,
                        'request_id', id,
                        'status', lower(status),
                        'sha256', result_payload ->> 'sha256') ORDER BY queue_position),
                    '[]'::json) END)
            FROM requests WHERE batch_id = batch.id)
        WHERE id = batch.id;
    END IF;
    RETURN NULL;
END
$$
"""
ENDED = """
CREATE TRIGGER note_batch_entry_ended AFTER UPDATE OF status ON requests FOR EACH ROW
WHEN (NEW.batch_id IS NOT NULL AND OLD.status IN ('PENDING', 'PROCESSING')
      AND NEW.status NOT IN ('PENDING', 'PROCESSING'))
EXECUTE FUNCTION note_batch_entry_ended()
"""
DELETED = """
CREATE TRIGGER note_batch_entry_deleted AFTER DELETE ON requests FOR EACH ROW
WHEN (OLD.batch_id IS NOT NULL AND OLD.status IN ('PENDING', 'PROCESSING'))
EXECUTE FUNCTION note_batch_entry_ended()
"""
OWED = sa.text("callback_status = 'PENDING'")


def upgrade() -> None:
    _create_batches()
    _create_logs()
    op.add_column("requests", sa.Column("batch_id", sa.Uuid(), nullable=True))
    op.add_column("idempotency_keys", sa.Column("batch_id", sa.Uuid(), nullable=True))
    op.alter_column("idempotency_keys", "request_id", nullable=True)
    op.create_check_constraint(
        op.f("ck_idempotency_keys_of_one"), "idempotency_keys", "num_nonnulls(request_id, batch_id) = 1"
    )
    op.create_foreign_key(
        op.f("fk_idempotency_keys_batch_id_batches"),
        "idempotency_keys",
        "batches",
        ["batch_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.create_index(
        "ix_idempotency_keys_batch_id",
        "idempotency_keys",
        ["batch_id"],
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )
    for statement in (ENTRY_ENDED, ENDED, DELETED):
        op.execute(statement)


def _create_batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=True),
        sa.Column("caller", sa.String(length=101), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("remaining", sa.Integer(), nullable=False),
        sa.Column("first_position", sa.BigInteger(), nullable=False),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        sa.Column("callbacks", sa.String(length=5), nullable=False),
        sa.Column("result_payload", sa.JSON(), nullable=True),
        sa.Column("callback_url", sa.String(length=2048), nullable=True),
        sa.Column("receiver", sa.String(length=300), nullable=True),
        sa.Column("callback_status", sa.String(length=9), nullable=True),
        sa.Column("callback_sequence", sa.String(length=20), server_default=sa.text("'batch'"), nullable=False),
        sa.Column("callback_attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("callback_series_start", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("callback_redelivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("callback_next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("callback_error_code", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("callback_finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("remaining BETWEEN 0 AND size", name=op.f("ck_batches_remaining")),
        sa.CheckConstraint("callbacks IN ('each', 'batch', 'both')", name=op.f("ck_batches_callbacks")),
        sa.CheckConstraint(
            "callback_status IN ('PENDING', 'SUCCESS', 'FAILED', 'CANCELLED')",
            name=op.f("ck_batches_callback_status"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(callback_url, receiver, callback_status) = CASE callbacks WHEN 'each' THEN 0 ELSE 3 END",
            name=op.f("ck_batches_callback_as_asked"),
        ),
        sa.CheckConstraint(
            "(remaining = 0) = (completed_at IS NOT NULL)", name=op.f("ck_batches_completed_when_none_remains")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    op.create_index("ix_batches_newest", "batches", ["account", "created_at", "id"])
    op.create_index("ix_batches_created_at", "batches", ["created_at"])
    op.create_index(
        "ix_batches_callbacks_owed",
        "batches",
        ["caller", "receiver", "callback_sequence", "last_position"],
        postgresql_where=OWED,
    )


def _create_logs() -> None:
    op.create_table(
        "batch_callback_logs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_number", sa.Integer(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("success", sa.Boolean(), nullable=False),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("response_excerpt", sa.Text(), nullable=True),
        sa.Column("response_time_ms", sa.Integer(), nullable=False),
        sa.Column("attempted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("request_headers", sa.JSON(), nullable=True),
        sa.Column("request_body_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("response_headers", sa.JSON(), nullable=True),
        sa.CheckConstraint("attempt_number >= 1", name=op.f("ck_batch_callback_logs_attempt_number")),
        sa.CheckConstraint("status_code BETWEEN 100 AND 599", name=op.f("ck_batch_callback_logs_status_code")),
        sa.CheckConstraint("response_time_ms >= 0", name=op.f("ck_batch_callback_logs_response_time_ms")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.id"], name=op.f("fk_batch_callback_logs_batch_id_batches"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_callback_logs")),
    )
    op.create_index(
        "uq_batch_callback_logs_batch_id_attempt_number",
        "batch_callback_logs",
        ["batch_id", "attempt_number"],
        unique=True,
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER note_batch_entry_ended ON requests")
    op.execute("DROP TRIGGER note_batch_entry_deleted ON requests")
    op.execute("DROP FUNCTION note_batch_entry_ended")
    op.execute("DELETE FROM idempotency_keys WHERE batch_id IS NOT NULL")
    op.drop_constraint("ck_idempotency_keys_of_one", "idempotency_keys")
    op.drop_column("idempotency_keys", "batch_id")
    op.alter_column("idempotency_keys", "request_id", nullable=False)
    op.drop_column("requests", "batch_id")
    op.drop_table("batch_callback_logs")
    op.drop_table("batches")
