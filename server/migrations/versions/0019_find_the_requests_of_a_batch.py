"""Find the requests of a batch by an index, which is built without a lock."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Alone in its migration, and run again if a process dies before the version is written.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_requests_batch")
        op.execute(
            "CREATE INDEX CONCURRENTLY ix_requests_batch ON requests (batch_id, queue_position)"
            " WHERE batch_id IS NOT NULL"
        )


def downgrade() -> None:
    op.drop_index("ix_requests_batch", "requests")
