"""Keep tickets of event streams: on all servers, so that each is good once."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "stream_tickets",
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("account", sa.String(100)),
        sa.Column("key_id", sa.String(8)),
        sa.Column("scopes", sa.ARRAY(sa.String(20)), nullable=False),
        sa.Column("credential_expires_at", MOMENT),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.CheckConstraint("octet_length(sha256) = 32", name=op.f("ck_stream_tickets_sha256")),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_stream_tickets_account_accounts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_stream_tickets")),
    )
    op.create_index("ix_stream_tickets_expires_at", "stream_tickets", ["expires_at"])


def downgrade() -> None:
    op.drop_table("stream_tickets")
