"""Redeliver many callbacks at a limited rate."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

RUNNING = sa.text("status = 'RUNNING'")


def upgrade() -> None:
    op.create_table(
        "redeliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=True),
        sa.Column("caller", sa.String(length=64), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("status", sa.String(length=9), nullable=False),
        sa.Column("filter", sa.JSON(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("queued", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("succeeded", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        sa.Column("next_batch_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('RUNNING', 'COMPLETED', 'CANCELLED')", name=op.f("ck_redeliveries_status")),
        sa.CheckConstraint(
            "(status = 'RUNNING') = (ended_at IS NULL)", name=op.f("ck_redeliveries_ended_has_ended_at")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redeliveries")),
        sa.UniqueConstraint("caller", "idempotency_key", name=op.f("uq_redeliveries_caller_idempotency_key")),
    )
    op.create_index(
        "uq_redeliveries_running",
        "redeliveries",
        [sa.text("coalesce(account, '')")],
        unique=True,
        postgresql_where=RUNNING,
    )
    op.create_index("ix_redeliveries_newest", "redeliveries", ["account", "created_at", "id"])
    op.add_column("requests", sa.Column("redelivery_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_requests_redelivery",
        "requests",
        ["redelivery_id", "callback_status"],
        postgresql_where=sa.text("redelivery_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_requests_redelivery", "requests")
    op.drop_column("requests", "redelivery_id")
    op.drop_table("redeliveries")
