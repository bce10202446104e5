"""Store lanes and pauses by caller and receiver, and the secret from which opaque lane ids are derived."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OWED = "ix_requests_callbacks_owed"
WHERE_OWED = sa.text("callback_status = 'PENDING' AND status IN ('COMPLETED', 'FAILED')")


def upgrade() -> None:
    op.drop_index(OWED, "requests")
    op.create_index(OWED, "requests", ["caller", "receiver", "queue_position"], postgresql_where=WHERE_OWED)
    op.create_index(
        "ix_requests_waiting_receivers",
        "requests",
        ["caller", "receiver"],
        postgresql_where=sa.text("mode = 'async' AND status = 'PENDING'"),
    )
    # An existing pause continues to apply to every caller; the next probe decides.
    op.add_column("paused_receivers", sa.Column("caller", sa.String(length=64), nullable=False, server_default=""))
    op.drop_constraint("pk_paused_receivers", "paused_receivers")
    op.create_primary_key("pk_paused_receivers", "paused_receivers", ["receiver", "caller"])
    op.create_table(
        "lane_secret",
        sa.Column("only_row", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("secret", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.CheckConstraint("only_row", name=op.f("ck_lane_secret_only_row")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_lane_secret")),
    )
    op.execute("INSERT INTO lane_secret DEFAULT VALUES")


def downgrade() -> None:
    op.drop_table("lane_secret")
    op.execute("DELETE FROM paused_receivers WHERE caller <> ''")
    op.drop_constraint("pk_paused_receivers", "paused_receivers")
    op.drop_column("paused_receivers", "caller")
    op.create_primary_key("pk_paused_receivers", "paused_receivers", ["receiver"])
    op.drop_index("ix_requests_waiting_receivers", "requests")
    op.drop_index(OWED, "requests")
    op.create_index(OWED, "requests", ["receiver", "queue_position"], postgresql_where=WHERE_OWED)
