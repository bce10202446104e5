"""Give accounts limits of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("rate_limit_sync", sa.String(20)))
    op.add_column("accounts", sa.Column("rate_limit_async", sa.String(20)))
    op.add_column("accounts", sa.Column("max_pending", sa.Integer()))


def downgrade() -> None:
    op.drop_column("accounts", "max_pending")
    op.drop_column("accounts", "rate_limit_async")
    op.drop_column("accounts", "rate_limit_sync")
