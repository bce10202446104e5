"""Find the requests of an account by an index, and make room for its name where callers are counted."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

INDEX = "ix_requests_newest_of_account"
TABLES = ("requests", "idempotency_keys", "paused_receivers", "ended_pauses", "redeliveries")


def upgrade() -> None:
    # A longer varchar rewrites neither tables nor indexes.
    for table in TABLES:
        op.alter_column(table, "caller", type_=sa.String(101))
    # Empty while no account has a name.
    op.create_index(
        INDEX,
        "requests",
        ["account", "created_at", "id"],
        postgresql_where=sa.text("account IS NOT NULL AND run_id IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(INDEX, "requests")
    for table in TABLES:
        op.alter_column(table, "caller", type_=sa.String(64))
