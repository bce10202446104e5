"""Elect a leader: one process works, and changes from an earlier term are rejected."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The share lock makes an election wait for changes in progress, and a change wait for the election.
REQUIRE_EPOCH = """
CREATE FUNCTION require_epoch(expected bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF expected IS NOT NULL THEN
        PERFORM FROM leader WHERE epoch = expected FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'another process leads' USING ERRCODE = 'FRG01';
        END IF;
    END IF;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "leader",
        sa.Column("only_row", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("held_by", sa.String(length=200), nullable=True),
        sa.Column("elected_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("only_row", name=op.f("ck_leader_only_row")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_leader")),
    )
    op.execute("INSERT INTO leader DEFAULT VALUES")
    op.execute(REQUIRE_EPOCH)


def downgrade() -> None:
    op.execute("DROP FUNCTION require_epoch")
    op.drop_table("leader")
