"""Keep pauses that have ended."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ended_pauses",
        sa.Column("receiver", sa.String(length=300), nullable=False),
        sa.Column("caller", sa.String(length=64), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("receiver", "caller", "paused_at", name=op.f("pk_ended_pauses")),
    )
    op.create_index("ix_ended_pauses_ended_at", "ended_pauses", ["ended_at"])


def downgrade() -> None:
    op.drop_table("ended_pauses")
