"""Pause receivers that keep failing, and let callbacks expire."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "paused_receivers",
        sa.Column("receiver", sa.String(length=300), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("probes", sa.Integer(), nullable=False),
        sa.Column("next_probe_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("probes >= 0", name=op.f("ck_paused_receivers_probes")),
        sa.PrimaryKeyConstraint("receiver", name=op.f("pk_paused_receivers")),
    )
    op.add_column("requests", sa.Column("callback_redelivered_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("requests", "callback_redelivered_at")
    op.drop_table("paused_receivers")
